"""Paper, and how it was captured: colour, texture, shading."""

from __future__ import annotations

import numpy as np

from sealkit.synth.common.fields import FieldPool

Rng = np.random.Generator

LOOKS = ("photo", "scan", "clean", "copy")


def choose_look(rng: Rng) -> str:
    """photo: camera, shading, cast; scan: white, even; clean: a screenshot; copy: hard contrast, mostly grey."""
    return str(rng.choice(LOOKS, p=[0.5, 0.27, 0.16, 0.07]))


def make_paper(rng: Rng, pool: FieldPool, height: int, width: int, look: str, style: str = "default") -> np.ndarray:
    """Empty paper (H, W, 3) float32 BGR 0..255, before any shading."""
    if style == "laser":
        return _wood(rng, pool, height, width)
    if look == "clean":
        base = np.full(3, 255.0) if rng.random() < 0.7 else rng.uniform(225, 255, 3)
        if rng.random() < 0.12:
            base = rng.uniform(130, 235, 3)
        return np.tile(base.astype(np.float32), (height, width, 1))
    base = np.full(3, rng.uniform(225, 255))
    if look == "photo":
        base = np.full(3, rng.uniform(165, 245)) + rng.normal(0, 4, 3)
    elif look == "copy":
        base = np.full(3, rng.uniform(215, 255))
    if rng.random() < 0.18 and look != "copy":  # cream, pale green, pink and blue forms
        base = base * (1 - rng.uniform(0, 0.12) * rng.random(3))
    paper = np.tile(base.astype(np.float32), (height, width, 1))
    texture = rng.uniform(0, 9) if look == "photo" else rng.uniform(0, 4)
    grain = pool.cut(rng, height, width, rng.uniform(0.6, 2.5)) - 0.5
    if rng.random() < 0.5:
        grain = grain + (pool.cut(rng, height, width, rng.uniform(3, 9)) - 0.5) * 0.6
    paper += (grain * texture * 2)[..., None]
    if rng.random() < 0.08:  # a fine pattern as on invoices and cheques
        yy, xx = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None]
        period, angle = rng.uniform(6, 30), rng.uniform(0, np.pi)
        wave = np.sin((xx * np.cos(angle) + yy * np.sin(angle) + 4 * np.sin(yy / period)) * 2 * np.pi / period)
        paper -= (np.clip(wave, 0.6, 1) - 0.6)[..., None] * rng.uniform(10, 60, 3).astype(np.float32)
    return paper


def _wood(rng: Rng, pool: FieldPool, height: int, width: int) -> np.ndarray:
    """Wood or kraft paper of the `laser` style."""
    base = np.array([rng.uniform(70, 130), rng.uniform(120, 175), rng.uniform(165, 215)], np.float32)
    rings = pool.cut(rng, height, width, 20.0) * rng.uniform(6, 16)
    streaks = np.sin(rings * 2 * np.pi + np.arange(width, dtype=np.float32)[None] * rng.uniform(0.02, 0.1))
    amount = rng.uniform(4, 20) * (streaks * 0.5) + 14 * (pool.cut(rng, height, width, 1.2) - 0.5)
    return base + amount[..., None] * np.array([0.8, 1.0, 1.1], np.float32)


def shade(image: np.ndarray, rng: Rng, pool: FieldPool, look: str) -> None:
    """Uneven light, in place: a slope, soft shadows, a cast of colour."""
    if look in ("clean",):
        return
    height, width = image.shape[:2]
    strength = rng.uniform(0.05, 0.35) if look == "photo" else rng.uniform(0, 0.06)
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None] * np.cos(angle)
    slope = slope + np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None] * np.sin(angle)
    light = 1 - strength * (0.5 + slope)
    if look == "photo":
        light = light * (1 - rng.uniform(0, 0.2) * pool.cut(rng, height, width, max(height, width) / 8))
        if rng.random() < 0.07:  # an edge of shadow
            edge = np.clip(
                (slope * np.float32(max(height, width)) - rng.uniform(-0.3, 0.3) * width) / rng.uniform(4, 60),
                -0.5,
                0.5,
            )
            light = light * (1 - rng.uniform(0.1, 0.35) * (edge + 0.5))
        if rng.random() < 0.25:
            light = light * rng.uniform(0.75, 0.97)
    image *= light[..., None]
    if look == "photo":
        image *= (1 + rng.normal(0, 0.022, 3)).astype(np.float32)
