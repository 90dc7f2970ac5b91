"""Label files of page and text line classes (PaddleX's classification format), and lists of upright images.

One line per image: `relative/path.jpg 2`, the class id after the last blank. A file `label.txt` beside it may name
the ids (`2 180`, `1 180_degree`); where it names them in another order than sealkit's, the ids are translated. One that
names 0 and 180 degrees alone tells that the images are text lines.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealkit.data.labels.files import LabelReader, clean_path, find_label_file, label_text, read_lines
from sealkit.errors import DataError, Problem
from sealkit.files import write_text
from sealkit.images import IMAGE_SUFFIXES, list_images, suffix_of

ANGLES = (0, 90, 180, 270)
"""Degrees clockwise that a page of class id 0, 1, 2, 3 lies turned."""
LINE_ANGLES = (0, 180)
"""Degrees that a text line of class id 0, 1 lies turned."""
CLASS_FILE = "label.txt"
_LINE = re.compile(r"(?P<path>\S.*?)[ \t]+(?P<label>\S+)\s*$")
_MOST_DIGITS = 9
"""Of class ids and angles; Python refuses to convert thousands."""
_CLASS_LINE = re.compile(r"(?P<id>\d{1,9})\s+(?P<angle>\d{1,9})\D*$")


@dataclass(frozen=True)
class PageSample:
    """One image of a page or a text line.

    Attributes:
        image_path: the image.
        label: class id, an index of ANGLES (LINE_ANGLES of text lines); 0 for upright ones.
        where: "train.txt:17" for messages.
    """

    image_path: Path
    label: int = 0
    where: str = ""

    @property
    def lines(self) -> list[Any]:
        """Pages have no labelled text lines; what counts texts finds none."""
        return []


def read_page_labels(
    root: str | Path, label_file: str | Path, angles: Sequence[int] = ANGLES
) -> tuple[list[PageSample], list[Problem]]:
    """Read a classification label file; every fault becomes a `Problem`, everything sound is kept.

    Args:
        root: folder that image paths are relative to.
        label_file: path of the label file, absolute or relative to `root` (or, failing that, to the working folder).
        angles: degrees by class id.

    Raises:
        DataError: the label file is missing or cannot be opened, or `label.txt` names other classes.
    """
    root = Path(root)
    path = find_label_file(root, label_file)
    reader = LabelReader(root, path.name)
    ids = _class_ids(path.parent, reader, angles)
    for number, line in enumerate(read_lines(path, reader), 1):
        sample = _read_line(line, number, ids, reader, angles)
        if sample is not None:
            reader.samples.append(sample)
    return reader.result()


def read_upright(root: str | Path, label_file: str | Path | None) -> tuple[list[PageSample], list[Problem]]:
    """Upright pages: every image below a folder, or those a list names.

    Args:
        root: folder.
        label_file: None: every image below root; else a file whose lines begin with an image's path (labels of any
            module behind a tab, or a class id, are not looked at), or a COCO file.

    Raises:
        DataError: no such file or folder, no image, or not a COCO file.
    """
    root = Path(root)
    if label_file is None:
        return [PageSample(Path(path), 0, Path(path).name) for path in list_images(root)], []
    path = find_label_file(root, label_file)
    reader = LabelReader(root, path.name)
    if path.suffix.lower() == ".json":
        names: list[tuple[int | None, str]] = [(None, name) for name in _coco_names(path)]
    else:
        names = [(number, _first_cell(line)) for number, line in enumerate(read_lines(path, reader), 1)]
    for place, name in names:
        if not name:
            reader.report("no-path", place, "there is no image's path", "write the image's relative path")
            continue
        cleaned = clean_path(name, place or 0, reader)
        where = path.name if place is None else f"{path.name}:{place}"
        reader.samples.append(PageSample(_locate(root, cleaned), 0, where))
    return reader.result()


def write_page_labels(path: str | Path, samples: Iterable[PageSample], root: str | Path) -> int:
    """Write `path label` lines, images relative to `root`; returns their number.

    Raises:
        DataError: an image outside `root`.
    """
    path, rows = Path(path), []
    for sample in samples:
        try:
            relative = sample.image_path.relative_to(root)
        except ValueError:
            raise DataError("an image lies outside the set's folder", where=str(sample.image_path)) from None
        rows.append(f"{relative.as_posix()} {sample.label}\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(rows))
    return len(rows)


def write_class_file(folder: str | Path, names: Sequence[object] = ANGLES) -> None:
    """`label.txt` with sealkit's (and PaddleX's) ids and the classes' names."""
    rows = [f"{i} {name}\n" for i, name in enumerate(names)]
    write_text(Path(folder) / CLASS_FILE, "".join(rows))


def of_lines(folder: Path) -> bool:
    """Whether a folder's `label.txt` names 0 and 180 degrees alone: its images are text lines."""
    path = folder / CLASS_FILE
    if not path.is_file():
        return False
    lines = read_lines(path, LabelReader(folder, path.name))
    found = [_CLASS_LINE.match(line.strip()) for line in lines if line.strip()]
    return {int(match["angle"]) if match else None for match in found} == set(LINE_ANGLES)


def _class_ids(folder: Path, reader: LabelReader, angles: Sequence[int]) -> dict[int, int]:
    """Id in the file → our id."""
    path = folder / CLASS_FILE
    own = {i: i for i in range(len(angles))}
    if not path.is_file() or path.name == reader.name:
        return own
    found: dict[int, int] = {}
    for number, line in enumerate(read_lines(path, LabelReader(folder, path.name)), 1):
        if not line.strip():
            continue
        match = _CLASS_LINE.match(line.strip())
        if match is None or int(match["angle"]) not in angles:
            raise DataError(
                f"label.txt has a class that is not a {'quarter' if 90 in angles else 'half'} turn",
                where=f"{path}:{number}",
                value=line,
                hint=f"lines `id angle` with the angles {', '.join(map(str, angles))}",
            )
        found[int(match["id"])] = angles.index(int(match["angle"]))
    if found and any(own.get(i) != label for i, label in found.items()):
        order = ", ".join(f"{i} {angles[label]}" for i, label in sorted(found.items()))
        reason = f"{CLASS_FILE} lists the angles in another order ({order}); ids are translated"
        reader.report("class-order", None, reason, "nothing to do", "info")
    return found or own


def _read_line(
    line: str, number: int, ids: dict[int, int], reader: LabelReader, angles: Sequence[int]
) -> PageSample | None:
    if not line.strip():
        reader.report("empty-line", number, "the line is empty", "delete it", "warning")
        return None
    if "\t[" in line or "\t{" in line:
        reason = "a JSON list follows the path: this is a label file of text detection"
        fix = "write `path label`; if the images stand upright, set upright: true in the recipe"
        reader.report("not-classification", number, reason, fix)
        return None
    match = _LINE.match(line)
    if match is None or suffix_of(match["path"]) not in IMAGE_SUFFIXES:
        reason = f"no class id after the image's path in {line[:60]!r}"
        reader.report("no-label", number, reason, f"write `path label`, label {_listed(ids)}")
        return None
    path, text = clean_path(match["path"], number, reader), match["label"]
    label = int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None
    if label is None or label not in ids:
        hint = f"; write {angles.index(label)} for {label} degrees" if label in angles else ""
        known = ", ".join(map(str, sorted(ids)))
        reader.report("bad-label", number, f"label {text[:60]!r} is not a class id", f"ids are {known}{hint}")
        return None
    return PageSample(reader.root / path, ids[label], f"{reader.name}:{number}")


def _listed(ids: Iterable[int]) -> str:
    """`0, 1, 2 or 3`."""
    *others, last = map(str, sorted(ids))
    return f"{', '.join(others)} or {last}" if others else last


def _first_cell(line: str) -> str:
    """The image's path at the line's beginning: before a tab, or before a class id, or the whole line."""
    cell = line.split("\t")[0].strip()
    match = _LINE.match(cell)
    if match is not None and suffix_of(match["path"]) in IMAGE_SUFFIXES and suffix_of(cell) not in IMAGE_SUFFIXES:
        return match["path"]
    return cell


def _coco_names(path: Path) -> Sequence[str]:
    try:
        images = json.loads(label_text(path))["images"]
        return [str(image["file_name"]) for image in images]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            "not a COCO file", where=str(path), value=str(error), hint='expected {"images": [{"file_name": …}], …}'
        ) from error


def _locate(root: Path, name: str) -> Path:
    """COCO files name images relative to the set's folder `images`, lists relative to the set itself."""
    inside = root / "images" / name
    return inside if os.path.isfile(inside) and not os.path.isfile(root / name) else root / name


__all__ = [
    "ANGLES",
    "CLASS_FILE",
    "LINE_ANGLES",
    "PageSample",
    "of_lines",
    "read_page_labels",
    "read_upright",
    "write_class_file",
    "write_page_labels",
]
