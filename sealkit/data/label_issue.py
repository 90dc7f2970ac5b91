"""What a trained model disagrees with in labels: `sealkit data check --model-dir` and `--read`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.errors import Problem
from sealkit.text import similarity


@dataclass(frozen=True)
class ReadingRules:
    """From where a reading speaks against a label. Scores and similarities are 0 to 1."""

    min_score: float = 0.85
    """Score from which a reading that differs is worth a look."""
    alike: float = 0.6
    """Similarity below which a reading differs."""
    turned_gain: float = 0.4
    """How much more alike the turned strip's reading must be to speak against the label's direction."""
    min_characters: int = 2
    """A shorter text is misread too often."""


RULES = ReadingRules()

_DROPPED = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class LabelIssue:
    """One disagreement.

    Attributes:
        problem: its kind, severity "info".
        sample: the labelled image, a record of its module.
        outline: (N, 2) the label or the region it is about; None: the whole image.
        weight: how promising, 0..1; sort by it.
    """

    problem: Problem
    sample: Any
    outline: np.ndarray | None
    weight: float


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


def info(kind: str, where: str, image: Path, reason: str, fix: str) -> Problem:
    """A finding that fails no check: the model may be wrong."""
    return Problem(kind, where, f"{image.name}: {reason}", fix, "info")


def similarity_of_words(first: str, second: str) -> float:
    """1 − edit distance / longer length, 0..1, after NFKC, without case, blanks and punctuation."""
    return similarity(_plain(first), _plain(second))


def disagreement_with(text: str, reading: Readings) -> tuple[str, str, float] | None:
    """("reads-turned" or "reads-differently", what is read, weight) of a label's text; None where they agree."""
    straight, turned = similarity_of_words(text, reading.text), similarity_of_words(text, reading.turned_text)
    if turned >= straight + RULES.turned_gain:
        reason = f"reads {reading.turned_text!r} from the other end, and {reading.text!r} as labelled"
        return "reads-turned", reason, turned
    if straight < RULES.alike and reading.score >= RULES.min_score and len(_plain(text)) >= RULES.min_characters:
        reason = f"reads {reading.text!r}, score {reading.score:.2f}"
        return "reads-differently", reason, reading.score * (1 - straight)
    return None


def _plain(text: str) -> str:
    return _DROPPED.sub("", unicodedata.normalize("NFKC", text)).upper()


__all__ = ["RULES", "LabelIssue", "ReadingRules", "Readings", "disagreement_with", "info", "similarity_of_words"]
