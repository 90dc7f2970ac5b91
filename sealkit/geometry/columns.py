"""Where a column of upright characters is cut so that they can be laid side by side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sealkit.geometry.ink import ink_of


@dataclass(frozen=True)
class ColumnRules:
    """Costs of `column_cuts`, all relative to the ink level of the column."""

    character_aspects: tuple[float, float] = (0.62, 1.7)
    """Height of a character relative to the width of the column: smallest and largest."""
    character_heights: tuple[float, float] = (0.6, 1.4)
    """Height of a character relative to the mean of its column: smallest and largest."""
    aspect_cost: float = 0.24
    """Cost of the aspect of a character: multiplies the square of its logarithm."""
    uneven_cost: float = 0.6
    """Cost of characters of unequal height: multiplies the squared deviation relative to the mean."""
    waist_cost: float = 0.5
    """Cost of characters that could be cut in two: multiplies how far the ink around their middle falls short of
    `waist_level`."""
    waist_level: float = 0.3
    """Ink around the middle of a character, relative to the ink level of the column; less looks like a gap."""


RULES = ColumnRules()


def column_cuts(lying: np.ndarray | None, length: int, aspect: float, characters: int | None = None) -> list[int]:
    """Positions between the characters along a column, ends included.

    Dynamic programming for every plausible number of characters: cuts lie where there is little ink, characters are
    about equally high; the number with the lowest cost wins, near-square characters preferred.

    Args:
        lying: (h, length, C) uint8, the column with its characters lying on their side; None without an image.
        length: pixels along the column.
        aspect: length of the column relative to its width.
        characters: how many there are, where a label tells; None: the likeliest number.

    Returns:
        Increasing positions from 0 to `length`; always at least one character.
    """
    square = characters or max(round(aspect), 1)
    even = [round(i * length / square) for i in range(square + 1)]
    if lying is None:
        return even
    ink = ink_of(lying)[lying.shape[0] // 10 : -(lying.shape[0] // 10)].mean(axis=0)
    level = float(np.percentile(ink, 80))
    if level < 1e-3:
        return even
    ink = np.minimum(np.convolve(ink, np.ones(3) / 3, mode="same") / level, 1.5)
    low, high = (
        max(int(np.floor(aspect / RULES.character_aspects[1])), 1),
        max(int(np.ceil(aspect / RULES.character_aspects[0])), 1),
    )
    if characters is not None:
        return _best_cuts(ink, characters)[1] if characters < length else even
    best_cost, best = np.inf, even
    for count in range(low, high + 1):
        cost, cuts = _best_cuts(ink, count)
        cost = cost / count + RULES.aspect_cost * np.log(aspect / count) ** 2 + RULES.waist_cost * _waists(ink, cuts)
        if cost < best_cost:
            best_cost, best = cost, cuts
    return best


def _waists(ink: np.ndarray, cuts: list[int]) -> float:
    """How cuttable the pieces still are, on average: two characters taken for one have an empty waist, few characters
    do."""
    lowest = []
    for first, last in pairwise(cuts):
        inner = ink[first + int(0.3 * (last - first)) : last - int(0.3 * (last - first))]
        lowest.append(max(RULES.waist_level - float(inner.min()), 0.0) if len(inner) else 0.0)
    return float(np.mean(lowest))


def _best_cuts(ink: np.ndarray, characters: int) -> tuple[float, list[int]]:
    """Cheapest cuts into a number of characters, each 0.6 to 1.4 of the mean height, and their cost."""
    n = len(ink)
    mean = n / characters
    if characters == 1:
        return 0.0, [0, n]
    shortest, longest = max(int(RULES.character_heights[0] * mean), 1), int(np.ceil(RULES.character_heights[1] * mean))
    heights = np.arange(shortest, longest + 1)
    uneven = RULES.uneven_cost * (heights / mean - 1) ** 2
    cost = np.full((characters + 1, n + 1), np.inf)
    origin = np.zeros((characters + 1, n + 1), dtype=np.int32)
    cost[0, 0] = 0.0
    cut_cost = np.concatenate([ink, [0.0]])
    cut_cost[0] = 0.0
    ends = np.arange(shortest, n + 1)
    before = (
        ends[:, None] - heights + longest
    )  # (E, H) where a character would start, in costs with `longest` more in front
    for k in range(1, characters + 1):
        padded = np.concatenate([np.full(longest, np.inf), cost[k - 1]])
        options = padded[before] + uneven
        best = options.argmin(axis=1)
        cost[k, ends] = options[np.arange(len(ends)), best] + cut_cost[ends]
        origin[k, ends] = np.maximum(ends - heights[best], 0)
    cuts = [n]
    for k in range(characters, 0, -1):
        cuts.append(int(origin[k, cuts[-1]]))
    return float(cost[characters, n]), cuts[::-1]
