"""Areas that boxes x1, y1, x2, y2 have in common: the one place for arrays.

Losses and assigners of layout detection compute theirs on tensors, with the gradients and epsilons of their papers, and
its non-maximum suppression counts whole pixels as the reference does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Box = Sequence[float] | np.ndarray


def box_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(K, N) intersection over union of boxes (K, 4) and (N, 4), 0 where neither has an area."""
    common = box_common(boxes, others)
    areas, other_areas = box_areas(boxes), box_areas(others)
    return np.asarray(common / np.maximum(areas[:, None] + other_areas[None] - common, 1e-9))


def box_common(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(K, N) area that boxes (K, 4) and (N, 4) have in common."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.prod(np.maximum(high - low, 0), axis=2))


def box_areas(boxes: np.ndarray) -> np.ndarray:
    """(K,) areas of boxes (K, 4)."""
    return np.asarray(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    return float(box_iou(np.array([a]), np.array([b]))[0, 0])


def share_in(box: Box, other: Box) -> float:
    """Share of a box that lies in another."""
    return _common(box, other) / max((box[2] - box[0]) * (box[3] - box[1]), 1e-6)


def overlap_of_smaller(a: Box, b: Box) -> float:
    """Intersection over the area of the smaller box."""
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return _common(a, b) / max(smaller, 1e-6)


def _common(a: Box, b: Box) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, w) * max(0.0, h)


__all__ = ["box_areas", "box_common", "box_iou", "iou", "overlap_of_smaller", "share_in"]
