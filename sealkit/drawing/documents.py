"""Images like documents, for proofs and measurements where no real image is at hand.

They use OpenCV's own characters and no font: an export is proved on machines that have none.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np


def document_images(sizes: Sequence[tuple[int, int]] = ((480, 640), (736, 736))) -> list[np.ndarray]:
    """Images with text at several angles and sizes on uneven paper, BGR uint8: for a proof where no real image
    is at hand.
    """
    images = []
    for index, (height, width) in enumerate(sizes):
        rng = np.random.default_rng(index)
        shade = np.linspace(215, 250, width)[None, :, None] + rng.normal(0, 4, (height, width, 3))
        image = np.clip(shade, 0, 255).astype(np.uint8)
        centre = (width // 2, height // 2)
        cv2.circle(image, centre, min(height, width) // 3, (40, 40, 200), 6)
        for line in range(8):
            origin = (20 + 10 * line, 40 + line * (height - 60) // 8)
            cv2.putText(
                image,
                f"No. {index}{line}  SEAL 3301 {rng.integers(10**6)}",
                origin,
                0,
                0.5 + 0.1 * line,
                (30,) * 3,
                2,
            )
        turn = cv2.getRotationMatrix2D(centre, 17.0 * index, 1.0)
        images.append(cv2.warpAffine(image, turn, (width, height), borderValue=(235, 235, 235)))
    return images
