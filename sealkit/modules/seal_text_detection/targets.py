"""What the detector learns: DB's four maps, and the fields (characters' up direction, seal area) at a quarter of the
size.

DB: Liao et al., "Real-time Scene Text Detection with Differentiable Binarization" (AAAI 2020); the exact rules are
those of the published checkpoints' training. All coordinates are pixels of the network's
input, pixel centres at whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pyclipper

from sealkit.geometry.regions import polygon_area
from sealkit.modules.seal_text_detection.settings import DetTargetSettings

FIELD_STRIDE = 4
_SUBPIXEL_BITS = 4
_EQUAL_AREA = 64.0  # field cells: lines larger than this share weight less than their area
_MAX_TURN = np.deg2rad(8.0)  # a quad whose ends' up vectors differ by more is drawn in steps


@dataclass
class DbMaps:
    """Each map (H, W) float32, `shrink_mask` with the weights of gaps in it; `ignore` (P,) bool: the outlines left out,
    those that turned out too small included."""

    threshold_map: np.ndarray
    threshold_mask: np.ndarray
    shrink_map: np.ndarray
    shrink_mask: np.ndarray
    ignore: np.ndarray


def db_targets(
    outlines: Sequence[np.ndarray],
    ignore: Sequence[bool],
    size_hw: tuple[int, int],
    settings: DetTargetSettings,
    shrink_ratio: float | None = None,
) -> DbMaps:
    """Threshold and shrink maps with their masks.

    Args:
        outlines: (N, 2) each, any N >= 3, any orientation; may reach beyond the image.
        ignore: outlines the loss must not see.
        size_hw: size of the maps.
        settings: ratios and limits of the recipe.
        shrink_ratio: in place of the settings' (the reference lets it grow with the epoch in some runs).
    """
    ratio = settings.shrink_ratio if shrink_ratio is None else shrink_ratio
    ignored = np.asarray(ignore, bool).copy()
    border = np.zeros(size_hw, np.float32)
    border_mask = np.zeros(size_hw, np.uint8)
    for outline, skip in zip(outlines, ignored):
        if not skip:
            _draw_border(np.asarray(outline, np.float64), ratio, border, border_mask)
    # Borders come first: an outline found too small below keeps its border, as in the reference.
    shrink = np.zeros(size_hw, np.uint8)
    shrink_mask = np.ones(size_hw, np.uint8)
    for i, outline in enumerate(outlines):
        number = i % 255 + 1  # of the text, for the gaps; 255 texts in one input share numbers harmlessly
        skip = bool(ignored[i])
        ignored[i] = not _draw_shrunk(outline, skip, ratio, settings.min_text_size, shrink, shrink_mask, number)
    span = np.float32(settings.thresh_max - settings.thresh_min)
    weights = shrink_mask.astype(np.float32)
    if settings.gap_weight > 0:
        weights *= 1 + np.float32(settings.gap_weight) * gaps(shrink, settings.gap_width)
    return DbMaps(
        border * span + np.float32(settings.thresh_min),
        border_mask.astype(np.float32),
        (shrink > 0).astype(np.float32),
        weights,
        ignored,
    )


def gaps(numbers: np.ndarray, width: float) -> np.ndarray:
    """How much a pixel lies between two texts: exp(-((d1 + d2) / width)²) of the distances to the two nearest ones.

    What keeps columns and the ends of rings apart is a few pixels wide; unweighted, a loss over all pixels hardly sees
    it. The weights are those of Ronneberger et al., "U-Net" (MICCAI 2015), for touching cells.

    Args:
        numbers: (H, W) uint8, 0 outside texts, each text's pixels its own number.
        width: pixels.

    Returns:
        (H, W) float32 from 0 to 1; 0 on the texts, and everywhere where there are fewer than two.
    """
    present = [int(n) for n in np.unique(numbers) if n]
    if len(present) < 2:
        return np.zeros(numbers.shape, np.float32)
    nearest = np.full((2, *numbers.shape), np.float32(1e6))
    for number in present:
        distance = cv2.distanceTransform((numbers != number).view(np.uint8), cv2.DIST_L2, 3)
        farther = np.maximum(distance, nearest[0])
        nearest[0] = np.minimum(distance, nearest[0])
        nearest[1] = np.minimum(farther, nearest[1])
    weights = np.exp(-(((nearest[0] + nearest[1]) / np.float32(width)) ** 2))
    weights[numbers > 0] = 0
    return weights.astype(np.float32)


def offset_distance(outline: np.ndarray, ratio: float) -> float:
    """area * (1 - ratio^2) / perimeter: how far DB moves an outline in or out."""
    points = np.asarray(outline, np.float64)
    following = np.roll(points, -1, axis=0)
    perimeter = float(np.hypot(*(following - points).T).sum())
    if perimeter == 0:
        return 0.0
    area = 0.5 * abs(float(np.sum(points[:, 0] * following[:, 1] - following[:, 0] * points[:, 1])))
    return area * (1 - ratio * ratio) / perimeter


def _offset(outline: np.ndarray, distance: float) -> list[np.ndarray]:
    """Outlines (int32) after moving every edge by `distance` pixels outwards; Clipper works on whole pixels."""
    mover = pyclipper.PyclipperOffset()
    try:
        mover.AddPath(outline.tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    except pyclipper.ClipperException:  # fewer than three different whole-pixel points
        return []
    return [np.asarray(path, np.int32) for path in mover.Execute(distance)]


def _draw_border(outline: np.ndarray, ratio: float, canvas: np.ndarray, mask: np.ndarray) -> None:
    """max(canvas, 1 - distance to the outline / d) in place, and the outline moved out by d filled in the mask."""
    distance = offset_distance(outline, ratio)
    if distance <= 0:
        return
    padded = _offset(outline, distance)
    if not padded:
        return
    cv2.fillPoly(mask, padded, 1)
    everything = np.concatenate(padded)
    height, width = canvas.shape
    low = np.maximum(everything.min(axis=0), 0)
    high = np.minimum(everything.max(axis=0), [width - 1, height - 1])
    if (low > high).any():
        return
    edges, piece_low, piece_high = _edge_pieces(outline, max(2 * distance, 4.0))
    # One square patch per piece, all of one size: pixels farther than d from an edge get nothing from it anyway.
    corner = np.floor(piece_low - distance)  # (E, 2)
    side = int(np.ceil((piece_high - piece_low).max() + 2 * distance)) + 2
    reaches = ((corner + side >= low) & (corner <= high)).all(axis=1)
    edges, corner = edges[reaches], corner[reaches]
    if not len(edges):
        return
    value = 1 - _edge_distance(edges - corner[:, None], side) * np.float32(1 / distance)
    x = corner[:, 0, None].astype(np.int64) + np.arange(side)  # (E, side)
    y = corner[:, 1, None].astype(np.int64) + np.arange(side)
    inside = ((x >= low[0]) & (x <= high[0]))[:, None, :] & ((y >= low[1]) & (y <= high[1]))[:, :, None] & (value > 0)
    flat = (y * width)[:, :, None] + x[:, None, :]
    holes = _repeated_pixels(outline, low, high)
    before = canvas[holes[:, 1], holes[:, 0]]
    np.maximum.at(canvas.reshape(-1), flat[inside], value[inside])
    canvas[holes[:, 1], holes[:, 0]] = before


def _repeated_pixels(outline: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(K, 2) int: whole-pixel points that occur twice in a row.

    The distance to an edge without length is undefined on its own pixel, and the reference leaves that pixel out.
    """
    repeated = outline[(outline == np.roll(outline, -1, axis=0)).all(axis=1)]
    whole = (repeated == np.floor(repeated)) & (repeated >= low) & (repeated <= high)
    return repeated[whole.all(axis=1)].astype(np.int64)


def _edge_distance(edges: np.ndarray, side: int) -> np.ndarray:
    """Distances (E, side, side) of whole pixels (y, x) to edges (E, 2 ends, 2), as the reference measures them.

    Where the edge is seen under an obtuse angle the distance is perpendicular, elsewhere it is that of the nearer end,
    even beside the edge: maps made so are what the published checkpoints were trained on.
    """
    grid = np.arange(side, dtype=np.float32)
    ax, ay = edges[:, 0].T.astype(np.float32)[:, :, None]  # (E, 1) each
    bx, by = edges[:, 1].T.astype(np.float32)[:, :, None]
    to_ax, to_ay, to_bx, to_by = grid - ax, grid - ay, grid - bx, grid - by  # (E, side)
    square_a = (to_ax * to_ax)[:, None, :] + (to_ay * to_ay)[:, :, None]
    square_b = (to_bx * to_bx)[:, None, :] + (to_by * to_by)[:, :, None]
    acute = (to_ax * to_bx)[:, None, :] + (to_ay * to_by)[:, :, None] > 0
    length = np.hypot(bx - ax, by - ay)
    normal_x, normal_y = (by - ay) / length, (ax - bx) / length
    across = (to_ax * normal_x)[:, None, :] + (to_ay * normal_y)[:, :, None]
    return np.where(acute, np.sqrt(np.minimum(square_a, square_b)), np.abs(across))


def _edge_pieces(outline: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges cut into pieces no longer than `limit`: the whole edge (P, 2 ends, 2) and the box's corners (P, 2), (P, 2).

    Pieces keep the boxes around slanted edges small. Repeated points give no edge.
    """
    following = np.roll(outline, -1, axis=0)
    steps = following - outline
    lengths = np.hypot(*steps.T)
    kept = lengths > 1e-9
    pieces = np.ceil(lengths[kept] / limit).astype(int)
    which = np.repeat(np.nonzero(kept)[0], pieces)
    count = np.repeat(pieces, pieces)[:, None]
    number = (np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces))[:, None]
    start = outline[which] + steps[which] * (number / count)
    end = outline[which] + steps[which] * ((number + 1) / count)
    return np.stack([outline[which], following[which]], axis=1), np.minimum(start, end), np.maximum(start, end)


def _draw_shrunk(
    outline: np.ndarray, ignored: bool, ratio: float, min_size: int, canvas: np.ndarray, mask: np.ndarray, value: int
) -> bool:
    """Fill the outline moved in by d; an ignored, too small or vanishing one is cut from the mask: False."""
    height, width = mask.shape
    clipped = np.clip(np.asarray(outline, np.float64), 0, [width - 1, height - 1])
    extent = clipped.max(axis=0) - clipped.min(axis=0)
    if not ignored and extent.min() >= min_size:
        for candidate in np.arange(ratio, 1, ratio):  # a thin text may only survive a gentler move
            pieces = _offset(clipped, -offset_distance(clipped, float(candidate)))
            if len(pieces) == 1:
                cv2.fillPoly(canvas, pieces, value)
                return True
    cv2.fillPoly(mask, [clipped.astype(np.int32)], 0)
    return False


@dataclass
class FieldLine:
    """What the fields need of a text line.

    Attributes:
        points: (N, 2) network input pixels, the whole line even where a crop shows only a part of it.
        ordered: points are a line_poly, so the characters' up direction is known.
        seal: index of its seal, None where the label does not say.
    """

    points: np.ndarray
    ordered: bool
    seal: int | None


def field_targets(lines: Sequence[FieldLine], size_hw: tuple[int, int]) -> dict[str, np.ndarray]:
    """Up-direction and seal-area fields at stride 4.

    Returns:
        "up" (2, h, w) unit vectors, x right, y down; "up_mask" (h, w) weight inside lines of known direction: 1 for
        lines of up to `_EQUAL_AREA` cells, less for larger ones (by the root of their area), 0 elsewhere; "area" (h, w)
        1 inside the convex hull of all lines of a seal; "area_mask" (h, w) 0 everywhere where a line's seal is unknown,
        1 otherwise (an image without lines teaches "no seal here"). All float32, h = H / 4, w = W / 4.
    """
    height, width = size_hw[0] // FIELD_STRIDE, size_hw[1] // FIELD_STRIDE
    drawn = np.zeros((height, width, 3), np.float32)  # up x, up y, known
    area = np.zeros((height, width), np.uint8)
    seals: dict[int, list[np.ndarray]] = {}
    for line in lines:
        points = (np.asarray(line.points, np.float64) + 0.5) / FIELD_STRIDE - 0.5
        if line.ordered:
            _draw_up(points, drawn)
        if line.seal is not None:
            seals.setdefault(line.seal, []).append(points)
    for parts in seals.values():
        _fill_convex(area, cv2.convexHull(np.concatenate(parts).astype(np.float32))[:, 0], 1)
    known = all(line.seal is not None for line in lines)
    up = np.ascontiguousarray(drawn[..., :2].transpose(2, 0, 1))
    area_mask = np.full((height, width), float(known), np.float32)
    return {"up": up, "up_mask": drawn[..., 2].copy(), "area": area.astype(np.float32), "area_mask": area_mask}


def _draw_up(points: np.ndarray, canvas: np.ndarray) -> None:
    """Fill each quad between top and bottom edge with the unit vector from its bottom edge to its top, and the line's
    weight.

    Counted by area, a ring text outweighs the lines inside it five to one, and "up is outward" is nearly right:
    networks stop learning there. The root of the area brings that to two to one.
    """
    half = len(points) // 2
    weight = float(np.sqrt(_EQUAL_AREA / max(abs(polygon_area(points)), _EQUAL_AREA)))
    top, bottom = points[:half], points[half:][::-1]
    height, width = canvas.shape[:2]
    low, high = points.min(axis=0), points.max(axis=0)
    if high[0] < -1 or high[1] < -1 or low[0] > width or low[1] > height:
        return
    up = top - bottom
    angles = np.arctan2(up[:, 1], up[:, 0])
    turn = np.abs((np.diff(angles) + np.pi) % (2 * np.pi) - np.pi)
    for i, steps in enumerate(np.maximum(np.ceil(turn / _MAX_TURN), 1).astype(int)):
        share = np.linspace(0, 1, steps + 1)[:, None]
        upper = top[i] + (top[i + 1] - top[i]) * share
        lower = bottom[i] + (bottom[i + 1] - bottom[i]) * share
        middle = (upper - lower)[:-1] + (upper - lower)[1:]
        length = np.hypot(*middle.T)
        for k in range(steps):
            if length[k] > 1e-6:
                x, y = middle[k] / length[k]
                quad = np.array([upper[k], upper[k + 1], lower[k + 1], lower[k]])
                _fill_convex(canvas, quad, (float(x), float(y), weight))


def _fill_convex(canvas: np.ndarray, polygon: np.ndarray, value: object) -> None:
    """Fill in place with 1/16 pixel precision; coordinates are held within what OpenCV's fixed point can carry."""
    fixed = np.round(np.clip(polygon, -8000, 8000) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillConvexPoly(canvas, fixed, value, cv2.LINE_8, _SUBPIXEL_BITS)  # type: ignore[call-overload]


__all__ = ["FIELD_STRIDE", "DbMaps", "FieldLine", "db_targets", "field_targets", "gaps", "offset_distance"]
