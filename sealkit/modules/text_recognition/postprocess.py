"""Class probabilities per step → text (CTC, greedy). Golden pairs: PaddleX 3.7.2's `CTCLabelDecode`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from sealkit.charset import Charset
from sealkit.errors import CharsetError


@dataclass(frozen=True)
class RecResult:
    """What was read from one strip.

    Attributes:
        text: the characters, spaces at the ends included.
        score: mean probability of the kept steps, 0..1; 0 when nothing was read.
        char_scores: probability of each character.
        steps: (first, last) step of each character, of `num_steps`: its place along the padded input's width.
        num_steps: steps of the network's output.
    """

    text: str
    score: float
    char_scores: tuple[float, ...] = field(default=(), repr=False)
    steps: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    num_steps: int = field(default=0, repr=False)


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
    return [_decode_row(row, scores, charset) for row, scores in zip(best, top)]


_LEFT_TO_RIGHT = re.compile(r"[a-zA-Z0-9 :*./%+-]+|.", re.DOTALL)


def reverse_runs(text: str) -> str:
    """A right-to-left text as read from the image's left side → in reading order (and back).

    Latin characters, digits and the signs between them stay together; everything else is turned around one by one.
    """
    return "".join(reversed(_LEFT_TO_RIGHT.findall(text)))


def _decode_row(best: np.ndarray, top: np.ndarray, charset: Charset) -> RecResult:
    changes = (np.flatnonzero(best[1:] != best[:-1]) + 1).tolist()
    starts, ends = [0, *changes], [*(change - 1 for change in changes), len(best) - 1]  # of each run of one class
    classes = best[starts].tolist()
    kept = [(start, end) for start, end, one in zip(starts, ends, classes) if one != 0]
    if not kept:
        return RecResult("", 0.0, num_steps=len(best))
    scores = top[[start for start, _ in kept]]
    return RecResult(
        text=charset.decode(one for one in classes if one != 0),
        score=float(scores.mean()),
        char_scores=tuple(scores.tolist()),
        steps=tuple(kept),
        num_steps=len(best),
    )
