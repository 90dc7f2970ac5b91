"""The crop classifiers are trained with.

Area and aspect ratio are drawn, ten tries, else the middle. Supports: reading. Lines are not carried along: classes
have none.

Re-implemented from the architecture of PaddleClas `ppcls/data/preprocess/ops/operators.py`, RandCropImage
(Apache-2.0; no code copied).
Paper: GoogLeNet https://arxiv.org/abs/1409.4842.
Deviations: none known, goldens agree.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from sealkit.data.transforms.scene import Scene

TRIES = 10


def random_resized_crop(
    scene: Scene,
    rng: np.random.Generator,
    size: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> None:
    """Cut a window whose share of the area is U(scale) and whose width by height is log-uniform in `ratio`; scale it.

    The scaling is plain bilinear, as in evaluation, and not averaged over areas: a page loses the same strokes in both.
    """
    image = scene.render()
    left, top, width, height = _window(image.shape[1], image.shape[0], rng, scale, ratio)
    window = image[top : top + height, left : left + width]
    scene.image = cv2.resize(window, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    scene.size = (size[0], size[1])


def _window(
    wide: int, tall: int, rng: np.random.Generator, scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[int, int, int, int]:
    """Left, top, width, height in pixels."""
    for _ in range(TRIES):
        area = rng.uniform(*scale) * wide * tall
        aspect = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        width, height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < width <= wide and 0 < height <= tall:
            return int(rng.integers(wide - width + 1)), int(rng.integers(tall - height + 1)), width, height
    # long strips: the largest window in the middle whose ratio is allowed
    width, height = min(wide, round(tall * ratio[1])), min(tall, round(wide / ratio[0]))
    width, height = max(width, 1), max(height, 1)
    return (wide - width) // 2, (tall - height) // 2, width, height


__all__ = ["random_resized_crop"]
