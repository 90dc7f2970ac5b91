"""Borders, stars and emblems of seals, drawn into coverage masks in the seal's own frame (see layout.py)."""

from __future__ import annotations

import cv2
import numpy as np

from sealkit.data.shapes import SHAPES

_SHIFT = 4  # sub-pixel bits of OpenCV's drawing functions


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.round(points * (1 << _SHIFT)).astype(np.int32)


def fill(mask: np.ndarray, points: np.ndarray, value: int = 255) -> None:
    """Fill one polygon of pixel coordinates (N, 2), anti-aliased."""
    cv2.fillPoly(mask, [_fixed(points)], value, cv2.LINE_AA, _SHIFT)


def outline_points(shape: str, a: float, b: float, count: int = 180, corner: float = 0.0) -> np.ndarray:
    """Closed outline (N, 2) of a shape with half axes a, b in units of the seal, clockwise from the top.

    shape: a name of `sealkit.data.shapes`. corner: radius of rounded corners.
    """
    unit = SHAPES[shape].corners
    if not unit:
        theta = np.linspace(0, 2 * np.pi, count, endpoint=False)
        return np.stack([a * np.sin(theta), -b * np.cos(theta)], -1)
    corners = np.array([[a * x, b * y] for x, y in unit])
    if corner <= 0:
        return corners
    points = []
    for index, here in enumerate(corners):
        before, after = corners[index - 1], corners[(index + 1) % len(corners)]
        enter = here + (before - here) / np.linalg.norm(before - here) * corner
        leave = here + (after - here) / np.linalg.norm(after - here) * corner
        for t in np.linspace(0, 1, 6):  # a quadratic curve through the corner is round enough
            points.append((1 - t) ** 2 * enter + 2 * t * (1 - t) * here + t * t * leave)
    return np.array(points)


def draw_border(
    mask: np.ndarray,
    shape: str,
    a: float,
    b: float,
    width: float,
    scale: float,
    centre: tuple[float, float],
    corner: float = 0.0,
) -> None:
    """Draw a closed border of the given width inwards from half axes a, b (seal units)."""
    outer = outline_points(shape, a, b, corner=corner)
    if len(SHAPES[shape].corners) == 3:
        inset = width * 1.0
        # The three sides of a triangle move in by the same distance when it shrinks about its incentre.
        side = np.linalg.norm(np.diff(np.vstack([[0, -b], [a, b], [-a, b], [0, -b]]), axis=0), axis=1)
        incentre = (side[1] * np.array([0, -b]) + side[2] * np.array([a, b]) + side[0] * np.array([-a, b])) / side.sum()
        radius = abs(4 * a * b / 2) * 2 / 2 / (side.sum() / 2)
        inner = incentre + (outer - incentre) * max(0.0, 1 - inset / radius)
    else:
        inner = outline_points(shape, a - width, b - width, corner=max(0.0, corner - width * 0.7))
    layer = np.zeros_like(mask)
    fill(layer, outer * scale + centre)
    fill(layer, inner * scale + centre, 0)
    np.maximum(mask, layer, out=mask)


def star_points(radius: float, points: int = 5, inner: float = 0.382) -> np.ndarray:
    """A star with its first point up, (2 * points, 2)."""
    theta = np.arange(2 * points) * np.pi / points
    r = np.where(np.arange(2 * points) % 2 == 0, radius, radius * inner)
    return np.stack([r * np.sin(theta), -r * np.cos(theta)], -1)


def draw_star(mask: np.ndarray, radius: float, scale: float, centre: tuple[float, float], hollow: bool = False) -> None:
    """Draw a five-pointed star into a mask."""
    points = star_points(radius)
    layer = np.zeros_like(mask)
    fill(layer, points * scale + centre)
    if hollow:
        fill(layer, points * 0.7 * scale + centre, 0)
    np.maximum(mask, layer, out=mask)


def draw_sickle(mask: np.ndarray, radius: float, scale: float, centre: tuple[float, float]) -> None:
    """A hammer crossed with a sickle."""
    layer = np.zeros_like(mask)
    theta = np.radians(np.linspace(-40, 185, 40))  # from the top clockwise, open to the left
    outer = np.stack([radius * 0.92 * np.sin(theta), -radius * 0.92 * np.cos(theta)], -1)
    thick = np.sin(np.linspace(0.05, np.pi * 0.8, 40))[:, None] * 0.3
    blade = np.concatenate([outer, (outer * (1 - thick))[::-1]])
    fill(layer, blade * scale + centre)
    angle = np.pi / 4

    def turned(points: list[tuple[float, float]], turn: float) -> np.ndarray:
        c, s = np.cos(turn), np.sin(turn)
        return np.array(points) * radius @ np.array([[c, s], [-s, c]]) * scale + centre

    fill(layer, turned([(-0.1, 0.75), (0.1, 0.75), (0.1, 1.15), (-0.1, 1.15)], angle))
    fill(layer, turned([(-0.09, -0.75), (0.09, -0.75), (0.09, 0.95), (-0.09, 0.95)], -angle))
    fill(layer, turned([(-0.34, -0.85), (0.3, -0.85), (0.34, -0.55), (-0.34, -0.5)], -angle))
    np.maximum(mask, layer, out=mask)


def draw_emblem(
    mask: np.ndarray, radius: float, scale: float, centre: tuple[float, float], rng: np.random.Generator
) -> None:
    """An emblem without text: a gear, rings, a wreath, a blossom or waves."""
    kind = int(rng.integers(5))
    layer = np.zeros_like(mask)
    r = radius
    if kind == 0:  # a gear with a hole
        theta = np.linspace(0, 2 * np.pi, 12 * 4, endpoint=False)
        rr = np.where((np.arange(48) % 4) < 2, r, r * 0.8)
        fill(layer, np.stack([rr * np.sin(theta), -rr * np.cos(theta)], -1) * scale + centre)
        fill(layer, outline_points("circle", r * 0.5, r * 0.5) * scale + centre, 0)
    elif kind == 1:  # interlaced rings
        for dx in (-0.35, 0.0, 0.35):
            middle = np.array(centre) + np.array([dx, 0.2 if dx == 0 else -0.1]) * r * scale
            ring = np.zeros_like(mask)
            fill(ring, outline_points("circle", r * 0.5, r * 0.5) * scale + middle)
            fill(ring, outline_points("circle", r * 0.4, r * 0.4) * scale + middle, 0)
            np.maximum(layer, ring, out=layer)
    elif kind == 2:  # two ears of grain around a star
        for side in (-1, 1):
            for step in np.linspace(20, 160, 9):
                t = np.radians(step)
                middle = np.array([side * r * 0.85 * np.sin(t), -r * 0.85 * np.cos(t)]) * scale + centre
                grain = outline_points("oval", r * 0.1, r * 0.2, 16)
                c, s = np.cos(side * t), np.sin(side * t)
                fill(layer, grain @ np.array([[c, s], [-s, c]]) * scale + middle)
        fill(layer, star_points(r * 0.45) * scale + centre)
    elif kind == 3:  # a blossom
        for step in range(5):
            t = 2 * np.pi * step / 5
            middle = np.array([r * 0.55 * np.sin(t), -r * 0.55 * np.cos(t)]) * scale + centre
            fill(layer, outline_points("circle", r * 0.36, r * 0.36, 40) * scale + middle)
        fill(layer, outline_points("circle", r * 0.2, r * 0.2, 40) * scale + centre, 0)
    else:  # bands in a disc
        fill(layer, outline_points("circle", r, r) * scale + centre)
        for y in np.linspace(-0.6, 0.6, int(rng.integers(2, 5))):
            wave = np.linspace(-1.1, 1.1, 40)
            top = np.stack([wave * r, (y + 0.12 * np.sin(wave * 4)) * r], -1)
            fill(layer, np.concatenate([top, top[::-1] + np.array([0, 0.12 * r])]) * scale + centre, 0)
    np.maximum(mask, layer, out=mask)
