"""Pages or text lines sorted by angle → a set in PaddleX's classification format with sealkit's ids.

Read are folders named by angle (`0`, `90`, `180`, `270`, also `90_degree`), as they are or inside `train` and `val`; or
label files `train.txt`, `val.txt`, `test.txt` with a `label.txt` that may number the angles in its own way. Lines have
two angles, 0 and 180.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sealkit.data.converters.base import IMAGES, filling
from sealkit.data.converters.inside import Inside
from sealkit.data.labels.orientation import (
    ANGLES,
    LINE_ANGLES,
    PageSample,
    read_page_labels,
    write_class_file,
    write_page_labels,
)
from sealkit.errors import DataError, Problem
from sealkit.images import IMAGE_SUFFIXES, list_images, suffix_of
from sealkit.workers.pool import Workers

PARTS = ("train", "val", "test")
LINE_CLASSES = tuple(f"{angle}_degree" for angle in LINE_ANGLES)
"""PaddleX's names of the two classes of text lines."""
_ANGLE = re.compile(r"(0|90|180|270)(?:\D.*)?$")


def recognise(path: Path, content: Any) -> bool:
    """A folder with images in two folders named by angle, or more."""
    return len(_angles_of(path)) > 1


def recognise_lines(path: Path, content: Any) -> bool:
    """Of such folders just 0 and 180."""
    return _angles_of(path) == set(LINE_ANGLES)


def _angles_of(path: Path) -> set[int]:
    """Angles of the folders with images, there or inside the parts."""
    if not path.is_dir():
        return set()
    places = [path, *(path / part for part in PARTS if (path / part).is_dir())]
    return {angle for place in places for angle, below in _angle_folders(place).items() if _holds_images(below)}


def _holds_images(folder: Path) -> bool:
    return any(suffix_of(file) in IMAGE_SUFFIXES for file in folder.iterdir())


def convert_pages(
    source: Path,
    out: Path,
    *,
    outside: bool = False,
    workers: Workers | None = None,
    angles: Sequence[int] = ANGLES,
    names: Sequence[object] = ANGLES,
) -> tuple[dict[str, int], list[Problem]]:
    """Copy the images to `out/images` and write a label file per part and `label.txt`.

    Args:
        source: folder; never changed.
        out: new folder.
        outside: also take images that lie outside of the source; else they are reported.
        angles: degrees by class id.
        names: of the classes in `label.txt`.

    Returns:
        Images per label file, and what was not converted.

    Raises:
        DataError: nothing of either form lies there, nothing could be converted, or `out` holds something.
    """
    if not source.is_dir():
        raise DataError("no such folder", where=str(source), hint="check the path")
    parts, problems = _labelled(source, angles)
    if not parts:
        parts = _by_folder(source, angles)
    if not any(parts.values()):
        first = f" ({problems[0].message})" if problems else ""
        raise DataError(
            f"nothing could be converted{first}",
            where=str(source),
            hint=f"expected folders {', '.join(map(str, angles))} (also inside train and val), or train.txt with lines"
            " `path label`",
        )
    taken: dict[Path, Path] = {}
    inside = Inside(source, outside)
    written: dict[str, list[PageSample]] = {}
    for part, samples in parts.items():
        written[part] = []
        for sample in samples:
            if not os.path.isfile(sample.image_path):
                reason = f"there is no image {sample.image_path}"
                problems.append(Problem("missing-image", sample.where, reason, "check the path"))
                continue
            refused = inside.problem(sample.image_path, sample.where)
            if refused is not None:
                problems.append(refused)
                continue
            written[part].append(replace(sample, image_path=_place(sample.image_path, source, out, taken)))
    with filling(out, {target: path for path, target in taken.items()}, workers):
        counts = {f"{part}.txt": write_page_labels(out / f"{part}.txt", one, out) for part, one in written.items()}
        write_class_file(out, names)
    return counts, problems


convert_lines = partial(convert_pages, angles=LINE_ANGLES, names=LINE_CLASSES)
"""The same of text lines."""


def _place(path: Path, source: Path, out: Path, taken: dict[Path, Path]) -> Path:
    """Where an image is copied to: its path below the source, in one name."""
    if path not in taken:
        try:
            parts = path.relative_to(source).parts
        except ValueError:
            parts = (path.name,)
        name = "_".join(part for part in parts if part != IMAGES).replace(" ", "_")
        target = out / IMAGES / name
        number = 1
        while target in taken.values():
            number += 1
            target = out / IMAGES / f"{Path(name).stem}_{number}{path.suffix}"
        taken[path] = target
    return taken[path]


def _labelled(source: Path, angles: Sequence[int]) -> tuple[dict[str, list[PageSample]], list[Problem]]:
    parts: dict[str, list[PageSample]] = {}
    problems: list[Problem] = []
    for part in PARTS:
        if (source / f"{part}.txt").is_file():
            parts[part], found = read_page_labels(source, f"{part}.txt", angles)
            problems += found
    return parts, problems


def _by_folder(source: Path, angles: Sequence[int]) -> dict[str, list[PageSample]]:
    parts = {part: _sorted(source / part, angles) for part in PARTS if (source / part).is_dir()}
    return parts if any(parts.values()) else {"train": _sorted(source, angles)}


def _sorted(folder: Path, angles: Sequence[int]) -> list[PageSample]:
    """The images of a folder's folders by angle.

    Raises:
        DataError: there are images at an angle that is not one of `angles`.
    """
    samples = []
    for angle, below in sorted(_angle_folders(folder).items()):
        if angle not in angles:
            if not _holds_images(below):
                continue
            raise DataError(
                "a text line stands upright or lies turned by 180 degrees",
                where=str(below),
                hint="turn these images, or leave the folder out; --from page_classes converts pages",
            )
        try:
            paths = list_images(below)
        except DataError:
            continue  # an empty class: `data check` reports it on the result
        label = angles.index(angle)
        samples += [PageSample(Path(path), label, f"{below.name}/{Path(path).name}") for path in paths]
    return samples


def _angle_folders(folder: Path) -> Mapping[int, Path]:
    found = {}
    for below in folder.iterdir():
        match = _ANGLE.match(below.name)
        if below.is_dir() and match is not None:
            found[int(match[1])] = below
    return found


__all__ = ["convert_lines", "convert_pages", "recognise", "recognise_lines"]
