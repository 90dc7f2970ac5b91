"""YOLO: one text file per image, `class x y w h` (boxes) or `class x1 y1 x2 y2 …` (outlines, rotated boxes) per line.

Coordinates are shares of the upright image's sides. DOTA's lines, four corners in pixels, a class name and a mark for
difficult ones, are read too. The format has classes and no texts: a set made of it can train a detector.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sealkit.data.converters.base import Source
from sealkit.data.converters.reading import read_text
from sealkit.data.converters.text_keys import CANDIDATES
from sealkit.data.converters.text_lines import (
    box_points,
    format_of,
    is_dota,
    is_yolo,
    lines_of,
    numbers,
    pairs,
    read_image_files,
    used,
)
from sealkit.data.records import DetSample
from sealkit.errors import ConfigError, ImageError, Problem
from sealkit.files import write_text
from sealkit.images import inspect_image

_NAMES = ("classes.txt", "obj.names", "predefined_classes.txt")
_LISTS = ("data.yaml", "dataset.yaml", "data.yml")


def recognise(path: Path, content: Any) -> bool:
    """A text file of such lines."""
    return isinstance(content, str) and format_of(content) == "yolo"


def read(path: Path) -> Source:
    """Rows of a folder (images and labels beside each other or in folders of their own) or of one file."""
    classes = _classes(path if path.is_dir() else path.parent)
    boxes = 0

    def parse(text: str, image: Path, where: str, source: Source) -> list[Any] | None:
        nonlocal boxes
        try:
            size = inspect_image(image).size
        except ImageError as error:
            source.report("broken-image", where, f"{image.name}: {error.what}", error.hint or "export the image again")
            return None
        entries = []
        for number, line in lines_of(text):
            entry = _entry(line.split(), size, classes)
            if entry is None:
                reason = f"{line[:60]!r} is neither a box nor an outline in shares of the image's sides"
                source.report("bad-line", f"{where}:{number}", reason, "write class x y w h, or class x1 y1 x2 y2 …")
                continue
            boxes += entry["boxed"]
            entries.append(entry)
        return used(entries, text, where, source)

    source = read_image_files(path, "yolo", parse)
    if boxes:
        fix = "a box around curved text is not an outline: draw polygons. Regions of pages: --to page_boxes"
        source.report("boxes-only", str(path), f"{boxes} labels are boxes", fix, "warning")
    return source


def _entry(cells: list[str], size: tuple[int, int], classes: dict[int, str]) -> dict[str, Any] | None:
    if is_dota(cells):
        flat = numbers(cells[:8]) or []
        ignored = cells[9] != "0"
        return {"transcription": "###" if ignored else "", "points": pairs(flat), "class": cells[8], "boxed": False}
    if not is_yolo(cells):
        return None
    shares = numbers(cells[1:]) or []
    boxed = len(shares) <= 5
    if boxed:
        x, y, width, height = shares[:4]
        points = box_points(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    else:
        points = pairs(shares)
    name = classes.get(int(cells[0]), cells[0]) if len(cells[0]) < 9 else cells[0]
    pixels = [[x * size[0], y * size[1]] for x, y in points]
    return {"transcription": "", "points": pixels, "class": name, "boxed": boxed, CANDIDATES: {"class": name}}


def _classes(root: Path) -> dict[int, str]:
    """Class number → name, from the lists that trainers keep beside the labels; {} without one."""
    for folder in (root, root.parent, root / "labels"):
        for name in _NAMES:
            if (folder / name).is_file():
                text = read_text(folder / name, name, Source().report) or ""
                return dict(enumerate(line.strip() for line in text.splitlines() if line.strip()))
        for name in _LISTS:
            if (folder / name).is_file():
                return _from_yaml(folder / name)
    return {}


def _from_yaml(file: Path) -> dict[int, str]:
    from sealkit.config.yamlfile import read_yaml

    try:
        names = read_yaml(file).tree.get("names")
    except ConfigError:
        return {}  # names are a comfort: the numbers stay
    if isinstance(names, list):
        return {number: str(name) for number, name in enumerate(names)}
    return {int(k): str(v) for k, v in names.items() if str(k).isdecimal()} if isinstance(names, dict) else {}


def write(samples: list[DetSample], out: Path, names: list[str]) -> list[Problem]:
    """Write outlines, class 0 `text`; texts have no place in the format, ignored ones are left out."""
    labels = out / "labels"
    labels.mkdir(exist_ok=True)
    texts = 0
    for sample, name in zip(samples, names):
        size = np.asarray(inspect_image(sample.image_path).size, np.float64)
        rows = []
        for line in sample.lines:
            texts += bool(line.text)
            if not line.ignore:
                shares = (np.asarray(line.points, np.float64) / size).reshape(-1)
                rows.append("0 " + " ".join(f"{share:.6f}" for share in shares) + "\n")
        write_text(labels / f"{Path(name).stem}.txt", "".join(rows))
    write_text(out / "classes.txt", "text\n")
    content = "path: .\ntrain: images\nval: images\nnames:\n  0: text\n"
    write_text(out / "data.yaml", content)
    if not texts:
        return []
    reason = f"{texts} texts have no place in the format"
    return [Problem("texts-lost", str(out), reason, "keep the source for training a recogniser", "warning")]


__all__ = ["read", "recognise", "write"]
