"""Where an image carries ink: the gap of a closed ring, the characters of a column."""

from __future__ import annotations

import cv2
import numpy as np

from sealkit.geometry.centerline import Middle
from sealkit.geometry.polyline import ups
from sealkit.geometry.rings import longest_run

GAP_ROWS = 16
GAP_PER_HEIGHT = 12
"""Columns of the unrolled ring per band width."""
SAME_GAP = 0.8
"""Gaps at least this long relative to the longest count as equal: nothing in the ink tells which one is the opening."""


def ink_of(pixels: np.ndarray) -> np.ndarray:
    """How much each pixel differs from the paper: (H, W) float32, 0 = paper, 1 = the strongest ink.

    Args:
        pixels: (H, W, 3) or (H, W) uint8; the paper is taken to be the more frequent bright side.
    """
    grey = pixels if pixels.ndim == 2 else pixels.min(axis=2)  # the darkest channel: red and blue ink alike
    grey = grey.astype(np.float32)
    paper, ink = np.percentile(grey, [75, 3])
    if paper - ink < 8:
        return np.zeros(grey.shape, dtype=np.float32)
    return np.clip((paper - grey) / (paper - ink), 0, 1)


def emptiest_place(image: np.ndarray, middle: Middle) -> np.ndarray | None:
    """(2,) middle of the longest stretch without ink along a closed ring; None when no stretch is clearly the longest.

    Args:
        image: (H, W, 3) uint8.
        middle: the ring's middle line, closed.
    """
    columns = max(int(middle.length / max(middle.width, 1e-6) * GAP_PER_HEIGHT), 24)
    at = middle.start + (np.arange(columns) + 0.5) / columns * middle.length
    centres, directions = middle.curve.at(at)
    across = np.linspace(0.36, -0.36, GAP_ROWS)[:, None, None] * middle.width  # the rims may carry the seal's border
    grid = (centres[None] + ups(directions)[None] * across).astype(np.float32)
    unrolled = cv2.remap(image, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    profile = ink_of(unrolled).mean(axis=0)
    empty = profile < 0.25 * np.percentile(profile, 90)
    start, length = longest_run(empty)
    if length == 0 or length == columns:
        return None
    rest = empty.copy()
    rest[np.arange(start, start + length) % columns] = False
    if longest_run(rest)[1] > SAME_GAP * length:
        return None
    centre = middle.start + ((start + length / 2) / columns % 1.0) * middle.length
    return middle.curve.at(np.array([centre]))[0][0]
