"""A text line beyond its ends, and parts of it: where its ink goes on, where it has gaps.

A line is laid along a track that goes on where the line ends: on its circle, or straight. Arc lengths on the track
count from the line's start; those before it are negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from sealkit.geometry.curves import fit_circle
from sealkit.geometry.directions import Direction
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.polyline import arc_lengths, at_lengths, resample, tangents, ups


@dataclass(frozen=True)
class SectionRules:
    """Numbers of `track_of` and `ink_along`."""

    point_heights: float = 0.25
    """Distance of the points of a track, in character heights."""
    stretch_heights: float = 4.0
    """Length of line at an end that tells how it goes on, in character heights."""
    strip_rows: int = 24
    """Rows at which a band is looked at; its columns are as far apart."""
    off_circle_heights: float = 0.15
    """Arcs whose middles are nearer to one circle lie on it."""
    off_ring_heights: float = 0.35
    """A straight line no farther from a ring's circle is a piece of its text."""
    near_heights: float = 0.55
    """Middles nearer to each other than this are of one text."""
    rim_share: float = 0.12
    """Share of the band above and below that is left out: borders run there."""
    min_contrast_levels: float = 20.0
    """Ink and paper that differ by less are not told apart."""
    ink_share: float = 0.4
    """A pixel this far on the way from paper to ink is ink."""
    other_ink_share: float = 0.7
    """Pixels farther from that way, as a share of it, are print of another colour."""
    beyond_share: float = 0.14
    """How far above and below the band of a straight line borders are looked for."""
    filled_share: float = 0.07
    """Share of a column that ink must cover."""


RULES = SectionRules()


@dataclass(frozen=True)
class Track:
    """A line's band as it would go on.

    Attributes:
        line: it was laid along.
        top, bottom: (N, 2) pixels.
        at: (N,) arc lengths of the points, 0 at the line's start.
        length: of the line.
    """

    line: LinePoly
    top: np.ndarray
    bottom: np.ndarray
    at: np.ndarray
    length: float

    @property
    def height(self) -> float:
        """Height of the characters in pixels."""
        return self.line.height

    def section(self, start: float, end: float) -> LinePoly:
        """The part between two arc lengths, a line of the same direction."""
        straight = self.line.direction == "line" and len(self.line.points) == 4
        count = 2 if straight else int(np.clip((end - start) / (0.5 * self.height), 5, 80)) + 1
        wanted = np.linspace(start, end, count)
        top, bottom = (at_lengths(side, self.at, wanted) for side in (self.top, self.bottom))
        points = np.concatenate([top, bottom[::-1]]).astype(np.float32)
        return replace(self.line, points=points, closed=False, compact=False)

    def middle(self, wanted: np.ndarray) -> np.ndarray:
        """(K, 2) points half way up at arc lengths."""
        return at_lengths((self.top + self.bottom) / 2, self.at, wanted)

    def place(self, point: np.ndarray) -> float:
        """Arc length of the point of the track nearest to a point."""
        return float(self.at[int(np.argmin(np.hypot(*((self.top + self.bottom) / 2 - point).T)))])


def common_circle(line: LinePoly, others: Sequence[LinePoly]) -> tuple[np.ndarray, float] | None:
    """Centre and radius of the circle that an arc and other arcs of its seal lie on; None without such others.

    A short piece of a ring does not tell how the ring goes on, its neighbours do.
    """
    arcs = [other for other in others if other.direction in ("arc", "arc-bottom") and other.centre is not None]
    own = resample(line.middle, 17)
    for longest in sorted(arcs, key=lambda arc: -abs(arc.turn)):
        points = np.concatenate([own, resample(longest.middle, 33)])
        centre, radius = fit_circle(points)
        if np.abs(np.hypot(*(points - centre).T) - radius).max() < RULES.off_circle_heights * line.height:
            return centre, radius
    return None


def track_of(line: LinePoly, beyond: float, circle: tuple[np.ndarray, float] | None = None) -> Track:
    """The track of a line, `beyond` pixels longer at either end; of an arc on a given circle, or the line's own.

    A closed ring goes round once more instead, from its start; an arc goes on for at most half of what is left of its
    circle at either end.
    """
    height = max(line.height, 1e-3)
    count = max(int(line.length / (RULES.point_heights * height)), 4) + 1
    top, bottom = resample(line.top, count), resample(line.bottom, count)
    if line.closed:
        top, bottom = (np.concatenate([side[:-1], side]) for side in (top, bottom))
        at = arc_lengths((top + bottom) / 2)
        return Track(line, top, bottom, at, float(at[count - 1]))
    middle = (top + bottom) / 2
    before, after = _onward(middle[::-1], line, beyond, circle)[::-1], _onward(middle, line, beyond, circle)
    parts = [before, middle, after]
    whole = np.concatenate(parts)
    lengths = arc_lengths(whole)
    at = lengths - lengths[len(before)]
    up = ups(tangents(whole))
    halves = np.hypot(*(top - bottom).T) / 2
    half = np.concatenate([np.full(len(before), halves[0]), halves, np.full(len(after), halves[-1])])[:, None]
    own = slice(len(before), len(before) + count)
    upper, lower = whole + up * half, whole - up * half
    upper[own], lower[own] = top, bottom
    return Track(line, upper, lower, at, float(at[len(before) + count - 1]))


def _onward(middle: np.ndarray, line: LinePoly, beyond: float, circle: tuple[np.ndarray, float] | None) -> np.ndarray:
    """(K, 2) points that go on where a middle ends."""
    height = max(line.height, 1e-3)
    step = RULES.point_heights * height
    count = int(beyond / step)
    direction = middle[-1] - middle[-2]
    direction = direction / max(float(np.hypot(*direction)), 1e-9)
    if line.direction not in ("arc", "arc-bottom"):
        return middle[-1] + direction * step * np.arange(1, count + 1)[:, None]
    near = middle[-max(int(RULES.stretch_heights / RULES.point_heights), 5) :]
    centre, radius = circle or fit_circle(near)
    if circle is None and line.centre is not None and line.radius is not None and not 0.7 < radius / line.radius < 1.4:
        centre, radius = line.centre, line.radius  # a short piece does not tell
    offset = middle[-1] - centre
    reach = float(np.hypot(*offset))
    sign = np.sign(offset[0] * direction[1] - offset[1] * direction[0]) or 1.0
    left = max(2 * np.pi - np.radians(abs(line.turn)), 0.0) / 2
    turns = sign * np.arange(1, int(min(beyond, left * reach) / step) + 1) * step / max(reach, 1e-6)
    c, s = np.cos(turns)[:, None], np.sin(turns)[:, None]
    return centre + offset * c + np.array([-offset[1], offset[0]]) * s


def ink_along(image: np.ndarray, track: Track, known: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Where along a track there is ink like that of a known part of it.

    Args:
        image: (H, W, 3) uint8 BGR; the characters may be darker or lighter than the paper.
        known: arc lengths between which the text lies for certain.

    Returns:
        (K,) arc lengths, and (K,) bool; no True at all where ink and paper cannot be told apart.
    """
    pitch = track.height / RULES.strip_rows
    at = np.arange(track.at[0], track.at[-1], pitch)
    rim = RULES.rim_share if track.line.direction != "line" else -RULES.beyond_share
    share = np.linspace(rim, 1 - rim, RULES.strip_rows)
    top, bottom = at_lengths(track.top, track.at, at), at_lengths(track.bottom, track.at, at)
    grid = (top[None] * (1 - share[:, None, None]) + bottom[None] * share[:, None, None]).astype(np.float32)
    pixels = cv2.remap(image, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    pixels = pixels.astype(np.float32)
    band = (share > RULES.rim_share) & (share < 1 - RULES.rim_share)
    inside = (at >= known[0]) & (at <= known[1])
    if inside.sum() < 4:
        return at, np.zeros(len(at), bool)
    text = pixels[band][:, inside].reshape(-1, 3)
    paper = np.median(text, axis=0)
    away = np.abs(text - paper).max(axis=1)
    if np.percentile(away, 95) < RULES.min_contrast_levels:
        return at, np.zeros(len(at), bool)
    ink = np.median(text[away >= np.percentile(away, 88)], axis=0)
    way = ink - paper
    size = max(float(way @ way), 1e-6)
    part = (pixels - paper) @ way / size
    rest = np.sqrt(((pixels - paper - part[..., None] * way) ** 2).sum(axis=2))
    found = (part > RULES.ink_share) & (rest < RULES.other_ink_share * np.sqrt(size))
    filled = np.asarray(found[band].mean(axis=0) > RULES.filled_share)
    # what crosses the band and goes on above and below is a border, not a character
    crossing = _near(found[share < 0].any(axis=0)) & _near(found[share > 1].any(axis=0))
    outside = (at < known[0]) | (at > known[1])
    return at, filled & ~(crossing & outside)


def _near(flags: np.ndarray) -> np.ndarray:
    """Flags widened by two columns: borders are oblique."""
    return np.asarray(np.convolve(flags.astype(np.int8), np.ones(5, np.int8), mode="same") > 0)


def goes_on(at: np.ndarray, filled: np.ndarray, known: tuple[float, float], gap: float) -> tuple[float, float]:
    """Where a text really starts and ends: its ink goes on over white of at most `gap`.

    Args:
        at, filled: of `ink_along`.
        known: arc lengths between which it lies.
        gap: pixels.
    """
    inked = at[filled]
    first, last = known
    while True:  # each step takes in the next ink
        nearer = inked[(inked < first) & (inked >= first - gap)]
        if not len(nearer):
            break
        first = float(nearer.min())
    while True:
        nearer = inked[(inked > last) & (inked <= last + gap)]
        if not len(nearer):
            break
        last = float(nearer.max())
    return first, last


def gaps_along(at: np.ndarray, filled: np.ndarray) -> list[tuple[float, float]]:
    """Start and end of every stretch without ink, the widest first."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], filled, [True]]).astype(np.int8)))
    runs = edges.reshape(-1, 2) if len(edges) % 2 == 0 else edges[:-1].reshape(-1, 2)
    found = [(float(at[a]), float(at[b - 1])) for a, b in runs if b > a]
    return sorted(found, key=lambda gap: gap[0] - gap[1])


def covered(inner: LinePoly, outer: LinePoly) -> float:
    """Share of the points along the middle of a line that lie near the middle of another."""
    points, middle = resample(inner.middle, 9), resample(outer.middle, 128)
    gaps = np.hypot(points[:, None, 0] - middle[None, :, 0], points[:, None, 1] - middle[None, :, 1])
    return float((gaps.min(axis=1) < RULES.near_heights * outer.height).mean())


def bent_onto(line: LinePoly, ring: LinePoly) -> LinePoly | None:
    """A short straight line as an arc on a ring's circle, None where it does not lie there: a piece of its text."""
    if line.direction != "line" or ring.centre is None or ring.radius is None:
        return None
    height = line.height
    offsets = resample(line.middle, 9) - ring.centre
    radii = np.hypot(*offsets.T)
    if np.abs(radii - ring.radius).max() > RULES.off_ring_heights * height or np.dot(offsets[0], offsets[-1]) <= 0:
        return None
    first, last = np.arctan2(offsets[[0, -1], 1], offsets[[0, -1], 0])
    sweep = (last - first + np.pi) % (2 * np.pi) - np.pi
    theta = first + np.linspace(0.0, sweep, 9)
    radial = np.stack([np.cos(theta), np.sin(theta)], axis=1)
    outward = sweep > 0  # clockwise on screen: tops outward
    half = height / 2 if outward else -height / 2
    top, bottom = (ring.centre + radial * (ring.radius + side) for side in (half, -half))
    points = np.concatenate([top, bottom[::-1]]).astype(np.float32)
    direction: Direction = "arc" if outward else "arc-bottom"
    return replace(line, points=points, direction=direction, centre=ring.centre, radius=ring.radius, compact=False)


def cosine_between(line: LinePoly, track: Track) -> float:
    """Cosine between the directions of another line and of a track, at the middle of the line."""
    middle = resample(line.middle, 5)
    here, step = track.place(middle[2]), 0.5 * track.height
    a, b = track.middle(np.array([here - step, here + step]))
    along, own = b - a, middle[3] - middle[1]
    return float(along @ own) / max(float(np.hypot(*along) * np.hypot(*own)), 1e-9)


def within(points: np.ndarray, line: LinePoly) -> np.ndarray:
    """(K,) bool: which points lie within a line's polygon."""
    polygon = line.points.astype(np.float32)
    return np.array([cv2.pointPolygonTest(polygon, (float(x), float(y)), False) >= 0 for x, y in points], bool)


__all__ = [
    "Track", "bent_onto", "common_circle", "cosine_between", "covered", "gaps_along", "goes_on", "ink_along",
    "track_of", "within",
]  # fmt: skip
