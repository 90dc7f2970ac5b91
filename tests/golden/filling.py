"""What goldens allow where OpenCV fills polygons otherwise than the OpenCV they were made with.

`cv2.fillPoly` and `drawContours` changed in 4.11: of the pixels that a slanted edge crosses they take a few others.
4.11 to 5.0 fill alike (measured on 300 random polygons). The pixels are on the edge: both rooms are shares of it.
"""

from __future__ import annotations

import cv2
import numpy as np

CHANGED = (4, 11)
EDGE_SHARE = 0.03
"""Of the pixels along the edge. Measured between 4.10 and 5.0: 2.3 % at most; a mask moved by one pixel changes the
mean by 5 to 40 % of the edge, one eroded or dilated by one pixel by 50 % and more."""


def fills_as(made_with: str) -> bool:
    """Does the installed OpenCV fill polygons as version `made_with` does?"""
    installed, other = (
        tuple(int(n) for n in version.split(".")[:2]) >= CHANGED for version in (cv2.__version__, made_with)
    )
    return installed == other


def score_room(outline: np.ndarray) -> float:
    """By how much a mean in [0, 1] over a filled outline (N, 2; pixels of the map) may change."""
    perimeter = cv2.arcLength(outline.astype(np.float32), True)
    return EDGE_SHARE * perimeter / max(cv2.contourArea(outline.astype(np.float32)), 1.0)


def assert_same_filling(found: np.ndarray, expected: np.ndarray, where: str) -> None:
    """Compare two masks (H, W) of zeros and ones: pixels may differ on the edge alone, and few of them."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    mask = expected.astype(np.uint8)
    edge = cv2.dilate(mask, cross) != cv2.erode(mask, cross)
    other = found != expected
    assert not (other & ~edge).any(), f"{where}: differs off the edge at {np.argwhere(other & ~edge)[:5].tolist()}"
    assert other.sum() <= EDGE_SHARE * edge.sum(), f"{where}: {other.sum()} of {edge.sum()} edge pixels differ"
