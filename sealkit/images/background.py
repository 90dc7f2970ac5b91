"""Dims the background around one seal, so that a network knows which seal to detect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def dim_background(image: np.ndarray, box: Sequence[float], contrast: float) -> np.ndarray:
    """The image with its contrast outside a box reduced to a share.

    A detector that is to show one seal of several must be told which; a crop alone does not say it where seals cover
    each other, or where the crop is as large as the image.

    Args:
        image: (H, W, C) uint8.
        box: x1, y1, x2, y2 in pixels.
        contrast: what is left of each pixel's distance to the image's median colour, 0 to 1; 1: a plain copy.

    Returns:
        (H, W, C) uint8.
    """
    paper = np.median(image[::2, ::2], axis=(0, 1))
    levels = np.arange(256, dtype=np.float64)[:, None]
    table = np.clip(np.rint(paper + (levels - paper) * contrast), 0, 255).astype(np.uint8)  # (256, C)
    dimmed = np.stack([table[image[..., c], c] for c in range(image.shape[2])], axis=2)
    x1, y1 = (max(0, int(np.floor(v))) for v in box[:2])
    x2, y2 = (max(0, int(np.ceil(v))) for v in box[2:])
    dimmed[y1:y2, x1:x2] = image[y1:y2, x1:x2]
    return dimmed


__all__ = ["dim_background"]
