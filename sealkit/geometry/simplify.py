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
_SHORT = 64
"""Up to so many points plain numbers are faster than arrays; a map has hundreds of contours of a few points each."""

Point = list[int]


def simplify_closed(contour: np.ndarray, epsilon: float) -> np.ndarray:
    """Points of a contour such that none left out is farther than `epsilon` from the line that replaces it.

    Args:
        contour: (N, 2) whole pixels, closed, N ≥ 1.
        epsilon: pixels.

    Returns:
        (M, 2) int32, M ≤ N, in the contour's order but with a start of its own; the points OpenCV 4.10 chooses.
    """
    ring: list[Point] = contour.reshape(-1, 2).tolist()
    start, far = _far_ends(ring)
    if _squared(ring[start], ring[far]) <= epsilon**2:
        return np.array(ring[start : start + 1], dtype=np.int32)
    turned = ring[start:] + ring[: start + 1]  # from the start around to the start again
    middle = (far - start) % len(ring)
    kept = [turned[i] for i in _kept(turned, middle, epsilon)]
    return np.array(_without_flat(kept, epsilon), dtype=np.int32)


def _squared(a: Point, b: Point) -> int:
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2


def _far_ends(ring: list[Point]) -> tuple[int, int]:
    """Two points far from each other, as indices; the first of equals in the contour's order from the point before."""
    start = far = 0
    for _ in range(_ROUNDS):
        start = far
        x, y = ring[start]
        away = [(px - x) * (px - x) + (py - y) * (py - y) for px, py in ring]
        longest = max(away)
        try:
            far = away.index(longest, start)
        except ValueError:
            far = away.index(longest)
    return start, far


def _kept(points: list[Point], middle: int, epsilon: float) -> list[int]:
    """Indices that stay, ascending; the last point repeats the first and is left out."""
    kept = []
    array = np.array(points, dtype=np.int64) if len(points) > _SHORT else None
    stretches = [(middle, len(points) - 1), (0, middle)]
    while stretches:
        first, last = stretches.pop()
        if last - first > 1:
            (x, y), (x2, y2) = points[first], points[last]
            dx, dy = x2 - x, y2 - y
            if array is None or last - first <= _SHORT:
                distance = [abs((py - y) * dx - (px - x) * dy) for px, py in points[first + 1 : last]]
                away = max(distance)
                farthest = distance.index(away)
            else:
                inner = array[first + 1 : last]
                across = np.abs((inner[:, 1] - y) * dx - (inner[:, 0] - x) * dy)
                farthest = int(across.argmax())
                away = int(across[farthest])
            if float(away) ** 2 > epsilon**2 * float(dx * dx + dy * dy):
                split = first + 1 + farthest
                stretches += [(split, last), (first, split)]
                continue
        kept.append(first)
    return kept


def _without_flat(ring: list[Point], epsilon: float) -> list[Point]:
    """Leave out points that lie on the line between their neighbours (slanting lines only), never two in a row."""
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
    return (kept + [ring[i % count] for i in range(at, count)])[:left]
