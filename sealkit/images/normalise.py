"""Pixels to a network's input values, the same for every module that normalises by mean and deviation."""

from __future__ import annotations

import cv2
import numpy as np

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""ImageNet's RGB means of values scaled to 0..1; what order a network wants them in is the network's affair."""
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(
    image: np.ndarray,
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
    scale: float = 1 / 255,
) -> np.ndarray:
    """(value · scale − mean) / std per channel, channels first, in one pass over a table of the 256 possible values.

    In float32 as value · (scale / std) − mean / std, which is paddlex's order: its networks see the same bits.

    Args:
        image: (h, w, 3) uint8, channels in the order `mean` and `std` are given in (no reordering here).
        mean: three means of the scaled values.
        std: three deviations of the scaled values.
        scale: factor on the stored values.

    Returns:
        (3, h, w) float32, contiguous.
    """
    levels = np.arange(256, dtype=np.float32)
    out = np.empty((image.shape[2], *image.shape[:2]), dtype=np.float32)
    for channel, plane in enumerate(cv2.split(image)):
        factor, shift = np.float32(scale / std[channel]), np.float32(-mean[channel] / std[channel])
        cv2.LUT(plane, levels * factor + shift, dst=out[channel])
    return out


__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "normalise"]
