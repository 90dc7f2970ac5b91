"""Labels whose text a recogniser reads differently, or reads well only from the other end."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from sealkit.data.records import DetSample
from sealkit.errors import Problem
from sealkit.modules.seal_text_detection.label_issues import LabelIssue
from sealkit.text import similarity

SURE = 0.85
"""Score from which a reading that differs is worth a look."""
UNLIKE = 0.6
"""Similarity below which a reading differs."""
BETTER = 0.4
"""How much more alike the turned strip's reading must be before the label's direction is doubted."""

_DROPPED = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Readings:
    """A label's strip as a recogniser reads it.

    Attributes:
        line: number of the text in its image.
        text, score: as the label's direction says.
        turned_text, turned_score: from the other end, upside down.
    """

    line: int
    text: str
    score: float
    turned_text: str
    turned_score: float


def similarity_of_words(first: str, second: str) -> float:
    """1 − edit distance / longer length, 0..1, after NFKC, without case, blanks and punctuation."""
    return similarity(_plain(first), _plain(second))


def label_issues_of(sample: DetSample, readings: list[Readings]) -> list[LabelIssue]:
    """Disagreements of one image's labels with what was read from their strips."""
    found = []
    for reading in readings:
        line = sample.lines[reading.line]
        name = f"text {reading.line} ({line.text!r})"
        straight, turned = (
            similarity_of_words(line.text, reading.text),
            similarity_of_words(line.text, reading.turned_text),
        )
        if turned >= straight + BETTER:
            reason = f"{name} reads {reading.turned_text!r} from the other end, and {reading.text!r} as labelled"
            fix = "the points start at the wrong end: begin at the top of the first character"
            weight, kind = turned, "reads-turned"
        elif straight < UNLIKE and reading.score >= SURE and len(_plain(line.text)) >= 2:
            reason = f"{name} reads {reading.text!r}, score {reading.score:.2f}"
            fix = "is the transcription right? does the outline hold this text and no other?"
            weight, kind = reading.score * (1 - straight), "reads-differently"
        else:
            continue
        problem = Problem(kind, sample.where, f"{sample.image_path.name}: {reason}", fix, "info")
        found.append(LabelIssue(problem, sample, line.points, weight))
    return sorted(found, key=lambda label_issue: -label_issue.weight)


def _plain(text: str) -> str:
    return _DROPPED.sub("", unicodedata.normalize("NFKC", text)).upper()


__all__ = ["Readings", "label_issues_of", "similarity_of_words"]
