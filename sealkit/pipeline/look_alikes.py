"""Characters that look alike (1, l and I; 0, O and o), decided by their neighbours where the recogniser is in doubt.

Only characters are changed whose look-alike is nearly as likely, and only where all others of the word are of the other
kind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sealkit.modules.text_recognition.postprocess import RecResult


@dataclass(frozen=True)
class LookAlikeRules:
    """Thresholds of `settled`."""

    least_ratio: float = 0.3
    """A look-alike takes the place of a character if it has at least this share of its probability …"""
    min_neighbours: int = 2
    """… and the word has so many other characters, all of the look-alike's kind."""


RULES = LookAlikeRules()

_WORD = re.compile(r"[A-Za-z0-9]+")


def settled(result: RecResult) -> str:
    """The text of a reading; a doubtful digit in a word of alphabetic characters is one of them, and the other way
    round."""
    text, scores = result.text, result.char_scores
    chars = list(text)
    if len(scores) != len(text):
        return text
    for position, other, probability in result.look_alikes:
        if other.isdigit() == chars[position].isdigit() or probability < RULES.least_ratio * scores[position]:
            continue
        word = next(found for found in _WORD.finditer(text) if found.start() <= position < found.end())
        rest = text[word.start() : position] + text[position + 1 : word.end()]
        alike = rest.isdigit() if other.isdigit() else rest.isalpha()
        if len(rest) >= RULES.min_neighbours and alike:
            chars[position] = other
    return "".join(chars)
