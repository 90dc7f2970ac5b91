"""Strips that a recogniser reads differently, or reads well only turned upside down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sealkit.data.label_issue import LabelIssue, Readings, disagreement_with, info
from sealkit.data.records import RecSample
from sealkit.images import read_image
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.runtime.model import InferenceModel


@dataclass(frozen=True)
class IssueRules:
    """How strips are read; from where a reading speaks against a label is `sealkit.data.label_issue`'s."""

    batch: int = 8
    """Strips of a batch: read as they are and turned."""


RULES = IssueRules()
_FIXES = {
    "reads-turned": "the strip lies upside down: turn it by 180 degrees",
    "reads-differently": "is the transcription right? is this the strip of the text?",
}


def recogniser_issues(
    samples: Sequence[RecSample], model: InferenceModel, progress: Callable[[int, int], object]
) -> list[LabelIssue]:
    """As `reading_issues`, with an exported recogniser."""
    return reading_issues(samples, TextRecogniser.create(model), progress)


def reading_issues(
    samples: Sequence[RecSample], recogniser: TextRecogniser, progress: Callable[[int, int], object]
) -> list[LabelIssue]:
    """Read every strip; what differs from its text.

    Args:
        samples: of readable images.
        recogniser: reads the strips.
        progress: called with (strips done since the last call, strips in all).
    """
    found = []
    for start in range(0, len(samples), RULES.batch):
        group = samples[start : start + RULES.batch]
        strips = [read_image(sample.image_path) for sample in group]
        turned = [np.ascontiguousarray(strip[::-1, ::-1]) for strip in strips]
        results = recogniser.read([*strips, *turned])
        for sample, straight, other in zip(group, results, results[len(group) :]):
            issue = label_issue_of(sample, Readings(0, straight.text, straight.score, other.text, other.score))
            found += [issue] if issue is not None else []
        progress(len(group), len(samples))
    return found


def label_issue_of(sample: RecSample, reading: Readings) -> LabelIssue | None:
    """Disagreement of a strip's text with what was read from it; None where they agree."""
    disagreement = disagreement_with(sample.text, reading)
    if disagreement is None:
        return None
    kind, reason, weight = disagreement
    problem = info(kind, sample.where, sample.image_path, f"{sample.text!r} {reason}", _FIXES[kind])
    return LabelIssue(problem, sample, None, weight)


__all__ = ["label_issue_of", "reading_issues", "recogniser_issues"]
