"""Open polylines: arc length, resampling, directions. All points are (N, 2) x, y with y down."""

from __future__ import annotations

import numpy as np


def arc_lengths(points: np.ndarray) -> np.ndarray:
    """(N,) length from the first point to each point."""
    points = np.asarray(points, dtype=np.float64)
    lengths = np.zeros(len(points))
    np.cumsum(np.hypot(*(points[1:] - points[:-1]).T), out=lengths[1:])
    return lengths


def resample(points: np.ndarray, count: int) -> np.ndarray:
    """(count, 2) points at equal steps of arc length, both ends kept."""
    points = np.asarray(points, dtype=np.float64)
    lengths = arc_lengths(points)
    return at_lengths(points, lengths, np.linspace(0.0, lengths[-1], count))


def at_lengths(points: np.ndarray, lengths: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(K, 2) points at the wanted arc lengths (clamped to the ends), `lengths` as of `arc_lengths`."""
    found = np.empty((len(wanted), 2))
    for axis in (0, 1):
        found[:, axis] = np.interp(wanted, lengths, points[:, axis])
    return found


def tangents(points: np.ndarray) -> np.ndarray:
    """(N, 2) unit directions by central differences."""
    points = np.asarray(points, dtype=np.float64)
    step = np.empty_like(points)
    step[1:-1] = (points[2:] - points[:-2]) / 2.0
    step[0], step[-1] = points[1] - points[0], points[-1] - points[-2]
    return step / np.maximum(np.hypot(*step.T), 1e-12)[:, None]


def ups(directions: np.ndarray) -> np.ndarray:
    """Where the characters' tops are when a text runs along `directions` (N, 2): a quarter turn counter-clockwise."""
    found = np.empty_like(directions)
    found[:, 0], found[:, 1] = directions[:, 1], -directions[:, 0]
    return found


def turning(points: np.ndarray) -> float:
    """Signed total change of direction in radians, positive clockwise on screen."""
    d = np.diff(np.asarray(points, dtype=np.float64), axis=0)
    d = d[np.hypot(*d.T) > 1e-9]
    cross = d[:-1, 0] * d[1:, 1] - d[:-1, 1] * d[1:, 0]
    dot = (d[:-1] * d[1:]).sum(axis=1)
    return float(np.arctan2(cross, dot).sum())
