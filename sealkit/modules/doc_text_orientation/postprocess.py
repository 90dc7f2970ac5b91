"""Probabilities → classes, and the turn that rights a page.

Rules and their golden pairs: PaddleX 3.7.2 (`Topk`; the turned page without its one-pixel shift, which the room
`pipeline/reference` keeps).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sealkit.errors import DataError

QUARTERS = (0, 90, 180, 270)


@dataclass(frozen=True)
class TopClasses:
    """The best classes of one image, the surest first.

    Attributes:
        class_ids: (k,) int32.
        scores: (k,) float32, rounded to 5 decimals as PaddleX does.
        label_names: their names; the ids as text where there are none.
    """

    class_ids: np.ndarray
    scores: np.ndarray
    label_names: list[str]


def top_classes(probabilities: np.ndarray, k: int = 1, labels: Sequence[str] | None = None) -> TopClasses:
    """The k surest classes of one image; equal ones by their id.

    Args:
        probabilities: (classes,) float32.
        k: how many, at most as many as there are.
        labels: names by class id.
    """
    order = np.argsort(-probabilities, kind="stable")[: max(k, 1)].astype(np.int32)
    names = [str(i) if labels is None else str(labels[i]) for i in order.tolist()]
    return TopClasses(order, np.around(probabilities[order].astype(np.float32), 5), names)


def turn(image: np.ndarray, degrees: int) -> np.ndarray:
    """An exact turn counter-clockwise by quarters; turns a page upright by its class's angle.

    Args:
        image: (H, W, …), any dtype.
        degrees: 0, 90, 180 or 270; other multiples of 90 count modulo 360.

    Returns:
        a contiguous array; the image itself where nothing turns.

    Raises:
        DataError: an angle that is no quarter turn.
    """
    if degrees % 90:
        raise DataError("pages are turned by quarters", value=degrees, hint="0, 90, 180 or 270 degrees")
    quarters = degrees // 90 % 4
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image


__all__ = ["QUARTERS", "TopClasses", "top_classes", "turn"]
