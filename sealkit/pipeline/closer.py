"""A closer look at one seal: its crop, the texts in it, and which of several seals a text belongs to.

Each seal is looked at on its own, scaled to the size the detector was trained on (`Fine`): on real images that reads
more than one look at the whole does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from sealkit.geometry.regions import TextRegion, region_mask
from sealkit.geometry.rejoin import join_pieces
from sealkit.geometry.voting import merge_views
from sealkit.images.background import dim_background
from sealkit.modules.seal_text_detection.predictor import DetectionMaps, TextDetector, shifted
from sealkit.modules.seal_text_detection.settings import DetPostprocessSettings, DetResizeSettings
from sealkit.pipeline.settings import FineSettings

Box = tuple[float, float, float, float]

SAME = 0.5
"""A text that two crops show is one where its boxes, and then its outlines, overlap by more (intersection / smaller
area)."""
MEAN_WEIGHT = 1.5
MAJORITY = 0.5
"""Share of the weight of several looks at a seal that must show a text; their mean counts `MEAN_WEIGHT`, a look 1: of
four looks, three or the mean and two."""


@dataclass(frozen=True)
class FoundSeal:
    """One seal on the image.

    Attributes:
        box: x1, y1, x2, y2 in the image's pixels.
        score: mean seal-area probability, mean text score, or the layout's score.
        source: what found it.
        hull: (N, 2) the convex hull of its area in the image's pixels, where a closer look has shown it.
    """

    box: Box
    score: float
    source: Literal["area", "texts", "whole", "layout"]
    hull: np.ndarray | None = field(default=None, compare=False)

    @property
    def long_side(self) -> float:
        x1, y1, x2, y2 = self.box
        return max(x2 - x1, y2 - y1)


def scaled_to(crop: np.ndarray, seal: FoundSeal, side: int, most: float) -> DetResizeSettings:
    """How a crop of a seal is resized so that the seal's long side becomes `side`; enlarged by at most `most`."""
    scale = min(side / max(seal.long_side, 1.0), most)
    return DetResizeSettings(limit_side_len=max(32, round(max(crop.shape[:2]) * scale)), limit_type="resize_long")


def crop_box(box: Box, margin: float, hw: tuple[int, int]) -> tuple[int, int, int, int]:
    """Whole-pixel window around a seal: the box and a border of `margin` × its long side, within the image."""
    x1, y1, x2, y2 = box
    border = margin * max(x2 - x1, y2 - y1)
    left, top = max(0, int(np.floor(x1 - border))), max(0, int(np.floor(y1 - border)))
    right, bottom = min(hw[1], int(np.ceil(x2 + border))), min(hw[0], int(np.ceil(y2 + border)))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def look_closer(
    detector: TextDetector,
    image: np.ndarray,
    seal: FoundSeal,
    window: tuple[int, int, int, int],
    fine: FineSettings | None,
    resize: DetResizeSettings,
    post: DetPostprocessSettings,
    area_thresh: float,
) -> tuple[list[TextRegion], int]:
    """Texts of one seal, detected on its own crop.

    Args:
        image: (H, W, 3) uint8 BGR, the page.
        seal: on the page.
        window: x1, y1, x2, y2 of its crop, whole pixels.
        fine: scale the seal to this size; None: the detector's input size is `resize`'s.
        post: thresholds.
        area_thresh: what counts as seal in the detector's seal-area channel.

    Returns:
        Regions in page pixels, and how many were dropped because the detector says they lie outside the seal.
    """
    left, top, right, bottom = window
    crop = image[top:bottom, left:right]
    if fine is not None:
        crop = seal_meant(crop, seal, (left, top), fine.outside)
        resize = scaled_to(crop, seal, fine.side, fine.max_upscale)
    looks = detector.looks(crop, resize, 1 if fine is None else fine.rotations)
    maps, regions = looks[0], detector.regions(looks[0], post)
    if len(looks) > 1:
        texts = [regions, *(detector.regions(look, post) for look in looks[1:])]
        weights = [MEAN_WEIGHT] + [1.0] * len(looks[1:])
        regions = merge_views(texts, weights, MAJORITY * sum(weights), crop.shape[:2])
    kept = regions
    if fine is not None and maps.area is not None:
        kept = [r for r in regions if share_inside(r, maps, area_thresh) >= fine.inside]
    dropped = len(regions) - len(kept)
    return [shifted(r, (1, 1), (left, top)) for r in join_pieces(kept)], dropped


def seal_meant(crop: np.ndarray, seal: FoundSeal, corner: tuple[int, int], outside: float) -> np.ndarray:
    """A crop (h, w, 3) that begins at a `corner` x, y of the image, pale outside the seal's box."""
    if outside >= 1:
        return crop
    x, y = corner
    return dim_background(crop, (np.array(seal.box) - (x, y, x, y)).tolist(), outside)


def share_inside(region: TextRegion, found: DetectionMaps, thresh: float) -> float:
    """Share of a text's pixels that the detector calls seal; 1 where it has no seal-area channel."""
    if found.area is None:
        return 1.0
    h, w = found.area.shape
    pixels = found.area[region_mask(region, (h, w), 1 / found.scale) > 0]
    return float((pixels > thresh).mean()) if pixels.size else 0.0


def drop_repeated(per_seal: Sequence[tuple[FoundSeal, list[TextRegion]]]) -> list[list[TextRegion]]:
    """Texts per seal, each text once: one that two crops show stays with the seal whose box holds more of it."""
    entries = [
        (s, i, np.concatenate([r.outline.min(axis=0), r.outline.max(axis=0)]))
        for s, (_, regions) in enumerate(per_seal)
        for i, r in enumerate(regions)
    ]
    dropped: set[tuple[int, int]] = set()
    for n, (s, i, box) in enumerate(entries):
        for t, j, other in entries[:n]:
            if s == t or (s, i) in dropped or (t, j) in dropped or _overlap(tuple(box), tuple(other)) <= SAME:
                continue
            if not _same_text(per_seal[s][1][i], per_seal[t][1][j]):
                continue
            mine, theirs = held_share(tuple(box), per_seal[s][0].box), held_share(tuple(other), per_seal[t][0].box)
            dropped.add((s, i) if mine < theirs else (t, j))
    return [[r for i, r in enumerate(rs) if (s, i) not in dropped] for s, (_, rs) in enumerate(per_seal)]


def whole_image(image: np.ndarray) -> FoundSeal:
    """The whole image as one seal."""
    h, w = image.shape[:2]
    return FoundSeal((0.0, 0.0, float(w), float(h)), 1.0, "whole")


def _same_text(a: TextRegion, b: TextRegion) -> bool:
    """Whether two outlines cover each other by more than half of the smaller one."""
    points = np.concatenate([a.outline, b.outline])
    low = np.floor(points.min(axis=0))
    scale = 200.0 / max(1.0, float((points.max(axis=0) - low).max()))
    masks = [region_mask(region, (204, 204), scale, low) for region in (a, b)]
    both = float((masks[0] & masks[1]).sum())
    return both > SAME * max(1.0, min(float(masks[0].sum()), float(masks[1].sum())))


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over the smaller area."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(0.0, w) * max(0.0, h) / max(smaller, 1e-6)


def held_share(box: Sequence[float], seal: Sequence[float]) -> float:
    """Share of a box that lies in a seal's box."""
    w, h = min(box[2], seal[2]) - max(box[0], seal[0]), min(box[3], seal[3]) - max(box[1], seal[1])
    return max(0.0, w) * max(0.0, h) / max((box[2] - box[0]) * (box[3] - box[1]), 1e-6)
