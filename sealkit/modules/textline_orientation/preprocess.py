"""Text line → input of the classifier: stretched to 160 × 80, ImageNet normalisation of RGB (PaddleX 3.7.2's rule)."""

from __future__ import annotations

import cv2
import numpy as np

from sealkit.images.normalise import IMAGENET_MEAN, IMAGENET_STD, normalise
from sealkit.modules.textline_orientation.models import HEIGHT, WIDTH
from sealkit.modules.textline_orientation.settings import LineResizeSettings


def resize(line: np.ndarray, settings: LineResizeSettings) -> np.ndarray:
    """(H, W, 3) uint8 in any channel order → (height, width, 3) uint8, stretched (bilinear)."""
    return cv2.resize(line, settings.size, interpolation=cv2.INTER_LINEAR)


def preprocess(
    line: np.ndarray,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
    scale: float = 1 / 255,
) -> np.ndarray:
    """(H, W, 3) uint8 BGR → (3, h, w) float32 RGB, normalised; stretched to the size, as PaddleX does.

    Args:
        size: width, height.
        mean: subtracted after scaling, per channel in the order R, G, B.
        std: divides after that, per channel.
        scale: factor of the pixel values.
    """
    image = resize(line, LineResizeSettings(width=size[0], height=size[1]))
    return normalise(np.ascontiguousarray(image[:, :, ::-1]), mean, std, scale)


__all__ = ["preprocess", "resize"]
