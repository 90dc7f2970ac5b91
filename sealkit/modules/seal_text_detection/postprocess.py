"""Probability map → text regions (DB, "Real-time Scene Text Detection with Differentiable Binarization", AAAI 2020).

Two ways, `DetPostprocessSettings.rings`:

- `reference` repeats PaddleX 3.7.2's `DBPostProcess` to the rounded pixel, including what it loses: closed rings (the
  empty middle lowers their score) and rings with a narrow gap (expanding closes the gap, the polygon falls in two).
- `keep` works on connected components: a region is scored on its own text pixels, a ring keeps its hole, a region whose
  expansion closes on itself remembers where it was open, and texts that touch are cut apart where the characters' up
  direction jumps, if the network predicts it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
import pyclipper

from sealkit.geometry.blocks import arrange_block, broken_lines, character_groups, joined
from sealkit.geometry.regions import TextRegion, clockwise, polygon_area
from sealkit.geometry.rings import ring_cut
from sealkit.geometry.simplify import simplify_all
from sealkit.geometry.touching import split_at_faint_places, split_at_jumps, up_samples
from sealkit.modules.seal_text_detection.settings import DetPostprocessSettings


@dataclass(frozen=True)
class DecodeRules:
    """Thresholds of `decode` that are no setting; the first three are PaddleX's."""

    min_side_px: int = 5
    """Expanded regions whose minimum-area rectangle is thinner (map pixels) are dropped."""
    min_quad_side_px: int = 3
    """With `box_type: quad` regions whose minimum-area rectangle is thinner before it is expanded are dropped."""
    simplify_share: float = 0.002
    """Contours are simplified by this share of their length."""
    hole_min_area_bands: float = 1.0
    """A hole larger than this multiple of the squared band width is a ring's middle; smaller ones are noise."""


RULES = DecodeRules()


def decode(
    maps: np.ndarray,
    source_hw: tuple[int, int],
    settings: DetPostprocessSettings | None = None,
    padded_hw: tuple[int, int] | None = None,
) -> list[TextRegion]:
    """Text regions of one image, in source pixels.

    Args:
        maps: (C, h, w) float32. Channel 0 is the text probability; with C = 4 the others are the characters' up
            direction (x right, y down) and the seal-area probability, which is not used here.
        source_hw: height and width of the image the map was made from.
        settings: thresholds; PaddleX's seal values by default.
        padded_hw: size of the image after the padding of tiny ones (`ResizeInfo.padded_hw`), where it differs.

    Returns:
        With `rings: keep` regions by ascending smallest y. With `rings: reference` in the order of OpenCV's contours
        (roughly from the bottom of the image upwards), outlines of whole numbers without holes. Outlines run
        clockwise on screen; with `box_type: quad` they have four points.
    """
    settings = settings or DetPostprocessSettings()
    probability = np.ascontiguousarray(maps[0], dtype=np.float32)
    mask = (probability > settings.thresh).view(np.uint8)
    if settings.use_dilation:
        mask = cv2.dilate(mask, np.ones((2, 2), np.uint8))
    covered = padded_hw or source_hw
    scale = np.array([covered[1] / probability.shape[1], covered[0] / probability.shape[0]], dtype=np.float64)
    if settings.rings == "reference":
        return _decode_reference(probability, mask, source_hw, scale, settings)
    return _decode_components(maps, probability, mask, source_hw, scale, settings)


def int_polygons(regions: list[TextRegion], source_hw: tuple[int, int]) -> list[np.ndarray]:
    """Outlines as PaddleX's `dt_polys`: rounded half to even, clamped to the image, (N, 2) int32."""
    upper = np.array([source_hw[1], source_hw[0]])
    return [np.clip(np.round(region.outline), 0, upper).astype(np.int32) for region in regions]


def sort_regions(polygons: list[np.ndarray]) -> list[int]:
    """PaddleX's order of polygons: indices by ascending smallest y (NumPy's default argsort: ties are not stable)."""
    if not polygons:
        return []
    tops = [int(np.min(np.asarray(polygon)[:, 1])) for polygon in polygons]
    return np.argsort(np.array(tops, dtype=np.int64)).tolist()  # of another width ties may fall otherwise


# ----- the reference's way -----


def _decode_reference(
    probability: np.ndarray,
    mask: np.ndarray,
    source_hw: tuple[int, int],
    scale: np.ndarray,
    settings: DetPostprocessSettings,
) -> list[TextRegion]:
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    candidates = contours[: settings.max_candidates]
    polygons = settings.box_type == "poly"
    found = (_reference_polygons if polygons else _reference_quads)(probability, candidates, settings)
    upper = np.array([source_hw[1], source_hw[0]])
    return [
        TextRegion(np.clip(np.round(polygon * scale), 0, upper).astype(np.float32), float(score))
        for polygon, score in found
    ]


def _reference_polygons(
    probability: np.ndarray, contours: Sequence[np.ndarray], settings: DetPostprocessSettings
) -> Iterator[tuple[np.ndarray, float]]:
    hopeful = _hopeful(probability, contours, settings)
    simple = simplify_all(hopeful, [RULES.simplify_share * cv2.arcLength(contour, True) for contour in hopeful])
    for points in simple:
        if len(points) < 4:
            continue
        score = _mean_inside(probability, points)
        if settings.box_thresh > score:
            continue
        paths = _offset([points], _distance(points, settings.unclip_ratio))
        if len(paths) == 1 and min(cv2.minAreaRect(paths[0].astype(np.float32))[1]) >= RULES.min_side_px:
            yield paths[0], score


def _hopeful(
    probability: np.ndarray, contours: Sequence[np.ndarray], settings: DetPostprocessSettings
) -> list[np.ndarray]:
    """Contours that are not sure to be dropped later; most on a map are specks, and this is quick to see.

    Simplified, a contour has at least four of its points. Expanding by area / perimeter · ratio widens its box by at
    most the box's short side · ratio (2 more: coordinates are rounded), and the short side of a rectangle of least area
    is at most √2 times the box's. The mean of its values cannot exceed the largest in its box.
    """
    contours = [contour for contour in contours if len(contour) >= 4]
    if not contours:
        return []
    sizes = np.array([len(contour) for contour in contours])
    begin = np.cumsum(sizes) - sizes
    x, y = np.concatenate(contours)[:, 0].T.copy()
    left, top = np.minimum.reduceat(x, begin), np.minimum.reduceat(y, begin)
    right, bottom = np.maximum.reduceat(x, begin), np.maximum.reduceat(y, begin)
    side = np.minimum(right - left, bottom - top)
    strong = (probability >= settings.box_thresh - 1e-6).view(np.uint8)
    count = cv2.integral(strong)  # (h + 1, w + 1) int32: how many above and left
    right, bottom = right + 1, bottom + 1
    inside = count[bottom, right] - count[top, right] - count[bottom, left] + count[top, left]
    hopeful = (1.42 * (side * (1 + settings.unclip_ratio) + 2) >= RULES.min_side_px) & (inside != 0)
    return [contours[i] for i in np.flatnonzero(hopeful)]


def _reference_quads(
    probability: np.ndarray, contours: Sequence[np.ndarray], settings: DetPostprocessSettings
) -> Iterator[tuple[np.ndarray, float]]:
    for contour in contours:
        found = _reference_quad(probability, contour, settings)
        if found is not None:
            yield found


def _reference_quad(
    probability: np.ndarray, contour: np.ndarray, settings: DetPostprocessSettings
) -> tuple[np.ndarray, float] | None:
    corners, side = _rectangle(contour.reshape(-1, 2))
    if side < RULES.min_quad_side_px:
        return None
    score = _mean_inside(probability, corners if settings.score_mode == "fast" else contour.reshape(-1, 2))
    if settings.box_thresh > score:
        return None
    paths = _offset([corners], _distance(corners, settings.unclip_ratio))
    if not paths:
        return None
    corners, side = _rectangle(paths[0])
    return None if side < RULES.min_side_px else (corners, score)


def _rectangle(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Minimum-area rectangle (4, 2) in the reference's corner order, and its short side.

    Of the two left-most corners the upper comes first and the lower last; the two right-most lie between, upper first.
    """
    rect = cv2.minAreaRect(points.astype(np.float32))
    corners = sorted(cv2.boxPoints(rect).tolist(), key=lambda corner: corner[0])
    left, right = sorted(corners[:2], key=lambda c: c[1]), sorted(corners[2:], key=lambda c: c[1])
    return np.array([left[0], right[0], right[1], left[1]]), min(rect[1])


def _mean_inside(probability: np.ndarray, points: np.ndarray) -> float:
    """Mean of the map inside a polygon, drawn in its own bounding box clipped to the map."""
    h, w = probability.shape
    if points.dtype.kind == "i":  # a contour's own points: quicker
        x1, y1, wide, high = cv2.boundingRect(points)
        x2, y2 = x1 + wide - 1, y1 + high - 1
    else:
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        x1, x2 = (min(max(v, 0), w - 1) for v in (math.floor(left), math.ceil(right)))
        y1, y2 = (min(max(v, 0), h - 1) for v in (math.floor(top), math.ceil(bottom)))
    inside = np.zeros((y2 - y1 + 1, x2 - x1 + 1), dtype=np.uint8)
    cv2.fillPoly(inside, [points.astype(np.int32)], 1, offset=(-x1, -y1))
    return cv2.mean(probability[y1 : y2 + 1, x1 : x2 + 1], inside)[0]


def _distance(points: np.ndarray, ratio: float) -> float:
    """How far a polygon is expanded: area · ratio / perimeter."""
    closed = points.astype(np.float32)
    return cv2.contourArea(closed) * ratio / max(cv2.arcLength(closed, True), 1e-6)


def _offset(paths: list[np.ndarray], distance: float) -> list[np.ndarray]:
    """Expand closed paths with round joins on Clipper's grid of whole numbers."""
    clipper = pyclipper.PyclipperOffset()
    for path in paths:
        clipper.AddPath(path.astype(np.int64).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    return [np.array(path, dtype=np.float64) for path in clipper.Execute(distance)]


# ----- sealkit's way -----


def _decode_components(
    maps: np.ndarray,
    probability: np.ndarray,
    mask: np.ndarray,
    source_hw: tuple[int, int],
    scale: np.ndarray,
    settings: DetPostprocessSettings,
) -> list[TextRegion]:
    contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    outer = [i for i in range(len(contours)) if tree[0][i][3] < 0]
    outer = sorted(outer, key=lambda i: -len(contours[i]))[: settings.max_candidates]
    limit = np.array([source_hw[1], source_hw[0]], dtype=np.float64)
    regions = []
    for whole, corner in islice(_pieces(maps, mask, contours, outer, settings.box_thresh), settings.max_candidates):
        piece, (x, y) = _trimmed(whole, corner)
        h, w = piece.shape
        window = maps[:, y : y + h, x : x + w]
        score = cv2.mean(window[0], piece & mask[y : y + h, x : x + w])[0]
        if score < settings.box_thresh:
            continue
        shape = _component_shape(piece, window[0], settings)
        if shape is None:
            continue
        outline, holes, cut = (
            [np.clip(np.add(points, (x, y)) * scale, 0, limit).astype(np.float32) for points in group]
            for group in shape
        )
        up = up_samples(piece, window, (x, y), scale)
        regions.append(TextRegion(outline[0], score, holes, up, cut[0][0] if cut else None))
    return sorted(regions, key=lambda region: float(region.outline[:, 1].min()))


def _pieces(
    maps: np.ndarray, mask: np.ndarray, contours: Sequence[np.ndarray], outer: Sequence[int], least: float
) -> Iterator[tuple[np.ndarray, tuple[int, int]]]:
    """Masks (h, w) uint8 of single texts with the corner (x, y) of their window: connected regions cut where texts
    touch, characters of a block and pieces of a straight line put together. A region of its own is left out where no
    pixel of it has the probability `least`."""
    grouped: set[int] = set()
    for group in character_groups([contours[i] for i in outer]):
        members = [outer[k] for k in group]
        x, y, w, h = cv2.boundingRect(np.concatenate([contours[i] for i in members]))
        characters = [_drawn(mask, contours, i, (x, y, w, h)) for i in members]
        pieces = arrange_block(characters, maps[:, y : y + h, x : x + w])
        if len(pieces) == len(characters) and all(piece is character for piece, character in zip(pieces, characters)):
            continue  # no block after all
        grouped.update(members)
        yield from ((piece, (x, y)) for piece in pieces)
    rest = [i for i in outer if i not in grouped]
    for group in broken_lines([contours[i] for i in rest]):
        members = [rest[k] for k in group]
        x, y, w, h = cv2.boundingRect(np.concatenate([contours[i] for i in members]))
        grouped.update(members)
        yield joined([_drawn(mask, contours, i, (x, y, w, h)) for i in members]), (x, y)
    for i in outer:
        x, y, w, h = cv2.boundingRect(contours[i])
        if i in grouped or min(w, h) < 2:
            continue
        window = maps[:, y : y + h, x : x + w]
        inside = _drawn(mask, contours, i, (x, y, w, h))
        if cv2.minMaxLoc(window[0], inside)[1] < least:
            continue
        for piece in arrange_block([inside], window):
            if piece is not inside:
                yield piece, (x, y)
                continue
            for part in split_at_jumps(inside, window, (x, y)):
                own, (left, top) = _trimmed(part, (x, y))
                high, wide = own.shape
                halves = split_at_faint_places(own, maps[:, top : top + high, left : left + wide])
                yield from ((half, (left, top)) for half in halves)


def _trimmed(piece: np.ndarray, corner: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
    """A mask and its corner (x, y) without empty margins: what follows costs by the window, not by the piece."""
    left, top, wide, high = cv2.boundingRect(piece)
    if (high, wide) == piece.shape or not wide:
        return piece, corner
    return np.ascontiguousarray(piece[top : top + high, left : left + wide]), (corner[0] + left, corner[1] + top)


def _drawn(mask: np.ndarray, contours: Sequence[np.ndarray], index: int, box: tuple[int, int, int, int]) -> np.ndarray:
    """(h, w) uint8: one connected region in its window x, y, w, h, holes left open."""
    x, y, w, h = box
    inside = np.zeros((h, w), dtype=np.uint8)
    # a list of one: OpenCV's binding converts every contour it is given, and a page has hundreds
    cv2.drawContours(inside, [contours[index]], 0, 1, cv2.FILLED, offset=(-x, -y))
    inside &= mask[y : y + h, x : x + w]
    return inside


def _component_shape(
    inside: np.ndarray, probability: np.ndarray, settings: DetPostprocessSettings
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]] | None:
    """[expanded outline], holes and [cut] or [] of one component in its window's pixels; None when it is too small."""
    contours, tree = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outer = max((c for c, node in zip(contours, tree[0]) if node[3] < 0), key=cv2.contourArea)
    outer = _simplify(outer)
    if len(outer) < 3:
        return None
    area, length = abs(polygon_area(outer)), _length(outer)
    inner = [
        _simplify(c) for c, node in zip(contours, tree[0]) if node[3] >= 0 and cv2.contourArea(c) > RULES.min_side_px**2
    ]
    inner = [hole for hole in inner if len(hole) >= 3]
    area -= sum(abs(polygon_area(hole)) for hole in inner)
    length += sum(_length(hole) for hole in inner)
    distance = max(area, 0.0) * settings.unclip_ratio / max(length, 1e-6)
    paths = _offset_fine([clockwise(outer), *(clockwise(hole)[::-1] for hole in inner)], distance)
    if not paths:
        return None
    outline = max(paths, key=polygon_area)
    band = 2 * max(area, 0.0) / max(length, 1e-6) + 2 * distance
    holes = [path for path in paths if -polygon_area(path) >= RULES.hole_min_area_bands * band**2]
    rect = cv2.minAreaRect(outline.astype(np.float32))
    if min(rect[1]) < RULES.min_side_px:
        return None
    if settings.box_type == "quad":
        return [clockwise(cv2.boxPoints(rect).astype(np.float64))], [], []
    cut = ring_cut(inside, probability, max(holes, key=lambda hole: -polygon_area(hole))) if holes else None
    return [clockwise(outline)], [clockwise(hole) for hole in holes], [] if cut is None else [cut[None]]


def _simplify(contour: np.ndarray) -> np.ndarray:
    return cv2.approxPolyDP(contour, RULES.simplify_share * cv2.arcLength(contour, True), True).reshape(-1, 2)


def _length(points: np.ndarray) -> float:
    return float(np.hypot(*(np.roll(points, -1, axis=0) - points).T).sum())


def _offset_fine(paths: list[np.ndarray], distance: float, grid: int = 16) -> list[np.ndarray]:
    """Like `_offset`, on a grid of 1/16 pixel, so that nothing is rounded."""
    if distance * grid < 1:
        return [path.astype(np.float64) for path in paths]
    clipper = pyclipper.PyclipperOffset(2.0, 0.25 * grid)
    for path in paths:
        clipper.AddPath((path * grid).astype(np.int64).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    return [np.array(path, dtype=np.float64) / grid for path in clipper.Execute(distance * grid)]
