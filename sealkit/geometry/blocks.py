"""Characters of square seals: putting the blocks they form in the detector's map into columns.

Name seals fill their square with two to four columns whose gaps are narrower than those between their characters. In
the map of the detector their characters stand apart, or run together in both directions: which of them make a line
cannot be seen near one character. The block is decided as a whole: characters in rows and columns are read in columns,
along the up direction of the characters; a single row stays a line. Long bars are lines already and stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class BlockRules:
    """Thresholds of `character_groups`, `broken_lines` and `arrange_block`; pixels are those of the map."""

    character_max_aspect: float = 2.6
    """Sides of a character, or of two that touch, differ by less than this factor; longer regions are lines."""
    character_min_fill: float = 0.5
    """Share of its rectangle that a character fills."""
    single_region_max_aspect: float = 2.4
    """Sides of a single region that is cut differ by less than this factor."""
    single_region_min_fill: float = 0.55
    """Share of its rectangle that a single region fills; rings and bent texts fill less."""
    group_min_fill: float = 0.42
    """Share of their hull that the characters of a block fill; those along a ring fill less."""
    neighbour_gap_sizes: float = 0.55
    """Characters of a block are at most this multiple of their size apart."""
    neighbour_area_ratio: float = 6.0
    """Areas of neighbours differ by less than this factor."""
    min_area_px: float = 24.0
    """Area of the smallest character, square pixels."""
    max_characters: int = 64
    """Most characters, or bars, that are compared pair by pair: a bound on time."""
    bar_min_fill: float = 0.7
    """Share of its rectangle that a piece of a straight line fills."""
    bar_thickness_ratio: float = 1.5
    """Pieces of one line differ in thickness by less than this factor."""
    bar_min_cosine: float = float(np.cos(np.radians(15)))
    """Cosine of the 15 degrees within which the axes of the pieces of one line agree."""
    bar_axis_min_aspect: float = 1.5
    """Shorter pieces (length relative to thickness) have no axis of their own."""
    bar_offset_thicknesses: float = 0.3
    """Largest distance of a piece from the axis of the other, in thicknesses."""
    bar_gap_thicknesses: float = 0.6
    """Pieces of one line are at most this multiple of its thickness apart."""
    valley_max_level: float = 0.72
    """A valley is at most this high relative to the lower of the peaks beside it."""
    column_valley_max_level: float = 0.85
    """The same between columns, where the direction of the characters is known."""
    lying_penalty: float = 0.2
    """How much deeper valleys must be to make columns that lie on their side, where the direction of the characters is
    unknown."""
    min_axis_agreement: float = 0.85
    """How well the up vectors of a block agree on an axis (length of their mean at double angle) before it counts."""
    min_piece_share: float = 0.14
    """Narrowest piece, as a share of the width of the block."""
    max_width_ratio: float = 2.6
    """Columns of one seal differ in width by less than this factor."""
    column_min_aspect: float = 1.25
    """Length of a column relative to its width."""
    tilts_degrees: tuple[float, ...] = (-8.0, -4.0, 0.0, 4.0, 8.0)
    """How far a block may be off its up direction or rectangle: perspective, or a last column that is shorter."""
    core_probability: float = 0.4
    """Probability from which a pixel counts to a piece; a block holds far less certain ones."""
    bin_px: float = 2.0
    """Pixels per bin of a profile."""
    min_block_px: int = 64
    """Fewer pixels are no block."""
    min_hull_px: int = 12
    """Pieces of fewer pixels are dropped."""


RULES = BlockRules()


@dataclass(frozen=True)
class _Cuts:
    """Cuts across one axis: `axis` (2,) unit vector, `places` along it, `depth` of the shallowest valley (1: none)."""

    axis: np.ndarray
    places: tuple[float, ...]
    depth: float


def character_groups(contours: Sequence[np.ndarray]) -> list[list[int]]:
    """Which regions are characters of one block.

    Args:
        contours: (N, 1, 2) int32, outer contours of separate regions.

    Returns:
        Indices of `contours`, two or more in a group; regions that belong to no group are not named.
    """
    characters: list[tuple[int, float, np.ndarray]] = []  # index, area, some points of the contour
    for index, contour in enumerate(contours):
        (_, (wide, high), _) = cv2.minAreaRect(contour)
        area = cv2.contourArea(contour)
        square = max(wide, high) < RULES.character_max_aspect * max(min(wide, high), 1.0)
        if square and area >= max(RULES.min_area_px, RULES.character_min_fill * wide * high):
            points = contour[:: max(len(contour) // 48, 1), 0].astype(np.float32)
            characters.append((index, area, points))
    characters = sorted(characters, key=lambda character: -character[1])[: RULES.max_characters]
    owner = list(range(len(characters)))
    for i, (_, area, points) in enumerate(characters):
        for j in range(i):
            if owner[i] == owner[j] or characters[j][1] > RULES.neighbour_area_ratio * area:
                continue
            gap = np.hypot(*(points[:, None] - characters[j][2][None]).transpose(2, 0, 1)).min()
            if gap <= RULES.neighbour_gap_sizes * np.sqrt(area):
                kept, merged = owner[j], owner[i]
                owner = [kept if o == merged else o for o in owner]
    groups = [[characters[i][0] for i in range(len(characters)) if owner[i] == o] for o in sorted(set(owner))]
    return [group for group in groups if len(group) > 1]


def broken_lines(contours: Sequence[np.ndarray]) -> list[list[int]]:
    """Which regions are pieces of one straight line that broke: end to end, equally thick, along one axis.

    Args:
        contours: (N, 1, 2) int32, outer contours of separate regions.

    Returns:
        Indices of `contours`, two or more in a group.
    """
    bars: list[tuple[int, np.ndarray, np.ndarray, float, float]] = []  # index, centre, axis, length, thickness
    for index, contour in enumerate(contours):
        (centre, (wide, high), turn) = cv2.minAreaRect(contour)
        length, thick = max(wide, high), min(wide, high)
        if (
            cv2.contourArea(contour) < max(RULES.min_area_px, RULES.bar_min_fill * wide * high)
            or len(bars) >= RULES.max_characters
        ):
            continue
        angle = np.radians(turn if wide >= high else turn + 90)
        bars.append((index, np.asarray(centre), np.array([np.cos(angle), np.sin(angle)]), length, thick))
    owner = list(range(len(bars)))
    for i in range(len(bars)):
        for j in range(i):
            if owner[i] != owner[j] and _end_to_end(*sorted((bars[i][1:], bars[j][1:]), key=lambda bar: -bar[2])):
                kept, merged = owner[j], owner[i]
                owner = [kept if o == merged else o for o in owner]
    groups = [[bars[i][0] for i in range(len(bars)) if owner[i] == o] for o in sorted(set(owner))]
    return [group for group in groups if len(group) > 1]


_Bar = tuple[np.ndarray, np.ndarray, float, float]


def _end_to_end(longer: _Bar, shorter: _Bar) -> bool:
    """Whether two bars (centre, axis, length, thickness) are pieces of one line; the longer one gives the axis."""
    (centre, axis, length, thick), (other, other_axis, other_length, other_thick) = longer, shorter
    if (
        length < RULES.character_max_aspect * thick
        or not thick / RULES.bar_thickness_ratio < other_thick < thick * RULES.bar_thickness_ratio
    ):
        return False
    aligned = abs(float(axis @ other_axis))
    if other_length > RULES.bar_axis_min_aspect * other_thick and aligned < RULES.bar_min_cosine:
        return False
    step = other - centre
    along, across = abs(float(step @ axis)), abs(float(step[0] * axis[1] - step[1] * axis[0]))
    return (
        across <= RULES.bar_offset_thicknesses * thick
        and along - (length + other_length) / 2 <= RULES.bar_gap_thicknesses * thick
    )


def joined(members: Sequence[np.ndarray]) -> np.ndarray:
    """Convex mask (h, w) uint8 around some masks."""
    ys, xs = np.nonzero(np.maximum.reduce(list(members)))
    mask = np.zeros(members[0].shape, np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.stack([xs, ys], axis=1).astype(np.int32)), 1)
    return mask


def arrange_block(members: Sequence[np.ndarray], window: np.ndarray) -> list[np.ndarray]:
    """The columns, or the one line, that the characters of a block make.

    Args:
        members: masks (h, w) uint8, 1 where a region is; one mask for a region that may be a block by itself.
        window: (C, h, w) float32, the detector's maps there; channels 1 and 2 are the up field where C ≥ 3.

    Returns:
        Masks (h, w) uint8, convex pieces, disjoint but for the width of a cut; the members themselves where they are no
        block.
    """
    together = np.maximum.reduce(list(members))
    filled = cv2.countNonZero(together)
    if filled < RULES.min_block_px:
        return list(members)
    hull = cv2.convexHull(_row_ends(together))
    rect = cv2.minAreaRect(hull)
    wide, high = max(rect[1]), max(min(rect[1]), 1.0)
    if len(members) == 1:
        fits = wide <= RULES.single_region_max_aspect * high and filled >= RULES.single_region_min_fill * wide * high
    else:
        fits = filled >= RULES.group_min_fill * cv2.contourArea(hull)
    if not fits:
        return list(members)
    ys, xs = np.nonzero(together)
    values = window[:, ys, xs]
    right = _right(values)
    cuts = _best_cuts(xs, ys, values[0], np.radians(rect[2]) if right is None else right, right is not None)
    core = values[0] > RULES.core_probability
    if cuts is not None:
        owner = np.searchsorted(np.asarray(cuts.places), xs * cuts.axis[0] + ys * cuts.axis[1])
        columns = [core & (owner == i) for i in range(len(cuts.places) + 1)]
        if any(_is_column(xs[column], ys[column], cuts.axis) for column in columns):
            pieces = [_hull(xs[column], ys[column], together.shape) for column in columns]
            return [piece for piece in pieces if piece is not None] or list(members)
    if len(members) == 1:
        return list(members)
    whole = _hull(xs[core], ys[core], together.shape)
    return list(members) if whole is None else [whole]


def _row_ends(mask: np.ndarray) -> np.ndarray:
    """(N, 2) int32 x, y: the first and the last pixel of each row that has any; the hull of a mask is theirs."""
    ys = np.flatnonzero(mask.any(axis=1))
    rows = mask[ys] > 0
    ends = np.concatenate([rows.argmax(axis=1), mask.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)])
    return np.stack([ends, np.tile(ys, 2)], axis=1).astype(np.int32)


def _right(values: np.ndarray) -> float | None:
    """Angle of the axis across the characters' up direction in radians, by the up field of some pixels (C, n); None
    where it points all ways. Up and down count alike: a detector may mistake a block for its upside down."""
    if len(values) < 3:
        return None
    sure = values[0] > RULES.core_probability
    if not sure.any():
        return None
    double = 2 * np.arctan2(values[2, sure].astype(np.float64), values[1, sure].astype(np.float64))
    x, y = float(np.cos(double).mean()), float(np.sin(double).mean())
    return float(np.arctan2(y, x) / 2 + np.pi / 2) if np.hypot(x, y) > RULES.min_axis_agreement else None


def _best_cuts(xs: np.ndarray, ys: np.ndarray, weights: np.ndarray, angle: float, known: bool) -> _Cuts | None:
    """Cuts with the deepest valleys; between columns where their direction is known, else along either axis of the
    block, those between columns of an upright image preferred."""
    found = []
    for quarter in (0.0,) if known else (0.0, np.pi / 2):
        for tilt in np.radians(RULES.tilts_degrees):
            cuts = _cuts(
                xs,
                ys,
                weights,
                angle + tilt + quarter,
                RULES.column_valley_max_level if known else RULES.valley_max_level,
            )
            if cuts is not None:
                upright = known or abs(cuts.axis[0]) > abs(cuts.axis[1])
                found.append((cuts.depth + (0.0 if upright else RULES.lying_penalty), cuts))
    return min(found, key=lambda entry: entry[0])[1] if found else None


def _is_column(xs: np.ndarray, ys: np.ndarray, across: np.ndarray) -> bool:
    """Whether some pixels reach farther along the characters than across them."""
    if len(xs) == 0:
        return False
    wide = np.ptp(xs * across[0] + ys * across[1]) + 1
    return bool(np.ptp(ys * across[0] - xs * across[1]) + 1 >= RULES.column_min_aspect * wide)


def _cuts(xs: np.ndarray, ys: np.ndarray, weights: np.ndarray, angle: float, limit: float) -> _Cuts | None:
    """Valleys of the profile along one direction; None where there are none or the pieces are no columns."""
    axis = np.array([np.cos(angle), np.sin(angle)])
    along = xs * axis[0] + ys * axis[1]
    first = float(along.min())
    counted = np.bincount(((along - first) / RULES.bin_px).astype(np.int64), weights)
    if len(counted) < 8:
        return None
    profile = np.convolve(counted, np.ones(3) / 3, mode="same")
    least = max(int(RULES.min_piece_share * len(profile)), 2)
    valleys = _valleys(profile, 0, len(profile), least, limit)
    if not valleys:
        return None
    edges = np.array([0, *(place for place, _ in valleys), len(profile)])
    widths = np.diff(edges)
    if widths.max() > RULES.max_width_ratio * widths.min():
        return None
    places = tuple(first + (place + 0.5) * RULES.bin_px for place, _ in valleys)
    return _Cuts(axis, places, max(depth for _, depth in valleys))


def _valleys(profile: np.ndarray, start: int, end: int, least: int, limit: float) -> list[tuple[int, float]]:
    """(place, height relative to the lower peak beside it) of the valleys between two bins, in order."""
    if end - start <= 2 * least:
        return []
    inner = np.arange(start + least, end - least)
    left = np.maximum.accumulate(profile[start:end])[inner - start]
    right = np.maximum.accumulate(profile[start:end][::-1])[::-1][inner - start]
    depth = profile[inner] / np.maximum(np.minimum(left, right), 1e-6)
    lowest = int(np.argmin(depth))
    if depth[lowest] > limit:
        return []
    place = int(inner[lowest])
    return [
        *_valleys(profile, start, place, least, limit),
        (place, float(depth[lowest])),
        *_valleys(profile, place, end, least, limit),
    ]


def _hull(xs: np.ndarray, ys: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Mask of the convex hull of some pixels; None of fewer than `min_hull_px`."""
    if len(xs) < RULES.min_hull_px:
        return None
    mask = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.stack([xs, ys], axis=1).astype(np.int32)), 1)
    return mask
