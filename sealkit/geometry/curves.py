"""Curves through the middle of a text: straight line, circular arc, ellipse arc, or a smoothing spline.

The simplest one that stays within the tolerance is taken: rings of seals are circles and ovals, and a fitted circle
does not wobble where a detected outline does. The spline is Eilers and Marx's, "Flexible smoothing with B-splines and
penalties", 1996.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from sealkit.geometry.polyline import arc_lengths, at_lengths, tangents


@dataclass(frozen=True)
class CurveRules:
    """Thresholds of `fit_curve`."""

    ellipse_min_span: float = float(np.radians(150))
    """Radians. Shorter arcs do not determine an ellipse."""
    ellipse_max_aspect: float = 4.0
    """Flatter ellipses are not those of seals."""
    spline_stiffness: tuple[float, ...] = (100.0, 10.0, 1.0, 0.1, 0.01)
    """Tried in order: the spline is as stiff as the tolerance lets it be."""


RULES = CurveRules()


@dataclass
class Curve:
    """A dense polyline with room beyond both ends of what it was fitted to.

    Attributes:
        points: (K, 2) float64.
        lengths: (K,) arc length; 0 at the first fitted point, `end` at the last, negative before.
        end: arc length of the last fitted point.
        kind: line, circle, ellipse or spline.
        centre: (2,) of circle and ellipse, else None.
    """

    points: np.ndarray
    lengths: np.ndarray
    end: float
    kind: str
    centre: np.ndarray | None = None

    @cached_property
    def directions(self) -> np.ndarray:
        """(K, 2) unit directions at the points."""
        return tangents(self.points)

    def at(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(K, 2) points and (K, 2) unit directions at arc lengths, clamped to the room beyond the ends."""
        directions = at_lengths(self.directions, self.lengths, wanted)
        directions /= np.maximum(np.hypot(*directions.T), 1e-12)[:, None]
        return at_lengths(self.points, self.lengths, wanted), directions


def fit_curve(points: np.ndarray, tolerance: float, step: float, room: float) -> Curve:
    """The simplest curve through ordered points.

    Args:
        points: (N, 2), N ≥ 2, in the order of the text.
        tolerance: largest accepted distance (smoothed along the text); in pixels.
        step: spacing of the curve's own points.
        room: how far the curve goes on beyond its ends.
    """
    points = np.asarray(points, dtype=np.float64)
    return (
        _line(points, tolerance, step, room)
        or _circle(points, tolerance, step, room)
        or _ellipse(points, tolerance, step, room)
        or _spline(points, tolerance, step, room)
    )


def fit_circle(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre and radius: Kåsa's algebraic fit, then Gauss-Newton on the true distances (short arcs bias the first)."""
    origin = points.mean(axis=0)
    local = points - origin
    design = np.concatenate([local, np.ones((len(local), 1))], axis=1)
    solution, *_ = np.linalg.lstsq(design, (local**2).sum(axis=1), rcond=None)
    centre, radius = solution[:2] / 2, np.sqrt(max(solution[2] + (solution[:2] ** 2).sum() / 4, 1e-12))
    for _ in range(8):
        offset = local - centre
        distance = np.maximum(np.hypot(*offset.T), 1e-9)
        jacobian = np.concatenate([-offset / distance[:, None], -np.ones((len(local), 1))], axis=1)
        change, *_ = np.linalg.lstsq(jacobian, radius - distance, rcond=None)
        centre, radius = centre + change[:2], radius + change[2]
        if np.abs(change).max() < 1e-9 * radius:
            break
    return centre + origin, float(radius)


def _close_enough(residual: np.ndarray, tolerance: float) -> bool:
    """Whether distances along a text, smoothed over a tenth of it, stay within the tolerance."""
    width = max(len(residual) // 10, 1)
    half = width // 2
    padded = np.concatenate([np.full(half, residual[0]), residual, np.full(half, residual[-1])])
    smooth = np.convolve(padded, np.ones(width) / width, mode="valid")
    return bool(np.abs(smooth).max() <= tolerance)


def _with_room(core: np.ndarray, before: np.ndarray, after: np.ndarray, kind: str, centre: np.ndarray | None) -> Curve:
    points = np.concatenate([before, core, after])
    lengths = arc_lengths(points)
    start, end = len(before), len(before) + len(core) - 1
    return Curve(points, lengths - lengths[start], float(lengths[end] - lengths[start]), kind, centre)


def _line(points: np.ndarray, tolerance: float, step: float, room: float) -> Curve | None:
    middle = points.mean(axis=0)
    direction = np.linalg.svd(points - middle, full_matrices=False)[2][0]
    if np.dot(points[-1] - points[0], direction) < 0:
        direction = -direction
    along = (points - middle) @ direction
    across = (points - middle) @ np.array([-direction[1], direction[0]])
    if not _close_enough(across, tolerance):
        return None
    start, end = middle + along[0] * direction, middle + along[-1] * direction
    return _with_room(
        np.array([start, end]), (start - room * direction)[None], (end + room * direction)[None], "line", None
    )


def _circle(points: np.ndarray, tolerance: float, step: float, room: float) -> Curve | None:
    if len(points) < 4:
        return None
    centre, radius = fit_circle(points)
    offset = points - centre
    if not np.isfinite(radius) or not _close_enough(np.hypot(*offset.T) - radius, tolerance):
        return None
    angles = np.unwrap(np.arctan2(offset[:, 1], offset[:, 0]))
    return _arc(centre, np.array([radius, radius]), 0.0, angles, step, room, "circle")


def _ellipse(points: np.ndarray, tolerance: float, step: float, room: float) -> Curve | None:
    if len(points) < 12:
        return None
    centre, axes, tilt = cv2.fitEllipseDirect(points.astype(np.float32))
    centre, half, tilt = np.array(centre, dtype=np.float64), np.array(axes) / 2, np.radians(tilt)
    if not np.isfinite(half).all() or half.min() <= 0 or half.max() > RULES.ellipse_max_aspect * half.min():
        return None
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    unit = (points - centre) @ turn.T / half
    radial = np.hypot(*unit.T)
    # first-order distance to the ellipse
    distance = (radial - 1) * radial / np.maximum(np.hypot(*(unit / half).T), 1e-12)
    angles = np.unwrap(np.arctan2(unit[:, 1], unit[:, 0]))
    if abs(angles[-1] - angles[0]) < RULES.ellipse_min_span or not _close_enough(distance, tolerance):
        return None
    return _arc(centre, half, float(tilt), angles, step, room, "ellipse")


def _arc(
    centre: np.ndarray, half: np.ndarray, tilt: float, angles: np.ndarray, step: float, room: float, kind: str
) -> Curve:
    first, last = float(angles[0]), float(angles[-1])
    sign = 1.0 if last >= first else -1.0
    spare = min(room / float(half.min()), np.pi / 2)

    def place(values: np.ndarray) -> np.ndarray:
        local = np.stack([half[0] * np.cos(values), half[1] * np.sin(values)], axis=1)
        turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
        return centre + local @ turn.T

    count = max(int(abs(last - first) * half.max() / step), 8) + 1
    margin = max(int(spare * half.max() / step), 4) + 1
    before = place(np.linspace(first - sign * spare, first, margin)[:-1])
    after = place(np.linspace(last, last + sign * spare, margin)[1:])
    return _with_room(place(np.linspace(first, last, count)), before, after, kind, centre)


def _spline(points: np.ndarray, tolerance: float, step: float, room: float) -> Curve:
    lengths = arc_lengths(points)
    total = max(lengths[-1], 1e-6)
    knots = int(np.clip(len(points) // 3, 4, 40))
    basis = _bspline_basis(lengths / total, knots)
    roughness = np.diff(np.eye(basis.shape[1]), n=3, axis=0)
    dense = _bspline_basis(np.linspace(0, 1, max(int(total / step), 16) + 1), knots)
    # as stiff as the tolerance lets it be
    for stiffness in RULES.spline_stiffness:
        normal = basis.T @ basis + stiffness * len(points) / knots * roughness.T @ roughness
        weights = np.linalg.solve(normal + 1e-9 * np.eye(len(normal)), basis.T @ points)
        if np.hypot(*(basis @ weights - points).T).mean() <= tolerance / 2:
            break
    core = dense @ weights
    reach = min(total / 3, room)
    before = _continued(core[::-1], reach, step, room)[::-1]
    return _with_room(core, before, _continued(core, reach, step, room), "spline", None)


def _continued(core: np.ndarray, reach: float, step: float, room: float) -> np.ndarray:
    """Points beyond the end of a polyline, along the circle its last stretch of length `reach` lies on."""
    lengths = arc_lengths(core)
    tail = at_lengths(core, lengths, lengths[-1] - np.array([reach, reach / 2, 0.0]))
    one, two = tail[1] - tail[0], tail[2] - tail[1]
    bend = np.arctan2(one[0] * two[1] - one[1] * two[0], (one * two).sum()) / max(reach / 2, 1e-9)
    heading = np.arctan2(two[1], two[0]) + bend * reach / 4
    count = max(int(room / step), 4)
    headings = heading + bend * room / count * (np.arange(count) + 0.5)
    return core[-1] + np.cumsum(np.stack([np.cos(headings), np.sin(headings)], axis=1) * room / count, axis=0)


def _bspline_basis(t: np.ndarray, intervals: int) -> np.ndarray:
    """(len(t), intervals + 3) cubic B-splines on even knots over 0..1."""
    x = np.clip(t * intervals, 0, intervals - 1e-9)
    cell = x.astype(int)
    u = x - cell
    pieces = [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3]
    basis = np.zeros((len(t), intervals + 3))
    rows = np.arange(len(t))
    for shift, piece in enumerate(pieces):
        basis[rows, cell + shift] = piece / 6
    return basis
