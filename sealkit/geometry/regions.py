"""The region of one text, as a detector's map gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np


@dataclass
class TextRegion:
    """One text's region in source pixels, before it is known how the text runs.

    Attributes:
        outline: (N, 2) float32 x, y; clockwise on screen, any start point, not rounded.
        score: mean probability of the text pixels, 0..1.
        holes: (M, 2) float32 each; the empty middle of a closed ring.
        up: (K, 4) float32 x, y, up_x, up_y, unit vectors of the characters' own up direction sampled inside the text;
            None
            where the detector has no such field.
        cut: (2,) float32 x, y inside a closed ring's band where the text most likely begins and ends; None where
            unknown or where the region is not closed.
    """

    outline: np.ndarray
    score: float = 1.0
    holes: list[np.ndarray] = field(default_factory=list)
    up: np.ndarray | None = None
    cut: np.ndarray | None = None

    @property
    def area(self) -> float:
        """Pixels inside the outline and outside the holes."""
        return abs(polygon_area(self.outline)) - sum(abs(polygon_area(hole)) for hole in self.holes)

    @property
    def perimeter(self) -> float:
        """Length of all borders."""
        return sum(_closed_length(path) for path in [self.outline, *self.holes])


def region_mask(
    region: TextRegion,
    hw: tuple[int, int],
    scale: float | Sequence[float] | np.ndarray = 1.0,
    corner: Sequence[float] | np.ndarray = (0.0, 0.0),
) -> np.ndarray:
    """(h, w) uint8, 1 inside the outline and outside the holes; drawn at (point - corner) · scale, corner is x, y."""
    mask = np.zeros(hw, dtype=np.uint8)
    paths = [np.round((path - corner) * scale).astype(np.int32) for path in (region.outline, *region.holes)]
    cv2.fillPoly(mask, paths, 1)  # even-odd: holes stay empty
    return mask


def polygon_area(points: np.ndarray) -> float:
    """Signed area of a closed polygon (N, 2); positive when it runs clockwise on screen (y down)."""
    x, y = np.asarray(points, dtype=np.float64).T
    return 0.5 * float(np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y))


def clockwise(points: np.ndarray) -> np.ndarray:
    """The same polygon, clockwise on screen, its first point kept."""
    return points if polygon_area(points) >= 0 else np.concatenate([points[:1], points[:0:-1]])


def _closed_length(points: np.ndarray) -> float:
    return float(np.hypot(*(np.roll(points, -1, axis=0) - points).T).sum())
