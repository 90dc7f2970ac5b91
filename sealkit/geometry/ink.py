"""Where an image carries ink: the gap of a closed ring, the characters of a column."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sealkit.geometry.centerline import Middle
from sealkit.geometry.polyline import ups
from sealkit.geometry.rings import longest_run


@dataclass(frozen=True)
class InkRules:
    """Thresholds of `ink_of` and `emptiest_place`."""

    paper_percentile: float = 75.0
    """Grey level of the paper: the more frequent bright side."""
    ink_percentile: float = 3.0
    """Grey level of the ink."""
    min_contrast_levels: float = 8.0
    """Images with less between paper and ink are blank (grey levels of 255)."""
    gap_rows: int = 16
    """Rows of the unrolled ring."""
    gap_columns_per_height: int = 12
    """Columns of the unrolled ring per band width."""
    gap_rim_share: float = 0.36
    """Half of the band, in widths, that is unrolled: its rims may carry the border of the seal."""
    empty_level: float = 0.25
    """A column is empty below this share of the 90th percentile."""
    same_gap_share: float = 0.8
    """Gaps at least this long relative to the longest count as equal: nothing in the ink tells which one is the
    opening."""


RULES = InkRules()


def ink_of(pixels: np.ndarray) -> np.ndarray:
    """How much each pixel differs from the paper: (H, W) float32, 0 = paper, 1 = the strongest ink.

    Args:
        pixels: (H, W, 3) or (H, W) uint8; the paper is taken to be the more frequent bright side.
    """
    grey = pixels if pixels.ndim == 2 else pixels.min(axis=2)  # the darkest channel: red and blue ink alike
    grey = grey.astype(np.float32)
    paper, ink = np.percentile(grey, [RULES.paper_percentile, RULES.ink_percentile])
    if paper - ink < RULES.min_contrast_levels:
        return np.zeros(grey.shape, dtype=np.float32)
    return np.clip((paper - grey) / (paper - ink), 0, 1)


def emptiest_place(image: np.ndarray, middle: Middle) -> np.ndarray | None:
    """(2,) middle of the longest stretch without ink along a closed ring; None when no stretch is clearly the longest.

    Args:
        image: (H, W, 3) uint8.
        middle: the ring's middle line, closed.
    """
    columns = max(int(middle.length / max(middle.width, 1e-6) * RULES.gap_columns_per_height), 24)
    at = middle.start + (np.arange(columns) + 0.5) / columns * middle.length
    centres, directions = middle.curve.at(at)
    across = (
        np.linspace(RULES.gap_rim_share, -RULES.gap_rim_share, RULES.gap_rows)[:, None, None] * middle.width
    )  # the rims may carry the seal's border
    grid = (centres[None] + ups(directions)[None] * across).astype(np.float32)
    unrolled = cv2.remap(image, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    profile = ink_of(unrolled).mean(axis=0)
    empty = profile < RULES.empty_level * np.percentile(profile, 90)
    start, length = longest_run(empty)
    if length == 0 or length == columns:
        return None
    rest = empty.copy()
    rest[np.arange(start, start + length) % columns] = False
    if longest_run(rest)[1] > RULES.same_gap_share * length:
        return None
    centre = middle.start + ((start + length / 2) / columns % 1.0) * middle.length
    return middle.curve.at(np.array([centre]))[0][0]
