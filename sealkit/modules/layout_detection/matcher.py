"""Hungarian matching of queries and ground-truth boxes.

Re-implemented from the architecture of PaddleDetection `ppdet/modeling/transformers/matchers.py` (Apache-2.0; no code
copied).
Paper: DETR https://arxiv.org/abs/2005.12872.
Deviations: none known, goldens agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from sealkit.modules.layout_detection.networks.denoising import to_corners

_LOG_EPS = 1e-8
_AREA_EPS = 1e-10
_WORST = 1e6  # stands for costs that are not finite; the loss of such a step is refused by the loop anyway


@dataclass(frozen=True)
class MatchCosts:
    """Weights of the terms, and the focal loss's two numbers."""

    classes: float = 2.0
    box: float = 5.0
    giou: float = 2.0
    alpha: float = 0.25
    gamma: float = 2.0


PUBLISHED_COSTS = MatchCosts()


def class_costs(logits: np.ndarray, classes: np.ndarray, alpha: float, gamma: float) -> np.ndarray:
    """(Q, C) logits, (n,) classes -> (Q, n): focal loss of the class being there, less that of its not being there."""
    p = 1 / (1 + np.exp(-logits[:, classes].clip(-80, 80)))
    there = -alpha * (1 - p) ** gamma * np.log(p + _LOG_EPS)
    absent = -(1 - alpha) * p**gamma * np.log(1 - p + _LOG_EPS)
    return there - absent


def pairwise_giou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Generalised IoU of boxes x1, y1, x2, y2: (Q, 4), (n, 4) -> (Q, n), in [-1, 1]."""
    a, b = first[:, None], second[None]

    def area(low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return (high - low).clip(0).prod(axis=-1)

    common = area(np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:]))
    union = area(a[..., :2], a[..., 2:]) + area(b[..., :2], b[..., 2:]) - common + _AREA_EPS
    hull = area(np.minimum(a[..., :2], b[..., :2]), np.maximum(a[..., 2:], b[..., 2:])) + _AREA_EPS
    return common / union - (hull - union) / hull


def match(
    logits: np.ndarray, boxes: np.ndarray, classes: np.ndarray, known: np.ndarray, costs: MatchCosts = PUBLISHED_COSTS
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs (query, box) of one image whose summed cost is least.

    Args:
        logits: (Q, C).
        boxes: (Q, 4) centre x, centre y, width, height as shares of the image.
        classes: (n,).
        known: (n, 4), alike.

    Returns:
        Two int64 arrays of length min(Q, n): queries, and the box of each.
    """
    if len(known) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    logits, boxes, known = (each.astype(np.float64) for each in (logits, boxes, known))
    cost = costs.classes * class_costs(logits, classes, costs.alpha, costs.gamma)
    cost += costs.box * np.abs(boxes[:, None] - known[None]).sum(axis=-1)
    cost -= costs.giou * pairwise_giou(to_corners(boxes), to_corners(known))
    rows, columns = linear_sum_assignment(np.nan_to_num(cost, nan=_WORST, posinf=_WORST, neginf=-_WORST))
    return rows.astype(np.int64), columns.astype(np.int64)
