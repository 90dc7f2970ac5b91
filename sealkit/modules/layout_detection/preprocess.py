"""Page → input of a layout detector: squeezed into the input size, RGB, normalised.

The rules are those of PaddleX 3.7.2 and of the reference's evaluation, which are the same (docs/reference/pipeline.md,
section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sealkit.errors import ImageError
from sealkit.images.normalise import IMAGENET_MEAN, IMAGENET_STD, normalise

INTERPOLATIONS: dict[str, int] = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos4": cv2.INTER_LANCZOS4,
}
"""Names of the ways to resize; OpenCV's numbers for them, 0 to 4, are those of inference.yml's `interp`."""


@dataclass(frozen=True)
class Normalisation:
    """(value · scale − mean) / std, for red, green and blue."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float = 1 / 255


PLAIN = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
IMAGENET = Normalisation(IMAGENET_MEAN, IMAGENET_STD)
NORMALISATIONS = {"picodet": IMAGENET, "rtdetr": PLAIN}
"""Family of a model → what it was published with."""


@dataclass(frozen=True)
class LayoutInput:
    """A page as the network takes it.

    Attributes:
        image: (3, h, w) float32 RGB.
        im_shape: (2,) float32, height and width of the input.
        scale_factor: (2,) float32, input / page: height, width.
    """

    image: np.ndarray
    im_shape: np.ndarray
    scale_factor: np.ndarray


def squeeze(image: np.ndarray, size: tuple[int, int], interpolation: str = "cubic") -> np.ndarray:
    """Resize (H, W, 3) uint8 to size (height, width), whatever its proportions were.

    Raises:
        ImageError: not an (H, W, 3) array, or an empty one.
    """
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(
            "the layout detector needs a BGR image of shape (height, width, 3)",
            value=image.shape,
            hint="read the image with sealkit.images.read_image",
        )
    if image.shape[:2] == tuple(size):
        return image
    return cv2.resize(image, (size[1], size[0]), interpolation=INTERPOLATIONS[interpolation])


def to_input(image: np.ndarray, norm: Normalisation) -> np.ndarray:
    """(h, w, 3) uint8 BGR → (3, h, w) float32, normalised RGB."""
    return normalise(np.ascontiguousarray(image[:, :, ::-1]), norm.mean, norm.std, norm.scale)


def preprocess(
    image: np.ndarray, size: tuple[int, int], norm: Normalisation = IMAGENET, interpolation: str = "cubic"
) -> LayoutInput:
    """Page → the network's inputs.

    Args:
        image: (H, W, 3) uint8 BGR.
        size: (height, width) of the input.
        norm: the model's normalisation.
        interpolation: a key of `INTERPOLATIONS`.

    Raises:
        ImageError: not a BGR image.
    """
    small = squeeze(image, size, interpolation)
    factor = (size[0] / image.shape[0], size[1] / image.shape[1])
    return LayoutInput(to_input(small, norm), np.array(size, np.float32), np.array(factor, np.float32))


__all__ = [
    "IMAGENET",
    "INTERPOLATIONS",
    "NORMALISATIONS",
    "PLAIN",
    "LayoutInput",
    "Normalisation",
    "preprocess",
    "squeeze",
    "to_input",
]
