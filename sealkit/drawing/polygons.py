"""Polygons on images. Everything here returns a new image and leaves its arguments alone."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np

Colour = tuple[int, int, int]
"""BGR, 0..255."""
_SHIFT = 4  # OpenCV draws at 1/16 pixel: unrounded polygons stay where they are


def palette(count: int) -> list[Colour]:
    """`count` well-separated BGR colours, the same ones every time (hues by the golden ratio)."""
    colours = []
    for i in range(count):
        r, g, b = colorsys.hsv_to_rgb((0.58 + i * 0.618034) % 1.0, 0.75, 0.9)
        colours.append((round(b * 255), round(g * 255), round(r * 255)))
    return colours


def fill_polygons(
    image: np.ndarray, polygons: Sequence[np.ndarray], colours: Sequence[Colour], opacity: float = 0.4
) -> np.ndarray:
    """Translucent polygons.

    Args:
        image: (H, W, 3) uint8 BGR.
        polygons: (N, 2) pixels x, y each; those with fewer than 3 points are skipped.
        colours: one per polygon.
        opacity: 0 = invisible, 1 = opaque.
    """
    painted = image.copy()
    for polygon, colour in zip(polygons, colours):
        if len(polygon) >= 3:
            cv2.fillPoly(painted, [_fixed(polygon)], colour, cv2.LINE_AA, _SHIFT)
    return cv2.addWeighted(painted, opacity, image, 1 - opacity, 0)


def outline_polygons(
    image: np.ndarray, polygons: Sequence[np.ndarray], colours: Sequence[Colour], width: int | None = None
) -> np.ndarray:
    """Closed outlines; `width` in pixels, None: by the image's size. Arguments as fill_polygons."""
    drawn = image.copy()
    for polygon, colour in zip(polygons, colours):
        if len(polygon) >= 2:
            cv2.polylines(drawn, [_fixed(polygon)], True, colour, width or line_width(image), cv2.LINE_AA, _SHIFT)
    return drawn


def mark_starts(image: np.ndarray, line_polys: Sequence[np.ndarray], colours: Sequence[Colour]) -> np.ndarray:
    """An arrow on the top edge of each line_poly's first part, in reading direction.

    Args:
        line_polys: (2M, 2) each, from the text's start along the top of the characters and back along their bottom
            edge.
    """
    drawn = image.copy()
    for poly, colour in zip(line_polys, colours):
        half = len(poly) // 2
        if half < 2:
            continue
        top = np.asarray(poly[:half], dtype=np.float64)
        height = float(np.linalg.norm(top[0] - poly[-1]))
        steps = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(top, axis=0).T))])
        reach = min(max(1.2 * height, 6.0), steps[-1])
        tip = [np.interp(reach, steps, top[:, axis]) for axis in (0, 1)]
        ends = _fixed(np.array([top[0], tip]))[:, 0]
        tail, head = (tuple(int(v) for v in end) for end in ends)
        cv2.arrowedLine(drawn, tail, head, colour, line_width(image), cv2.LINE_AA, _SHIFT, 0.3)
    return drawn


def boxes_to_polygons(boxes: Sequence[Sequence[float]]) -> list[np.ndarray]:
    """(x1, y1, x2, y2) boxes → (4, 2) float32 corners, clockwise from the upper left."""
    return [np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32) for x1, y1, x2, y2 in boxes]


def line_width(image: np.ndarray) -> int:
    """Line width that is visible but not heavy on an image of this size."""
    return max(1, round(max(image.shape[:2]) / 400))


def _fixed(points: np.ndarray) -> np.ndarray:
    """(N, 2) → (N, 1, 2) int32 in 1/16 pixel."""
    return np.round(np.asarray(points, dtype=np.float64) * (1 << _SHIFT)).astype(np.int32).reshape(-1, 1, 2)
