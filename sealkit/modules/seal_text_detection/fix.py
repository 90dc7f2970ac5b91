"""A corrected copy of a detection set: what needs no guess is repaired, the rest is left out and reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sealkit.data.check_outlines import clip_to_image, drop_repeats, outline_problems, untangle
from sealkit.data.check_report import CheckedSet
from sealkit.data.fixed_copy import FixReport, Repair, write_copy
from sealkit.data.images import ImageFacts
from sealkit.data.labels.detection import write_det_labels
from sealkit.data.records import DetSample, TextLine

_FATAL = frozenset({"outside", "self-crossing", "unordered-line-poly", "normalised-points", "labelled-sideways"})


def write_fixed_copy(
    root: str | Path,
    sets: Sequence[CheckedSet],
    out: str | Path,
    *,
    progress: Callable[[int], object] | None = None,
) -> FixReport:
    """Write label files and images of a checked set to a new folder, see `write_copy`.

    Outlines: clockwise, cut at the border, repeated points dropped, loops of plain outlines cut away. Left out, too:
    texts that only a person can correct (an image whose texts are all of that kind is left out as well: without them
    it would teach that there is nothing).
    """
    return write_copy(root, sets, out, Repair(_fix_sample, write_det_labels), progress)


def _fix_sample(sample: DetSample, facts: ImageFacts, report: FixReport) -> DetSample | None:
    if facts.size is None or facts.info is None:
        return None
    stored = (facts.info.width, facts.info.height)
    lines: list[TextLine] = []
    for index, line in enumerate(sample.lines):
        fixed = _fix_line(line, facts.size, stored, report)
        if fixed is None:
            report.left_out.append((sample.where, f"text {index} ({line.text!r}): {_fatal(line, facts.size, stored)}"))
        else:
            lines.append(fixed)
    if sample.lines and not lines:
        report.left_out.append((sample.where, f"{sample.image_path.name}: none of its texts can be repaired"))
        return None
    return replace(sample, lines=lines)


def _fatal(line: TextLine, size: tuple[int, int], stored: tuple[int, int]) -> str | None:
    """Why only a person can correct this outline, or None."""
    found = [p for p in outline_problems([line], size, "", stored) if p.code in _FATAL]
    return found[0].code if found else None


def _fix_line(line: TextLine, size: tuple[int, int], stored: tuple[int, int], report: FixReport) -> TextLine | None:
    points = line.points
    if _fatal(line, size, stored) == "self-crossing" and line.direction is None:
        simple = untangle(points)
        if simple is not None:
            report.note("loop of an outline cut away")
            points = simple
    if line.direction is None:
        distinct = drop_repeats(points)
        if len(distinct) < len(points) and len(distinct) >= 3:
            report.note("repeated points dropped")
            points = distinct
    if _fatal(replace(line, points=points), size, stored) is not None:
        return None
    inside = clip_to_image(points, size)
    if not np.array_equal(inside, points):
        report.note("outline cut at the image's border")
    fixed = replace(line, points=inside)
    return None if _fatal(fixed, size, stored) is not None else fixed


__all__ = ["FixReport", "write_fixed_copy"]
