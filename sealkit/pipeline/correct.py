"""Exact boxes of found seals: each is looked at on its own, in a crop around it.

A whole picture shows seals that cover each other as one area, and small ones coarsely. A detector that was trained on
`seal_crop` with `others: drop` shows in a crop the seal that the crop is about, and no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from sealkit.config.pipeline import SearchSettings
from sealkit.geometry.boxes import box_iou
from sealkit.pipeline.detector import TextDetector
from sealkit.pipeline.search import SAME, Box, FoundSeal, crop_box, scaled_to

STEADY = 0.9
"""A look that changes a seal's box by less than this (intersection over union) was the last."""
MOST_UPSCALE = 4.0


def corrected(
    detector: TextDetector, image: np.ndarray, seals: Sequence[FoundSeal], settings: SearchSettings, side: int
) -> list[FoundSeal]:
    """Seals with boxes from up to `corrections` looks at each of them, in the same order.

    Those that a look does not show are left out; of several that turn out to be one the first stays.

    Args:
        image: (H, W, 3) uint8 BGR.
        side: a seal's long side is scaled to so many pixels.
    """
    kept: list[FoundSeal] = []
    for seal in seals:
        found: FoundSeal | None = seal
        for _ in range(settings.corrections):
            before, found = seal, _at_closer_look(detector, image, seal, settings, side)
            if found is None or overlap(found.box, before.box) > STEADY:
                break
            seal = found
        if found is not None and all(overlap(found.box, other.box) <= SAME for other in kept):
            kept.append(found)
    return kept


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    return float(box_iou(np.array([a]), np.array([b]))[0, 0])


def _at_closer_look(
    detector: TextDetector, image: np.ndarray, seal: FoundSeal, settings: SearchSettings, side: int
) -> FoundSeal | None:
    """The seal as the largest seal area in a crop around it; None where there is none."""
    left, top, right, bottom = crop_box(seal.box, settings.correction_margin, image.shape[:2])
    crop = image[top:bottom, left:right]
    maps = detector.maps(crop, scaled_to(crop, seal, side, MOST_UPSCALE))
    if maps.area is None:
        return seal
    mask = (maps.area > settings.area_thresh).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    x, y, w, h = (int(v) for v in stats[largest, :4])
    (sx, sy), score = maps.scale, float(maps.area[labels == largest].mean())
    x1, y1, x2, y2 = x * sx, y * sy, min((x + w) * sx, crop.shape[1]), min((y + h) * sy, crop.shape[0])
    if score < settings.min_score or min(x2 - x1, y2 - y1) < 1:
        return None
    return replace(seal, box=(float(left + x1), float(top + y1), float(left + x2), float(top + y2)), score=score)
