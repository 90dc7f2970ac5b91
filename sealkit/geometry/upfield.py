"""Where the letters' up direction jumps, two texts touch: cutting the text mask there.

The ends of a ring text often meet the purpose line below; as one region neither can be read. The detector's up field
turns slowly along a text (8 pixels of a small ring are under 10°) and abruptly between two: the cut looks for that.
"""

from __future__ import annotations

import cv2
import numpy as np

FIELD_STRIDE = 4
"""The fields are predicted at a quarter of the map's resolution and enlarged by repetition."""
JUMP_COSINE = 0.5
"""Two vectors two cells apart that differ by more than 60° belong to different texts."""
PIECE_SHARE = 0.25
"""A piece cut off is kept apart when its area exceeds this share of the squared band width; a single letter's does."""


def split_at_jumps(inside: np.ndarray, window: np.ndarray, corner: tuple[int, int]) -> list[np.ndarray]:
    """The texts one connected region consists of.

    Args:
        inside: (h, w) uint8, 1 where the region is; its window of the map.
        window: (C, h, w) float32, the detector's maps in that window; channels 1 and 2 are the up field where C ≥ 3.
        corner: x, y of the window in the map, to find the field's cells.

    Returns:
        Masks (h, w) uint8, disjoint, together the region; `[inside]` where nothing jumps or there is no field.
    """
    if len(window) < 3:
        return [inside]
    jump = _jumps(inside, window[1], window[2], corner)
    if not jump.any():
        return [inside]
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(inside & ~jump, connectivity=4)
    border = inside & ~cv2.erode(inside, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    band = 2.0 * int(inside.sum()) / max(int(border.sum()), 1)  # width of a long band of this area and border
    real = stats[:, cv2.CC_STAT_AREA] >= PIECE_SHARE * band**2
    real[0] = False
    if real.sum() < 2:
        return [inside]
    # pixels of the cut and of crumbs go to the nearest piece
    core = real[pieces]
    _, nearest = cv2.distanceTransformWithLabels((~core).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    owner = np.zeros(int(nearest.max()) + 1, dtype=np.int32)
    owner[nearest[core]] = pieces[core]
    grown = owner[nearest] * (inside > 0)
    return [(grown == label).view(np.uint8) for label in np.nonzero(real)[0]]


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
    ys, xs = np.nonzero(inside)
    half = FIELD_STRIDE // 2
    cells = ((xs + corner[0]) % FIELD_STRIDE == half) & ((ys + corner[1]) % FIELD_STRIDE == half)
    if cells.sum() >= 3:  # else the region is smaller than a cell: every pixel counts
        xs, ys = xs[cells], ys[cells]
    vectors = np.stack([window[1, ys, xs] * scale[0], window[2, ys, xs] * scale[1]], axis=1)
    length = np.hypot(*vectors.T)
    good = length > 1e-6
    points = (np.stack([xs, ys], axis=1)[good] + np.array(corner)) * scale
    return np.concatenate([points, vectors[good] / length[good, None]], axis=1).astype(np.float32)


def _jumps(inside: np.ndarray, up_x: np.ndarray, up_y: np.ndarray, corner: tuple[int, int]) -> np.ndarray:
    """(h, w) uint8, 1 in cells whose neighbours on both sides are text but point apart."""
    half = FIELD_STRIDE // 2
    first_x, first_y = (half - corner[0]) % FIELD_STRIDE, (half - corner[1]) % FIELD_STRIDE
    cells = np.s_[first_y::FIELD_STRIDE, first_x::FIELD_STRIDE]
    text, ux, uy = inside[cells] > 0, up_x[cells], up_y[cells]
    jump = np.zeros(text.shape, dtype=np.uint8)
    if min(text.shape) < 3:
        return np.zeros_like(inside)
    jump[:, 1:-1] |= (ux[:, 2:] * ux[:, :-2] + uy[:, 2:] * uy[:, :-2] < JUMP_COSINE) & text[:, 2:] & text[:, :-2]
    jump[1:-1] |= (ux[2:] * ux[:-2] + uy[2:] * uy[:-2] < JUMP_COSINE) & text[2:] & text[:-2]
    # back to pixels: which cell each row and column of the window lies in
    row = np.clip((np.arange(inside.shape[0]) - first_y + half) // FIELD_STRIDE, 0, text.shape[0] - 1)
    column = np.clip((np.arange(inside.shape[1]) - first_x + half) // FIELD_STRIDE, 0, text.shape[1] - 1)
    return jump[row[:, None], column[None, :]]
