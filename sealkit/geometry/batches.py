"""Many outlines at once: NumPy and Shapely take arrays of them, and a call for each one costs more than its work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


def by_point_count(outlines: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Outlines with equal numbers of points, stacked.

    Args:
        outlines: (N, 2) each, N of its own.

    Yields:
        (indices (K,) int, points (K, N, 2) in the outlines' type) for each N, every index once.
    """
    groups: dict[int, list[int]] = {}
    for index, points in enumerate(outlines):
        groups.setdefault(len(points), []).append(index)
    for members in groups.values():
        yield np.array(members), np.stack([outlines[index] for index in members])


def signed_area(points: np.ndarray) -> np.ndarray:
    """Shoelace area of (…, N, 2) outlines, positive for clockwise on screen."""
    x, y = points[..., 0].astype(np.float64), points[..., 1].astype(np.float64)
    return 0.5 * np.sum(x * np.roll(y, -1, axis=-1) - np.roll(x, -1, axis=-1) * y, axis=-1)
