"""Pages as paddlex 3.7.2 turns them: a quarter turn by interpolation, shifted by one pixel with a black line.

Only for `reading: reference`; `sealkit.modules.doc_text_orientation.postprocess.turn` is the exact turn.
"""

from __future__ import annotations

import cv2
import numpy as np


def rotate_image(image: np.ndarray, angle: float) -> np.ndarray:
    """Turn counter-clockwise about (w/2, h/2), cubic, zeros around, on a canvas of the turned size.

    Args:
        image: (H, W, 3) uint8.
        angle: degrees counter-clockwise; the pipeline gives 0, 90, 180 or 270.

    Returns:
        uint8; the image itself for an angle below 1e-7.
    """
    if angle < 1e-7:
        return image
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    new_width, new_height = int(height * sin + width * cos), int(height * cos + width * sin)
    matrix[0, 2] += (new_width - width) / 2
    matrix[1, 2] += (new_height - height) / 2
    return cv2.warpAffine(image, matrix, (new_width, new_height), flags=cv2.INTER_CUBIC)


__all__ = ["rotate_image"]
