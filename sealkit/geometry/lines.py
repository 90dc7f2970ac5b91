"""A text line's polygon, and how to get it from a region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from sealkit.geometry.centerline import Chain, Middle, refine, rough_chains
from sealkit.geometry.curves import fit_circle
from sealkit.geometry.directions import Direction
from sealkit.geometry.ink import emptiest_place
from sealkit.geometry.polyline import arc_lengths, resample, turning, ups
from sealkit.geometry.regions import TextRegion, clockwise, polygon_area


@dataclass(frozen=True)
class LineRules:
    """Thresholds of `lines_from_region` and `orientations`."""

    arc_turn: float = float(np.radians(25))
    """Radians. A text that turns more than this is an arc."""
    straight_fill: float = 0.88
    """A region that fills more of its minimum-area rectangle is straight: one bent by a sixth of its height fills
    less."""
    title_arc_turn: float = float(np.radians(150))
    """Radians. Longer arcs are titles: their characters stand on the inner side wherever the arc lies."""
    point_turn: float = float(np.radians(5))
    """Radians. Turn of a curved text between two points of its polygon."""
    compact_aspect: float = 1.3
    """A region whose sides differ by less than this factor can be read along either."""
    up_min_cosine: float = 0.35
    """Mean cosine from which the up field of the detector decides the direction."""
    up_reach_heights: float = 0.6
    """Up vectors within this many character heights of the middle belong to the line."""
    min_length_widths: float = 0.3
    """Shorter paths are no lines."""
    steep_cosine: float = 0.6
    """A line whose axis has a larger cosine with the up direction of the seal is a column or lies on its side."""
    column_aspect: float = 1.5
    """A box this much taller than wide is a column until something says otherwise."""


RULES = LineRules()


@dataclass
class LinePoly:
    """One text line.

    Attributes:
        points: (2M, 2) float32 source pixels: along the top of the characters from the text's start, back along their
            bottom edge; clockwise on screen. A `vertical` column begins with the top edge of its first character and
            ends with the bottom edge of its last.
        direction: arc (characters' tops outward), arc-bottom (tops towards the centre), line, or vertical (upright
            characters
            one below the other).
        ambiguous: geometry alone could not tell which way the text runs; `orientations` lists the hypotheses.
        closed: cut out of a closed ring: which character comes first is a guess where the ring has no gap.
        compact: about as wide as high, so that its long side says nothing.
        score: the detector's.
        up_known: the direction comes from the detector's up field.
        centre: (2,) centre of the circle an arc lies on, else None.
        radius: of that circle, at half the characters' height.
        role: title, purpose, code or name, as far as geometry tells; set by `order_lines`.
        seal: index of the seal in the image, set by `group_seals`.
    """

    points: np.ndarray
    direction: Direction = "line"
    ambiguous: bool = True
    closed: bool = False
    compact: bool = False
    score: float = 1.0
    up_known: bool = False
    centre: np.ndarray | None = None
    radius: float | None = None
    role: str | None = None
    seal: int = 0

    def __post_init__(self) -> None:
        if self.direction in ("arc", "arc-bottom") and self.centre is None and len(self.points) >= 6:
            self.centre, self.radius = fit_circle(self.middle.astype(np.float64))  # of a labelled polygon

    @property
    def top(self) -> np.ndarray:
        """(M, 2) along the tops of the characters."""
        return self.points[: len(self.points) // 2]

    @property
    def bottom(self) -> np.ndarray:
        """(M, 2) along the bottom edge of the characters, in reading order like `top`."""
        return self.points[len(self.points) // 2 :][::-1]

    @property
    def middle(self) -> np.ndarray:
        """(M, 2) between top and bottom, from the first character to the last."""
        if self.direction == "vertical":
            return np.stack([self.top.mean(axis=0), self.bottom.mean(axis=0)])
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        """Mean height of the band in pixels; for a column its width."""
        if self.direction == "vertical":
            return float(arc_lengths(self.top)[-1] + arc_lengths(self.bottom)[-1]) / 2
        return float(np.hypot(*(self.top - self.bottom).T).mean())

    @property
    def length(self) -> float:
        """Length of the middle in pixels."""
        return float(arc_lengths(self.middle)[-1])

    @property
    def turn(self) -> float:
        """How far the text turns from start to end, degrees, positive clockwise on screen."""
        segments = len(self.middle) - 1
        # a polyline of k segments shows k - 1 of its k turns
        return float(np.degrees(turning(self.middle))) * segments / max(segments - 1, 1)

    @property
    def up(self) -> np.ndarray:
        """(2,) unit vector of the characters' up direction, at the middle of the text."""
        if self.direction == "vertical":
            up = self.top.mean(axis=0) - self.bottom.mean(axis=0)
        else:
            up = np.mean(resample(self.top, 9)[3:6] - resample(self.bottom, 9)[3:6], axis=0)
        return up / max(float(np.hypot(*up)), 1e-9)

    def turned(self) -> LinePoly:
        """The same place read from the other end, characters upside down."""
        swapped: dict[str, Direction] = {"arc": "arc-bottom", "arc-bottom": "arc"}
        direction = swapped.get(self.direction, self.direction)
        half = len(self.points) // 2
        return replace(self, points=np.roll(self.points, -half, axis=0), direction=direction)

    def quarter_turned(self) -> LinePoly:
        """A straight text's box read along its other side: its right side becomes the top."""
        corners = np.stack([self.points[0], self.top[-1], self.bottom[-1], self.bottom[0]])
        return replace(self, points=np.roll(corners, -1, axis=0))

    def as_column(self) -> LinePoly:
        """A straight line's box as a column of upright characters that begins where the line begins."""
        corners = np.stack([self.points[0], self.top[-1], self.bottom[-1], self.bottom[0]])
        return replace(self, points=np.roll(corners, 1, axis=0), direction="vertical")

    def as_line(self) -> LinePoly:
        """A column's box as a line of characters that lie on their side, beginning where the column begins."""
        return replace(self, points=np.roll(self.points, -1, axis=0), direction="line")


def lines_from_region(
    region: TextRegion | np.ndarray, holes: Sequence[np.ndarray] = (), image: np.ndarray | None = None
) -> list[LinePoly]:
    """The text lines of a region: usually one, several where texts touch.

    Args:
        region: of `decode`, or just an outline (N, 2), any orientation, start point and vertex density.
        holes: with a bare outline, the holes of a closed ring, (M, 2) each.
        image: (H, W, 3) uint8, to find the gap of a closed ring in the ink where the detector did not see one.

    Returns:
        Lines, the longest first; [] for a region without area. `points` are in the most likely reading direction in a
        image that stands upright; `resolve_directions` and `orientations` know more.
    """
    if not isinstance(region, TextRegion):
        region = TextRegion(np.asarray(region, dtype=np.float32), holes=[np.asarray(h, np.float32) for h in holes])
    if len(region.outline) < 3 or region.area < 1.0:
        return []
    region = replace(region, outline=clockwise(region.outline))
    chains = rough_chains(region)
    fills_box = len(chains) == 1 and _box_share(region) > RULES.straight_fill
    lines = []
    for chain in [] if fills_box else chains:  # a box is taken whatever the middle looks like
        middle = _refined(chain, region, image)
        if middle is None or middle.length < RULES.min_length_widths * middle.width:
            continue
        boxy = len(chains) == 1 and middle.curve.kind == "line"
        lines.append(_box_line(region) if boxy else _curve_line(middle, region))
    if not lines:
        lines = [_box_line(region)]
    return [_directed(line, region) for line in sorted(lines, key=lambda line: -line.length)]


def orientations(line: LinePoly, up: np.ndarray | None = None) -> list[LinePoly]:
    """Orientation hypotheses of a line, the likeliest first; one where the direction is certain.

    A recogniser tells them apart: text upside down or reversed scores far lower.

    Args:
        line: of `lines_from_region`.
        up: (2,) the seal's own up direction where known, else the image's is taken.
    """
    if not line.ambiguous:
        return [line]
    if line.direction in ("arc", "arc-bottom"):
        return [line, line.turned()]
    if line.direction == "vertical":
        return [line, line.as_line(), line.as_line().turned()]
    hypotheses = [line, line.turned()]
    if line.compact:
        return [*hypotheses, line.quarter_turned(), line.quarter_turned().turned()]
    axis = line.middle[-1] - line.middle[0]
    steep = abs(float(np.dot(axis / max(float(np.hypot(*axis)), 1e-9), np.array([0.0, -1.0]) if up is None else up)))
    return hypotheses if steep < RULES.steep_cosine else [*hypotheses, line.as_column(), line.turned().as_column()]


# ----- from the middle to the polygon -----


def _refined(chain: Chain, region: TextRegion, image: np.ndarray | None) -> Middle | None:
    if not chain.closed:
        return refine(chain, region)
    if region.cut is not None:
        return refine(chain, region, _share_at(chain, np.asarray(region.cut)))
    lowest = chain.points[np.argmax(chain.points[:, 1])]  # rings open at the bottom, if anywhere
    middle = refine(chain, region, _share_at(chain, lowest))
    if middle is None or image is None:
        return middle
    place = emptiest_place(image, middle)
    return middle if place is None else refine(chain, region, _share_at(chain, place))


def _share_at(chain: Chain, point: np.ndarray) -> float:
    lengths = arc_lengths(chain.points)
    nearest = int(np.argmin(np.hypot(*(chain.points - point).T)))
    return float(lengths[nearest] / max(lengths[-1], 1e-9))


def _curve_line(middle: Middle, region: TextRegion) -> LinePoly:
    turn = abs(turning(middle.curve.at(np.linspace(middle.start, middle.end, 33))[0]))
    straight = turn < RULES.arc_turn and middle.curve.kind != "spline"
    count = 2 if straight else int(np.clip(np.ceil(turn / RULES.point_turn), 5, 80)) + 1
    centres, directions = middle.curve.at(np.linspace(middle.start, middle.end, count))
    half = np.linspace(middle.widths[0], middle.widths[1], count)[:, None] / 2
    up = ups(directions)
    points = np.concatenate([centres + up * half, (centres - up * half)[::-1]]).astype(np.float32)
    line = LinePoly(points, "line", closed=middle.closed, score=region.score)
    if turn >= RULES.arc_turn:
        line.direction = "arc" if line.turn > 0 else "arc-bottom"
        centre, radius = fit_circle(centres)
        if middle.curve.centre is not None:  # an oval's own
            centre = middle.curve.centre
            radius = float(np.hypot(*(centres - centre).T).mean())
        line.centre, line.radius = centre, radius
    return line


def _box_line(region: TextRegion) -> LinePoly:
    """A straight region along its longer side: its own corners where it has four, else its minimum-area rectangle."""
    corners = _four_corners(region.outline)
    if corners is None:
        corners = clockwise(cv2.boxPoints(cv2.minAreaRect(region.outline.astype(np.float32))).astype(np.float64))
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    wide, high = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
    if high > wide:
        corners, wide, high = np.roll(corners, -1, axis=0), high, wide
    compact = bool(wide < RULES.compact_aspect * high)
    return LinePoly(corners.astype(np.float32), "line", compact=compact, score=region.score)


def _box_share(region: TextRegion) -> float:
    (_, (wide, high), _) = cv2.minAreaRect(region.outline.astype(np.float32))
    return region.area / max(wide * high, 1e-6)


def _four_corners(outline: np.ndarray) -> np.ndarray | None:
    points = outline.astype(np.float32)
    corners = cv2.approxPolyDP(points, 0.02 * cv2.arcLength(points, True), True).reshape(-1, 2).astype(np.float64)
    if len(corners) != 4 or not cv2.isContourConvex(corners.astype(np.float32)):
        return None
    overlap = abs(polygon_area(corners)) / max(abs(polygon_area(outline)), 1e-6)
    return clockwise(corners) if 0.97 < overlap < 1.03 else None


# ----- direction -----


def _directed(line: LinePoly, region: TextRegion) -> LinePoly:
    """Turn a line the way the up field says, else the way it most likely runs in an upright image."""
    known = _by_up_field(line, region.up)
    if known is not None:
        return known
    if line.direction in ("arc", "arc-bottom"):
        outward = line if line.direction == "arc" else line.turned()
        below = line.centre is not None and line.middle[len(line.middle) // 2][1] > line.centre[1]
        return outward.turned() if below and abs(np.radians(line.turn)) < RULES.title_arc_turn else outward
    axis = line.middle[-1] - line.middle[0]
    if line.compact:
        while line.up[1] > -0.7:
            line = line.quarter_turned()
        return line
    if abs(axis[1]) > RULES.column_aspect * abs(axis[0]):  # a tall box: a column until something says otherwise
        return (line if axis[1] > 0 else line.turned()).as_column()
    return line if axis[0] >= 0 else line.turned()


def _by_up_field(line: LinePoly, samples: np.ndarray | None) -> LinePoly | None:
    """The line in the direction of the up samples that lie on it; None without a clear answer."""
    if samples is None or len(samples) == 0:
        return None
    dense = resample(line.middle, 64)
    gaps = (dense[:, None, 0] - samples[None, :, 0]) ** 2 + (dense[:, None, 1] - samples[None, :, 1]) ** 2
    nearest, distance = gaps.argmin(axis=0), np.sqrt(gaps.min(axis=0))
    mine = distance < RULES.up_reach_heights * line.height
    if mine.sum() < 3:
        return None
    step = np.gradient(dense, axis=0)
    along = (step / np.maximum(np.hypot(*step.T), 1e-9)[:, None])[nearest[mine]]
    vectors = samples[mine, 2:]
    upright = float((ups(along) * vectors).sum(axis=1).mean())
    lengthwise = float((along * vectors).sum(axis=1).mean())
    known = replace(line, ambiguous=False, up_known=True)
    if line.direction == "line" and abs(lengthwise) > max(abs(upright), RULES.up_min_cosine):
        if line.compact:
            quarter = known.quarter_turned()
            return quarter if np.dot(quarter.up, vectors.mean(axis=0)) > 0 else quarter.turned()
        return (known if lengthwise < 0 else known.turned()).as_column()
    if abs(upright) < RULES.up_min_cosine:
        return None
    return known if upright > 0 else known.turned()
