"""Strip → input of a recogniser: height 48, width by the strip's own ratio, zeros on the right.

Rules and their golden pairs: PaddleX 3.7.2's recognition (`RecResizeImg`, image_shape 3 × 48 × 320).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from sealkit.errors import ImageError
from sealkit.modules.text_recognition.settings import RecResizeSettings

# (v / 255 - 0.5) / 0.5 for all 256 values; in float32 throughout, as the reference computes it.
_TABLE = ((np.arange(256, dtype=np.float32) / np.float32(255.0)) - np.float32(0.5)) / np.float32(0.5)


def resize(strip: np.ndarray, settings: RecResizeSettings | None = None) -> tuple[np.ndarray, int]:
    """Scale a strip to the input's height.

    Args:
        strip: (H, W, 3) uint8, text from left to right; the channel order is kept (official weights want BGR).
        settings: input height, least and greatest width.

    Returns:
        (48, w, 3) uint8, and the input width it is to be padded to (w ≤ width). The width is never below the settings'
        320: recognisers were trained on inputs of at least that ratio.

    Raises:
        ImageError: not an image of three channels, or one without pixels.
    """
    settings = settings or RecResizeSettings()
    height = settings.image_shape[1]
    if strip.ndim != 3 or strip.shape[2] != 3 or 0 in strip.shape:
        raise ImageError(
            "the recogniser needs a BGR strip of shape (height, width, 3)",
            value=strip.shape,
            hint="read images with sealkit.images.read_image; a strip of no size comes from a degenerate polygon",
        )
    h, w = strip.shape[:2]
    padded = input_width(h, w, settings)
    target = min(math.ceil(height * (w / float(h))), padded)
    if (h, w) != (height, target):
        strip = cv2.resize(strip, (target, height), interpolation=cv2.INTER_LINEAR)
    return strip, padded


def input_width(height: int, width: int, settings: RecResizeSettings) -> int:
    """Width of the input that a strip of `height` x `width` pixels is padded to, when it is read alone."""
    _, target, least = settings.image_shape
    return min(int(target * max(least / target, width / float(height))), settings.max_width)


def normalise(resized: np.ndarray, width: int) -> np.ndarray:
    """(48, w, 3) uint8 → (3, 48, width) float32 in -1..1, zeros right of w."""
    out = np.zeros((resized.shape[2], resized.shape[0], width), dtype=np.float32)
    for plane, place in zip(cv2.split(resized), out):
        place[:, : resized.shape[1]] = cv2.LUT(plane, _TABLE)
    return out


def preprocess(strip: np.ndarray, settings: RecResizeSettings | None = None) -> np.ndarray:
    """Strip (H, W, 3) uint8 → (3, 48, W') float32, padded to its own input width; see `resize` for errors."""
    return normalise(*resize(strip, settings))


def fixed_size(strip: np.ndarray, size_hw: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Strip (H, W, 3) uint8 → (3, h, w) float32 of one size for all, as in training: squeezed where it is longer.

    Returns:
        The input, and the share of its width that is image (0..1); the rest is zeros.
    """
    height, width = size_hw
    settings = RecResizeSettings(image_shape=(3, height, width), max_width=width)
    resized, _ = resize(strip, settings)
    return normalise(resized, width), min(1.0, resized.shape[1] / width)


def collate(samples: Sequence[np.ndarray], width_step: int = 1) -> np.ndarray:
    """Stack inputs of different widths: zeros on the right up to the widest (rounded up to `width_step`).

    Args:
        samples: (3, 48, W_i) float32 each, at least one.

    Returns:
        (N, 3, 48, W) float32.
    """
    widest = -(-max(s.shape[2] for s in samples) // width_step) * width_step
    batch = np.zeros((len(samples), *samples[0].shape[:2], widest), dtype=np.float32)
    for row, sample in zip(batch, samples):
        row[:, :, : sample.shape[2]] = sample
    return batch


def batches_by_width(
    strips: Sequence[np.ndarray], batch_size: int, settings: RecResizeSettings | None = None
) -> list[list[int]]:
    """Indices of strips (H, W, 3) in batches, narrow ones first.

    Args:
        batch_size: most strips of a batch.
        settings: only strips that have the same input width when read alone share a batch, so that a text does not
            depend on what else is read. None: any neighbours by width/height ratio, padded to the widest, as the
            reference.
    """
    order = sorted(range(len(strips)), key=lambda i: strips[i].shape[1] / max(strips[i].shape[0], 1))
    batches: list[list[int]] = []
    last = 0
    for index in order:
        height, width = strips[index].shape[:2]
        own = 0 if settings is None else -(-input_width(max(height, 1), width, settings) // settings.width_step)
        if not batches or len(batches[-1]) == batch_size or own != last:
            batches.append([])
        batches[-1].append(index)
        last = own
    return batches
