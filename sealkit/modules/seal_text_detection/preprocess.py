"""Image → input of the detector: size rule, resize, normalisation.

The rules are those of PaddleX 3.7.2 (`DetResizeForTest` and `NormalizeImage` as its seal pipeline runs them), and the
"long side 736, multiples of 128" rule PaddleOCR's seal configs evaluate with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from sealkit.errors import ImageError
from sealkit.images.normalise import IMAGENET_MEAN, IMAGENET_STD, normalise
from sealkit.modules.seal_text_detection.settings import DetResizeSettings

MEAN = IMAGENET_MEAN
"""ImageNet's RGB means; the reference applies them in this order to BGR images, and so do the weights."""
STD = IMAGENET_STD
MULTIPLE = 32
OFFICIAL_MULTIPLE = 128
TINY = 64
"""Images whose height + width is less are padded to at least 32 × 32 first."""

SizeRule = Literal["pipeline", "official"]


@dataclass(frozen=True)
class ResizeInfo:
    """How an image became an input.

    Attributes:
        source_hw: the image's height and width.
        padded_hw: after the padding of tiny images; what the probability map covers.
        resized_hw: the network's input.
        capped: `max_side_limit` was in force.
    """

    source_hw: tuple[int, int]
    padded_hw: tuple[int, int]
    resized_hw: tuple[int, int]
    capped: bool = False


def input_size(
    h: int, w: int, settings: DetResizeSettings | None = None, rule: SizeRule = "pipeline"
) -> tuple[int, int, bool]:
    """Input height and width of an image of h × w, and whether `max_side_limit` had to cap it.

    Args:
        h: height in pixels, ≥ 1.
        w: width in pixels, ≥ 1.
        settings: limit, its type and the cap; the defaults are PaddleX's seal pipeline's.
        rule: `pipeline` = PaddleX inference (multiples of 32, half to even); `official` = PaddleOCR's evaluation of
            seal detectors (long side to `limit_side_len`, then each side up to a multiple of 128, no cap).
    """
    settings = settings or DetResizeSettings()
    if h + w < TINY:
        h, w = max(h, MULTIPLE), max(w, MULTIPLE)
    if rule == "official":
        ratio = settings.limit_side_len / max(h, w)
        tall, wide = (-(-max(int(side * ratio), 1) // OFFICIAL_MULTIPLE) * OFFICIAL_MULTIPLE for side in (h, w))
        return tall, wide, False
    limit = settings.limit_side_len
    if settings.limit_type == "max":
        ratio = limit / max(h, w) if max(h, w) > limit else 1.0
    elif settings.limit_type == "min":
        ratio = limit / min(h, w) if min(h, w) < limit else 1.0
    else:
        ratio = limit / max(h, w)
    new_h, new_w = int(h * ratio), int(w * ratio)
    longest = max(new_h, new_w)
    capped = longest > settings.max_side_limit
    if capped:
        shrink = settings.max_side_limit / longest
        new_h, new_w = int(new_h * shrink), int(new_w * shrink)
    tall, wide = (max(round(side / MULTIPLE) * MULTIPLE, MULTIPLE) for side in (new_h, new_w))
    return tall, wide, capped


def resize(
    image: np.ndarray, settings: DetResizeSettings | None = None, rule: SizeRule = "pipeline"
) -> tuple[np.ndarray, ResizeInfo]:
    """Pad a tiny image, then scale it to the input size (bilinear).

    Args:
        image: (H, W, 3) uint8 BGR.
        settings: see `input_size`.
        rule: see `input_size`.

    Returns:
        (h, w, 3) uint8 and the sizes. The image itself where nothing had to change.

    Raises:
        ImageError: not an (H, W, 3) array, or an empty one.
    """
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(
            "the detector needs a BGR image of shape (height, width, 3)",
            value=image.shape,
            hint="read the image with sealkit.images.read_image",
        )
    source_h, source_w = image.shape[:2]
    if source_h + source_w < TINY:
        below, right = max(MULTIPLE - source_h, 0), max(MULTIPLE - source_w, 0)
        image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    h, w = image.shape[:2]
    tall, wide, capped = input_size(h, w, settings, rule)
    if (tall, wide) != (h, w):
        image = cv2.resize(image, (wide, tall), interpolation=cv2.INTER_LINEAR)
    return image, ResizeInfo((source_h, source_w), (h, w), (tall, wide), capped)


def preprocess(
    image: np.ndarray,
    settings: DetResizeSettings | None = None,
    *,
    rule: SizeRule = "pipeline",
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
    scale: float = 1 / 255,
) -> tuple[np.ndarray, ResizeInfo]:
    """Image → the network's input.

    Args:
        image: (H, W, 3) uint8 BGR.
        settings: size limits, PaddleX's by default.
        rule: `pipeline`, or `official` to reproduce published tables.
        mean: subtracted after scaling, per channel, applied in the image's channel order.
        std: divides after that, per channel.
        scale: factor of the pixel values.

    Returns:
        (3, h, w) float32 and the sizes `decode` needs.

    Raises:
        ImageError: not a BGR image.
    """
    resized, info = resize(image, settings, rule)
    return normalise(resized, mean, std, scale), info


__all__ = ["MEAN", "STD", "ResizeInfo", "input_size", "normalise", "preprocess", "resize"]
