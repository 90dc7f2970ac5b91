"""Columns or lines of one seal that have run together to a block in the detector's map: cutting them apart.

Name seals fill their square with two to four columns whose gaps are narrower than those between their letters. Where
the detector is in doubt it joins them, but it doubts least inside a column: seen across the columns its probability
has valleys, and these are deeper than the valleys between letters.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

MOST_ASPECT = 2.4
"""Sides of a block differ by less than this factor; longer regions are single lines."""
LEAST_FILL = 0.55
"""Share of its rectangle that a block fills; rings and bent texts fill less."""
VALLEY = 0.72
"""A valley is this much lower than the lower of the peaks beside it."""
COLUMN_VALLEY = 0.85
"""The same across the letters' up direction: in a block of letters columns are likelier than lines."""
COHERENT = 0.85
"""Length of the mean up vector from which it counts."""
LEAST_PIECE = 0.14
"""Narrowest piece, as a share of the block's width."""
UNEVEN = 2.6
"""Columns of one seal differ in width by less than this factor."""
TILTS = np.radians([-8.0, -4.0, 0.0, 4.0, 8.0])
"""A block's rectangle may be this far off its columns: perspective, or a last column that is shorter."""
CORE = 0.4
"""Probability from which a pixel counts to a piece; the block holds far less certain ones."""
BIN = 2.0
"""Pixels of the map per bin of a profile."""


@dataclass(frozen=True)
class _Cuts:
    """Cuts across one axis: `axis` (2,) unit vector, `places` along it, `depth` of the shallowest valley (1: none)."""

    axis: np.ndarray
    places: tuple[float, ...]
    depth: float


def split_block(inside: np.ndarray, window: np.ndarray) -> list[np.ndarray]:
    """The columns or lines a block consists of.

    Args:
        inside: (h, w) uint8, 1 where the region is.
        window: (C, h, w) float32, the detector's maps there; channels 1 and 2 are the up field where C ≥ 3.

    Returns:
        Masks (h, w) uint8, disjoint but for the width of a cut, each a convex piece; `[inside]` where the region is no
        block or shows no valleys.
    """
    points = cv2.findNonZero(inside)
    if points is None or len(points) < 64:
        return [inside]
    rect = cv2.minAreaRect(points)
    wide, high = max(rect[1]), max(min(rect[1]), 1.0)
    if wide > MOST_ASPECT * high or len(points) < LEAST_FILL * wide * high:
        return [inside]
    ys, xs = np.nonzero(inside)
    weights = window[0, ys, xs]
    across = _across_letters(window[:, ys, xs])
    turn = np.radians(rect[2]) if across is None else across
    found = []
    for quarter in (0.0, np.pi / 2):
        limit = COLUMN_VALLEY if across is not None and quarter == 0.0 else VALLEY
        for tilt in TILTS:
            cuts = _cuts(xs, ys, weights, turn + tilt + quarter, limit)
            if cuts is not None:
                found.append((cuts.depth / limit, cuts))
    if not found:
        return [inside]
    best = min(found, key=lambda entry: entry[0])[1]
    along = xs * best.axis[0] + ys * best.axis[1]
    owner = np.searchsorted(np.asarray(best.places), along)
    core = weights > CORE
    pieces = [
        _hull(xs[core & (owner == i)], ys[core & (owner == i)], inside.shape) for i in range(len(best.places) + 1)
    ]
    return [piece for piece in pieces if piece is not None] or [inside]


def _across_letters(values: np.ndarray) -> float | None:
    """Angle of the letters' right in radians, by the up field of some pixels (C, n); None where it points all ways."""
    if len(values) < 3:
        return None
    sure = values[0] > CORE
    if not sure.any():
        return None
    x, y = values[1:3, sure].astype(np.float64).mean(axis=1).tolist()
    return float(np.arctan2(x, -y)) if np.hypot(x, y) > COHERENT else None  # right = (-up y, up x)


def _cuts(xs: np.ndarray, ys: np.ndarray, weights: np.ndarray, angle: float, limit: float) -> _Cuts | None:
    """Valleys of the profile along one direction; None where there are none or the pieces are no columns."""
    axis = np.array([np.cos(angle), np.sin(angle)])
    along = xs * axis[0] + ys * axis[1]
    first = float(along.min())
    counted = np.bincount(((along - first) / BIN).astype(np.int64), weights)
    if len(counted) < 8:
        return None
    profile = np.convolve(counted, np.ones(3) / 3, mode="same")
    least = max(int(LEAST_PIECE * len(profile)), 2)
    valleys = _valleys(profile, 0, len(profile), least, limit)
    if not valleys:
        return None
    edges = np.array([0, *(place for place, _ in valleys), len(profile)])
    widths = np.diff(edges)
    if widths.max() > UNEVEN * widths.min():
        return None
    places = tuple(first + (place + 0.5) * BIN for place, _ in valleys)
    return _Cuts(axis, places, max(depth for _, depth in valleys))


def _valleys(profile: np.ndarray, start: int, end: int, least: int, limit: float) -> list[tuple[int, float]]:
    """(place, height relative to the lower peak beside it) of the valleys between two bins, in order."""
    if end - start <= 2 * least:
        return []
    inner = np.arange(start + least, end - least)
    left = np.maximum.accumulate(profile[start:end])[inner - start]
    right = np.maximum.accumulate(profile[start:end][::-1])[::-1][inner - start]
    depth = profile[inner] / np.maximum(np.minimum(left, right), 1e-6)
    lowest = int(np.argmin(depth))
    if depth[lowest] > limit:
        return []
    place = int(inner[lowest])
    return [
        *_valleys(profile, start, place, least, limit),
        (place, float(depth[lowest])),
        *_valleys(profile, place, end, least, limit),
    ]


def _hull(xs: np.ndarray, ys: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Mask of the convex hull of some pixels; None of fewer than a handful."""
    if len(xs) < 12:
        return None
    mask = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.stack([xs, ys], axis=1).astype(np.int32)), 1)
    return mask
