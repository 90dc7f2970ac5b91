"""Images of an answer: shrunk where they are too large, JPEG, base64."""

from __future__ import annotations

import base64

import cv2
import numpy as np
from PIL import Image


def shrink(image: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """(H, W, 3) into at most `size` = (width, height), aspect kept, never enlarged; None: as it is."""
    height, width = image.shape[:2]
    if size is None or (width <= size[0] and height <= size[1]):
        return image
    factor = min(size[0] / width, size[1] / height)
    target = (max(1, int(width * factor)), max(1, int(height * factor)))
    return cv2.resize(image, target, interpolation=cv2.INTER_AREA)


def jpeg_base64(image: np.ndarray | Image.Image, size: tuple[int, int] | None) -> str:
    """Base64 text of a JPEG at OpenCV's default quality.

    Args:
        image: (H, W, 3) uint8 BGR, or a PIL image.
        size: see `shrink`. JPEG itself ends at 65,500 pixels per side: larger images are always shrunk to that.
    """
    pixels = np.asarray(image.convert("RGB"))[:, :, ::-1] if isinstance(image, Image.Image) else image
    pixels = shrink(shrink(pixels, size), (65_500, 65_500))
    done, encoded = cv2.imencode(".jpg", np.ascontiguousarray(pixels))
    if not done:
        raise ValueError(f"an image of shape {pixels.shape} cannot be encoded")
    return base64.b64encode(encoded.tobytes()).decode("ascii")
