"""Pieces of one ring text put together again.

Where print or dry ink hides a character of a ring, the detector's map is interrupted there and the text is found as
two.
Two pieces are one text when the second goes on where the first ends: on one circle there (a ring need not be round), at
the same height, its characters standing the same way up, with no more room between than a character takes. Two texts of
a seal keep more distance, change height or turn the other way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from shapely.geometry import Polygon
from shapely.ops import nearest_points, unary_union
from shapely.validation import make_valid

from sealkit.geometry.centerline import band_width
from sealkit.geometry.curves import fit_circle
from sealkit.geometry.lines import LinePoly, lines_from_region
from sealkit.geometry.polyline import arc_lengths, at_lengths, resample
from sealkit.geometry.regions import TextRegion, clockwise


@dataclass(frozen=True)
class JoinRules:
    """Thresholds of `join_pieces`."""

    gap_heights: float = 1.0
    """Largest distance between the ends of the pieces, in character heights."""
    height_ratio: float = 1.3
    """Character heights of the pieces differ by less than this factor."""
    off_circle_heights: float = 0.2
    """Largest distance of the middles near their gap from a common circle, in character heights."""
    stretch_heights: float = 2.5
    """Length of each piece that is compared, from the gap, in character heights: ovals are round within a few
    characters."""
    max_turn: float = float(np.radians(35))
    """Radians. Largest turn from the end of one piece to the start of the next."""
    min_arc_heights: float = 2.0
    """One of the pieces is an arc at least this many character heights long; straight lines are joined in the map."""
    rough_cosine: float = 0.64
    """Cosine of the 50 degrees within which characters at two ends stand alike, and side by side, before more is
    measured."""
    stretch_points: int = 17
    """Points that each stretch is measured at."""


RULES = JoinRules()


def join_pieces(regions: Sequence[TextRegion]) -> list[TextRegion]:
    """The same texts with pieces of one ring text joined.

    Args:
        regions: of one seal, all in the same pixels, with their `up` samples: without them nothing is joined.

    Returns:
        Regions by ascending smallest y if any were joined, as given otherwise.
    """
    rest = list(regions)
    near = {i for pair in combinations(range(len(rest)), 2) if _may_meet(rest[pair[0]], rest[pair[1]]) for i in pair}
    lines = [_only_line(region) if i in near else None for i, region in enumerate(rest)]
    joined = False
    while True:
        candidates = [
            (gap, i, j)
            for i, j in permutations(range(len(lines)), 2)
            if (first := lines[i]) is not None and (second := lines[j]) is not None
            and (gap := _continues(first, second)) is not None
        ]  # fmt: skip
        if not candidates:
            break
        _, i, j = min(candidates)
        whole = _joined(rest[i], rest[j], lines[i], lines[j])  # type: ignore[arg-type]
        rest = [region for k, region in enumerate(rest) if k not in (i, j)] + [whole]
        lines = [line for k, line in enumerate(lines) if k not in (i, j)] + [_only_line(whole)]
        joined = True
    return sorted(rest, key=lambda region: float(region.outline[:, 1].min())) if joined else rest


def _may_meet(a: TextRegion, b: TextRegion) -> bool:
    """Whether measuring is worth its time: the characters where two regions are nearest stand side by side."""
    if a.up is None or b.up is None or not len(a.up) or not len(b.up):
        return False
    first, second = Polygon(a.outline), Polygon(b.outline)
    if first.distance(second) > 1.5 * RULES.gap_heights * max(band_width(a), band_width(b)):
        return False
    here, there = nearest_points(first, second)
    place, up = _characters_near(a.up, np.array(here.coords[0]))
    other, other_up = _characters_near(b.up, np.array(there.coords[0]))
    beside = abs(float(_unit(other - place) @ _unit(up + other_up)))
    return bool(up @ other_up > RULES.rough_cosine and beside < RULES.rough_cosine)


def _characters_near(samples: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2,) mean place and (2,) up direction of the samples (K, 4) nearest a place."""
    nearest = samples[np.argsort(np.hypot(*(samples[:, :2] - place).T))[:3]]
    return nearest[:, :2].mean(axis=0), _unit(nearest[:, 2:].mean(axis=0))


def _only_line(region: TextRegion) -> LinePoly | None:
    """The line of a region that holds one, if the direction of its characters is known."""
    if region.up is None:
        return None
    lines = lines_from_region(region)
    return lines[0] if len(lines) == 1 and lines[0].up_known and not lines[0].closed else None


def _continues(first: LinePoly, second: LinePoly) -> float | None:
    """Gap in character heights where the second line goes on where the first ends, None where it does not."""
    low, high = sorted((first.height, second.height))
    arcs = [line for line in (first, second) if line.direction in ("arc", "arc-bottom")]
    if (
        not arcs
        or high > RULES.height_ratio * max(low, 1e-6)
        or max(line.length / line.height for line in arcs) < RULES.min_arc_heights
    ):
        return None
    if "vertical" in (first.direction, second.direction) or len({line.direction for line in arcs}) > 1:
        return None
    height = (low + high) / 2
    a, b = (
        _stretch(first.middle, -RULES.stretch_heights * height),
        _stretch(second.middle, RULES.stretch_heights * height),
    )
    step = b[0] - a[-1]
    gap = float(np.hypot(*step)) / height
    if gap > RULES.gap_heights:
        return None
    before, after = _unit(a[-1] - a[-3]), _unit(b[2] - b[0])
    if before @ after < np.cos(RULES.max_turn) or (before + after) @ step < 0:
        return None
    points = np.concatenate([a, b]).astype(np.float64)
    centre, radius = fit_circle(points)
    return gap if np.abs(np.hypot(*(points - centre).T) - radius).max() <= RULES.off_circle_heights * height else None


def _stretch(middle: np.ndarray, length: float) -> np.ndarray:
    """(`stretch_points`, 2) of the first `length` pixels of a line, or of the last where negative."""
    lengths = arc_lengths(middle)
    whole = float(lengths[-1])
    ends = (0.0, min(length, whole)) if length > 0 else (max(whole + length, 0.0), whole)
    return at_lengths(middle, lengths, np.linspace(*ends, RULES.stretch_points))


def _joined(a: TextRegion, b: TextRegion, first: LinePoly, second: LinePoly) -> TextRegion:
    """Both regions and the band between them as one."""
    # from well inside the one to well inside the other: their ends are round
    bridge = [*_near_end(first), *_near_end(second.turned())]
    parts = [make_valid(Polygon(r.outline, r.holes)) for r in (a, b)] + [Polygon(bridge).convex_hull]
    whole = unary_union(parts)
    shape: Polygon = max(getattr(whole, "geoms", [whole]), key=lambda part: part.area)
    height = (first.height + second.height) / 2
    holes = [np.array(ring.coords[:-1]) for ring in shape.interiors if Polygon(ring).area > height**2]
    ups = [r.up for r in (a, b) if r.up is not None]
    share = a.area / max(a.area + b.area, 1e-6)
    return TextRegion(
        clockwise(np.array(shape.exterior.coords[:-1])).astype(np.float32),
        share * a.score + (1 - share) * b.score,
        [clockwise(hole).astype(np.float32) for hole in holes],
        np.concatenate(ups) if ups else None,
    )


def _near_end(line: LinePoly) -> list[np.ndarray]:
    """Four points of a line's last half height: tops and bottom edge."""
    count = max(int(2 * line.length / max(line.height, 1e-6)), 2) + 1
    top, bottom = resample(line.top, count), resample(line.bottom, count)
    return [top[-2], top[-1], bottom[-1], bottom[-2]]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.hypot(*vector)), 1e-9)
