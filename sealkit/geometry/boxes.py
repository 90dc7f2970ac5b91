"""Boxes x1, y1, x2, y2."""

from __future__ import annotations

import numpy as np


def box_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(K, N) intersection over union of boxes (K, 4) and (N, 4), 0 where neither has an area."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=2)
    areas, other_areas = (np.prod(b[:, 2:] - b[:, :2], axis=1) for b in (boxes, others))
    return np.asarray(common / np.maximum(areas[:, None] + other_areas[None] - common, 1e-9))


__all__ = ["box_iou"]
