"""Flip, rotation, scale and perspective.

Supports, all four: outlines of any number of points, line_polys (the order stays: top of the characters first,
clockwise),
fields (up direction and seal area can be drawn afterwards). `flip` alone leaves characters that cannot be read.
"""

from __future__ import annotations

import cv2
import numpy as np

from sealkit.data.transforms.polygons import character_height
from sealkit.data.transforms.scene import Border, Scene, SceneLine


def flip(scene: Scene, rng: np.random.Generator) -> None:
    """Mirror left to right. Outlines, line_polys and fields stay right; the characters can no longer be read."""
    matrix = np.array([[-1.0, 0, scene.size[1] - 1], [0, 1, 0], [0, 0, 1]])
    scene.transform(matrix, scene.size, scene._border or "constant")


def rotate(
    scene: Scene, rng: np.random.Generator, degrees: tuple[float, float], fit: bool = True, border: Border = "white"
) -> None:
    """Turn about the centre by U(degrees), clockwise on screen; `fit` grows the canvas so that nothing is cut."""
    angle = np.deg2rad(rng.uniform(*degrees))
    height, width = scene.size
    cos, sin = np.cos(angle), np.sin(angle)
    size = scene.size
    if fit:
        size = (
            int(np.ceil(abs(height * cos) + abs(width * sin) - 1e-6)),
            int(np.ceil(abs(width * cos) + abs(height * sin) - 1e-6)),
        )
    cx, cy = (width - 1) / 2, (height - 1) / 2
    nx, ny = (size[1] - 1) / 2, (size[0] - 1) / 2
    matrix = np.array([[cos, -sin, nx - cos * cx + sin * cy], [sin, cos, ny - sin * cx - cos * cy], [0, 0, 1]])
    scene.transform(matrix, size, border)


def scale(
    scene: Scene,
    rng: np.random.Generator,
    factor: tuple[float, float],
    characters: tuple[float, float] | None = None,
    seals: tuple[float, float] | None = None,
    max_side: int = 4000,
) -> None:
    """Resize by one factor: U(factor), or what makes the median character height log-uniform in `characters` pixels, or
    the long side of one seal (the box of its texts) log-uniform in `seals`; the last one that the image allows wins."""
    height, width = scene.size
    chosen = rng.uniform(*factor)
    lines = [line for line in scene.lines if not line.label.ignore and line.parts]
    sides = _seal_sides(lines) if seals is not None else []
    if seals is not None and sides:
        chosen = log_uniform(rng, seals) / max(sides[int(rng.integers(len(sides)))], 1.0)
    elif characters is not None and lines:
        heights = [character_height(line.points, line.ordered) for line in lines]
        chosen = log_uniform(rng, characters) / max(float(np.median(heights)), 1.0)
    chosen = min(chosen, max_side / max(height, width))
    size = (max(int(height * chosen), 1), max(int(width * chosen), 1))
    sy, sx = size[0] / height, size[1] / width
    matrix = np.array([[sx, 0, 0.5 * sx - 0.5], [0, sy, 0.5 * sy - 0.5], [0, 0, 1]])
    scene.transform(matrix, size, scene._border or "constant")


def log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    """A number whose logarithm is uniform between those of the bounds."""
    return float(np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]))))


def _seal_sides(lines: list[SceneLine]) -> list[float]:
    """Long side of the box of each seal's texts, pixels; texts that do not name their seal are left out."""
    groups: dict[int, list[np.ndarray]] = {}
    for line in lines:
        if line.label.seal is not None:
            groups.setdefault(line.label.seal, []).append(line.points)
    return [float(np.ptp(np.concatenate(points), axis=0).max()) for points in groups.values()]


def perspective(scene: Scene, rng: np.random.Generator, strength: float, border: Border = "white") -> None:
    """Move each corner by up to `strength` of the sides; the canvas is what the moved corners span."""
    height, width = scene.size
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float64)
    moved = corners + rng.uniform(-strength, strength, (4, 2)) * (width, height)
    moved -= moved.min(axis=0)
    span = np.ceil(moved.max(axis=0)).astype(int) + 1
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32)).astype(np.float64)
    depths = np.concatenate([corners, *[line.points for line in scene.lines]]) @ matrix[2, :2] + matrix[2, 2]
    if depths.min() < 0.2 * depths.max():
        return  # a line that reaches far beyond the frame would pass behind the camera
    scene.transform(matrix, (max(int(span[1]), 1), max(int(span[0]), 1)), border)


__all__ = ["flip", "log_uniform", "perspective", "rotate", "scale"]
