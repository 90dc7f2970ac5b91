"""One seal of an image, as the pipeline's crops show it.

Supports: outlines of any number of points, line_polys and fields, as every crop does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from sealkit.data.transforms.crops import window_crop
from sealkit.data.transforms.geometric import log_uniform
from sealkit.data.transforms.scene import Border, Scene
from sealkit.images.background import dim_background


@dataclass(frozen=True)
class SealCropRules:
    """What `seal_crop` draws beside its arguments."""

    ring_share: float = 0.12
    """The ring around a seal's texts, as a share of their box's long side."""
    both_share: float = 0.3
    """Share of stamped crops whose box is that of both seals: the larger one is meant."""
    cover_size: tuple[float, float] = (0.5, 1.1)
    """Long side of a seal stamped over another, as a share of the other's long side."""
    cover_distance: tuple[float, float] = (0.35, 0.9)
    """How far the middle of a seal stamped over another lies off, as a share of the other's long side."""
    empty_size: tuple[float, float] = (0.15, 0.7)
    """Longest side of a place without seals, as a share of the image's short one."""
    empty_tries: int = 8
    """How often a place without seals is looked for."""
    averaged_below: float = 0.67
    """A stronger reduction of a stamped seal averages areas first, else thin strokes would break up."""


RULES = SealCropRules()


def seal_crop(
    scene: Scene,
    rng: np.random.Generator,
    size: tuple[int, int],
    side: tuple[float, float] = (230.0, 310.0),
    margin: tuple[float, float] = (0.0, 0.2),
    jitter: float = 0.04,
    others: Literal["keep", "drop"] = "drop",
    background_contrast: float = 1.0,
    stamped_over: float = 0.0,
    empty: float = 0.0,
    border: Border = "white",
    other: Scene | None = None,
) -> None:
    """One seal, as the pipeline's refinement shows it: its box and some margin, scaled, on a canvas of `size`.

    The box is that of the seal's texts, as far as the image shows them, each edge moved by Laplace(0, `jitter`) of
    its long side. The long side becomes log-uniform in `side`, less where box and margin would not fit. With
    `others: drop` the lines of other seals are forgotten: what is left to learn is the seal the crop is about, also
    where another one lies over it. An image without texts, and a share of `empty`, gives a crop of something else in
    the same way; where no place is free of seals, or labels do not say which texts are a seal's, a `window_crop`.

    Args:
        background_contrast: contrast that is left outside the box (`dim_background`).
        stamped_over: share of crops over which a seal of `other` is stamped as well; its texts are not labelled.
    """
    low, high, seal = _one_seal(scene, rng)
    if seal is None or rng.random() < empty:
        known = all(line.label.seal is not None for line in scene.lines)
        place = _no_seal(scene, rng) if known and others == "drop" else None
        if place is None:
            window_crop(scene, rng, size, border=border)
            return
        low, high, seal = *place, None
        scene.lines = []
    elif others == "drop":
        scene.lines = [line for line in scene.lines if line.label.seal == seal]
    box, limit = np.concatenate([low, high]), np.array([scene.size[1], scene.size[0]])
    stamp, lowest = None, np.zeros(2)
    if other is not None and seal is not None and others == "drop" and rng.random() < stamped_over:
        stamp = _draw_stamp(other, box, rng)
    if stamp is not None and rng.random() < RULES.both_share:
        box = stamp.united(box)
        lowest, limit = np.minimum(lowest, box[:2] - margin[1] * limit), np.maximum(limit, box[2:] + margin[1] * limit)
    long_side = float((box[2:] - box[:2]).max())
    box = box + rng.laplace(0.0, jitter, 4) * long_side
    space = rng.uniform(*margin) * long_side
    x0, y0 = np.clip(np.floor(box[:2] - space), lowest, limit - 1).astype(int).tolist()
    x1, y1 = (
        np.clip(np.ceil(box[2:] + space), [x0 + 1, y0 + 1], np.maximum(limit, [x0 + 1, y0 + 1])).astype(int).tolist()
    )
    factor = log_uniform(rng, side) / long_side
    factor = min(factor, size[0] / (y1 - y0), size[1] / (x1 - x0))
    inner = (max(round((y1 - y0) * factor), 1), max(round((x1 - x0) * factor), 1))
    offset = (int(rng.integers(size[1] - inner[1] + 1)), int(rng.integers(size[0] - inner[0] + 1)))
    scene.crop((x0, y0, x1, y1), factor, size, offset, border)
    shift = np.array(offset) - factor * np.array([x0, y0])
    if stamp is not None:
        scene.image = stamp.laid_over(scene.image, factor, shift)
    if background_contrast < 1:
        inner_box = (box * factor + [*shift, *shift]).tolist()
        scene.image = dim_background(scene.image, inner_box, background_contrast)


def _one_seal(scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int | None]:
    """The box's corners (2,) each and the number of a drawn seal of which a text counts; None: there is none."""
    numbers = {line.label.seal for line in scene.lines if any(not part.ignore for part in line.parts)}
    seals = sorted(number for number in numbers if number is not None)
    limit = np.array([scene.size[1], scene.size[0]], float)
    if seals:
        seal = seals[int(rng.integers(len(seals)))]
        points = np.concatenate([line.points for line in scene.lines if line.label.seal == seal])
        low, high = np.clip(points.min(axis=0), 0, limit), np.clip(points.max(axis=0), 0, limit)
        if (high - low).min() >= 1:
            return low, high, seal
    return np.zeros(2), limit, None


def _no_seal(scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
    """The corners (2,) each of a drawn box that no text of a seal reaches into; None where none is found soon."""
    limit = np.array([scene.size[1], scene.size[0]], float)
    for _ in range(RULES.empty_tries):
        extent = rng.uniform(*RULES.empty_size) * limit.min() * rng.uniform(0.5, 1.0, 2)
        low = rng.uniform(0, limit - extent)
        high = low + extent
        if all((line.points.min(axis=0) > high).any() or (line.points.max(axis=0) < low).any() for line in scene.lines):
            return low, high
    return None


@dataclass(frozen=True)
class _Stamp:
    """A seal of another image and where it is stamped.

    Attributes:
        ink: (h, w, 3) float32, what it leaves of the light, 0 to 1.
        place: x, y of its middle in the scene.
        turn: radians.
        scale: its pixels in scene pixels.
    """

    ink: np.ndarray
    place: np.ndarray
    turn: float
    scale: float

    def united(self, box: np.ndarray) -> np.ndarray:
        """The box (4,) of both seals."""
        half = self.scale * max(self.ink.shape[:2]) / 2 / (1 + 2 * RULES.ring_share)
        return np.concatenate([np.minimum(box[:2], self.place - half), np.maximum(box[2:], self.place + half)])

    def laid_over(self, image: np.ndarray, factor: float, shift: np.ndarray) -> np.ndarray:
        """An image (H, W, 3) uint8 of the scene, scaled by `factor` and moved by `shift` x, y, with the seal on it.

        What is dark below stays dark.
        """
        ink, scale = self.ink, self.scale * factor
        if scale < RULES.averaged_below:
            ink = cv2.GaussianBlur(ink, (0, 0), 0.4 / scale)
        middle = ((ink.shape[1] - 1) / 2, (ink.shape[0] - 1) / 2)
        matrix = cv2.getRotationMatrix2D(middle, float(np.degrees(self.turn)), scale)
        matrix[:, 2] += self.place * factor + shift - middle
        laid = cv2.warpAffine(ink, matrix, image.shape[1::-1], flags=cv2.INTER_LINEAR, borderValue=(1.0, 1.0, 1.0))
        return np.asarray(np.rint(image * laid), np.uint8)


def _draw_stamp(other: Scene, box: np.ndarray, rng: np.random.Generator) -> _Stamp | None:
    """A seal of another image over the edge of a seal's box (4,); None where that image has none."""
    low, high, seal = _one_seal(other, rng)
    if seal is None:
        return None
    reach = RULES.ring_share * float((high - low).max())
    x0, y0 = np.maximum(np.floor(low - reach), 0).astype(int)
    x1, y1 = np.ceil(high + reach).astype(int)
    part = other.render()[y0:y1, x0:x1].astype(np.float32)
    ink = np.clip(part / np.maximum(np.median(part, axis=(0, 1)), 1.0), 0, 1)
    long_side = float((box[2:] - box[:2]).max())
    turn, bearing = rng.uniform(0, 2 * np.pi, 2)
    away = rng.uniform(*RULES.cover_distance) * long_side * np.array([np.cos(bearing), np.sin(bearing)])
    scale = rng.uniform(*RULES.cover_size) * long_side / max(part.shape[:2])
    return _Stamp(ink, (box[:2] + box[2:]) / 2 + away, float(turn), scale)


__all__ = ["seal_crop"]
