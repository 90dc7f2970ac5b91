"""Polygons under augmentation: moving, mirroring and clipping without losing what their points mean."""

from __future__ import annotations

import numpy as np
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.validation import make_valid


def move_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Points (N, 2) through a homography (3, 3); float64."""
    if np.array_equal(matrix[2], (0.0, 0.0, 1.0)):
        return points @ matrix[:2, :2].T + matrix[:2, 2]
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return moved[:, :2] / moved[:, 2:]


def jacobian(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    """(2, 2) derivative of a homography at a point: its local scale, turn and mirroring."""
    depth = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
    moved = (matrix[:2, :2] @ (x, y) + matrix[:2, 2]) / depth
    return (matrix[:2, :2] - np.outer(moved, matrix[2, :2])) / depth


def mirror_order(points: np.ndarray, ordered: bool) -> np.ndarray:
    """Points in a new order, clockwise again after the image was mirrored.

    A line_poly (`ordered`) keeps the top of the characters as its first half: [t0 … tn, fn … f0] becomes
    [tn … t0, f0 … fn], so the up direction stays right although the mirrored characters can no longer be read.
    """
    if not ordered:
        return points[::-1].copy()
    half = len(points) // 2
    return np.concatenate([points[:half][::-1], points[half:][::-1]])


def signed_area(points: np.ndarray) -> float:
    """Positive for clockwise on screen (y grows downwards)."""
    x, y = points[:, 0], points[:, 1]
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def clockwise(points: np.ndarray) -> np.ndarray:
    """Points (N, 2), reversed where they run counter-clockwise on screen."""
    return points if signed_area(points) >= 0 else points[::-1].copy()


def character_height(points: np.ndarray, ordered: bool) -> float:
    """Height of the characters in pixels: median distance top to bottom edge, or the short side of an equal
    rectangle."""
    if ordered:
        half = len(points) // 2
        return float(np.median(np.hypot(*(points[:half] - points[half:][::-1]).T)))
    area = abs(signed_area(points))
    perimeter = float(np.hypot(*(np.roll(points, -1, axis=0) - points).T).sum())
    rest = perimeter * perimeter - 16 * area
    return (perimeter - rest**0.5) / 4 if rest > 0 else area**0.5


def clip_to_box(points: np.ndarray, x0: float, y0: float, x1: float, y1: float) -> tuple[list[np.ndarray], bool]:
    """The parts of a polygon inside a box, clockwise, and whether anything was cut off.

    A self-crossing polygon is made valid first, but only where it has to be cut; one inside the box stays as it is.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    if low[0] >= x0 and low[1] >= y0 and high[0] <= x1 and high[1] <= y1:
        return [points], False
    if high[0] <= x0 or high[1] <= y0 or low[0] >= x1 or low[1] >= y1:
        return [], True
    polygon: BaseGeometry = Polygon(points)
    if not polygon.is_valid:
        polygon = make_valid(polygon)
    return [
        clockwise(np.asarray(part.exterior.coords)[:-1]) for part in polygons_of(polygon & box(x0, y0, x1, y1))
    ], True


def polygons_of(geometry: BaseGeometry) -> list[Polygon]:
    """The areal parts of any geometry; points and lines left by an intersection are dropped."""
    if isinstance(geometry, Polygon):
        return [] if geometry.is_empty else [geometry]
    if isinstance(geometry, MultiPolygon) or hasattr(geometry, "geoms"):
        return [polygon for part in geometry.geoms for polygon in polygons_of(part)]
    return []


__all__ = [
    "character_height",
    "clip_to_box",
    "clockwise",
    "jacobian",
    "mirror_order",
    "move_points",
    "polygons_of",
    "signed_area",
]
