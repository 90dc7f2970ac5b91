"""Boxes x1, y1, x2, y2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def box_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(K, N) intersection over union of boxes (K, 4) and (N, 4), 0 where neither has an area."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=2)
    areas, other_areas = (np.prod(b[:, 2:] - b[:, :2], axis=1) for b in (boxes, others))
    return np.asarray(common / np.maximum(areas[:, None] + other_areas[None] - common, 1e-9))


def iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes."""
    return float(box_iou(np.array([a]), np.array([b]))[0, 0])


def share_in(box: Sequence[float], other: Sequence[float]) -> float:
    """Share of a box that lies in another."""
    return _common(box, other) / max((box[2] - box[0]) * (box[3] - box[1]), 1e-6)


def overlap_of_smaller(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over the area of the smaller box."""
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return _common(a, b) / max(smaller, 1e-6)


def _common(a: Sequence[float], b: Sequence[float]) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, w) * max(0.0, h)


__all__ = ["box_iou", "iou", "overlap_of_smaller", "share_in"]
