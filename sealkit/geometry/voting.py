"""Which texts several looks at one image agree on.

Where looks disagree on how characters make lines, their mean map shows neither arrangement well. So texts are decoded
from
each look and compared: the one that most looks show takes its place, and those it contradicts fall away.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sealkit.geometry.regions import TextRegion, region_mask

SAME = 0.5
"""Two looks show the same text where its regions overlap by at least this (intersection over union)."""
RIVAL_IOU = 0.4
RIVAL_COVER = 0.5
"""A text is ruled out by one it overlaps by this IoU, or of which it holds more than this share; and when more than
this share of itself lies in texts that have their place."""
_SIDE = 256


def agreed(
    looks: Sequence[Sequence[TextRegion]], weights: Sequence[float], least: float, hw: tuple[int, int]
) -> list[TextRegion]:
    """The texts that looks of enough weight show, none of them twice.

    Args:
        looks: regions of each look, all in the pixels of one image.
        weights: of each look.
        least: weight of the looks that must show a text, its own among them.
        hw: height and width of the image.

    Returns:
        Regions as one of the looks has them, by ascending smallest y. Of the same text the one is taken that is most
        like the others'.
    """
    regions = [region for look in looks for region in look]
    owner = np.repeat(np.arange(len(looks)), [len(look) for look in looks])
    masks = _masks(regions, hw)
    both = masks @ masks.T
    area = np.maximum(both.diagonal(), 1)
    iou = both / (area[:, None] + area - both)
    weight = np.asarray(weights, dtype=np.float64)
    free = np.ones(len(regions), dtype=bool)
    taken = np.zeros(masks.shape[1], dtype=np.float32)
    chosen: list[int] = []
    while free.any():
        alike = np.zeros((len(regions), len(looks)))  # of each text: to the most similar free one of each look
        for look in np.unique(owner[free]):
            alike[:, look] = iou[:, free & (owner == look)].max(axis=1)
        support = np.where(free, (alike >= SAME) @ weight, 0.0)
        best = int(np.lexsort((-np.arange(len(regions)), alike @ weight, support))[-1])
        if support[best] < least:
            break
        chosen.append(best)
        taken = np.maximum(taken, masks[best])
        rival = (
            (iou[best] >= RIVAL_IOU) | (both[best] / area[best] > RIVAL_COVER) | (masks @ taken / area > RIVAL_COVER)
        )
        free &= ~rival
        free[best] = False
    return sorted((regions[i] for i in sorted(chosen)), key=lambda region: float(region.outline[:, 1].min()))


def _masks(regions: Sequence[TextRegion], hw: tuple[int, int]) -> np.ndarray:
    """(n, pixels) float32: the pixels of each region, 1, on a grid of 256 to the long side of the image."""
    scale = _SIDE / max(hw)
    h, w = (max(1, round(side * scale)) for side in hw)
    masks = [region_mask(region, (h, w), scale) for region in regions]
    return np.array(masks, dtype=np.float32).reshape(len(regions), h * w)
