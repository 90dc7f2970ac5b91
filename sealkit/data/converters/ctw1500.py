"""SCUT-CTW1500: outlines of curved texts, one file per image.

Three forms are in use: `x1,y1,…,xn,yn,####text` per line; 32 numbers per line, a box and the offsets of 14 points from
its top left corner, without a text; and XML with the points in `segs` and the text in `label`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sealkit.data.converters.base import Images, Row, Source, unlabelled
from sealkit.data.converters.reading import read_xml
from sealkit.data.converters.text_lines import (
    format_of,
    leading_numbers,
    lines_of,
    numbers,
    pairs,
    read_image_files,
    used,
)
from sealkit.data.records import DetSample
from sealkit.errors import Problem
from sealkit.files import write_text

_OFFSETS = 32  # numbers of a line in the form with offsets
_POINTS = 28  # numbers of 14 points
_MARK = "####"


def recognise(path: Path, content: Any) -> bool:
    """A text file of such lines, or an XML file with an image's boxes that have `segs`."""
    if isinstance(content, str):
        return format_of(content) == "ctw1500"
    return hasattr(content, "tag") and content.tag.lower() == "annotations" and content.find("image/box") is not None


def read(path: Path) -> Source:
    """Rows of a folder (recursively) or of one file; images are found by name or by their number."""
    files = [path] if path.is_file() else sorted(path.rglob("*.xml"))
    if files and files[0].suffix.lower() == ".xml":
        return _read_xml(files, path)
    return read_image_files(path, "ctw1500", _parse)


def _parse(text: str, image: Path, where: str, source: Source) -> list[Any] | None:
    entries = []
    for number, line in lines_of(text):
        entry = _entry(line)
        if entry is None:
            source.report("bad-line", f"{where}:{number}", f"no outline in {line[:60]!r}", "write x1,y1,…,####text")
        else:
            entries.append(entry)
    return used(entries, text, where, source)


def _entry(line: str) -> dict[str, Any] | None:
    head, mark, text = line.partition(f",{_MARK}")
    cells = head.split(",")
    if mark:
        flat = numbers(cells)
        return {"transcription": text, "points": pairs(flat)} if flat and len(flat) % 2 == 0 else None
    lead = leading_numbers(cells)
    if len(lead) == len(cells) == _OFFSETS:
        x, y = lead[:2]
        return {"transcription": "", "points": [[x + dx, y + dy] for dx, dy in pairs(lead[4:])]}
    if len(lead) >= _POINTS:
        return {"transcription": ",".join(cells[_POINTS:]).strip(), "points": pairs(lead[:_POINTS])}
    return None


def _read_xml(files: list[Path], path: Path) -> Source:
    source = Source()
    root = path.parent if path.is_file() else path
    images = Images(root)
    for file in files:
        where = file.relative_to(root).as_posix()
        tree = read_xml(file, where, source.report)
        if tree is None:
            continue
        for element in tree.iter("image"):
            name = element.get("file") or file.stem
            image = images.named_in(file, name)
            if image is None:
                source.report("missing-image", where, f"there is no image {name!r}", f"put it below {root}")
                continue
            entries = []
            for number, box in enumerate(element.iter("box")):
                flat = numbers((box.findtext("segs") or "").strip(" ,\n").split(","))
                if flat is None or len(flat) % 2:
                    source.report("bad-points", f"{where} box {number}", "no points in `segs`", "export it again")
                    continue
                entries.append({"transcription": (box.findtext("label") or "").strip(), "points": pairs(flat)})
            source.rows.append(Row(where, image, entries))
    unlabelled(images, source.rows, str(root), source)
    return source


def write(samples: list[DetSample], out: Path, names: list[str]) -> list[Problem]:
    """Write one file per image, `x1,y1,…,####text` per line, with the outlines' own points."""
    for sample, name in zip(samples, names):
        rows = []
        for line in sample.lines:
            flat = ",".join(f"{round(float(v), 2):g}" for v in np.asarray(line.points).reshape(-1))
            rows.append(f"{flat},{_MARK}{'###' if line.ignore else line.text}\n")
        write_text(out / Path(name).with_suffix(".txt"), "".join(rows))
    return []


__all__ = ["read", "recognise", "write"]
