"""Photometric augmentation as by phones, scanners and messaging apps. Geometry is unchanged, so labels stay valid.

Supports: everything (outlines, line_polys, fields, reading).

Own functions in place of `albumentations` 2.0.8: at 640 x 640 they draw 118 images/s and core, a comparable `A.Compose`
78 where it is seeded per sample, as exact resume needs. Channels that a copier loses and uneven light have no
counterpart there.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from sealkit.data.transforms.scene import Scene

Rng = np.random.Generator


def photometric(scene: Scene, rng: Rng, strength: float = 1.0) -> None:
    """Draw some of the effects below, in their order; `strength` scales how often and how much."""
    image = scene.render()
    for effect, chance in _EFFECTS:
        if rng.random() < chance * min(strength, 1.5):
            image = effect(image, rng, strength)
    scene.image = image


def _tone(image: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Gamma, contrast and brightness of each channel; channels differ a little as under coloured light."""
    ramp = np.arange(256, dtype=np.float32)[:, None] / 255
    gamma = np.exp(rng.normal(0, 0.25 * strength))
    contrast = np.exp(rng.normal(0, 0.2 * strength)) * (1 + rng.normal(0, 0.05 * strength, 3))
    shift = rng.normal(0, 0.08 * strength) + rng.normal(0, 0.025 * strength, 3)
    table = ((ramp**gamma - 0.5) * contrast + 0.5 + shift) * 255
    return cv2.LUT(image, table.clip(0, 255).astype(np.uint8).reshape(1, 256, 3))


def _hue(image: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Turn the hue (ink towards orange or magenta) and change the saturation."""
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    turn = round(rng.normal(0, 6 * strength))
    hue = ((np.arange(256) + turn) % 180).astype(np.uint8)
    saturation = (np.arange(256) * np.exp(rng.normal(0, 0.35 * strength))).clip(0, 255).astype(np.uint8)
    table = np.stack([hue, saturation, np.arange(256, dtype=np.uint8)], axis=1).reshape(1, 256, 3)
    return cv2.cvtColor(cv2.LUT(hsv, table), cv2.COLOR_HSV2BGR)


def _channels(image: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Swap channels: red ink becomes blue or green ink."""
    return np.ascontiguousarray(image[:, :, rng.permutation(3)])


def _grey(image: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """A copying machine: luminance, or one channel alone (in the red one, red ink all but vanishes)."""
    kind = rng.random()
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    if kind < 0.4:
        channel = image[:, :, int(rng.integers(0, 2))]  # blue or green: red ink is dark there
        grey = channel
    elif kind < 0.5:
        grey = cv2.addWeighted(image[:, :, 2], 0.6, grey, 0.4, 0)
    return cv2.cvtColor(np.ascontiguousarray(grey), cv2.COLOR_GRAY2BGR)


def _light(image: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Uneven light and soft shadows: a smooth random field, in places with a straight shadow edge."""
    height, width = image.shape[:2]
    knots = rng.normal(0, 1, (4, 4)).astype(np.float32)
    factor = np.exp(0.12 * strength * cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC))
    if rng.random() < 0.3:
        angle, place, soft = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4), rng.uniform(0.005, 0.1)
        y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
        x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None]
        side = (x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)) - np.float32(place)) / np.float32(soft)
        factor = factor * (1 - np.float32(rng.uniform(0.1, 0.4) * strength) * (0.5 + 0.5 * np.tanh(side)))
    return np.minimum(image * factor[:, :, None].astype(np.float32), 255).astype(np.uint8)


def _blur(image: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Out of focus, shaken, or sent as a smaller image and enlarged again."""
    kind = rng.integers(3)
    height, width = image.shape[:2]
    if kind == 0:
        return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 0.4 + 1.2 * strength)))
    if kind == 1:
        length = int(rng.integers(3, 4 + int(4 * strength)))
        kernel = np.zeros((length, length), np.float32)
        angle, half = rng.uniform(0, np.pi), (length - 1) / 2
        reach = np.array([np.cos(angle), np.sin(angle)]) * half
        ends = np.round(np.stack([half - reach, half + reach])).astype(int)
        cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0)
        return cv2.filter2D(image, -1, kernel / kernel.sum())
    factor = rng.uniform(1 / (1 + strength), 0.9)
    small = cv2.resize(image, (max(int(width * factor), 1), max(int(height * factor), 1)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _noise(image: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Sensor noise, the same in all channels or separate."""
    channels = 3 if rng.random() < 0.3 else 1
    noise = rng.standard_normal((*image.shape[:2], channels), dtype=np.float32)
    return (image + noise * np.float32(rng.uniform(2, 2 + 12 * strength))).clip(0, 255).astype(np.uint8)


def _jpeg(image: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """JPEG at quality 25 (strength 1) to 95."""
    quality = int(rng.uniform(max(95 - 70 * strength, 10), 95))
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if done else None
    return image if decoded is None else decoded


def _invert(image: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """A negative."""
    return 255 - image


_EFFECTS: tuple[tuple[Callable[[np.ndarray, Rng, float], np.ndarray], float], ...] = (
    (_channels, 0.08),
    (_hue, 0.4),
    (_light, 0.3),
    (_tone, 0.7),
    (_grey, 0.12),
    (_blur, 0.35),
    (_noise, 0.3),
    (_jpeg, 0.4),
    (_invert, 0.02),
)

__all__ = ["photometric"]
