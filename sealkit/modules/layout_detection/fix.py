"""A corrected copy of a layout set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sealkit.data.check_report import CheckedSet
from sealkit.data.fixed_copy import FixReport, Repair, write_copy
from sealkit.data.images import ImageFacts
from sealkit.data.labels.coco import read_coco, write_coco
from sealkit.data.records import LayoutBox, LayoutSample
from sealkit.geometry.boxes import box_iou
from sealkit.modules.layout_detection.check import RULES


def write_fixed_copy(
    root: str | Path,
    sets: Sequence[CheckedSet],
    out: str | Path,
    *,
    progress: Callable[[int], object] | None = None,
) -> FixReport:
    """Write COCO files and pages of a checked set to a new folder, see `write_copy`.

    Boxes are cut at the border, ids made anew, image sizes filled in; accidental boxes of a few pixels and second boxes
    of one class at one place are dropped. All files get the categories of the first, and then those that only others
    have. Left out, too: pages of another size than their file says.
    """
    categories = list(dict.fromkeys(name for one in sets for name in read_coco(root, one.label_file).categories))

    def write(path: Path, samples: Sequence[LayoutSample], folder: Path) -> int:
        return write_coco(path, samples, categories, folder)

    return write_copy(root, sets, out, Repair(_fix_sample, write, place=_place), progress)


def _place(label_file: str) -> str:
    return f"annotations/{Path(label_file).name}"


def _fix_sample(sample: LayoutSample, facts: ImageFacts, report: FixReport) -> LayoutSample | None:
    if sample.size is not None and sample.size != facts.size:
        why = f"its file says {sample.size[0]}x{sample.size[1]} pixels, the image has another size"
        report.left_out.append((sample.where, f"{sample.image_path.name}: {why}"))
        return None
    kept: list[LayoutBox] = []
    for box in sample.boxes:
        if float((box.box[2:] - box.box[:2]).min()) < RULES.min_side_px:
            report.note("box of a few pixels dropped")
        elif any(_twins(box, other) for other in kept):
            report.note("second box at one place dropped")
        else:
            kept.append(box)
    if sample.boxes and not kept:
        report.left_out.append((sample.where, f"{sample.image_path.name}: none of its boxes is kept"))
        return None
    return replace(sample, boxes=kept, size=facts.size)


def _twins(box: LayoutBox, other: LayoutBox) -> bool:
    if box.label != other.label or box.crowd or other.crowd:
        return False
    return float(box_iou(np.float64(box.box)[None], np.float64(other.box)[None])[0, 0]) >= RULES.twin_iou


__all__ = ["write_fixed_copy"]
