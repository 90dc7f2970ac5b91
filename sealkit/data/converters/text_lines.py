"""Text files of annotations: which format their lines are of, and what the formats of one file per image share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sealkit.data.converters.base import Images, Row, Source, unlabelled
from sealkit.data.converters.reading import read_text
from sealkit.errors import DataError

_NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?\s*")
_TOTAL_TEXT = re.compile(r"\s*x:\s*\[\[")
_IMAGE_FIRST = re.compile(r"\s*\S[^\t]*?\.(?:jpe?g|png|bmp|tiff?|webp)(?:\t|,?\s+\S)", re.IGNORECASE)
_LOOKED_AT = 20  # lines of a file
_MOST = 0.8  # of the lines looked at are of the format; of three and more one may always be damaged
_LISTS = frozenset(
    {
        "classes", "labels", "label", "train", "val", "valid", "test", "readme", "license", "requirements",
        "predefined_classes",
    }
)  # fmt: skip
"""Names of text files that are not one image's annotation."""


def numbers(cells: list[str]) -> list[float] | None:
    """Cells as finite numbers; None where one is none."""
    found = [float(cell.strip()) for cell in cells if _NUMBER.fullmatch(cell)]
    return found if len(found) == len(cells) and all(map(math.isfinite, found)) else None


def leading_numbers(cells: list[str]) -> list[float]:
    """The finite numbers that the cells begin with."""
    found: list[float] = []
    for cell in cells:
        if not _NUMBER.fullmatch(cell) or not math.isfinite(float(cell.strip())):
            break
        found.append(float(cell.strip()))
    return found


def format_of(text: str) -> str:
    """Name of the format that most lines of a text file are of, as in the table; "" where they are of none."""
    lines = [line for line in re.split(r"[\r\n]+", text.lstrip("\ufeff")) if line.strip()][:_LOOKED_AT]
    if not lines:
        return ""
    if any(_TOTAL_TEXT.match(line) for line in lines[:2]):
        return "totaltext"  # arrays may be broken over several lines
    kinds = [_line_format(line) for line in lines]
    common = max(set(kinds), key=kinds.count)
    others = len(kinds) - kinds.count(common)
    return common if others <= (1 - _MOST) * len(kinds) or (others == 1 and len(kinds) > 2) else ""


def _line_format(line: str) -> str:
    if "\t[" in line:
        return "ppocrlabel"
    if is_yolo(line.split()):
        return "yolo"
    if is_dota(line.split()):
        return "yolo"
    cells = line.split(",")
    lead = len(leading_numbers(cells))
    if lead >= 6 and lead % 2 == 0 and lead < len(cells) and cells[lead].startswith("####"):
        return "ctw1500"
    if lead >= 28:
        return "ctw1500"
    if lead >= 8 and len(cells) >= 9:
        return "icdar2015"
    if lead == 8 and len(cells) == 8:
        return "icdar2015"
    if lead >= 4 and len(cells) > 4 and cells[4].strip().startswith('"'):
        return "icdar2015"
    spaced = line.split(None, 4)
    if len(spaced) == 5 and numbers(spaced[:4]) is not None and spaced[4].startswith('"'):
        return "icdar2015"
    return "gt_txt" if _IMAGE_FIRST.match(line) else ""


def is_yolo(cells: list[str]) -> bool:
    """A class number and a box, or an outline, in shares of the image's sides; a box may have a score."""
    if len(cells) < 5 or (len(cells) % 2 == 0 and len(cells) != 6) or not cells[0].isdecimal():
        return False
    shares = numbers(cells[1:])
    return shares is not None and all(-0.5 <= share <= 1.5 for share in shares)


def is_dota(cells: list[str]) -> bool:
    """Four corners in pixels, a class name, and whether it is difficult: rotated boxes of DOTA and roLabelImg."""
    return len(cells) == 10 and numbers(cells[:8]) is not None and cells[9] in ("0", "1", "2")


def read_image_files(path: Path, name: str, parse: Callable[[str, Path, str, Source], list[Any] | None]) -> Source:
    """Rows of a set with one text file per image.

    Args:
        path: folder, or one text file.
        name: format whose files are read.
        parse: (text, image, place, source) → entries; None (reported) where the file cannot be used.
    """
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*.txt") if not is_list(file))
    root = path.parent if path.is_file() else path
    if not files:
        raise DataError(
            "there is no text file", where=str(path), hint="give the folder with the annotations and images"
        )
    source = Source()
    images = Images(root, root.parent / "images") if path.is_file() else Images(root)
    for file in files:
        where = file.relative_to(root).as_posix()
        text = read_text(file, where, source.report)
        if text is None:
            continue
        image = images.of_label(file)
        if text.strip() and format_of(text) != name and (image is None or path.is_dir()):
            reason = f"its lines are not of {name}" + (f" but of {format_of(text)}" if format_of(text) else "")
            source.report("other-file", where, reason, "it was skipped", "info" if image is None else "error")
            continue
        if image is None:
            source.report("missing-image", where, f"there is no image for {file.name}", f"put it below {root}")
            continue
        entries = parse(text, image, where, source)
        if entries is not None:
            source.rows.append(Row(where, image, entries))
    unlabelled(images, source.rows, str(root), source)
    return source


def is_list(file: Path) -> bool:
    """Whether a text file's name says that it is no image's annotation: classes, lists of images, a readme."""
    return file.stem.lower() in _LISTS


def lines_of(text: str) -> list[tuple[int, str]]:
    """(line number, line) of the lines that are not empty."""
    lines = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def pairs(flat: list[float]) -> list[list[float]]:
    """x1, y1, x2, … as points."""
    return [list(pair) for pair in zip(flat[::2], flat[1::2])]


def used(entries: list[Any], text: str, where: str, source: Source) -> list[Any] | None:
    """The entries; None (reported) where the file has lines and none of them can be used."""
    if entries or not text.strip():
        return entries
    source.report("no-usable-text", where, "none of its lines can be used", "mend or delete the file")
    return None


def box_points(x1: float, y1: float, x2: float, y2: float) -> list[list[float]]:
    """The corners of a box, clockwise from the top left."""
    return [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]


def turned_box(x: float, y: float, width: float, height: float, degrees: float) -> list[list[float]]:
    """Corners of a box around (x, y), turned clockwise on screen."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = box_points(-width / 2, -height / 2, width / 2, height / 2)
    return [[x + a * cos - b * sin, y + a * sin + b * cos] for a, b in corners]


def ellipse_points(
    x: float, y: float, rx: float, ry: float, degrees: float = 0.0, count: int = 32
) -> list[list[float]]:
    """Points of an ellipse around (x, y), turned clockwise on screen."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    steps = [2 * math.pi * step / count for step in range(count)]
    ring = [(rx * math.cos(step), ry * math.sin(step)) for step in steps]
    return [[x + a * cos - b * sin, y + a * sin + b * cos] for a, b in ring]


__all__ = [
    "box_points",
    "ellipse_points",
    "format_of",
    "is_dota",
    "is_list",
    "is_yolo",
    "leading_numbers",
    "lines_of",
    "numbers",
    "pairs",
    "read_image_files",
    "turned_box",
    "used",
]
