"""Recognises the kind of a sealkit label file, and reads any kind as outlines with texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sealkit.data.labels.coco import read_coco
from sealkit.data.labels.detection import read_det_labels, write_det_labels
from sealkit.data.labels.files import label_text
from sealkit.data.labels.orientation import (
    ANGLES,
    CLASS_FILE,
    LINE_ANGLES,
    of_lines,
    read_page_labels,
    write_page_labels,
)
from sealkit.data.labels.recognition import read_rec_labels, write_rec_labels
from sealkit.data.records import DetSample, TextLine
from sealkit.errors import DataError, Problem

Kind = Literal["outlines", "strips", "classes", "line classes", "boxes"]
USUAL = (
    "train.txt",
    "labels.txt",
    "val.txt",
    "test.txt",
    "annotations/instance_train.json",
    "annotations/all.json",
    "annotations/instance_val.json",
)
"""Where a set's labels lie, the first that is there."""
_LOOKED_AT = 200  # lines
_CLASS = re.compile(r"\S.*\.\w{2,5}[ \t]+\d{1,3}\s*$")
_EMPTY = np.zeros((0, 2), np.float32)


@dataclass
class AnyLabels:
    """A label file of any kind.

    Attributes:
        kind: what it labels.
        samples: images; boxes as outlines whose text and shape are the class, strips and pages as one line without
            points whose text is the strip's or the angle.
        problems: as of the kind's reader.
        records: the kind's own records, one for each sample.
    """

    kind: Kind
    samples: list[DetSample] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)


def usual_labels(folder: Path) -> list[Path]:
    """The label files with usual names in a folder."""
    return [folder / name for name in USUAL if (folder / name).is_file()]


def kind_of(file: Path) -> Kind | None:
    """What a label file labels, by the first of its lines; None where that cannot be told."""
    if file.suffix.lower() == ".json":
        return "boxes"
    try:
        text = label_text(file, "replace")
    except OSError:
        return None
    lines = [line for line in text.split("\n") if line.strip()][:_LOOKED_AT]
    outlines = sum("\t[" in line for line in lines)
    classes = sum(bool(_CLASS.match(line)) for line in lines)
    strips = sum(line.count("\t") == 1 and "\t[" not in line for line in lines)
    if outlines and outlines >= max(classes, strips):
        return "outlines"
    if classes and classes == len(lines) and (strips < classes or (file.parent / CLASS_FILE).is_file()):
        return "line classes" if of_lines(file.parent) else "classes"
    if strips:
        return "strips"
    return "classes" if classes else None


def writer_of(kind: Kind) -> Callable[[str | Path, Sequence[Any], str | Path], int]:
    """What writes records of a kind that is a file of lines: (label file, records, root) → lines written."""
    writers: dict[Kind, Any] = {
        "strips": write_rec_labels, "classes": write_page_labels, "line classes": write_page_labels,
    }  # fmt: skip
    return writers.get(kind, write_det_labels)


def read_any(root: Path, file: Path) -> AnyLabels:
    """Read a label file of whatever kind.

    Args:
        root: folder that image paths are relative to.
        file: the label file.

    Raises:
        DataError: it is missing or holds no labels.
    """
    kind = kind_of(file)
    if kind == "boxes":
        return _boxes(root, file)
    if kind == "strips":
        strips, problems = read_rec_labels(root, file)
        lines = [TextLine(_EMPTY, s.text, shape=s.shape) for s in strips]
        samples = [DetSample(s.image_path, [line], s.where) for s, line in zip(strips, lines)]
        return AnyLabels(kind, samples, problems, strips)
    if kind in ("classes", "line classes"):
        angles = LINE_ANGLES if kind == "line classes" else ANGLES
        pages, problems = read_page_labels(root, file, angles)
        names = [f"{angles[page.label]}°" for page in pages]
        samples = [DetSample(p.image_path, [TextLine(_EMPTY, n, shape=n)], p.where) for p, n in zip(pages, names)]
        return AnyLabels(kind, samples, problems, pages)
    found, problems = read_det_labels(root, file)
    return AnyLabels("outlines", found, problems, list(found))


def _boxes(root: Path, file: Path) -> AnyLabels:
    found = read_coco(root, file)
    samples = []
    for page in found.samples:
        lines = []
        for box in page.boxes:
            x1, y1, x2, y2 = box.box.tolist()
            corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)
            lines.append(TextLine(corners, box.label, box.crowd, box.label))
        samples.append(DetSample(page.image_path, lines, page.where))
    return AnyLabels("boxes", samples, found.problems, list(found.samples))


def labels_in(path: Path) -> Path:
    """The label file that a folder or a file stands for.

    Raises:
        DataError: a folder without label files of usual names.
    """
    if not path.is_dir():
        return path
    found = usual_labels(path)
    if not found:
        raise DataError("the folder has no label file", where=str(path), hint=f"usual names: {', '.join(USUAL)}")
    return found[0]


__all__ = ["USUAL", "AnyLabels", "Kind", "kind_of", "labels_in", "read_any", "usual_labels", "writer_of"]
