"""From the ideal image to what a phone, scanner or screen gives: blur, lost resolution, sharpening, noise, JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from sealkit.synth.common.fields import FieldPool

Rng = np.random.Generator


def take(image: np.ndarray, rng: Rng, pool: FieldPool, look: str) -> np.ndarray:
    """Image (H, W, 3) uint8 BGR of the same size from a float32 one of 0..255; geometry stays as it is."""
    height, width = image.shape[:2]
    if look == "clean":
        out = np.clip(image, 0, 255).astype(np.uint8)
        return _jpeg(out, int(rng.integers(60, 96))) if rng.random() < 0.5 else out
    if rng.random() < 0.45:  # fewer pixels than the file has
        factor = rng.uniform(0.45, 0.9)
        small = cv2.resize(
            image, (max(1, round(width * factor)), max(1, round(height * factor))), interpolation=cv2.INTER_AREA
        )
        image = cv2.resize(
            small, (width, height), interpolation=cv2.INTER_CUBIC if rng.random() < 0.6 else cv2.INTER_LINEAR
        )
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.1) if rng.random() < 0.85 else rng.uniform(1.1, 1.8))
    if look == "photo" and rng.random() < 0.45:  # phones sharpen, with halos
        image = image + rng.uniform(0.4, 1.6) * (image - cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 1.8)))
    if look == "copy":
        image = (image - 128) * rng.uniform(1.2, 2.2) + rng.uniform(110, 160)
        if rng.random() < 0.6:
            image = np.repeat(image.mean(2, keepdims=True), 3, 2)
    elif rng.random() < 0.06:
        image = np.repeat(image.mean(2, keepdims=True), 3, 2)
    if rng.random() < 0.6:
        amount = rng.uniform(1, 7) if look == "photo" else rng.uniform(0.5, 3)
        noise = (pool.cut(rng, height, width, 0.6) - 0.5) * 3.4
        if rng.random() < 0.4:
            colour = np.stack(
                [noise, pool.cut(rng, height, width, 1.2) * 3 - 1.5, pool.cut(rng, height, width, 0.6) * 3 - 1.5], -1
            )
            image = image + colour * amount
        else:
            image = image + (noise * amount)[..., None]
    out = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.75:
        out = _jpeg(out, int(rng.integers(35, 95)))
    return out


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if done else None
    return image if decoded is None else decoded
