"""Reading what `position_net` returns; NumPy alone, as every decoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sealkit.charset import Charset
from sealkit.modules.text_recognition.postprocess import RecResult

PLACES = 16


def decode(probabilities: np.ndarray, charset: Charset, *, where: str = "recogniser") -> list[RecResult]:
    """The best class of every place, up to the first that is class 0."""
    charset.check_width(probabilities.shape[2], where=where)
    results = []
    for row in probabilities:
        best = row.argmax(axis=1)
        length = int(np.argmin(best != 0)) if (best == 0).any() else len(best)
        scores = row[np.arange(length), best[:length]]
        text = charset.decode(best[:length].tolist())
        score = float(scores.mean()) if length else 0.0
        results.append(RecResult(text, score, tuple(scores.tolist()), num_steps=len(best)))
    return results


def steps_needed(numbers: Sequence[int]) -> int:
    """One each."""
    return len(numbers)
