"""Paste texts of another image onto free places.

Supports: outlines of any number of points and line_polys. Not fields: a pasted text belongs to no seal of this image.
"""

from __future__ import annotations

import cv2
import numpy as np

from sealkit.data.transforms.polygons import move_points
from sealkit.data.transforms.scene import Part, Scene, SceneLine


def copy_paste(
    scene: Scene,
    rng: np.random.Generator,
    other: Scene | None,
    ratio: float = 0.2,
    max_objects: int = 30,
    tries: int = 20,
) -> None:
    """Paste up to `ratio` of the other image's texts (at least one, at most `max_objects`) where nothing is hidden.

    Each is cut out along its outline, turned by any angle and scaled by up to a quarter either way. A text
    that finds no free place in `tries` draws is left out.
    """
    if other is None:
        return
    source = other.render()
    candidates = [line for line in other.lines if not line.label.ignore and line.parts and line.parts[0].whole]
    if not candidates:
        return
    canvas = scene.render().copy()
    count = min(max(round(ratio * len(candidates)), 1), max_objects)
    height, width = scene.size
    taken = np.zeros((height, width), np.uint8)
    for part in scene.parts:
        cv2.fillPoly(taken, [np.round(part.outline).astype(np.int32)], 1)
    for k in rng.permutation(len(candidates))[:count]:
        line = candidates[int(k)]
        for _ in range(tries):
            matrix, points = _place(line.points, (height, width), rng)
            if points is None:
                continue
            mask = np.zeros((height, width), np.uint8)
            cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1)
            if (mask & taken).any():
                continue
            _paste(canvas, source, matrix, mask)
            taken |= mask
            scene.lines.append(SceneLine(line.label, points, [Part(points, False)]))
            break
    scene.image = canvas


def _place(points: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    """A drawn similarity (3, 3) and the moved points, or None for them where they leave the image."""
    angle, factor = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(-0.22, 0.22))
    cos, sin = factor * np.cos(angle), factor * np.sin(angle)
    matrix = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    moved = move_points(points, matrix)
    low, high = moved.min(axis=0), moved.max(axis=0)
    room = np.array([size[1], size[0]]) - 1 - (high - low)
    if (room < 0).any():
        return matrix, None
    shift = rng.uniform(0, 1, 2) * room - low
    matrix[:2, 2] = shift
    return matrix, moved + shift


def _paste(canvas: np.ndarray, source: np.ndarray, matrix: np.ndarray, mask: np.ndarray) -> None:
    ys, xs = np.nonzero(mask)
    if not len(ys):
        return
    y0, y1, x0, x1 = ys.min(), ys.max() + 1, xs.min(), xs.max() + 1
    shifted = np.array([[1, 0, -x0], [0, 1, -y0], [0, 0, 1]]) @ matrix
    patch = cv2.warpAffine(source, shifted[:2], (int(x1 - x0), int(y1 - y0)), flags=cv2.INTER_LINEAR)
    inside = mask[y0:y1, x0:x1].astype(bool)
    canvas[y0:y1, x0:x1][inside] = patch[inside]


__all__ = ["copy_paste"]
