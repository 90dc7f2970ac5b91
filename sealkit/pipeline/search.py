"""Finding seals on a whole image with the text detector itself, where there is no layout model.

A first, coarse look finds the seals: by the detector's seal-area channel where it has one, else by grouping texts. It
is repeated at larger sizes for small seals on pages; the largest look that a seal fits in decides about it, because one
far larger than those the detector was trained on falls into pieces. Seals stamped over each other's edge are one area;
`convex_parts` takes them apart. Then each seal is looked at in a crop of its own, which corrects its box: the shipped
detector was taught (`seal_crop`) to show there the seal that the crop is about. Area that no seal so found explains is
looked at as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from sealkit.geometry.boxes import box_iou
from sealkit.geometry.lines import lines_from_region
from sealkit.geometry.parts import convex_parts
from sealkit.geometry.regions import TextRegion
from sealkit.geometry.seals import group_seals
from sealkit.modules.seal_text_detection.predictor import AREA, DetectionMaps, TextDetector
from sealkit.modules.seal_text_detection.settings import DetResizeSettings
from sealkit.pipeline.closer import Box, FoundSeal, crop_box, held_share, seal_meant
from sealkit.pipeline.settings import SearchSettings

OVERSIZE = 2.0
"""A coarse size more than this times the image's own is left out (unless it is the only one)."""
COVERED = 0.5
"""Larger looks are skipped when seals already fill this share of the image."""
SAME = 0.5
"""Two boxes are one seal's when they overlap by more (intersection over union)."""
STEADY = 0.9
"""A look that changes a seal's box by less than this (intersection over union) was the last."""
PART_INSIDE = 0.7
LEAST_PART = 0.25
"""Two boxes of which this share lies in a larger one, with at least this share of its long side, are what it is."""
UNION = 1.3
"""What is larger than fits in a look, by up to this factor, may be two seals that fit."""
MOST_UPSCALE = 4.0
TONGUE = 0.06
"""Tongues of area narrower than this share of the crop are not the seal's."""
RIM = 0.08
"""Area this close to a found seal, as a share of its long side, is its own."""
LEAST_REST = 12.0
"""Map pixels: less area outside the found seals is no seal."""


def find_seals(
    detector: TextDetector, image: np.ndarray, settings: SearchSettings, outside: float = 1.0
) -> list[FoundSeal]:
    """Seals on an image (H, W, 3) uint8 BGR, from top to bottom.

    Args:
        outside: contrast left outside a seal's box in the looks that correct it.
    """
    found: list[FoundSeal] = []
    sides = coarse_sides(image, settings)
    for coarse in sides:
        look = looked_at(detector, image, coarse)
        if look.area is None:  # grouping texts needs no scale of its own, and the last look sees most
            last = look if coarse == sides[-1] else looked_at(detector, image, sides[-1])
            return reading_rows(seals_by_texts(detector.regions(last)))
        scale = coarse / max(image.shape[:2])
        found = finer(found, seals_by_area(look, settings), settings.largest_side / scale)
        settled = [seal for seal in found if seal.long_side * scale >= settings.settled_side]
        if covered(settled, image.shape[:2]) >= COVERED:
            break
    if settings.corrections:
        found = corrected(detector, image, found, settings, outside)
        found += corrected(detector, image, unexplained(look, found, settings), settings, outside, found)
    return reading_rows(found)


def looked_at(detector: TextDetector, image: np.ndarray, side: int) -> DetectionMaps:
    """What the detector says of an image (H, W, 3) uint8 BGR scaled to this long side."""
    return detector.maps(image, DetResizeSettings(limit_side_len=side, limit_type="resize_long"))


def finer(known: Sequence[FoundSeal], seen: Sequence[FoundSeal], largest: float) -> list[FoundSeal]:
    """What a larger look at the image changes about the seals known from smaller ones.

    The largest look that a seal still fits in decides: its box is better, and it tells seals apart that a smaller one
    shows as one. What it shows inside a seal that is too large for it are pieces.

    Args:
        known, seen: of the smaller looks, and of this one.
        largest: seals up to this long side, image pixels, fit.
    """
    if not known:
        return list(seen)
    kept, fresh = [], [seal for seal in seen if seal.long_side <= largest]
    for seal in known:
        inside = [one for one in fresh if held_share(one.box, seal.box) >= PART_INSIDE]
        large = seal.long_side > UNION * largest
        if large:
            fresh = [one for one in fresh if one not in inside]
        parts = [one for one in inside if one.long_side >= LEAST_PART * seal.long_side]
        replaced = len(parts) > 1 or any(iou(one.box, seal.box) > SAME for one in fresh)
        if large or not replaced:
            kept.append(seal)
    return kept + [one for one in fresh if all(iou(one.box, seal.box) <= SAME for seal in kept)]


def unexplained(look: DetectionMaps, found: Sequence[FoundSeal], settings: SearchSettings) -> list[FoundSeal]:
    """What of the seal area of a look lies outside the seals that were found: seals that others cover in part."""
    area = look.area
    if area is None or not found:
        return []
    free = (area > settings.area_thresh).astype(np.uint8)
    for seal in found:
        x1, y1, x2, y2 = seal.box
        hull = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]) if seal.hull is None else seal.hull
        points = np.round(hull / look.scale).astype(np.int32)
        cv2.fillConvexPoly(free, points, 0)
        cv2.polylines(free, [points], True, 0, max(3, round(2 * RIM * seal.long_side / float(look.scale.max()))))
    free = cv2.morphologyEx(free, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    rest = DetectionMaps(np.concatenate([look.maps[:AREA], np.where(free, area, 0)[None]]), look.info)
    return [seal for seal in seals_by_area(rest, settings) if seal.long_side >= LEAST_REST * float(look.scale.max())]


def corrected(
    detector: TextDetector,
    image: np.ndarray,
    seals: Sequence[FoundSeal],
    settings: SearchSettings,
    outside: float,
    known: Sequence[FoundSeal] = (),
) -> list[FoundSeal]:
    """Seals with boxes from up to `corrections` looks at each of them, in the same order.

    Those that a look does not show are left out; of several that turn out to be one the first stays, and none that
    lies in one that is already `known`.

    Args:
        image: (H, W, 3) uint8 BGR.
    """
    kept: list[FoundSeal] = []
    for seal in seals:
        found: FoundSeal | None = seal
        for _ in range(settings.corrections):
            before, found = seal, _at_closer_look(detector, image, seal, settings, outside)
            if found is None or iou(found.box, before.box) > STEADY:
                break
            seal = found
        if found is None or any(held_share(found.box, other.box) >= PART_INSIDE for other in known):
            continue
        if all(iou(found.box, other.box) <= SAME for other in [*known, *kept]):
            kept.append(found)
    return kept


def iou(a: Box, b: Box) -> float:
    """Intersection over union."""
    return float(box_iou(np.array([a]), np.array([b]))[0, 0])


def _at_closer_look(
    detector: TextDetector, image: np.ndarray, seal: FoundSeal, settings: SearchSettings, outside: float
) -> FoundSeal | None:
    """The seal as the largest seal area in a crop around it; None where there is none."""
    left, top, right, bottom = crop_box(seal.box, settings.correction_margin, image.shape[:2])
    crop = image[top:bottom, left:right]
    crop = seal_meant(crop, seal, (left, top), outside)
    size = min(settings.correction_side, round(max(crop.shape[:2]) * MOST_UPSCALE))
    maps = looked_at(detector, crop, size)
    if maps.area is None:
        return seal
    mask = (maps.area > settings.area_thresh).astype(np.uint8)
    width = max(1, int(TONGUE * max(mask.shape)))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    x, y, w, h = (int(v) for v in stats[largest, :4])
    (sx, sy), score = maps.scale, float(maps.area[labels == largest].mean())
    x1, y1, x2, y2 = x * sx, y * sy, min((x + w) * sx, crop.shape[1]), min((y + h) * sy, crop.shape[0])
    if score < settings.min_score or min(x2 - x1, y2 - y1) < 1:
        return None
    box = (float(left + x1), float(top + y1), float(left + x2), float(top + y2))
    rim, _ = cv2.findContours((labels == largest).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = (cv2.convexHull(rim[0])[:, 0] + 0.5) * maps.scale + (left, top)
    return replace(seal, box=box, score=score, hull=hull)


def covered(seals: Sequence[FoundSeal], hw: tuple[int, int]) -> float:
    """Share of the image in the boxes of the seals."""
    return sum((s.box[2] - s.box[0]) * (s.box[3] - s.box[1]) for s in seals) / max(hw[0] * hw[1], 1)


def coarse_sides(image: np.ndarray, settings: SearchSettings) -> list[int]:
    """Which of the configured sizes make sense for this image."""
    sides = sorted(set(settings.coarse_sides))
    long_side = max(image.shape[:2])
    return [s for i, s in enumerate(sides) if i == 0 or s <= OVERSIZE * long_side]


def seals_by_area(found: DetectionMaps, settings: SearchSettings) -> list[FoundSeal]:
    """Connected components of the seal-area channel; seals that touch in it are told apart by their shape."""
    area = found.area
    if area is None:
        return []
    mask = (area > settings.area_thresh).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    (sx, sy), (src_h, src_w) = found.scale, found.info.source_hw
    seals = []
    for label in range(1, count):
        x, y, w, h = (int(v) for v in stats[label, :4])
        if max(w, h) < settings.min_side:
            continue
        values, inside = area[y : y + h, x : x + w], labels[y : y + h, x : x + w] == label
        for x1, y1, x2, y2 in convex_parts(inside):
            part = np.s_[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))]
            score = float(values[part][inside[part]].mean())
            box = ((x + x1) * sx, (y + y1) * sy, min((x + x2) * sx, src_w), min((y + y2) * sy, src_h))
            large = max(x2 - x1, y2 - y1) >= settings.min_side and min(box[2] - box[0], box[3] - box[1]) >= 1
            if large and score >= settings.candidate_score:
                seals.append(FoundSeal(tuple(float(v) for v in box), score, "area"))  # type: ignore[arg-type]
    return seals


def seals_by_texts(regions: Sequence[TextRegion]) -> list[FoundSeal]:
    """Texts that belong to one seal by their shape and place (`group_seals`), as the box around them."""
    lines = [line for region in regions for line in lines_from_region(region)]
    seals = []
    for group in group_seals(lines):
        points = np.concatenate([line.points for line in group])
        (x1, y1), (x2, y2) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        seals.append(FoundSeal((x1, y1, x2, y2), float(np.mean([line.score for line in group])), "texts"))
    return seals


def reading_rows(seals: Sequence[FoundSeal]) -> list[FoundSeal]:
    """Stated order of seals: rows from top to bottom, in a row from left to right.

    A row is what begins before the middle of its first seal.
    """
    rest = sorted(seals, key=lambda s: (s.box[1], s.box[0]))
    ordered: list[FoundSeal] = []
    while rest:
        middle = (rest[0].box[1] + rest[0].box[3]) / 2
        row = [s for s in rest if s.box[1] <= middle]
        ordered += sorted(row, key=lambda s: s.box[0])
        rest = [s for s in rest if s.box[1] > middle]
    return ordered
