"""Texts that touch in the detector's map: telling them apart.

The ends of a ring text often meet the purpose line below; as one region neither can be read. The detector's up field
turns slowly along a text (8 pixels of a small ring are under 10°) and abruptly between two: one cut looks for that. The
other looks for faint places, and compares how the characters stand on either side of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class TouchingRules:
    """Thresholds of `split_at_jumps` and `split_at_faint_places`."""

    field_stride_px: int = 4
    """The fields are predicted at a quarter of the resolution of the map and enlarged by repetition."""
    jump_cosine: float = 0.5
    """Two vectors two cells apart that differ by more than 60° belong to different texts."""
    core_probabilities: tuple[float, ...] = (0.35, 0.5, 0.7)
    """Probabilities at which the cores of two texts may come apart, tried in order."""
    side_contact_widths: float = 3.2
    """Pieces that touch over more than this multiple of the width of the thinner one lie side by side: two texts. (The
    halves of a ring that fell apart at two faint places touch over twice the width.)"""
    meeting_reach_widths: float = 1.5
    """How far from where two pieces meet their characters are compared, in widths of the thinner one."""
    meeting_min_px: int = 4
    """Fewer pixels of a piece near a meeting say nothing about its characters."""
    apart_cosine: float = 0.5
    """Characters of one text that differ by more than 60 degrees over that distance belong to two."""
    min_up_length: float = 0.5
    """Least length of a mean of up vectors that says anything."""
    piece_min_area_bands: float = 0.5
    """A piece cut off is kept apart when its area exceeds this share of the squared band width; that of a single
    character does."""
    max_texts: int = 32
    """A region that would fall into more texts is noise, as an untrained network gives it: it is not cut."""


RULES = TouchingRules()


def split_at_jumps(inside: np.ndarray, window: np.ndarray, corner: tuple[int, int]) -> list[np.ndarray]:
    """The texts one connected region consists of.

    Args:
        inside: (h, w) uint8, 1 where the region is; its window of the map.
        window: (C, h, w) float32, the detector's maps in that window; channels 1 and 2 are the up field where C ≥ 3.
        corner: x, y of the window in the map, to find the field's cells.

    Returns:
        Masks (h, w) uint8, disjoint, together the region, at most `max_texts`; `[inside]` where nothing jumps or there
        is no field.
    """
    if len(window) < 3:
        return [inside]
    jump = _jumps(inside, window[1], window[2], corner)
    if not jump.any():
        return [inside]
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(inside & ~jump, connectivity=4)
    real = stats[:, cv2.CC_STAT_AREA] >= RULES.piece_min_area_bands * _band(inside) ** 2
    real[0] = False
    if not 2 <= real.sum() <= RULES.max_texts:
        return [inside]
    grown = _nearest_piece(pieces, real, inside)  # pixels of the cut and of crumbs too
    return [(grown == label).view(np.uint8) for label in np.nonzero(real)[0]]


def split_at_faint_places(inside: np.ndarray, window: np.ndarray) -> list[np.ndarray]:
    """The texts of one region that have run together: their cores are apart at a higher threshold.

    Pieces are kept apart where they touch along their sides, and where their characters stand differently on the two
    sides of the place they meet. Pieces of one faint text meet end to end, over no more than its width, and their
    characters stand alike: they stay one.

    Args:
        inside: (h, w) uint8, 1 where the region is.
        window: (C, h, w) float32, the detector's maps in its window; channels 1 and 2 are the up field where C ≥ 3.

    Returns:
        Masks (h, w) uint8, disjoint, together the region, at most `max_texts`.
    """
    band = _band(inside)
    for threshold in RULES.core_probabilities:
        core = ((window[0] > threshold) & (inside > 0)).view(np.uint8)
        if _large_parts(core, RULES.piece_min_area_bands * band**2 / 2) < 2:  # far cheaper than labelling
            continue
        _, pieces, stats, _ = cv2.connectedComponentsWithStats(core, connectivity=4)
        real = stats[:, cv2.CC_STAT_AREA] >= RULES.piece_min_area_bands * band**2
        real[0] = False
        if not 2 <= real.sum() <= RULES.max_texts:
            continue
        grown = _nearest_piece(pieces, real, inside)
        labels = _one_text(grown, np.where(real[pieces], pieces, 0), np.nonzero(real)[0], window)
        if len(labels) > 1:
            return [np.isin(grown, group).view(np.uint8) for group in labels]
    return [inside]


def _large_parts(mask: np.ndarray, area: float) -> int:
    """How many connected parts enclose more than an area."""
    contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return sum(node[3] < 0 and cv2.contourArea(c) > area for c, node in zip(contours, [] if tree is None else tree[0]))


def _one_text(grown: np.ndarray, cores: np.ndarray, labels: np.ndarray, window: np.ndarray) -> list[list[int]]:
    """Groups of labels, pieces of one text each: those that meet end to end, with characters that stand alike there."""
    border: dict[tuple[int, int], list[np.ndarray]] = {}
    for one, two, step in ((grown[:, 1:], grown[:, :-1], (0, 1)), (grown[1:], grown[:-1], (1, 0))):
        ys, xs = np.nonzero((one != two) & (one > 0) & (two > 0))
        pairs = np.sort(np.stack([one[ys, xs], two[ys, xs]], axis=1), axis=1)
        places = np.stack([ys + step[0], xs + step[1]], axis=1)
        for a, b in np.unique(pairs, axis=0):
            border.setdefault((int(a), int(b)), []).append(places[(pairs == (a, b)).all(axis=1)])
    width = {int(label): _band((grown == label).view(np.uint8)) for label in labels}
    group = {label: {label} for label in width}
    for (a, b), parts in border.items():
        places = np.concatenate(parts)
        thin = min(width[a], width[b])
        beside = len(places) >= RULES.side_contact_widths * thin
        if beside or group[a] is group[b] or _stand_apart(cores, (a, b), places, thin, window):
            continue
        merged = group[a] | group[b]
        for label in merged:
            group[label] = merged
    return [sorted(members) for members in {id(members): members for members in group.values()}.values()]


def _stand_apart(
    cores: np.ndarray, labels: tuple[int, int], places: np.ndarray, width: float, window: np.ndarray
) -> bool:
    """Whether the characters of two pieces stand differently near the places (K, 2) y, x where they meet.

    A ring and the text that closes it meet twice: each meeting is measured by itself, their mean decides.
    """
    if len(window) < 3:
        return False
    meeting = np.zeros(cores.shape, np.uint8)
    meeting[places[:, 0], places[:, 1]] = 1
    count, meetings = cv2.connectedComponents(cv2.dilate(meeting, np.ones((3, 3), np.uint8)))
    owner = meetings[places[:, 0], places[:, 1]]
    cosines = [_cosine(cores, labels, places[owner == i], width, window) for i in range(1, count)]
    known = [cosine for cosine in cosines if cosine is not None]
    return bool(known) and float(np.mean(known)) < RULES.apart_cosine


def _cosine(
    cores: np.ndarray, labels: tuple[int, int], places: np.ndarray, width: float, window: np.ndarray
) -> float | None:
    """Cosine between the mean up directions of two pieces near the places where they meet; None where there is none."""
    reach = int(np.ceil(RULES.meeting_reach_widths * width))
    (top, left), (bottom, right) = np.maximum(places.min(axis=0) - reach, 0), places.max(axis=0) + reach + 1
    part = np.s_[top:bottom, left:right]
    away = np.ones(cores[part].shape, np.uint8)
    away[places[:, 0] - top, places[:, 1] - left] = 0
    near = cv2.distanceTransform(away, cv2.DIST_L2, 3) <= reach
    x, y = window[1][part], window[2][part]
    means = []
    for label in labels:
        own = near & (cores[part] == label)
        mean = np.array([x[own].mean(), y[own].mean()]) if own.sum() >= RULES.meeting_min_px else np.zeros(2)
        length = float(np.hypot(*mean))
        if length < RULES.min_up_length:
            return None
        means.append(mean / length)
    return float(means[0] @ means[1])


def _band(inside: np.ndarray) -> float:
    """Width of a long band of this area and border."""
    border = inside & ~cv2.erode(inside, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return 2.0 * cv2.countNonZero(inside) / max(cv2.countNonZero(border), 1)


def _nearest_piece(pieces: np.ndarray, real: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(h, w) int32: every pixel of the region gets the label of the nearest kept piece."""
    core = real[pieces]
    _, nearest = cv2.distanceTransformWithLabels((~core).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    owner = np.zeros(int(nearest.max()) + 1, dtype=np.int32)
    owner[nearest[core]] = pieces[core]
    return owner[nearest] * (inside > 0)


def up_samples(inside: np.ndarray, window: np.ndarray, corner: tuple[int, int], scale: np.ndarray) -> np.ndarray | None:
    """(K, 4) x, y, up_x, up_y in source pixels at the field's cells inside one region; None without a field.

    Args:
        inside: (h, w) uint8, the region in a window of the map.
        window: (C, h, w) float32, the detector's maps in that window.
        corner: x, y of the window in the map.
        scale: source pixels per map pixel, x and y.
    """
    if len(window) < 3:
        return None
    first_x, first_y = _first_cell(corner)
    ys, xs = np.nonzero(inside[first_y :: RULES.field_stride_px, first_x :: RULES.field_stride_px])
    xs, ys = xs * RULES.field_stride_px + first_x, ys * RULES.field_stride_px + first_y
    if len(xs) < 3:  # smaller than a cell: every pixel counts
        ys, xs = np.nonzero(inside)
    vectors = np.stack([window[1, ys, xs] * scale[0], window[2, ys, xs] * scale[1]], axis=1)
    length = np.hypot(*vectors.T)
    good = length > 1e-6
    points = (np.stack([xs, ys], axis=1)[good] + np.array(corner)) * scale
    return np.concatenate([points, vectors[good] / length[good, None]], axis=1).astype(np.float32)


def _first_cell(corner: tuple[int, int]) -> tuple[int, int]:
    """x, y of the first cell centre in a window that begins at `corner`."""
    half = RULES.field_stride_px // 2
    return (half - corner[0]) % RULES.field_stride_px, (half - corner[1]) % RULES.field_stride_px


def _jumps(inside: np.ndarray, up_x: np.ndarray, up_y: np.ndarray, corner: tuple[int, int]) -> np.ndarray:
    """(h, w) uint8, 1 in and around cells whose neighbours on both sides are text but point apart."""
    half = RULES.field_stride_px // 2
    first_x, first_y = _first_cell(corner)
    cells = np.s_[first_y :: RULES.field_stride_px, first_x :: RULES.field_stride_px]
    text, ux, uy = inside[cells] > 0, up_x[cells], up_y[cells]
    jump = np.zeros(text.shape, dtype=np.uint8)
    if min(text.shape) < 3:
        return np.zeros_like(inside)
    jump[:, 1:-1] |= (ux[:, 2:] * ux[:, :-2] + uy[:, 2:] * uy[:, :-2] < RULES.jump_cosine) & text[:, 2:] & text[:, :-2]
    jump[1:-1] |= (ux[2:] * ux[:-2] + uy[2:] * uy[:-2] < RULES.jump_cosine) & text[2:] & text[:-2]
    jump = cv2.dilate(jump, np.ones((3, 3), np.uint8))  # cells at the rim are text in part only: no way round the cut
    # back to pixels: which cell each row and column of the window lies in
    row = np.clip((np.arange(inside.shape[0]) - first_y + half) // RULES.field_stride_px, 0, text.shape[0] - 1)
    column = np.clip((np.arange(inside.shape[1]) - first_x + half) // RULES.field_stride_px, 0, text.shape[1] - 1)
    return jump[row[:, None], column[None, :]]
