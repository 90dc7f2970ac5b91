"""Stage find_seals: from layout boxes, by the text detector on the whole page, or the whole image.

The search goes from coarse to fine. The page is detected at a small scale: the detector's seal-area channel shows the
seals, or, where a detector has none, texts are grouped. It is repeated at larger scales for small seals on pages
(`merge_scales`); the largest scale that a seal fits in decides about it, because one far larger than those the detector
was trained on falls into pieces. What a scale that it fits in does not show is no seal (`is_shown`). Seals stamped over
each other's edge are one area; `convex_parts` takes them apart. Then each seal is detected in a crop of its own, which
corrects its box (`refine_boxes`): the shipped detector was trained (`seal_crop`) to show there the seal that the crop
is about. Area that no seal so found explains (`residual_regions`) is refined as well. An image of one large seal needs
none of that (`is_clear`): its box of the search will do, and where it is as large in the search as in a crop of its
own, so will the maps. Long and large images, and pages on which nothing was found, are searched at larger scales, in
tiles (`sealkit.pipeline.tiles`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from sealkit.geometry.boxes import iou, share_in
from sealkit.geometry.lines import lines_from_region
from sealkit.geometry.parts import convex_parts
from sealkit.geometry.regions import TextRegion
from sealkit.geometry.seals import group_seals
from sealkit.modules.seal_text_detection.predictor import DetectionMaps, TextDetector
from sealkit.pipeline.context import Context
from sealkit.pipeline.crops import crop_window, detect_at, dimmed_crop, resize_to
from sealkit.pipeline.page import DetectedSeal, FoundSeal, Page, Window
from sealkit.pipeline.settings import SearchSettings
from sealkit.pipeline.tiles import ScaledMaps, larger_sides, second_look


@dataclass(frozen=True)
class SearchRules:
    """Numbers of the search that no user has had a reason to change; `SearchSettings` has the others."""

    max_page_upscale: float = 2.0
    """A coarse side more than this times the image's own is left out (unless it is the only one)."""
    clear_score: float = 0.95
    """Mean seal-area probability of a seal that is clear in the search."""
    enough_page_share: float = 0.6
    """Larger scales are skipped when seals already fill this share of the page."""
    shown_share: float = 0.2
    """A seal that fits in a scale of which less than this share is seal area there was none."""
    same_seal_iou: float = 0.5
    """Two boxes with a larger intersection over union are one seal's."""
    steady_iou: float = 0.9
    """A refinement that moves a box less than this intersection over union was the last."""
    part_inside_share: float = 0.7
    """A box of which this share lies in a larger one is a part of it …"""
    part_side_ratio: float = 0.25
    """… where its long side is at least this share of the larger one's."""
    union_side_ratio: float = 1.3
    """What is larger than fits in a scale, by up to this factor, may be two seals that fit."""
    max_crop_upscale: float = 4.0
    """Crops are enlarged by no more than this for the refinement of boxes."""
    tongue_width_ratio: float = 0.06
    """Tongues of area narrower than this share of the crop are not the seal's."""
    rim_width_ratio: float = 0.08
    """Area this close to a found seal, as a share of its long side, is its own."""
    min_residual_px: float = 12.0
    """Map pixels: a smaller area outside the found seals is no seal."""


RULES = SearchRules()


def run(page: Page, context: Context) -> None:
    """Set `page.seals`: boxes, and the windows they are detected in."""
    page.log.start()
    settings, crop = context.settings, context.detector.spec.crop
    seals, maps = _found(page, context)
    for found in seals:
        margin = crop.margin if settings.Refine is not None and found.source not in ("layout", "whole") else 0.0
        page.seals.append(DetectedSeal(found, crop_window(found.box, margin, page.image.shape[:2])))
    share = None if settings.Search is None else settings.Search.seen_share
    if maps is not None and share is not None and context.looks_again:
        (seal,) = page.seals
        if seal.found.long_side / float(maps.scale.max()) >= share * crop.side:
            h, w = page.image.shape[:2]
            seal.window, seal.seen, seal.resize = (0, 0, w, h), (maps,), resize_to(max(maps.maps.shape[1:]))


def _found(page: Page, context: Context) -> tuple[list[FoundSeal], DetectionMaps | None]:
    """Where the seals are, and the search's maps of one that is clear; what it was decided by is logged."""
    image, settings = page.image, context.settings
    if page.layout is not None:
        seals = seals_of_layout(page.layout, image.shape[:2])
        if not seals and settings.whole_page_fallback:
            page.log.add("fallback", note="no seal in the layout: the whole image was read as one")
            return [FoundSeal.whole(image)], None
        return seals, None
    if settings.Search is None:
        return [FoundSeal.whole(image)], None
    result = search(context.detector, image, settings.Search, context.refine is not None)
    seals, found, note = list(result.seals), len(result.seals), None
    if not seals and settings.whole_page_fallback:
        seals, note = [FoundSeal.whole(image)], "no seal found: the whole image was read as one"
    elif not seals:
        note = "no seal found (whole_page_fallback is off)"
    found_by = seals[0].source if found else None
    page.log.add("search", seals=found, found_by=found_by, larger_scales=result.larger_scales, note=note)
    return seals, result.maps


def seals_of_layout(layout: Mapping[str, Any], hw: tuple[int, int]) -> list[FoundSeal]:
    """Boxes labelled seal, cut off to whole pixels as PaddleX crops them; boxes without pixels are left out."""
    seals = []
    for box in layout.get("boxes", []):
        if str(box.get("label", "")).lower() != "seal":
            continue
        x1, y1, x2, y2 = (int(v) for v in box["coordinate"])
        x1, y1, x2, y2 = max(0, x1), max(0, y1), min(hw[1], x2), min(hw[0], y2)
        if x2 > x1 and y2 > y1:
            found = (float(x1), float(y1), float(x2), float(y2))
            seals.append(FoundSeal(found, float(box.get("score", 1.0)), "layout"))
    return seals


@dataclass(frozen=True)
class Search:
    """What a search came to.

    Attributes:
        seals: in reading order.
        larger_scales: why the image was searched at more than the coarse sides, in how many tiles, up to which
            scale; None where it was not.
        maps: of the whole image, where they show one seal, and it is clear.
    """

    seals: Sequence[FoundSeal]
    larger_scales: str | None = None
    maps: DetectionMaps | None = None


def search(detector: TextDetector, image: np.ndarray, settings: SearchSettings, coarse: bool = False) -> Search:
    """Seals on an image (H, W, 3) uint8 BGR.

    Args:
        coarse: an only seal that is clear (`clear_side`) may keep its box of the search.
    """
    hw = (image.shape[0], image.shape[1])
    maps = ScaledMaps(detector, image, max(settings.coarse_sides))
    larger = larger_sides(hw, settings)
    seen = _search_at(maps, settings, [*coarse_sides(image, settings), *larger.sides], coarse)
    if seen.clear:
        return Search([replace(seen.seals[0], coarse=True)], maps=seen.maps)
    seals = corrected(maps, seen, settings)
    if not seals and not larger.sides:
        larger = second_look(hw, settings)
        seals = corrected(maps, _search_at(maps, settings, larger.sides), settings)
    if not maps.tiled_scale:
        return Search(seals)
    return Search(seals, f"{larger.why}: {maps.tiles} tiles, scale {maps.tiled_scale:.2g}")


def is_clear(found: Sequence[FoundSeal], maps: DetectionMaps, settings: SearchSettings) -> bool:
    """Whether maps of the whole image show one seal, large and sure, and nothing beside it."""
    if settings.clear_side is None or len(found) != 1 or maps.area is None:
        return False
    seal = found[0]
    large = seal.long_side / float(maps.scale.max()) >= settings.clear_side
    return large and seal.score >= RULES.clear_score and not residual_regions(maps, found, settings)


@dataclass(frozen=True)
class Seen:
    """What maps of the whole image show.

    Attributes:
        seals: in reading order, their boxes as the maps show them.
        maps: the last that were looked at; None where seals were found by their texts.
        clear: there is one seal, and it is clear.
    """

    seals: list[FoundSeal]
    maps: DetectionMaps | None = None
    clear: bool = False


def corrected(scaled: ScaledMaps, seen: Seen, settings: SearchSettings) -> list[FoundSeal]:
    """Seals in reading order, each with the box that a crop of its own shows, and those that others cover in part."""
    if not settings.corrections or not seen.seals or seen.maps is None:
        return seen.seals
    found = refine_boxes(scaled.detector, scaled.image, seen.seals, settings)
    beside = residual_regions(seen.maps, found, settings)
    return reading_order([*found, *refine_boxes(scaled.detector, scaled.image, beside, settings, found)])


def _search_at(scaled: ScaledMaps, settings: SearchSettings, sides: Sequence[int], coarse: bool = False) -> Seen:
    """Look for seals at these long sides, ascending.

    Args:
        coarse: a clear seal ends the search.
    """
    image, maps = scaled.image, None
    found: list[FoundSeal] = []
    for side in sides:
        maps = scaled.at(side)
        if maps.area is None:  # grouping texts needs no scale of its own, and the last scale shows most
            last = maps if side == sides[-1] else scaled.at(sides[-1])
            return Seen(reading_order(seals_by_texts(scaled.detector.regions(last))))
        scale = side / max(image.shape[:2])
        largest = settings.largest_side if side <= scaled.tile else scaled.overlap
        fits = largest / scale
        found = [seal for seal in found if seal.long_side > fits or is_shown(seal, maps, settings)]
        found = merge_scales(found, seals_by_area(maps, settings), fits)
        if coarse and is_clear(found, maps, settings):
            return Seen(found, maps, clear=True)
        settled = [seal for seal in found if seal.long_side * scale >= settings.settled_side]
        if covered_share(settled, image.shape[:2]) >= RULES.enough_page_share:
            break
    return Seen(reading_order(found), maps)


def coarse_sides(image: np.ndarray, settings: SearchSettings) -> list[int]:
    """Which of the configured sizes make sense for this image."""
    sides = sorted(set(settings.coarse_sides))
    long_side = max(image.shape[:2])
    return [s for i, s in enumerate(sides) if i == 0 or s <= RULES.max_page_upscale * long_side]


def covered_share(seals: Sequence[FoundSeal], hw: tuple[int, int]) -> float:
    """Share of the image in the boxes of the seals."""
    return sum((s.box[2] - s.box[0]) * (s.box[3] - s.box[1]) for s in seals) / max(hw[0] * hw[1], 1)


def is_shown(seal: FoundSeal, maps: DetectionMaps, settings: SearchSettings) -> bool:
    """Whether the maps of another scale show seal area where a seal was found, too."""
    if maps.area is None:
        return True
    h, w = maps.area.shape
    x1, y1, x2, y2 = (np.array(seal.box) / np.tile(maps.scale, 2)).round().astype(int).tolist()
    inside = maps.area[min(y1, h - 1) : max(y2, y1 + 1), min(x1, w - 1) : max(x2, x1 + 1)]
    return float((inside > settings.area_thresh).mean()) >= RULES.shown_share


def merge_scales(known: Sequence[FoundSeal], seen: Sequence[FoundSeal], largest: float) -> list[FoundSeal]:
    """What a larger scale changes about the seals known from smaller ones.

    The largest scale that a seal still fits in decides: its box is better, and it tells seals apart that a smaller one
    shows as one. What it shows inside a seal that is too large for it are pieces.

    Args:
        known: seals of the smaller scales.
        seen: seals of this one.
        largest: seals up to this long side, page pixels, fit.
    """
    if not known:
        return list(seen)
    kept, fresh = [], [seal for seal in seen if seal.long_side <= largest]
    for seal in known:
        inside = [one for one in fresh if share_in(one.box, seal.box) >= RULES.part_inside_share]
        large = seal.long_side > RULES.union_side_ratio * largest
        if large:
            fresh = [one for one in fresh if one not in inside]
        parts = [one for one in inside if one.long_side >= RULES.part_side_ratio * seal.long_side]
        replaced = len(parts) > 1 or any(iou(one.box, seal.box) > RULES.same_seal_iou for one in fresh)
        if large or not replaced:
            kept.append(seal)
    return kept + [one for one in fresh if all(iou(one.box, seal.box) <= RULES.same_seal_iou for seal in kept)]


def residual_regions(maps: DetectionMaps, found: Sequence[FoundSeal], settings: SearchSettings) -> list[FoundSeal]:
    """What of the seal area of a page lies outside the seals that were found: seals that others cover in part."""
    area = maps.area
    if area is None or not found:
        return []
    free = (area > settings.area_thresh).astype(np.uint8)
    for seal in found:
        x1, y1, x2, y2 = seal.box
        hull = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]) if seal.hull is None else seal.hull
        points = np.round(hull / maps.scale).astype(np.int32)
        rim = round(2 * RULES.rim_width_ratio * seal.long_side / float(maps.scale.max()))
        cv2.fillConvexPoly(free, points, 0)
        cv2.polylines(free, [points], True, 0, max(3, rim))
    free = cv2.morphologyEx(free, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    least = RULES.min_residual_px * float(maps.scale.max())
    return [seal for seal in seals_by_area(maps, settings, free) if seal.long_side >= least]


def refine_boxes(
    detector: TextDetector,
    image: np.ndarray,
    seals: Sequence[FoundSeal],
    settings: SearchSettings,
    known: Sequence[FoundSeal] = (),
) -> list[FoundSeal]:
    """Seals with boxes from up to `corrections` crops of each of them, in the same order.

    Those that a crop does not show are left out; of several that turn out to be one the first stays, and none that
    lies in one that is already `known`.

    Args:
        image: (H, W, 3) uint8 BGR.
    """
    kept: list[FoundSeal] = []
    for seal in seals:
        found: FoundSeal | None = seal
        for _ in range(settings.corrections):
            before, found = seal, _refined(detector, image, seal, settings)
            if found is None or iou(found.box, before.box) > RULES.steady_iou:
                break
            seal = found
        if found is None or any(share_in(found.box, other.box) >= RULES.part_inside_share for other in known):
            continue
        if all(iou(found.box, other.box) <= RULES.same_seal_iou for other in [*known, *kept]):
            kept.append(found)
    return kept


def _refined(detector: TextDetector, image: np.ndarray, seal: FoundSeal, settings: SearchSettings) -> FoundSeal | None:
    """The seal with the box that a crop around it shows; None where it shows no seal."""
    window = crop_window(seal.box, settings.correction_margin, image.shape[:2])
    crop = dimmed_crop(image, seal, window, detector.spec.crop.background_contrast)
    size = min(settings.correction_side, round(max(crop.shape[:2]) * RULES.max_crop_upscale))
    return seal_in(detect_at(detector, crop, size), window, seal, settings)


def seal_in(maps: DetectionMaps, window: Window, seal: FoundSeal, settings: SearchSettings) -> FoundSeal | None:
    """The seal as the largest seal area in maps of a window around it; None where there is none."""
    if maps.area is None:
        return seal
    mask = (maps.area > settings.area_thresh).astype(np.uint8)
    width = max(1, int(RULES.tongue_width_ratio * max(mask.shape)))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return None
    left, top, right, bottom = window
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    x, y, w, h = (int(v) for v in stats[largest, :4])
    (sx, sy), score = maps.scale, float(maps.area[labels == largest].mean())
    x1, y1, x2, y2 = x * sx, y * sy, min((x + w) * sx, right - left), min((y + h) * sy, bottom - top)
    if score < settings.min_score or min(x2 - x1, y2 - y1) < 1:
        return None
    box = (float(left + x1), float(top + y1), float(left + x2), float(top + y2))
    rim, _ = cv2.findContours((labels == largest).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = (cv2.convexHull(rim[0])[:, 0] + 0.5) * maps.scale + (left, top)
    return replace(seal, box=box, score=score, hull=hull, coarse=False)


def seals_by_area(found: DetectionMaps, settings: SearchSettings, where: np.ndarray | None = None) -> list[FoundSeal]:
    """Connected components of the seal-area channel; seals that touch in it are told apart by their shape.

    Args:
        where: (h, w) uint8, 1 at the pixels that count; None: those above `area_thresh`.
    """
    area = found.area
    if area is None:
        return []
    mask = (area > settings.area_thresh).astype(np.uint8) if where is None else where
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


def reading_order(seals: Sequence[FoundSeal]) -> list[FoundSeal]:
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
