"""Closed contours with fewer points (D. Douglas and T. Peucker, "Algorithms for the reduction of the number of points
required to represent a digitized line", Cartographica 1973).

OpenCV's `approxPolyDP` does the same but chooses other points from version to version: up to 4.10 by the distance to
the line through the ends of a stretch, in 5.0 otherwise. paddlex pins 4.10, so what repeats paddlex to the pixel needs
that rule whatever OpenCV is installed.
"""

from __future__ import annotations

import numpy as np

_ROUNDS = 3
"""How often the farthest point from the last farthest point is looked for, to begin at two far ends."""


def simplify_closed(contour: np.ndarray, epsilon: float) -> np.ndarray:
    """Points of a contour such that none left out is farther than `epsilon` from the line that replaces it.

    Args:
        contour: (N, 2) whole pixels, closed, N ≥ 1.
        epsilon: pixels.

    Returns:
        (M, 2) int32, M ≤ N, in the contour's order but with a start of its own; the points OpenCV 4.10 chooses.
    """
    points = contour.reshape(-1, 2).astype(np.int64)
    start, far = _far_ends(points)
    if ((points[far] - points[start]) ** 2).sum() <= epsilon**2:
        return points[start : start + 1].astype(np.int32)
    turned = np.concatenate([points[start:], points[: start + 1]])  # from the start around to the start again
    middle = (far - start) % len(points)
    return _without_flat(turned[_kept(turned, middle, epsilon)], epsilon).astype(np.int32)


def _far_ends(points: np.ndarray) -> tuple[int, int]:
    """Two points far from each other, as indices; the first of equals in the contour's order from the point before."""
    start = far = 0
    for _ in range(_ROUNDS):
        start = far
        away = ((np.roll(points, -start, axis=0) - points[start]) ** 2).sum(axis=1)
        far = (start + int(away.argmax())) % len(points)
    return start, far


def _kept(points: np.ndarray, middle: int, epsilon: float) -> list[int]:
    """Indices that stay, ascending; the last point repeats the first and is left out."""
    kept = []
    stretches = [(middle, len(points) - 1), (0, middle)]
    while stretches:
        first, last = stretches.pop()
        if last - first > 1:
            across = points[last] - points[first]
            inner = points[first + 1 : last] - points[first]
            distance = np.abs(inner[:, 1] * across[0] - inner[:, 0] * across[1])
            farthest = int(distance.argmax())
            if float(distance[farthest]) ** 2 > epsilon**2 * float((across**2).sum()):
                split = first + 1 + farthest
                stretches += [(split, last), (first, split)]
                continue
        kept.append(first)
    return kept


def _without_flat(points: np.ndarray, epsilon: float) -> np.ndarray:
    """Leave out points that lie on the line between their neighbours (slanting lines only), never two in a row."""
    ring = [(int(x), int(y)) for x, y in points]  # Python's numbers: a few points each, one at a time
    count = left = len(ring)
    limit = 0.5 * epsilon**2
    before, at = ring[-1], 0
    kept = []
    while at < count and left > 2:
        point, after = ring[at], ring[(at + 1) % count]
        dx, dy = after[0] - before[0], after[1] - before[1]
        off = (point[0] - before[0]) * dy - (point[1] - before[1]) * dx
        onward = (point[0] - before[0]) * (after[0] - point[0]) + (point[1] - before[1]) * (after[1] - point[1])
        if dx and dy and onward >= 0 and off * off <= limit * (dx * dx + dy * dy):
            left -= 1
            kept.append(after)
            before, at = after, at + 2
        else:
            kept.append(point)
            before, at = point, at + 1
    return np.array((kept + [ring[i % count] for i in range(at, count)])[:left])
