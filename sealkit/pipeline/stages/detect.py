"""Stage detect: detects the texts of each seal in its own crop, at the size the detector was trained on.

On real images that reads more than one pass over the whole page does. Of several views (test-time augmentation) the
texts that most of them show are kept; where `Refine.views_below` is set there is one view here, and
`sealkit.pipeline.stages.more_views` adds the others where they are needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sealkit.geometry.boxes import iou, overlap_of_smaller, share_in
from sealkit.geometry.lines import lines_from_region
from sealkit.geometry.regions import TextRegion, region_mask
from sealkit.geometry.rejoin import join_pieces
from sealkit.geometry.voting import merge_views
from sealkit.modules.seal_text_detection.predictor import DetectionMaps, TtaMaps, Views, shifted
from sealkit.pipeline.context import Context
from sealkit.pipeline.crops import crop_window, cut_out, dimmed_crop, scaled_to
from sealkit.pipeline.page import DetectedSeal, Page, SealLine
from sealkit.pipeline.stages.find_seals import seal_in


@dataclass(frozen=True)
class DetectRules:
    """Numbers of this stage that no user has had a reason to change."""

    same_text_overlap: float = 0.5
    """A text that two crops show is one where its boxes, and then its outlines, overlap by more (intersection / smaller
    area)."""
    same_box_iou: float = 0.95
    """A seal whose first view shows a box with less intersection over union than this is detected in that box."""
    mean_view_weight: float = 1.5
    """Weight of the mean of several views in their vote; a view itself counts 1."""
    majority_share: float = 0.5
    """Share of the weight of several views that must show a text: of four views three, or the mean and two."""


RULES = DetectRules()


def run(page: Page, context: Context) -> None:
    """Fill the seals of a page: regions, lines, and how many texts were dropped because they lie outside the seal."""
    refine = context.refine
    views = 1 if refine is None or refine.views_below is not None else refine.views
    for seal in page.seals:
        if seal.found.coarse and not seal.seen:
            correct(seal, page.image, context)
        detect_in_crop(seal, page.image, context, views)
    drop_duplicates(page.seals)
    for seal in page.seals:
        seal.lines = list(lines_of(seal.regions, page.image))
    count = sum(len(seal.lines) for seal in page.seals)
    page.log.add(
        "detection",
        texts=count,
        outside_seals=sum(seal.dropped for seal in page.seals) or None,
        note=None if count or not page.seals else f"no text found in {len(page.seals)} seal(s)",
    )


def correct(seal: DetectedSeal, image: np.ndarray, context: Context) -> None:
    """See a seal that the search alone has shown in a crop of its own, in its box there if that is another.

    Args:
        image: (H, W, 3) uint8 BGR, the page.
    """
    search, margin = context.settings.Search, context.detector.spec.crop.margin
    seal.window, seal.seen = crop_window(seal.found.box, margin, image.shape[:2]), ()
    seen = view_crop(seal, image, context, 1).merged
    found = None if search is None else seal_in(seen, seal.window, seal.found, search)
    if found is not None and iou(found.box, seal.found.box) < RULES.same_box_iou:
        seal.found, seal.window, seal.seen = found, crop_window(found.box, margin, image.shape[:2]), ()
    seal.found = replace(seal.found, coarse=False)


def detect_in_crop(seal: DetectedSeal, image: np.ndarray, context: Context, views: Views) -> None:
    """Set the texts of one seal, detected in its window: `regions` in page pixels, `dropped`, `resize`, `seen`.

    Args:
        image: (H, W, 3) uint8 BGR, the page.
        views: of the crop; those that were `seen` are not detected again.
    """
    found = view_crop(seal, image, context, views)
    seal.regions, seal.dropped = texts_of(found, seal, context)


def view_crop(seal: DetectedSeal, image: np.ndarray, context: Context, views: Views) -> TtaMaps:
    """The detector's maps of a seal's window in so many views; sets `resize` and `seen`.

    With `Refine` the seal is scaled to the size of the detector's crops and its background is dimmed. Without, the
    window is detected as it is, at the size of the call. Arguments as `detect_in_crop`.
    """
    spec, refine = context.call.detector, context.refine
    crop = cut_out(image, seal.window)
    if len(seal.seen) < views:
        if refine is None:
            seal.resize = spec.resize
        else:
            crop = dimmed_crop(image, seal.found, seal.window, spec.crop.background_contrast)
            seal.resize = scaled_to(crop, seal.found, spec.crop.side, refine.max_upscale)
    found = context.detector.detect_tta(crop, seal.resize, views, seal.seen)
    seal.seen = found.views
    return found


def texts_of(found: TtaMaps, seal: DetectedSeal, context: Context) -> tuple[list[TextRegion], int]:
    """Texts that maps of a seal's window show, page pixels, and how many were left out: with `Refine` those of which
    the detector says that they lie outside the seal."""
    left, top, right, bottom = seal.window
    refine, regions = context.refine, merged_regions(context, found, (bottom - top, right - left))
    kept = regions
    if refine is not None and found.merged.area is not None:
        kept = [r for r in regions if share_inside(r, found.merged, refine.area_thresh) >= refine.min_inside]
    return [shifted(r, (1, 1), (left, top)) for r in join_pieces(kept)], len(regions) - len(kept)


def merged_regions(context: Context, found: TtaMaps, hw: tuple[int, int]) -> list[TextRegion]:
    """The texts of one view, or those that several views of a crop of h × w agree on."""
    detector, post = context.detector, context.call.detector.postprocess
    regions = detector.regions(found.merged, post)
    if len(found.views) == 1:
        return regions
    texts = [regions, *(detector.regions(view, post) for view in found.views)]
    weights = [RULES.mean_view_weight] + [1.0] * len(found.views)
    return merge_views(texts, weights, RULES.majority_share * sum(weights), hw)


def share_inside(region: TextRegion, found: DetectionMaps, thresh: float) -> float:
    """Share of a text's pixels that the detector calls seal; 1 where it has no seal-area channel."""
    if found.area is None:
        return 1.0
    h, w = found.area.shape
    pixels = found.area[region_mask(region, (h, w), 1 / found.scale) > 0]
    return float((pixels > thresh).mean()) if pixels.size else 0.0


@dataclass
class _Claim:
    """A text as one seal's crop shows it; `lost` where another seal keeps it."""

    seal: DetectedSeal
    region: TextRegion
    lost: bool = False

    def __post_init__(self) -> None:
        low, high = self.region.outline.min(axis=0), self.region.outline.max(axis=0)
        self.box = tuple(np.concatenate([low, high]))


def drop_duplicates(seals: Sequence[DetectedSeal]) -> None:
    """Keep each text once: one that two crops show stays with the seal whose box holds more of it."""
    claims = [_Claim(seal, region) for seal in seals for region in seal.regions]
    for n, mine in enumerate(claims):
        for other in claims[:n]:
            if mine.seal is other.seal or mine.lost or other.lost:
                continue
            if overlap_of_smaller(mine.box, other.box) <= RULES.same_text_overlap:
                continue
            if not _same_text(mine.region, other.region):
                continue
            holds, theirs = share_in(mine.box, mine.seal.found.box), share_in(other.box, other.seal.found.box)
            (mine if holds < theirs else other).lost = True
    for seal in seals:
        seal.regions = [claim.region for claim in claims if claim.seal is seal and not claim.lost]


def _same_text(a: TextRegion, b: TextRegion) -> bool:
    """Whether two outlines cover each other by more than half of the smaller one."""
    points = np.concatenate([a.outline, b.outline])
    low = np.floor(points.min(axis=0))
    scale = 200.0 / max(1.0, float((points.max(axis=0) - low).max()))
    masks = [region_mask(region, (204, 204), scale, low) for region in (a, b)]
    both = float((masks[0] & masks[1]).sum())
    return both > RULES.same_text_overlap * max(1.0, min(float(masks[0].sum()), float(masks[1].sum())))


def lines_of(regions: Sequence[TextRegion], image: np.ndarray) -> Iterator[SealLine]:
    """All text lines of some regions."""
    for region in regions:
        found = lines_from_region(region, image=image)
        yield from (SealLine(line, region, alone=len(found) == 1) for line in found)
