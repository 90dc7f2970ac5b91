"""The augmentation that the published recognisers were trained with.

Re-implemented from the behaviour of PaddleOCR `ppocr/data/imaug/rec_img_aug.py` (Apache-2.0; no code copied).
Deviations: equal in kind, order and size of the changes; the warp is a smooth field through the same control points,
not the moving least squares of the original, so single pixels differ.
"""

from __future__ import annotations

import cv2
import numpy as np

Rng = np.random.Generator
_LEAST = 20  # pixels; lower or narrower strips are neither warped nor cropped


def rec_aug(strip: np.ndarray, rng: Rng, p: float) -> np.ndarray:
    """Each with probability p, in this order: distort + stretch + perspective, crop, blur, brightness, jitter, noise,
    negative.

    Args:
        strip: (H, W, 3) uint8.
    """
    height, width = strip.shape[:2]
    if rng.random() < p and height >= _LEAST and width >= _LEAST:
        strip = _distort(strip, rng, int(rng.integers(3, 7)))
        strip = _stretch(strip, rng, int(rng.integers(3, 7)))
        strip = _perspective(strip, rng)
    if rng.random() < p and height >= _LEAST and width >= _LEAST:
        strip = _crop(strip, rng)
    if rng.random() < p:
        strip = cv2.GaussianBlur(strip, (5, 5), 1)
    if rng.random() < p:
        strip = _brightness(strip, rng)
    if rng.random() < p:
        strip = _jitter(strip, rng)
    if rng.random() < p:
        grain = rng.normal(0, 0.1**0.5, strip.shape).astype(np.float32)
        strip = (strip + 0.5 * grain).clip(0, 255).astype(np.uint8)
    if rng.random() < p:
        strip = 255 - strip
    return strip


def _field(strip: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Move control points that stand evenly along the upper and lower edge, (K, 2) pixels each."""
    height, width = strip.shape[:2]
    knots = np.stack([top, bottom]).astype(np.float32)  # (2, K, 2)
    at = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    columns = cv2.resize(knots, (width, 2), interpolation=cv2.INTER_LINEAR)  # (2, W, 2), smooth enough: few segments
    shift = columns[0][None] * (1 - at) + columns[1][None] * at  # (H, W, 2)
    x = np.arange(width, dtype=np.float32)[None] - shift[:, :, 0]
    y = np.arange(height, dtype=np.float32)[:, None] - shift[:, :, 1]
    return cv2.remap(strip, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _distort(strip: np.ndarray, rng: Rng, segments: int) -> np.ndarray:
    """Every control point moves by up to a third of a segment, in both directions; the corners only inwards."""
    reach = max(strip.shape[1] // segments // 3, 1)
    limit = np.array([reach, min(reach, strip.shape[0] // 3)])
    top = rng.uniform(-0.5, 0.5, (segments + 1, 2)) * limit
    bottom = rng.uniform(-0.5, 0.5, (segments + 1, 2)) * limit
    top[0], bottom[0] = np.abs(top[0]), np.abs(bottom[0]) * (1, -1)
    top[-1], bottom[-1] = np.abs(top[-1]) * (-1, 1), -np.abs(bottom[-1])
    return _field(strip, top, bottom)


def _stretch(strip: np.ndarray, rng: Rng, segments: int) -> np.ndarray:
    """Columns move along the line, the ends stay."""
    reach = max(int(strip.shape[1] // segments * 0.8), 1)
    move = np.zeros((segments + 1, 2))
    move[1:-1, 0] = rng.uniform(-0.5, 0.5, segments - 1) * reach
    return _field(strip, move, move)


def _perspective(strip: np.ndarray, rng: Rng) -> np.ndarray:
    """Corners move up or down by up to a quarter of the height, inwards."""
    reach = strip.shape[0] // 4
    low, high = rng.uniform(0, reach, (2, 2))
    top = np.array([[0, low[0]], [0, low[1]]])
    bottom = np.array([[0, -high[0]], [0, -high[1]]])
    return _field(strip, top, bottom)


def _crop(strip: np.ndarray, rng: Rng) -> np.ndarray:
    """1 to 8 rows are cut off at the top or at the bottom."""
    rows = min(int(rng.integers(1, 9)), strip.shape[0] - 1)
    return np.ascontiguousarray(strip[rows:] if rng.random() < 0.5 else strip[:-rows])


def _brightness(strip: np.ndarray, rng: Rng) -> np.ndarray:
    """The value of HSV by up to a thousandth up or down: next to nothing, as published."""
    hsv = cv2.cvtColor(strip, cv2.COLOR_BGR2HSV)
    factor = 1 + 0.001 * rng.random() * (1 if rng.random() < 0.5 else -1)
    hsv[:, :, 2] = (hsv[:, :, 2] * factor).clip(0, 255).astype(np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def _jitter(strip: np.ndarray, rng: Rng) -> np.ndarray:
    """The strip copied over itself, moved down and right by up to a hundredth of the shorter side."""
    height, width = strip.shape[:2]
    if min(height, width) <= 10:
        return strip
    out = strip.copy()
    for step in range(int(rng.random() * min(height, width) * 0.01)):
        out[step:] = out[: height - step]
        out[:, step:] = out[:, : width - step]
    return out
