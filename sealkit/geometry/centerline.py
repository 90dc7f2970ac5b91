"""Region → the middle lines of the texts in it.

A skeleton gives the topology (one text, a closed ring, texts that touch), then each line is refined on the polygon
itself: normals are cut with the outline, their middles are fitted with the simplest curve that holds them, and again.
Nothing depends on the number of vertices, on where the outline starts, or on how it is turned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np

from sealkit.geometry.curves import Curve, fit_curve
from sealkit.geometry.flips import flips
from sealkit.geometry.polyline import arc_lengths, at_lengths, resample, ups
from sealkit.geometry.regions import TextRegion
from sealkit.geometry.skeleton import Edge, Graph, skeleton_graph


@dataclass(frozen=True)
class CenterlineRules:
    """Thresholds of `rough_chains` and `refine`; "bands" are widths of the band of text."""

    raster_band_px: float = 24.0
    """The region is drawn so that its band is about this wide for the skeleton."""
    raster_limit_px: int = 1400
    """Longest side of that drawing: a bound on memory and time."""
    junction_bend: float = float(np.radians(50))
    """Radians. At a junction two paths are one text when the way on bends less than this."""
    corner_bend: float = float(np.radians(50))
    """Radians. A path that bends more than this within one band, and not around it, is two texts."""
    corner_neighbour_share: float = 0.5
    """A corner bends more than its surroundings: these bend less than this share of it."""
    corner_min_bands: float = 2.5
    """Shorter paths are not searched for corners or for sides that change."""
    corner_half_width_share: float = 0.8
    """The end of a path where the border is nearer than this share of its median distance leads into a corner."""
    fit_tolerance_bands: float = 0.06
    """Accepted distance of the fitted curve."""
    min_length_bands: float = 0.6
    """Shorter paths are no texts."""
    flip_reach_bands: float = 0.6
    """Up vectors within this distance count for a point of the path."""
    reach_steps: int = 30
    """How many places are looked at together for the end of a text."""
    refine_rounds: int = 4
    """How often normals are cut and the curve is fitted again."""
    max_width_bands: float = 3.0
    """A normal that is longer between two borders runs along the text."""
    min_width_share: float = 0.6
    """Widths below this share of the median are measured at an end or a notch."""
    max_width_share: float = 1.5
    """Widths above this multiple of the median are measured at a junction."""
    taper_limits: tuple[float, float] = (0.75, 1.33)
    """Width at an end relative to the median: perspective makes one end larger, by no more than this."""
    free_end_reach: float = 2.0
    """How far beyond the path a text may go on, in widths."""
    cut_end_reach: float = 0.2
    """The same at an end that was cut off another text."""


RULES = CenterlineRules()


@dataclass
class Chain:
    """The rough middle of one text.

    Attributes:
        points: (N, 2) source pixels.
        closed: the last point is the first: a ring without an opening.
        cut: whether the start and the end were cut off another text, so that the region's border is no end there.
    """

    points: np.ndarray
    closed: bool = False
    cut: tuple[bool, bool] = (False, False)


@dataclass
class Middle:
    """The refined middle of one text.

    Attributes:
        curve: the fitted curve, with room beyond the text's ends.
        start, end: arc lengths on the curve where the text begins and ends.
        widths: (2,) width of the band at start and end (linear between).
        closed: the text is a closed ring; start and end are the same place.
    """

    curve: Curve
    start: float
    end: float
    widths: np.ndarray
    closed: bool = False

    @property
    def length(self) -> float:
        """Length along the line."""
        return self.end - self.start

    @property
    def width(self) -> float:
        """Mean width."""
        return float(self.widths.mean())


def band_width(region: TextRegion) -> float:
    """Width of a long band of the region's area and perimeter, pixels."""
    return max(2.0 * region.area / max(region.perimeter, 1e-6), 1e-3)


def rough_chains(region: TextRegion) -> list[Chain]:
    """The texts of a region as rough paths, longest first; [] for a compact region (about as wide as high)."""
    band = band_width(region)
    low, high = region.outline.min(axis=0), region.outline.max(axis=0)
    scale = min(RULES.raster_band_px / band, RULES.raster_limit_px / max(float((high - low).max()), 1e-6))
    size = np.ceil((high - low) * scale).astype(int) + 5
    mask = np.zeros((size[1], size[0]), dtype=np.uint8)
    for value, paths in ((1, [region.outline]), (0, region.holes)):
        for path in paths:
            cv2.fillPoly(mask, [np.round(((path - low) * scale + 2) * 16).astype(np.int32)], value, shift=4)
    graph, distance = skeleton_graph(mask)
    chains = [_without_corners(chain, distance) for chain in _chains(graph, band * scale)]
    chains = [part for chain in chains for part in _split_corners(chain, band * scale)]
    chains = [replace(chain, points=(chain.points - 2) / scale + low) for chain in chains]
    if region.up is not None and len(region.up):
        chains = [part for chain in chains for part in split_flips(chain, region.up, band)]
    shortest = RULES.min_length_bands * band
    return sorted((c for c in chains if _span(c) >= shortest), key=_span, reverse=True)


def refine(chain: Chain, region: TextRegion, cut_at: float | None = None) -> Middle | None:
    """Fit the middle of a chain on the region's own border; None where the chain holds nothing to measure.

    Args:
        chain: rough path.
        region: what it runs through.
        cut_at: for a closed chain, the share of its length (0..1) where it is cut.
    """
    band = band_width(region)
    edges = _edges(region, band)
    points = chain.points
    if chain.closed:
        points = _opened(points, cut_at or 0.0)
    total = arc_lengths(points)[-1]
    points = _smoothed(resample(points, max(int(total / (band / 6)), 8)), window=5)
    middle = None
    typical = band
    for round_ in range(RULES.refine_rounds):
        curve = (
            fit_curve(points, RULES.fit_tolerance_bands * band, band / 8, 2.5 * band)
            if middle is None
            else middle.curve
        )
        first, last = 0.0, curve.end
        if round_ and not chain.closed:  # the rough path ends half a band early: take in the rest bit by bit
            first, last = _span_on(curve, chain, edges, typical)
            first, last = first + 0.25 * typical, max(last - 0.25 * typical, first + 0.5 * typical)
        count = int(np.clip((last - first) / (band / 4), 9, 400))
        at = np.linspace(first, last, count)
        centres, directions = curve.at(at)
        high, low = _crossings(centres, ups(directions), edges)
        width = high - low
        good = np.isfinite(width) & (width > 0) & (width < RULES.max_width_bands * band)
        if good.sum() < 3:
            return middle
        typical = float(np.median(width[good]))
        good &= (width > RULES.min_width_share * typical) & (width < RULES.max_width_share * typical)
        if good.sum() < 3:
            return middle
        mids = centres + ups(directions) * np.where(good, (high + low) / 2, 0)[:, None]
        points = mids[good]
        if chain.closed:  # both ends are the same place
            points = np.concatenate([points, points[:1]])
        middle = _measured(points, at[good], width[good], curve, band)
    if middle is None:
        return None
    return _with_ends(middle, chain, edges, typical)


def _measured(points: np.ndarray, at: np.ndarray, width: np.ndarray, before: Curve, band: float) -> Middle:
    curve = fit_curve(points, RULES.fit_tolerance_bands * band, band / 8, 2.5 * band)
    typical = float(np.median(width))
    start, end = typical, typical
    if len(at) >= 12 and before.end > 3 * typical:  # perspective makes one end larger; short lines do not show it
        slope, level = np.polyfit(at / before.end, width, 1)
        start, end = np.clip([level, level + slope], RULES.taper_limits[0] * typical, RULES.taper_limits[1] * typical)
    return Middle(curve, 0.0, curve.end, np.array([start, end]))


def _with_ends(middle: Middle, chain: Chain, edges: np.ndarray, width: float) -> Middle:
    """Move both ends to where the region really ends."""
    if chain.closed:
        return replace(middle, closed=True)
    start, end = _span_on(middle.curve, chain, edges, width)
    return replace(middle, start=start, end=max(end, start + 0.1 * width))


def _span_on(curve: Curve, chain: Chain, edges: np.ndarray, width: float) -> tuple[float, float]:
    """Arc lengths on the curve where the region ends; hardly beyond a cut."""
    start = -_reach(curve, 0.0, -1.0, edges, width, RULES.cut_end_reach if chain.cut[0] else RULES.free_end_reach)
    return start, curve.end + _reach(
        curve, curve.end, 1.0, edges, width, RULES.cut_end_reach if chain.cut[1] else RULES.free_end_reach
    )


def _reach(curve: Curve, origin: float, sign: float, edges: np.ndarray, width: float, limit: float) -> float:
    """How far the region goes on along the curve: until half of its middle three fifths is outside."""
    steps = np.arange(-1.0, limit + 1e-6, 0.05) * width
    centres, directions = curve.at(origin + sign * steps)
    across = np.linspace(-0.3, 0.3, 7) * width
    grid = centres[:, None] + ups(directions)[:, None] * across[None, :, None]
    share = np.ones(len(steps))
    for first in range(0, len(steps), RULES.reach_steps):  # most texts end soon
        places = grid[first : first + RULES.reach_steps]
        share[first : first + len(places)] = _inside(places.reshape(-1, 2), edges).reshape(len(places), -1).mean(axis=1)
        outside = np.flatnonzero(share[1:] < 0.5) + 1
        if len(outside):
            break
    else:
        return limit * width
    last = outside[0]
    before, after = share[last - 1], share[last]
    part = (before - 0.5) / max(before - after, 1e-6) if before >= 0.5 else 0.0
    return float(steps[last - 1] + part * 0.05 * width)


# ----- topology -----


def _chains(graph: Graph, band: float) -> list[Chain]:
    """Join edges that go straight on through a junction; every other edge end at a junction is a cut."""
    edges = [edge for edge in graph.edges if edge.length > 0]
    ends: dict[int, list[tuple[int, int]]] = {}
    for i, edge in enumerate(edges):
        ends.setdefault(edge.a, []).append((i, 0))
        ends.setdefault(edge.b, []).append((i, 1))
    partner: dict[tuple[int, int], tuple[int, int]] = {}
    for here in ends.values():
        if len(here) == 2 and here[0][0] == here[1][0]:
            partner[here[0]], partner[here[1]] = here[1], here[0]
            continue
        pairs = sorted(
            (_bend(edges[one[0]], one[1], edges[two[0]], two[1], band), one, two)
            for k, one in enumerate(here)
            for two in here[k + 1 :]
        )
        for bend, one, two in pairs:
            if bend < RULES.junction_bend and one not in partner and two not in partner:
                partner[one], partner[two] = two, one
    junctions = {end for here in ends.values() if len(here) > 1 for end in here}
    chains: list[Chain] = []
    seen: set[int] = set()
    order = [(i, side) for i in range(len(edges)) for side in (0, 1)]
    for end in sorted(order, key=lambda e: e in partner):  # open chains from their free ends, then loops
        if end[0] in seen:
            continue
        path, last, closed = _walk(end, edges, partner, seen)
        cut = (False, False) if closed else (end in junctions, last in junctions)
        chains.append(Chain(np.concatenate(path), closed, cut))
    return chains


def _walk(
    start: tuple[int, int], edges: list[Edge], partner: dict[tuple[int, int], tuple[int, int]], seen: set[int]
) -> tuple[list[np.ndarray], tuple[int, int], bool]:
    """Follow partners from one edge end: the paths, the last edge end, and whether it closes on itself."""
    path: list[np.ndarray] = []
    current = start
    while True:
        index, side = current
        seen.add(index)
        points = edges[index].path if side == 0 else edges[index].path[::-1]
        path.append(points if not path else points[1:])
        far = (index, 1 - side)
        onward = partner.get(far)
        if onward is None or onward[0] in seen:
            return path, far, onward == start
        current = onward


def _bend(one: Edge, one_side: int, two: Edge, two_side: int, band: float) -> float:
    """Angle by which a text going in along one edge and out along the other turns, outside the junction's blur."""
    headings = []
    for edge, side in ((one, one_side), (two, two_side)):
        path = edge.path if side == 0 else edge.path[::-1]
        lengths = arc_lengths(path)
        near, far = at_lengths(path, lengths, np.array([0.5, 1.5]) * band)
        if lengths[-1] < band:
            near, far = path[0], path[-1]
        headings.append((far - near) / max(float(np.hypot(*(far - near))), 1e-9))
    return float(np.arccos(np.clip(-np.dot(*headings), -1, 1)))


def _without_corners(chain: Chain, distance: np.ndarray) -> Chain:
    """Drop what is left of a path into a corner: there the border comes nearer than along the text."""
    if chain.closed or len(chain.points) < 5:
        return chain
    x, y = np.round(chain.points).astype(int).T
    near = distance[np.clip(y, 0, distance.shape[0] - 1), np.clip(x, 0, distance.shape[1] - 1)]
    inner = np.nonzero(near >= RULES.corner_half_width_share * np.median(near))[0]
    first, last = (0 if chain.cut[0] else inner[0]), (len(near) - 1 if chain.cut[1] else inner[-1])
    return replace(chain, points=chain.points[first : last + 1]) if last - first >= 2 else chain


def _split_corners(chain: Chain, band: float) -> list[Chain]:
    """Cut where the direction changes abruptly and the stretches on both sides do not bend likewise.

    A closed chain with a corner is no ring: the ends of a ring text have met the line below.
    """
    points = chain.points
    if arc_lengths(points)[-1] < RULES.corner_min_bands * band:
        return [chain]
    step = band / 6
    points = _smoothed(resample(points, max(int(arc_lengths(points)[-1] / step), 8)), window=5)
    k = 5  # points per 0.8 band widths
    if len(points) < 4 * k:
        return [chain]
    if chain.closed:
        points = np.concatenate([points, points[1 : 2 * k + 1]])
    cuts = _corners(points, k)
    if chain.closed:
        loop = len(points) - 2 * k
        return _cut(chain, points[:loop], sorted({cut % (loop - 1) for cut in cuts}))
    return _cut(chain, points, cuts)


def split_flips(chain: Chain, up: np.ndarray, band: float) -> list[Chain]:
    """Cut where the characters' tops change from one side of the path to the other: another text begins there."""
    total = arc_lengths(chain.points)[-1]
    if total < RULES.corner_min_bands * band:
        return [chain]
    points = _smoothed(resample(chain.points, max(int(total / (band / 4)), 8)), window=5)
    return _cut(chain, points, flips(points, up, RULES.flip_reach_bands * band, shortest=4, closed=chain.closed))


def _cut(chain: Chain, points: np.ndarray, cuts: list[int]) -> list[Chain]:
    """The parts of a chain between indices of `points`; the chain itself without cuts."""
    if not cuts:
        return [chain]
    if chain.closed:
        points = np.concatenate([points[cuts[0] :], points[1 : cuts[0] + 1]])
        bounds, ends = [cut - cuts[0] for cut in cuts] + [len(points) - 1], (True, True)
    else:
        bounds, ends = [0, *cuts, len(points) - 1], chain.cut
    return [
        Chain(points[a : b + 1], cut=(ends[0] if i == 0 else True, ends[1] if i == len(bounds) - 2 else True))
        for i, (a, b) in enumerate(pairwise(bounds))
    ]


def _corners(points: np.ndarray, k: int) -> list[int]:
    """Indices of the corners of evenly spaced points; directions are taken over k points on both sides."""
    before, after = points[k:-k] - points[: -2 * k], points[2 * k :] - points[k:-k]
    bend = np.arctan2(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0], (before * after).sum(axis=1))
    cuts, blocked = [], np.zeros(len(bend), dtype=bool)
    for i in np.argsort(-np.abs(bend)):
        if abs(bend[i]) < RULES.corner_bend:
            break
        if blocked[max(i - k, 0) : i + k].any():
            continue
        beside = [bend[j] for j in (i - 2 * k, i + 2 * k) if 0 <= j < len(bend)]
        if all(abs(b) < RULES.corner_neighbour_share * abs(bend[i]) for b in beside):
            cuts.append(int(i) + k)
        blocked[max(i - k, 0) : i + k] = True
    return sorted(cuts)


# ----- measuring on the polygon -----


def _edges(region: TextRegion, band: float) -> np.ndarray:
    """(E, 2, 2) border segments of outline and holes, needlessly dense ones thinned to a hundredth of the band."""
    segments = []
    for path in [region.outline, *region.holes]:
        points = np.asarray(path, dtype=np.float64)
        if len(points) > 200:
            scale = 100.0 / band
            points = cv2.approxPolyDP((points * scale).astype(np.float32), 1.0, True).reshape(-1, 2) / scale
        segments.append(np.stack([points, np.roll(points, -1, axis=0)], axis=1))
    return np.concatenate(segments).astype(np.float64)


def _crossings(centres: np.ndarray, up: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signed distances along `up` to the border above (> 0) and below (< 0) each centre; NaN outside the region."""
    a, d = edges[:, 0], edges[:, 1] - edges[:, 0]
    denominator = up[:, None, 0] * d[None, :, 1] - up[:, None, 1] * d[None, :, 0]  # (N, E)
    to = a[None] - centres[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        along = (to[..., 0] * d[None, :, 1] - to[..., 1] * d[None, :, 0]) / denominator
        on_edge = (to[..., 0] * up[:, None, 1] - to[..., 1] * up[:, None, 0]) / denominator
    hit = (np.abs(denominator) > 1e-12) & (on_edge >= 0) & (on_edge < 1)
    above = np.where(hit & (along > 0), along, np.inf)
    below = np.where(hit & (along <= 0), along, -np.inf)
    inside = (hit & (along > 0)).sum(axis=1) % 2 == 1
    high = np.where(inside, above.min(axis=1), np.nan)
    low = np.where(inside, below.max(axis=1), np.nan)
    return high, low


def _inside(points: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(N,) bool: crossing-number test against all border segments at once."""
    (left, top), (_, bottom) = points.min(axis=0), points.max(axis=0)
    counts = (
        (edges[..., 1].min(axis=1) <= bottom) & (edges[..., 1].max(axis=1) > top) & (edges[..., 0].max(axis=1) > left)
    )
    (ax, ay), (bx, by) = edges[counts, 0].T, edges[counts, 1].T
    x, y = points[:, :1], points[:, 1:]
    spans = (ay <= y) != (by <= y)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = ax + (y - ay) / (by - ay) * (bx - ax)
    return (spans & (crossing > x)).sum(axis=1) % 2 == 1


def _smoothed(points: np.ndarray, window: int) -> np.ndarray:
    """Moving average whose window shrinks towards the ends, which stay where they are."""
    total = np.cumsum(np.concatenate([np.zeros((1, 2)), points]), axis=0)
    index = np.arange(len(points))
    half = np.minimum(np.minimum(index, len(points) - 1 - index), window // 2)
    return (total[index + half + 1] - total[index - half]) / (2 * half + 1)[:, None]


def _opened(points: np.ndarray, share: float) -> np.ndarray:
    """A closed path cut open at a share of its length; first and last point coincide."""
    loop = points if np.allclose(points[0], points[-1]) else np.concatenate([points, points[:1]])
    lengths = arc_lengths(loop)
    wanted = (np.linspace(0, 1, len(loop)) + share) % 1.0 * lengths[-1]
    return at_lengths(loop, lengths, wanted)


def _span(chain: Chain) -> float:
    return float(arc_lengths(chain.points)[-1])
