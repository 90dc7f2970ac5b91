"""Labels whose text a recogniser reads differently, or reads well only from the other end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sealkit.data.label_issue import LabelIssue, Readings, disagreement_with, info, similarity_of_words
from sealkit.data.records import DetSample, TextLine
from sealkit.errors import DataError
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.straighten import straighten
from sealkit.images import read_image

_FIXES = {
    "reads-turned": "the points start at the wrong end: begin at the top of the first character",
    "reads-differently": "is the transcription right? does the outline hold this text and no other?",
}


def reading_issues(
    samples: Sequence[DetSample], recogniser: Any, progress: Callable[[int, int], object]
) -> list[LabelIssue]:
    """Read every label whose points have a direction; what differs.

    Args:
        samples: of readable images.
        recogniser: a TextRecogniser.
        progress: called with (images done since the last call, images in all).
    """
    chosen = [sample for sample in samples if any(_can_be_read(line) for line in sample.lines)]
    found = []
    for sample in chosen:
        found += label_issues_of(sample, _readings(sample, read_image(sample.image_path), recogniser))
        progress(1, len(chosen))
    return found


def label_issues_of(sample: DetSample, readings: list[Readings]) -> list[LabelIssue]:
    """Disagreements of one image's labels with what was read from their strips."""
    found = []
    for reading in readings:
        line = sample.lines[reading.line]
        disagreement = disagreement_with(line.text, reading)
        if disagreement is not None:
            kind, reason, weight = disagreement
            reason = f"text {reading.line} ({line.text!r}) {reason}"
            problem = info(kind, sample.where, sample.image_path, reason, _FIXES[kind])
            found.append(LabelIssue(problem, sample, line.points, weight))
    return sorted(found, key=lambda label_issue: -label_issue.weight)


def _readings(sample: DetSample, image: np.ndarray, recogniser: Any) -> list[Readings]:
    """Every label's strip read as labelled and turned by 180 degrees, in one batch."""
    numbers, strips = [], []
    for number, line in enumerate(sample.lines):
        if not _can_be_read(line):
            continue
        try:
            line_poly = LinePoly(line.points, direction=line.direction)  # type: ignore[arg-type]
            pair = [straighten(image, line_poly), straighten(image, line_poly.turned())]
        except DataError:
            continue  # a line without extent; the outline check speaks of it
        numbers.append(number)
        strips += pair
    results = recogniser.read(strips) if strips else []
    return [
        Readings(number, straight.text, straight.score, turned.text, turned.score)
        for number, straight, turned in zip(numbers, results[::2], results[1::2])
    ]


def _can_be_read(line: TextLine) -> bool:
    return not line.ignore and line.direction is not None and bool(line.text.strip())


__all__ = ["Readings", "label_issues_of", "reading_issues", "similarity_of_words"]
