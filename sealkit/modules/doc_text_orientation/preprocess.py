"""Image → input of the orientation classifier: short side 256, centre crop 224, ImageNet normalisation of RGB.

Rules and their golden pairs: PaddleX 3.7.2 (`ResizeImage`, `CropImage`, `NormalizeImage`) and PaddleClas's evaluation.
"""

from __future__ import annotations

import cv2
import numpy as np

from sealkit.errors import ImageError
from sealkit.images.normalise import IMAGENET_MEAN, IMAGENET_STD, normalise
from sealkit.modules.doc_text_orientation.settings import OriResizeSettings

MEAN = IMAGENET_MEAN
STD = IMAGENET_STD
LONGEST = 100
"""Of an image whose sides differ by more than this factor only the middle is scaled: the crop shows no more of it."""


def resize_short(image: np.ndarray, side: int) -> np.ndarray:
    """Scale so that the short side is `side`, both sides rounded half to even (bilinear).

    Args:
        image: (H, W, 3) uint8.
        side: pixels.
    """
    height, width = image.shape[:2]
    ratio = side / min(height, width)
    size = (round(width * ratio), round(height * ratio))
    return image if size == (width, height) else cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)


def centre_crop(image: np.ndarray, side: int) -> np.ndarray:
    """The middle `side` × `side` pixels, less where the image is smaller; rounded towards the top left."""
    height, width = image.shape[:2]
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return image[top : top + side, left : left + side]


def resize(image: np.ndarray, settings: OriResizeSettings | None = None) -> np.ndarray:
    """Scale and crop: (H, W, 3) uint8 in any channel order → (crop, crop, 3) uint8.

    Raises:
        ImageError: not an (H, W, 3) array, or an empty one.
    """
    settings = settings or OriResizeSettings()
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(
            "the orientation classifier needs a BGR image of shape (height, width, 3)",
            value=image.shape,
            hint="read the image with sealkit.images.read_image",
        )
    height, width = image.shape[:2]
    shorter = min(height, width)
    if max(height, width) > LONGEST * shorter:
        top, left = (max(0, (side - LONGEST * shorter) // 2) for side in (height, width))
        image = image[top : top + LONGEST * shorter, left : left + LONGEST * shorter]
    return np.ascontiguousarray(centre_crop(resize_short(image, settings.resize_short), settings.crop))


def to_input(
    image: np.ndarray, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD, scale: float = 1 / 255
) -> np.ndarray:
    """(h, w, 3) uint8 BGR → (3, h, w) float32, RGB, normalised."""
    return normalise(np.ascontiguousarray(image[:, :, ::-1]), mean, std, scale)


def preprocess(
    image: np.ndarray,
    settings: OriResizeSettings | None = None,
    *,
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
    scale: float = 1 / 255,
) -> np.ndarray:
    """Image → the network's input.

    Args:
        image: (H, W, 3) uint8 BGR.
        settings: sizes, PaddleX's by default.
        mean: subtracted after scaling, per channel in the order R, G, B.
        std: divides after that, per channel.
        scale: factor of the pixel values.

    Returns:
        (3, 224, 224) float32.

    Raises:
        ImageError: not a BGR image.
    """
    return to_input(resize(image, settings), mean, std, scale)


__all__ = ["MEAN", "STD", "centre_crop", "preprocess", "resize", "resize_short", "to_input"]
