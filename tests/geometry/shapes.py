"""Bands of known shape for the geometry tests."""

from __future__ import annotations

import numpy as np


def arc_band(
    middle: float,
    span: float,
    radius: float = 100.0,
    height: float = 25.0,
    points: int = 24,
    centre: tuple[float, float] = (200.0, 200.0),
    flat: float = 1.0,
) -> np.ndarray:
    """(2N, 2) outline of an arc band; angles in degrees clockwise from the right; `flat` squeezes a circle to an oval.

    In the order of a line_poly whose characters' tops are outward.
    """
    angles = np.radians(middle + np.linspace(-span / 2, span / 2, points))
    rays = np.stack([np.cos(angles), np.sin(angles) * flat], axis=1)
    return np.array(centre) + np.concatenate([(radius + height / 2) * rays, (radius - height / 2) * rays[::-1]])


def box(length: float, height: float, degrees: float, centre: tuple[float, float] = (200.0, 200.0)) -> np.ndarray:
    """(4, 2) line_poly of a straight text turned clockwise by `degrees`."""
    half = np.array([[-length, -height], [length, -height], [length, height], [-length, height]]) / 2
    return turn(half, degrees) + np.array(centre)


def turn(points: np.ndarray, degrees: float, centre: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Points turned clockwise on screen."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (points - np.array(centre)) @ np.array([[c, s], [-s, c]]) + np.array(centre)


def densified(outline: np.ndarray, per_edge: int) -> np.ndarray:
    """The same outline with points added on its edges."""
    share = np.linspace(0, 1, per_edge, endpoint=False)[:, None]
    following = np.roll(outline, -1, axis=0)
    return np.concatenate([a + share * (b - a) for a, b in zip(outline, following)])
