"""Closed contours with fewer points (D. Douglas and T. Peucker, "Algorithms for the reduction of the number of points
required to represent a digitized line", Cartographica 1973).

OpenCV's `approxPolyDP` does the same but chooses other points from version to version: up to 4.10 by the distance to
the line through the ends of a stretch, in 5.0 otherwise. paddlex pins 4.10, so what repeats paddlex to the pixel needs
that rule whatever OpenCV is installed.

All contours of a map are simplified together, every stretch of every contour at once: a map has dozens of them, and
NumPy costs by the call.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely

_ROUNDS = 3
"""How often the farthest point from the last farthest point is looked for, to begin at two far ends."""
_NEVER = np.iinfo(np.int64).max


def simplify_all(contours: Sequence[np.ndarray], epsilons: Sequence[float]) -> list[np.ndarray]:
    """Points of contours such that none left out is farther than `epsilon` from the line that replaces it.

    Args:
        contours: (N, 2) or (N, 1, 2) whole pixels each, closed, N ≥ 1.
        epsilons: pixels, one per contour.

    Returns:
        (M, 2) int32 each, M ≤ N, in the contour's order but with a start of its own; the points OpenCV 4.10 chooses.
    """
    if not contours:
        return []
    rings = [contour.reshape(-1, 2) for contour in contours]
    sizes = np.array([len(ring) for ring in rings])
    begin = np.cumsum(sizes) - sizes
    points = np.concatenate(rings).astype(np.int64)
    start, far, away = _far_ends(points, begin, sizes)
    limit = np.square(np.asarray(epsilons, dtype=np.float64))
    long = np.flatnonzero(away > limit)
    simple = {
        int(i): points[begin[i] + start[i]][None].astype(np.int32) for i in np.flatnonzero(away <= limit)
    }  # no larger than a point
    if len(long):
        turned, first = _turned(begin[long], sizes[long], start[long])
        kept = _kept(points[turned], first, sizes[long], (far - start)[long] % sizes[long], limit[long])
        found = _without_flat(points[turned[kept]], np.searchsorted(kept, first), limit[long])
        simple |= dict(zip(long.tolist(), found))
    return [simple[i] for i in range(len(rings))]


def simplified(outline: np.ndarray, tolerance: float) -> np.ndarray:
    """A closed outline with fewer points, to be written or drawn.

    Args:
        outline: (N, 2) pixels, N ≥ 3.
        tolerance: pixels; no point that is left out lies farther from the line that replaces it.

    Returns:
        (M, 2) of the given points, 3 ≤ M ≤ N, from the same start and the same way round.
    """
    if len(outline) <= 4:
        return outline
    closed = np.concatenate([outline, outline[:1]]).astype(np.float64)
    kept = shapely.simplify(shapely.linestrings(closed), tolerance)  # of a line the ends stay, of a ring they may not
    return shapely.get_coordinates(kept)[:-1].astype(outline.dtype)


def _far_ends(points: np.ndarray, begin: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two points far from each other in each ring, as indices within it, and their squared distance; the first of
    equals in the contour's order from the point before."""
    x, y = points.T.copy()
    local = np.arange(len(points)) - np.repeat(begin, sizes)
    round_trip = np.repeat(sizes, sizes)
    start = far = longest = np.zeros_like(begin)
    for _ in range(_ROUNDS):
        start = far
        here = begin + start
        away = (x - np.repeat(x[here], sizes)) ** 2 + (y - np.repeat(y[here], sizes)) ** 2
        longest = np.maximum.reduceat(away, begin)
        onward = (local - np.repeat(start, sizes)) % round_trip  # steps from the point before
        onward[away != np.repeat(longest, sizes)] = _NEVER
        far = (start + np.minimum.reduceat(onward, begin)) % sizes
    return start, far, longest


def _turned(begin: np.ndarray, sizes: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the points of each ring from its start around to the start again, and where each ring begins there."""
    counts = sizes + 1
    first = np.cumsum(counts) - counts
    local = np.arange(int(counts.sum())) - np.repeat(first - start, counts)
    return np.repeat(begin, counts) + local % np.repeat(sizes, counts), first


def _kept(
    points: np.ndarray, first: np.ndarray, sizes: np.ndarray, middle: np.ndarray, limit: np.ndarray
) -> np.ndarray:
    """Indices that stay, ascending; the last point of a ring repeats its first and is left out.

    Args:
        points: (N, 2) of all rings, each from its start to its start again.
        first, sizes: where each ring begins, and its points without the repeated one.
        middle: within each ring, its other end.
        limit: squared distance allowed, per ring.
    """
    x, y = points.T.copy()
    stays = np.zeros(len(points), dtype=bool)
    stays[first] = stays[first + middle] = True
    one, other = np.concatenate([first, first + middle]), np.concatenate([first + middle, first + sizes])
    limit = np.concatenate([limit, limit])
    while True:
        inner = np.flatnonzero(other - one > 1)  # stretches with points between their ends
        if not len(inner):
            return np.flatnonzero(stays)
        one, other, limit = one[inner], other[inner], limit[inner]
        counts = other - one - 1
        offset = np.cumsum(counts) - counts
        at = np.arange(int(counts.sum())) + np.repeat(one + 1 - offset, counts)
        dx, dy = x[other] - x[one], y[other] - y[one]
        constant = y[one] * dx - x[one] * dy
        across = np.abs(y[at] * np.repeat(dx, counts) - x[at] * np.repeat(dy, counts) - np.repeat(constant, counts))
        most = np.maximum.reduceat(across, offset)
        farthest = np.minimum.reduceat(np.where(across == np.repeat(most, counts), at, _NEVER), offset)
        split = most.astype(np.float64) ** 2 > limit * (dx * dx + dy * dy)
        farthest, limit = farthest[split], limit[split]
        stays[farthest] = True
        one, other = np.concatenate([one[split], farthest]), np.concatenate([farthest, other[split]])
        limit = np.concatenate([limit, limit])


def _without_flat(points: np.ndarray, first: np.ndarray, limit: np.ndarray) -> list[np.ndarray]:
    """Leave out points that lie on the line between their neighbours (slanting lines only), never two in a row.

    Args:
        points: (N, 2) of all rings.
        first: where each ring begins.
        limit: squared distance allowed, per ring.

    Returns:
        (M, 2) int32 per ring.
    """
    end = np.append(first[1:], len(points))
    before, after = np.arange(-1, len(points) - 1), np.arange(1, len(points) + 1)
    before[first], after[end - 1] = end - 1, first
    (x, y), (dx, dy) = (points - points[before]).T, (points[after] - points[before]).T
    off, onward = x * dy - y * dx, x * (dx - x) + y * (dy - y)
    near = off * off <= np.repeat(0.5 * limit, end - first) * (dx * dx + dy * dy)
    flat = near & (dx != 0) & (dy != 0) & (onward >= 0)
    whole = points.astype(np.int32)
    simple = []
    for low, high in zip(first.tolist(), end.tolist()):
        out: list[int] = []
        for k in np.flatnonzero(flat[low:high]).tolist():
            if high - low - len(out) > 2 and not (out and out[-1] == k - 1):
                out.append(k)
        simple.append(np.delete(whole[low:high], out, axis=0) if out else whole[low:high])
    return simple
