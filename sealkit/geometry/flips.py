"""Where the characters' tops change sides along a path.

The ends of a ring text run into the ends of the purpose line: the path through both is smooth enough, but the ring's
characters stand on its inner side and the line's on its outer one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sealkit.geometry.polyline import tangents, ups


@dataclass(frozen=True)
class FlipRules:
    """Thresholds of `flips`."""

    min_cosine: float = 0.35
    """Mean cosine between the up direction of the characters and the left side of the path from which a stretch has a
    side."""


RULES = FlipRules()


def flips(points: np.ndarray, up: np.ndarray, reach: float, shortest: int, closed: bool) -> list[int]:
    """Indices where the side changes.

    Args:
        points: (N, 2) evenly spaced points of the path; a closed one repeats its first point at the end.
        up: (K, 4) x, y, up_x, up_y of the detector's field.
        reach: samples within this distance count for a point.
        shortest: stretches of fewer points have no side of their own.
        closed: the path is a loop.
    """
    near = np.hypot(points[:, None, 0] - up[None, :, 0], points[:, None, 1] - up[None, :, 1]) < reach
    mean = near @ up[:, 2:] / np.maximum(near.sum(axis=1), 1)[:, None]
    cosine = (mean * ups(tangents(points))).sum(axis=1)
    side = np.where(cosine > RULES.min_cosine, 1, np.where(cosine < -RULES.min_cosine, -1, 0))
    stretches = _stretches(side, shortest)
    cuts = [(one[1] + two[0]) // 2 for one, two in pairwise(stretches) if one[2] != two[2]]
    if closed and len(stretches) > 1 and stretches[0][2] != stretches[-1][2]:
        loop = len(points) - 1
        cuts.append((stretches[-1][1] + stretches[0][0] + loop) // 2 % loop)
    return sorted(cuts)


def _stretches(side: np.ndarray, shortest: int) -> list[tuple[int, int, int]]:
    """First index, last index and side of the stretches that are long enough, neighbours of one side joined."""
    found: list[tuple[int, int, int]] = []
    start = 0
    for i in range(1, len(side) + 1):
        if i < len(side) and side[i] == side[start]:
            continue
        if side[start] != 0 and i - start >= shortest:
            if found and found[-1][2] == side[start]:
                found[-1] = (found[-1][0], i - 1, int(side[start]))
            else:
                found.append((start, i - 1, int(side[start])))
        start = i
    return found
