"""Image → input of the unwarping network: BGR values over 255, at the image's own size.

Rules: PaddleX 3.7.2 (the network scales to its inner size itself).
"""

from __future__ import annotations

import numpy as np

from sealkit.errors import ImageError
from sealkit.images.normalise import normalise

_ZEROS, _ONES = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def preprocess(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 BGR → (3, H, W) float32 in 0..1, same channel order.

    Raises:
        ImageError: not an (H, W, 3) array, or an empty one.
    """
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(
            "unwarping needs a BGR image of shape (height, width, 3)",
            value=image.shape,
            hint="read the image with sealkit.images.read_image",
        )
    return normalise(image, _ZEROS, _ONES)


__all__ = ["preprocess"]
