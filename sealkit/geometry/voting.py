"""Majority vote over the texts that several views of one image show (test-time augmentation).

Where views disagree on how characters make lines, their mean map shows neither arrangement well. So texts are decoded
from each view and compared: the one that most views show is kept, and those that contradict it are dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sealkit.geometry.regions import TextRegion, region_mask


@dataclass(frozen=True)
class VoteRules:
    """Thresholds of `merge_views`."""

    same_text_iou: float = 0.5
    """Two views show the same text where its regions overlap by at least this intersection over union."""
    rival_iou: float = 0.4
    """A text is ruled out by a chosen one that it overlaps by this intersection over union."""
    rival_cover_share: float = 0.5
    """A text is ruled out by one that covers, or of which it covers, more than this share of the area."""
    raster_side_px: int = 256
    """Regions are compared on a grid with this long side: two texts differ by far more than a cell."""


RULES = VoteRules()


def merge_views(
    views: Sequence[Sequence[TextRegion]], weights: Sequence[float], least: float, hw: tuple[int, int]
) -> list[TextRegion]:
    """The texts that views of enough weight show, none of them twice.

    Args:
        views: regions of each view, all in the pixels of one image.
        weights: of each view.
        least: weight of the views that must show a text, its own among them.
        hw: height and width of the image.

    Returns:
        Regions as one of the views has them, by ascending smallest y. Of the same text the one is taken that is most
        like the others'.
    """
    regions = [region for view in views for region in view]
    owner = np.repeat(np.arange(len(views)), [len(view) for view in views])
    masks = _masks(regions, hw)
    both = masks @ masks.T
    area = np.maximum(both.diagonal(), 1)
    iou = both / (area[:, None] + area - both)
    weight = np.asarray(weights, dtype=np.float64)
    free = np.ones(len(regions), dtype=bool)
    taken = np.zeros(masks.shape[1], dtype=np.float32)
    chosen: list[int] = []
    while free.any():
        alike = np.zeros((len(regions), len(views)))  # of each text: to the most similar free one of each view
        for view in np.unique(owner[free]):
            alike[:, view] = iou[:, free & (owner == view)].max(axis=1)
        support = np.where(free, (alike >= RULES.same_text_iou) @ weight, 0.0)
        best = int(np.lexsort((-np.arange(len(regions)), alike @ weight, support))[-1])
        if support[best] < least:
            break
        chosen.append(best)
        taken = np.maximum(taken, masks[best])
        rival = (
            (iou[best] >= RULES.rival_iou)
            | (both[best] / area[best] > RULES.rival_cover_share)
            | (masks @ taken / area > RULES.rival_cover_share)
        )
        free &= ~rival
        free[best] = False
    return sorted((regions[i] for i in sorted(chosen)), key=lambda region: float(region.outline[:, 1].min()))


def same_texts(
    first: Sequence[TextRegion], second: Sequence[TextRegion], window: Sequence[int], least_iou: float
) -> list[int | None]:
    """For each text in `second` the number of the same one in `first`; None where there is none.

    Args:
        first, second: regions in the pixels of one image.
        window: x1, y1, x2, y2 of the part of the image they lie in.
        least_iou: intersection over union from which on two regions show the same text.
    """
    if not first or not second:
        return [None] * len(second)
    left, top, right, bottom = window
    masks = _masks([*first, *second], (bottom - top, right - left), (left, top))
    count = len(first)
    area, both = masks.sum(axis=1), masks[count:] @ masks[:count].T
    iou = both / np.maximum(area[count:, None] + area[None, :count] - both, 1)
    return [int(row.argmax()) if row.max() >= least_iou else None for row in iou]


def _masks(regions: Sequence[TextRegion], hw: tuple[int, int], corner: Sequence[int] = (0, 0)) -> np.ndarray:
    """(n, pixels) float32: the pixels of each region, 1, on a grid of 256 to the long side of the h × w part of the
    image that begins at `corner`."""
    scale = RULES.raster_side_px / max(hw)
    h, w = (max(1, round(side * scale)) for side in hw)
    masks = [region_mask(region, (h, w), scale, corner) for region in regions]
    return np.array(masks, dtype=np.float32).reshape(len(regions), h * w)
