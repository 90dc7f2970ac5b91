"""Class probabilities per step → text (CTC, greedy). Golden pairs: PaddleX 3.7.2's `CTCLabelDecode`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from sealkit.charset import Charset
from sealkit.errors import CharsetError

LOOK_ALIKES = ("1lI", "0Oo")
"""Characters that print and stamps hardly tell apart, a digit and alphabetic ones each."""


@dataclass(frozen=True)
class RecResult:
    """What was read from one strip.

    Attributes:
        text: the characters, spaces at the ends included.
        score: mean probability of the kept steps, 0..1; 0 when nothing was read.
        char_scores: probability of each character.
        steps: (first, last) step of each character, of `num_steps`: its place along the padded input's width.
        num_steps: steps of the network's output.
        look_alikes: (position in the text, character, its probability): what a character of `LOOK_ALIKES` was taken for
            next, of its group.
    """

    text: str
    score: float
    char_scores: tuple[float, ...] = field(default=(), repr=False)
    steps: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    num_steps: int = field(default=0, repr=False)
    look_alikes: tuple[tuple[int, str, float], ...] = field(default=(), repr=False)


def ctc_decode(probabilities: np.ndarray, charset: Charset, *, where: str = "recogniser") -> list[RecResult]:
    """Best class per step, repeats merged, blanks dropped.

    Args:
        probabilities: (N, T, C) or (T, C) float, softmax applied; class 0 is the blank.
        charset: the classes; C must be its width.
        where: names the model in messages.

    Returns:
        One result per row. A character that repeats without a blank between is one character.

    Raises:
        CharsetError: C is not the charset's width (a longer or shorter list would shift or lose characters).
    """
    if probabilities.ndim == 2:
        probabilities = probabilities[None]
    if probabilities.ndim != 3:
        raise CharsetError(
            "the recogniser's output must be (batch, steps, classes)", where=where, value=probabilities.shape
        )
    charset.check_width(probabilities.shape[2], where=where)
    best = probabilities.argmax(axis=2)  # (N, T)
    top = np.take_along_axis(probabilities, best[:, :, None], axis=2)[:, :, 0]  # (N, T)
    return [_decode_row(row, scores, each, charset) for row, scores, each in zip(best, top, probabilities)]


_LEFT_TO_RIGHT = re.compile(r"[a-zA-Z0-9 :*./%+-]+|.", re.DOTALL)


def reverse_runs(text: str) -> str:
    """A right-to-left text as read from the image's left side → in reading order (and back).

    Latin characters, digits and the signs between them stay together; everything else is turned around one by one.
    """
    return "".join(reversed(_LEFT_TO_RIGHT.findall(text)))


def _decode_row(best: np.ndarray, top: np.ndarray, probabilities: np.ndarray, charset: Charset) -> RecResult:
    changes = (np.flatnonzero(best[1:] != best[:-1]) + 1).tolist()
    starts, ends = [0, *changes], [*(change - 1 for change in changes), len(best) - 1]  # of each run of one class
    classes = best[starts].tolist()
    kept = [(start, end) for start, end, one in zip(starts, ends, classes) if one != 0]
    if not kept:
        return RecResult("", 0.0, num_steps=len(best))
    scores = top[[start for start, _ in kept]]
    text = charset.decode(one for one in classes if one != 0)
    return RecResult(
        text=text,
        score=float(scores.mean()),
        char_scores=tuple(scores.tolist()),
        steps=tuple(kept),
        num_steps=len(best),
        look_alikes=tuple(_look_alikes(text, kept, probabilities, charset)) if len(text) == len(kept) else (),
    )


def _look_alikes(
    text: str, kept: list[tuple[int, int]], probabilities: np.ndarray, charset: Charset
) -> Iterator[tuple[int, str, float]]:
    """The likeliest other character of the group, for each character of one."""
    for position, (char, (start, _)) in enumerate(zip(text, kept)):
        group = next((group for group in LOOK_ALIKES if char in group), "")
        known = [one for one in group if one != char and one in charset.index]
        others = [(float(probabilities[start, charset.index[one]]), one) for one in known]
        if others:
            probability, other = max(others)
            yield position, other, probability
