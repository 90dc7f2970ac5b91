"""Codes along the foot of round seals that the detector shows as one text with the line above them.

The registration code runs along the ring, the purpose stands right above it in a straight line: where the two nearly
touch, the detector shows one text with a straight upper and a round lower edge, and the recogniser reads the purpose or
nothing. Geometry tells where that may be so; the recogniser decides: only a row of digits that reads well is a code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sealkit.geometry.lines import LinePoly
from sealkit.geometry.polyline import resample
from sealkit.geometry.regions import TextRegion
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.pipeline.page import Reader, ReadLine, SealLine


@dataclass(frozen=True)
class CodeRules:
    """Thresholds of `parted_codes`. Radii count from the centre of the circle that the seal's title lies on."""

    title_turn_degrees: float = 75.0
    """A ring text turns at least this much."""
    rim: tuple[float, float] = (0.85, 1.15)
    """Where the outer edge of a code may lie, as a share of the radius of the title's outer edge."""
    opposite_cosine: float = -0.6
    """Cosine between the directions of the title's middle and of the text: codes lie opposite the title."""
    min_depth: float = 0.26
    """A text and a code are at least this deep together, as a share of the radius of the title's outer edge."""
    round_edge: float = 0.07
    """The outer edge of a code bulges no less than its circle by more than this, as a share of the radius."""
    outline_points: int = 500
    """Points of an outline that is measured."""
    edge_bins: int = 25
    """Directions in which the edges are measured, …"""
    edge_share: float = 0.8
    """… within this share of the text's angle; the inner edge within the middle third."""
    near_edge: float = 0.85
    """What lies beyond this share of the outer edge's radius is the code's."""
    band_points: int = 25
    """Points of a round line, along either edge."""
    code_shares: tuple[float, ...] = (0.3, 0.4, 0.5)
    """Heights of the code that are tried, as shares of the depth."""
    free_widths: tuple[float, ...] = (0.8, 0.45)
    """The line above keeps clear of the code over this share of its width: shares that are tried."""
    upper_shares: tuple[float, ...] = (0.35, 0.7)
    """The line above is as wide as what lies in the upper part of the text: shares of the depth that are tried."""
    least_line: float = 0.35
    """Its least height, as a share of the depth."""
    min_digits: int = 8
    """A code has at least so many characters, …"""
    digit_share: float = 0.8
    """… of which this share are digits and the others capitals, …"""
    min_score: float = 0.8
    """… and reads this well."""
    readable_score: float = 0.7
    """A longer reading that scores this much is better than one that lacks some of its characters."""
    max_loss: float = 0.05
    """The line above takes the place of the undivided reading where it loses no more than this of its score."""


RULES = CodeRules()

_CODE = re.compile(r"[0-9A-Z]+")


@dataclass(frozen=True)
class _Cut:
    """One way to part a text: forms the line above may have, and the code below."""

    above: list[LinePoly]
    code: LinePoly


def parted_codes(seals: Sequence[Sequence[ReadLine]], reader: Reader) -> list[list[ReadLine]]:
    """Lines of seals, those that hold a code as well parted from it.

    Args:
        seals: lines per seal as they were read.
        reader: reads lines; all seals go in two calls, none where no text can hold a code.
    """
    cuts = {
        (n, i): found
        for n, read in enumerate(seals)
        for i, line in enumerate(read)
        if (found := _cuts(line, [other for other in read if other is not line]))
    }
    codes = iter(reader([cut.code for some in cuts.values() for cut in some]) if cuts else ())
    best = {key: _best_code([(cut, next(codes)) for cut in some]) for key, some in cuts.items()}
    chosen = {key: found for key, found in best.items() if found is not None}
    results = iter(reader([line for found in chosen.values() for line in found.above]) if chosen else ())
    parts = {
        key: _parts(seals[key[0]][key[1]], found, [next(results) for _ in found.above]) for key, found in chosen.items()
    }
    return [[part for i, line in enumerate(read) for part in parts.get((n, i), [line])] for n, read in enumerate(seals)]


@dataclass(frozen=True)
class _Shape:
    """A text opposite a ring's title, seen from the centre of the ring.

    Attributes:
        centre: (2,) of the ring, page pixels.
        axis: (2,) unit vector from there through the text.
        along, deep: (N,) of its outline, across and along that axis, pixels.
        inner, radius: of its edges about the centre: the inner one in the middle, the outer one everywhere.
        half_angle: half the angle of its outer edge, radians.
    """

    centre: np.ndarray
    axis: np.ndarray
    along: np.ndarray
    deep: np.ndarray
    inner: float
    radius: float
    half_angle: float

    @property
    def depth(self) -> float:
        """From edge to edge."""
        return self.radius - self.inner

    @property
    def across(self) -> np.ndarray:
        """(2,) unit vector: the reading direction of characters whose tops point to the centre."""
        return np.array([self.axis[1], -self.axis[0]])

    @classmethod
    def of(cls, outline: np.ndarray, centre: np.ndarray) -> _Shape | None:
        """Of an outline (N, 2) in page pixels; None where its outer edge is not round about the centre."""
        points = resample(np.concatenate([outline, outline[:1]]) - centre, RULES.outline_points)
        axis = points.mean(axis=0) / max(float(np.hypot(*points.mean(axis=0))), 1e-6)
        along, deep = points @ np.array([axis[1], -axis[0]]), points @ axis
        angles, radii = np.arctan2(along, deep), np.hypot(along, deep)
        if np.abs(angles).max() > np.pi / 2:
            return None
        half = RULES.edge_share * float(min(angles.max(), -angles.min()))
        places = np.digitize(angles, np.linspace(-half, half, RULES.edge_bins + 1)) - 1
        bins = [radii[places == k] for k in range(RULES.edge_bins)]
        outer = np.array([here.max() for here in bins if len(here)])
        third = RULES.edge_bins // 3
        inner = [here.min() for here in bins[third:-third] if len(here)]
        if len(outer) < RULES.edge_bins // 2 or not inner:
            return None
        radius = float(np.median(outer))
        if np.percentile(np.abs(outer - radius), 80) > RULES.round_edge * radius:
            return None
        edge = np.abs(angles[radii > RULES.near_edge * radius])
        return cls(centre, axis, along, deep, float(np.median(inner)), radius, float(edge.max()))

    def band(self, low: float, high: float, half_angle: float) -> LinePoly:
        """The line between two radii whose characters' tops point to the centre."""
        at = np.linspace(-half_angle, half_angle, RULES.band_points)
        rays = np.sin(at)[:, None] * self.across + np.cos(at)[:, None] * self.axis
        points = np.concatenate([self.centre + low * rays, (self.centre + high * rays)[::-1]])
        return LinePoly(points.astype(np.float32), "arc-bottom", ambiguous=False)

    def box(self, wide: float, low: float, high: float) -> LinePoly:
        """The straight line between two distances from the centre, `wide` to either side of the axis."""
        places = ((-wide, low), (wide, low), (wide, high), (-wide, high))
        corners = [self.centre + x * self.across + y * self.axis for x, y in places]
        return LinePoly(np.array(corners, np.float32), "line", ambiguous=False)

    def cut(self, share: float) -> _Cut:
        """The two lines where the code takes this share of the depth."""
        code, least = self.radius - share * self.depth, self.inner + RULES.least_line * self.depth
        above, wide = [], 0.0
        for upper in RULES.upper_shares:
            wide = float(np.abs(self.along[self.deep < self.inner + upper * self.depth]).max(initial=0.0))
            wide = wide or float(np.abs(self.along).max())
            lows = [np.sqrt(max(code**2 - (free * wide) ** 2, 0.0)) for free in RULES.free_widths]
            above += [self.box(wide, self.inner, max(low, least)) for low in lows]
        above.append(self.band(self.inner, code, float(np.arctan2(wide, self.inner))))
        return _Cut(above, self.band(code, self.radius, self.half_angle))


def _cuts(read: ReadLine, others: Sequence[ReadLine]) -> list[_Cut]:
    """How a text may be parted from a code below it; [] where it cannot hold one."""
    titles = [
        line
        for line in (other.line for other in others)
        if line.direction == "arc" and line.radius is not None and abs(line.turn) >= RULES.title_turn_degrees
    ]
    if not titles or not read.source.alone or read.line.direction == "vertical":
        return []
    title = max(titles, key=lambda line: abs(line.turn))
    assert title.centre is not None and title.radius is not None
    rim = title.radius + title.height / 2
    shape = _Shape.of(read.source.region.outline, title.centre)
    if shape is None or shape.depth < RULES.min_depth * rim:
        return []
    middle = title.middle[len(title.middle) // 2] - title.centre
    if float(shape.axis @ middle) > RULES.opposite_cosine * float(np.hypot(*middle)):
        return []
    if not RULES.rim[0] * rim <= shape.radius <= RULES.rim[1] * rim:
        return []
    cuts = [shape.cut(share) for share in RULES.code_shares]
    return [cut for cut in cuts if not any(_lies_on(other.line, cut.code) for other in others)]


def _lies_on(other: LinePoly, code: LinePoly) -> bool:
    """Whether another line of the seal is where the code would be."""
    assert code.centre is not None and code.radius is not None
    points = other.middle
    near = np.abs(np.hypot(*(points - code.centre).T) - code.radius) < code.height / 2
    axis = code.middle[len(code.middle) // 2] - code.centre
    way = (points - code.centre) @ axis / (np.hypot(*(points - code.centre).T) * np.hypot(*axis) + 1e-6)
    return bool((near & (way > np.cos(np.radians(code.turn / 2)))).mean() > 0.5)


@dataclass(frozen=True)
class _Code:
    """The code below a text, as it reads best, and the forms the line above it may have."""

    line: LinePoly
    result: RecResult
    above: list[LinePoly]


def _best_code(read: Sequence[tuple[_Cut, RecResult]]) -> _Code | None:
    """The code below a text; the line above in every form that a cut with the same code leaves it."""
    codes = [(cut, replace(result, text=re.sub(r"\s", "", result.text))) for cut, result in read]
    codes = [(cut, result) for cut, result in codes if result.score >= RULES.min_score and _is_code(result.text)]
    if not codes:
        return None
    best, result = max(codes, key=lambda one: one[1].score)
    return _Code(best.code, result, [line for cut, same in codes if same.text == result.text for line in cut.above])


def _is_code(text: str) -> bool:
    digits = sum(char in "0123456789" for char in text)
    return len(text) >= RULES.min_digits and bool(_CODE.fullmatch(text)) and digits >= RULES.digit_share * len(text)


def _parts(read: ReadLine, code: _Code, above: Sequence[RecResult]) -> list[ReadLine]:
    """A text and its code as two lines; the text as it was where it reads worse without the code, or is the code."""
    below = _line(code.line, code.result.text, code.result.score, read)
    options: list[tuple[LinePoly | None, RecResult]] = [
        (line, result) for line, result in zip(code.above, above) if result.text.strip()
    ]
    if _is_code(re.sub(r"\s", "", read.text)):  # there is a line above it, or it was detected as it is
        options = [(line, result) for line, result in options if result.score >= RULES.min_score]
        if not options:
            return [read]
    else:
        options.append((None, RecResult(read.text, read.score - RULES.max_loss)))
    whole = [one for one in options if not any(_is_cut_off(one[1], other) for _, other in options)]
    line, result = max(whole, key=lambda one: one[1].score)
    if line is None:
        return [replace(read, source=replace(read.source, alone=False)), below]
    return [_line(line, result.text, result.score, read), below]


def _is_cut_off(one: RecResult, other: RecResult) -> bool:
    """Whether another reading has all characters of one and more; digits more are the code's."""
    if one.text == other.text or one.text not in other.text or other.score < RULES.readable_score:
        return False
    before, after = other.text.split(one.text, 1)
    return not any(char.isascii() for char in before + after)


def _line(line: LinePoly, text: str, score: float, read: ReadLine) -> ReadLine:
    """A part of a text that was detected as a whole."""
    region = TextRegion(line.points, read.source.region.score)
    return ReadLine(SealLine(line, region, alone=False), line, text, score, read.turned, read.hypotheses)


__all__ = ["parted_codes"]
