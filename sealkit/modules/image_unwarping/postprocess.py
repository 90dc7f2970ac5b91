"""The network's image → pixels.

Rules: PaddleX 3.7.2: times 255, cut to whole numbers. Values outside 0..1, which the reference wraps around (1.01
becomes almost black), are clipped here: a golden of the reference allows either.
"""

from __future__ import annotations

import cv2
import numpy as np


def to_pixels(values: np.ndarray) -> np.ndarray:
    """float32 of any shape, 0..1 → uint8 of that shape."""
    scaled = values * np.float32(255)
    return np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)


def postprocess(output: np.ndarray) -> np.ndarray:
    """(3, H, W) float32 BGR 0..1 → (H, W, 3) uint8 BGR, contiguous."""
    pixels: np.ndarray = cv2.merge(list(to_pixels(output)))
    return pixels


__all__ = ["postprocess", "to_pixels"]
