"""CSV with a header: `image,text,points`, or `image,text,x1,y1,…`, or `image,text,xmin,ymin,xmax,ymax`; a row per text.

`points` is JSON, or `x,y x,y …`. Without columns of points the table is one of strips: `image,text`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from sealkit.data.converters.base import Images, Row, Source, unlabelled
from sealkit.data.converters.formats import LINE_KEYS
from sealkit.data.converters.reading import read_text
from sealkit.data.converters.stated_size import stated
from sealkit.data.converters.strips import Strips
from sealkit.data.converters.text_keys import CANDIDATES, candidates, usual_text
from sealkit.data.converters.text_lines import box_points, numbers, pairs
from sealkit.data.labels.ignored import is_ignored
from sealkit.data.records import DetSample
from sealkit.errors import DataError, Problem
from sealkit.files import write_text

_IMAGES = ("image", "filename", "file_name", "file", "path", "image_path", "img", "filepath", "words", "图片", "文件名")
_TEXTS = ("text", "transcription", "words", "label", "文本", "文字", "内容")
_CORNERS = (("xmin", "ymin", "xmax", "ymax"), ("x_min", "y_min", "x_max", "y_max"), ("left", "top", "right", "bottom"))
_SIDES = (("x", "y", "width", "height"), ("x", "y", "w", "h"), ("left", "top", "width", "height"))
_MAX_ROWS = 2_000_000


def recognise(path: Path, content: Any) -> bool:
    """A .csv or .tsv file whose header names images, and points of texts."""
    return _is_table(path, content) and _geometry(_header(content)) is not None


def recognise_strips(path: Path, content: Any) -> bool:
    """A .csv or .tsv file whose header names images and texts, and no points."""
    header = _header(content) if _is_table(path, content) else {}
    return bool(header) and _geometry(header) is None and _column(header, _TEXTS, header.get("_image")) is not None


def _is_table(path: Path, content: Any) -> bool:
    return isinstance(content, str) and path.suffix.lower() in (".csv", ".tsv") and "_image" in _header(content)


def _dialect(text: str) -> str:
    first = text.lstrip("\ufeff").partition("\n")[0]
    return max(",;\t", key=first.count)


def _header(content: Any) -> dict[str, Any]:
    """Column name in lower case → its place; `_image`: the column of images."""
    text = content.lstrip("\ufeff") if isinstance(content, str) else ""
    first: list[str] = next(_rows(text), [])
    names: dict[str, Any] = {name.strip().lower(): place for place, name in enumerate(first)}
    image = next((names[name] for name in _IMAGES if name in names), None)
    return {**names, "_image": image} if image is not None else {}


def _rows(text: str) -> Any:
    reader = csv.reader(io.StringIO(text.replace("\0", "")), delimiter=_dialect(text))
    try:
        yield from reader
    except csv.Error:
        return  # a cell of more than 128 kB: what follows it is no table


def _column(header: Mapping[str, Any], names: tuple[str, ...], taken: Any = None) -> int | None:
    return next((header[name] for name in names if name in header and header[name] != taken), None)


def _geometry(header: Mapping[str, Any]) -> tuple[str, tuple[int, ...]] | None:
    """(how points are written, columns); None where the table has none."""
    for name in ("points", "polygon", "poly", "segmentation"):
        if name in header:
            return "points", (header[name],)
    flat = []
    for number in range(1, 200):
        if f"x{number}" not in header or f"y{number}" not in header:
            break
        flat += [header[f"x{number}"], header[f"y{number}"]]
    if len(flat) >= 6:
        return "flat", tuple(flat)
    if len(flat) == 4:
        return "corners", tuple(flat)
    for kind, choices in (("corners", _CORNERS), ("sides", _SIDES)):
        for names in choices:
            if all(name in header for name in names):
                return kind, tuple(header[name] for name in names)
    return None


def read(path: Path) -> Source:
    """Rows of a table, or of every such table of a folder; texts of one image are gathered."""
    source = Source()
    root = path.parent if path.is_file() else path
    images = Images(root)
    for file, header, rows in _tables(path, source):
        geometry = _geometry(header)
        if geometry is None:
            continue
        found: dict[str, list[Any]] = {}
        sizes: dict[str, tuple[int, int] | None] = {}
        for number, cells in rows:
            where = f"{file.name}:{number}"
            entry = _entry(cells, header, geometry)
            if entry is None:
                source.report("bad-points", where, "no points that can be read", "write numbers, or JSON in `points`")
                continue
            name = _cell(cells, header["_image"])
            found.setdefault(name, []).append(entry)
            size = ("width", "height") if geometry[0] != "sides" else ("image_width", "image_height")
            sizes[name] = stated(*(_cell(cells, header.get(key)) for key in size))
        for name, entries in found.items():
            image = images.find(name, root, root / "images", file.parent)
            if image is None:
                reason = f"there is no image {name!r}"
                source.report("missing-image", f"{file.name} {name}", reason, f"put it below {root}")
                continue
            source.rows.append(Row(f"{file.name} {name}", image, entries, size=sizes[name]))
    unlabelled(images, source.rows, str(root), source)
    return source


def _tables(path: Path, source: Source) -> Any:
    """(file, header, numbered rows) of each table."""
    files = [path] if path.is_file() else sorted([*path.rglob("*.csv"), *path.rglob("*.tsv")])
    if not files:
        raise DataError("there is no CSV file", where=str(path), hint="give the table, or the folder it lies in")
    for file in files:
        text = read_text(file, file.name, source.report)
        if text is None:
            continue
        header = _header(text)
        if not header:
            reason = f"no column for images; known names: {', '.join(_IMAGES[:6])}"
            source.report("no-header", file.name, reason, "write a header, such as image,text,points")
            continue
        rows = list(islice(enumerate(_rows(text.lstrip("\ufeff")), 1), 1, _MAX_ROWS))
        yield file, header, [(number, cells) for number, cells in rows if any(cell.strip() for cell in cells)]


def _cell(cells: list[str], place: int | None) -> str:
    return cells[place].strip() if place is not None and place < len(cells) else ""


def _entry(cells: list[str], header: Mapping[str, Any], geometry: tuple[str, tuple[int, ...]]) -> dict[str, Any] | None:
    kind, places = geometry
    values = [_cell(cells, place) for place in places]
    points: Any
    if kind == "points":
        points = _written(values[0])
    else:
        flat = numbers([value for value in values if value])
        if flat is None or len(flat) % 2 or (kind != "flat" and len(flat) != 4):
            return None
        if kind == "sides":
            flat = [flat[0], flat[1], flat[0] + flat[2], flat[1] + flat[3]]
        points = pairs(flat) if kind == "flat" else box_points(*flat)
    if points is None:
        return None
    row = {name: _cell(cells, place) for name, place in header.items() if place not in places and name != "_image"}
    found = candidates({"": {k: v for k, v in row.items() if k not in _IMAGES}})
    if row.get("label"):
        found["label"] = row["label"]
    text = "###" if is_ignored(row) else usual_text(found)
    entry: dict[str, Any] = {"transcription": text, "points": points}
    for key in LINE_KEYS:
        if row.get(key):
            number = numbers([row[key]]) if key in ("angle", "seal") else None
            entry[key] = number[0] if number else row[key]
    return {**entry, CANDIDATES: found, "class": row.get("class") or row.get("label") or ""}


def _written(text: str) -> Any:
    if text.startswith("["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if isinstance(value, list) and value and not isinstance(value[0], list):
            return pairs(value) if len(value) % 2 == 0 else None
        return value
    flat = numbers([part for part in re.split(r"[\s,;]+", text) if part])
    return pairs(flat) if flat and len(flat) % 2 == 0 else None


def read_strips(path: Path) -> Strips:
    """Images and texts of a table, or of every such table of a folder."""
    source, strips = Source(), Strips()
    root = path.parent if path.is_file() else path
    images = Images(root)
    for file, header, rows in _tables(path, source):
        place = _column(header, _TEXTS, header["_image"])
        if place is None:
            source.report("no-header", file.name, f"no column for texts; known: {', '.join(_TEXTS)}", "name one text")
            continue
        for number, cells in rows:
            name, text = _cell(cells, header["_image"]), _cell(cells, place)
            strips.add(f"{file.name}:{number}", images.find(name, root, file.parent), name, text, source)
    strips.problems = source.problems
    return strips


def write(samples: list[DetSample], out: Path, names: list[str]) -> list[Problem]:
    """Write `labels.csv`: image, text, points as JSON, ignore, and what is known of the text."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["image", "text", "points", "ignore", *LINE_KEYS])
    for sample, name in zip(samples, names):
        for line in sample.lines:
            points = json.dumps([[round(float(x), 2), round(float(y), 2)] for x, y in line.points])
            known = ["" if getattr(line, key) is None else getattr(line, key) for key in LINE_KEYS]
            writer.writerow([name, line.text, points, int(line.ignore), *known])
    write_text(out / "labels.csv", stream.getvalue())
    empty = sum(not sample.lines for sample in samples)
    if not empty:
        return []
    return [Problem("empty-lost", "labels.csv", f"{empty} images without text have no row", "nothing to do", "info")]


__all__ = ["read", "read_strips", "recognise", "recognise_strips", "write"]
