"""Label assignment of PicoDet: which cells learn which ground-truth box.

Three rules: ATSS (version 2, first epochs), task-aligned (version 2, later) and SimOTA (version 1). Each looks at one
image with boxes and gives `Matches`, or None where no cell fits. All tensors are float32 unless said otherwise, boxes
are x1, y1, x2, y2 in input pixels; G = boxes of the image (at least 1), A = cells.

Re-implemented from the architecture of PaddleDetection `ppdet/modeling/assigners/` atss, task_aligned and simota
(Apache-2.0; no code copied).
Papers: ATSS https://arxiv.org/abs/1912.02424, TOOD https://arxiv.org/abs/2108.07755, YOLOX
https://arxiv.org/abs/2107.08430.
Deviations: none known, goldens agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import paddle

EPS = 1e-9
ANCHOR_CELLS = 5.0  # ATSS sees a cell as a square of five cells a side
ATSS_TOPK = 9
ALIGNED_TOPK, ALIGNED_BETA = 13, 6.0  # metric = score * IoU^beta
SIMOTA_RADIUS, SIMOTA_TOPK = 2.5, 10
SIMOTA_IOU_WEIGHT, SIMOTA_FAR = 6.0, 1e8

ClassCost = Callable[[paddle.Tensor, paddle.Tensor, paddle.Tensor], paddle.Tensor]


@dataclass(frozen=True)
class Matches:
    """The positive cells of one image, P of them (at least one).

    Attributes:
        cells: [P] int64, numbers of the cells.
        truths: [P] int64, the box each one learns.
        quality: [P], what its class score shall become, in [0, 1].
    """

    cells: paddle.Tensor
    truths: paddle.Tensor
    quality: paddle.Tensor


@dataclass(frozen=True)
class Cells:
    """Cells of all levels, finest first: `points` [A, 2] centres, `strides` [A, 1], in input pixels."""

    points: paddle.Tensor
    strides: paddle.Tensor

    @property
    def levels(self) -> list[int]:
        """Number of cells of each level."""
        return [int(n) for n in np.unique(self.strides.numpy(), return_counts=True)[1]]


def pairwise_iou(a: paddle.Tensor, b: paddle.Tensor, generalised: bool = False) -> paddle.Tensor:
    """IoU, or GIoU, of every box of a [G, 4] with every box of b [A, 4]: [G, A]."""
    return iou(a.unsqueeze(1), b.unsqueeze(0), generalised)


def iou(a: paddle.Tensor, b: paddle.Tensor, generalised: bool = False) -> paddle.Tensor:
    """IoU, or GIoU (Rezatofighi et al., 2019), of boxes [..., 4] that broadcast against each other: [...]."""
    a1, a2, b1, b2 = a[..., :2], a[..., 2:], b[..., :2], b[..., 2:]
    overlap = _product((paddle.minimum(a2, b2) - paddle.maximum(a1, b1)).clip(min=0))
    union = _product(a2 - a1) + _product(b2 - b1) - overlap + EPS
    if not generalised:
        return overlap / union
    hull = _product(paddle.maximum(a2, b2) - paddle.minimum(a1, b1)) + EPS
    return overlap / union - (hull - union) / hull


def _product(sides: paddle.Tensor) -> paddle.Tensor:
    """Width times height [..., 2] -> [...]; the gradient of Paddle's `prod` is NaN where a side is 0."""
    return sides[..., 0] * sides[..., 1]


def _inside(points: paddle.Tensor, boxes: paddle.Tensor) -> paddle.Tensor:
    """Whether centres [A, 2] lie strictly in boxes [G, 4]: [G, A] bool."""
    points, boxes = points.unsqueeze(0), boxes.unsqueeze(1)
    away = paddle.concat([points - boxes[..., :2], boxes[..., 2:] - points], axis=-1)  # [G, A, 4]
    return away.amin(axis=-1) > EPS


def _mask_of(index: paddle.Tensor, width: int) -> paddle.Tensor:
    """[G, K] column numbers -> [G, width] bool."""
    zeros = paddle.zeros([index.shape[0], width])
    return paddle.put_along_axis(zeros, index, 1.0, axis=1) > 0


def _one_box_each(mask: paddle.Tensor, preference: paddle.Tensor) -> paddle.Tensor:
    """A cell of several boxes goes to the one of highest preference, among all boxes; [G, A] each."""
    best = _mask_of(preference.argmax(axis=0, keepdim=True).transpose([1, 0]), mask.shape[0]).transpose([1, 0])
    several = mask.astype("int32").sum(axis=0, keepdim=True) > 1
    return paddle.where(several.expand_as(mask), best, mask)


def _matches(mask: paddle.Tensor, quality: paddle.Tensor) -> Matches | None:
    """From a mask [G, A] with at most one box a cell and the quality of every pair [G, A]; None of an empty mask."""
    if not bool(mask.any()):
        return None
    index = mask.transpose([1, 0]).flatten().nonzero().flatten()
    boxes = mask.shape[0]
    return Matches(index // boxes, index % boxes, quality.transpose([1, 0]).flatten()[index])


@paddle.no_grad()
def atss(cells: Cells, boxes: paddle.Tensor, predicted: paddle.Tensor) -> Matches | None:
    """Adaptive training sample selection; quality = IoU of the predicted with the true box.

    Args:
        boxes: [G, 4].
        predicted: [A, 4].
    """
    half = cells.strides * (ANCHOR_CELLS / 2)
    anchors = paddle.concat([cells.points - half, cells.points + half], axis=1)
    overlaps = pairwise_iou(boxes, anchors)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    distances = paddle.linalg.norm(centres.unsqueeze(1) - cells.points.unsqueeze(0), axis=-1)  # [G, A]
    near, start = [], 0
    for count in cells.levels:
        level = distances[:, start : start + count]
        near.append(paddle.topk(level, min(ATSS_TOPK, count), axis=1, largest=False)[1] + start)
        start += count
    index = paddle.concat(near, axis=1)
    candidates = paddle.take_along_axis(overlaps, index, axis=1)  # [G, 9 * levels]
    mean = candidates.mean(axis=1, keepdim=True)
    threshold = mean + (((candidates - mean) ** 2).sum(axis=1, keepdim=True) / (candidates.shape[1] - 1)).sqrt()
    mask = _mask_of(index, overlaps.shape[1]) & (overlaps > threshold) & _inside(cells.points, boxes)
    return _matches(_one_box_each(mask, overlaps), pairwise_iou(boxes, predicted))


@paddle.no_grad()
def task_aligned(
    cells: Cells, boxes: paddle.Tensor, classes: paddle.Tensor, predicted: paddle.Tensor, scores: paddle.Tensor
) -> Matches | None:
    """The cells that predict a box best; quality = alignment, scaled to the best IoU of the box.

    Args:
        boxes: [G, 4].
        classes: [G] int64.
        predicted: [A, 4].
        scores: [A, number of classes], probabilities.
    """
    overlaps = pairwise_iou(boxes, predicted)
    metric = paddle.gather(scores.transpose([1, 0]), classes) * overlaps**ALIGNED_BETA  # [G, A]
    inside = _inside(cells.points, boxes)
    best = paddle.topk(metric * inside.astype("float32"), min(ALIGNED_TOPK, metric.shape[1]), axis=1)[1]
    mask = _one_box_each(_mask_of(best, metric.shape[1]) & inside, overlaps)
    metric = metric * mask.astype("float32")
    best_overlap = (overlaps * mask.astype("float32")).amax(axis=1, keepdim=True)
    return _matches(mask, metric / (metric.amax(axis=1, keepdim=True) + EPS) * best_overlap)


@paddle.no_grad()
def simota(
    cells: Cells,
    boxes: paddle.Tensor,
    classes: paddle.Tensor,
    predicted: paddle.Tensor,
    scores: paddle.Tensor,
    class_cost: ClassCost,
) -> Matches | None:
    """The cheapest cells of each box, as many as its ten best IoUs add up to; quality = IoU of the predicted box.

    Args:
        boxes: [G, 4].
        classes: [G] int64.
        predicted: [A, 4].
        scores: [A, number of classes], probabilities.
        class_cost: (scores [M, number of classes], classes [G], IoUs [G, M]) -> cost [G, M].
    """
    inside = _inside(cells.points, boxes)
    centres, reach = (boxes[:, :2] + boxes[:, 2:]) / 2, cells.strides * SIMOTA_RADIUS
    # A square around the box's centre, of a size that depends on the cell: the same as one around the cell.
    central = ((cells.points.unsqueeze(0) - centres.unsqueeze(1)).abs() < reach.unsqueeze(0)).all(axis=-1)
    reached = (inside | central).any(axis=0)
    if not bool(reached.any()):
        return None
    chosen = reached.nonzero().flatten()
    inside, central = inside[:, chosen], central[:, chosen]
    overlaps = pairwise_iou(boxes, predicted[chosen])
    cost = (
        class_cost(scores[chosen], classes, overlaps)
        + SIMOTA_IOU_WEIGHT * (1 - pairwise_iou(boxes, predicted[chosen], generalised=True))
        + SIMOTA_FAR * (~(inside & central)).astype("float32")
    )
    most = min(SIMOTA_TOPK, overlaps.shape[1])
    wanted = paddle.topk(overlaps, most, axis=1)[0].sum(axis=1).astype("int64").clip(min=1).tolist()
    order = paddle.topk(cost, most, axis=1, largest=False)[1]
    rows = [_mask_of(order[g : g + 1, :count], cost.shape[1]) for g, count in enumerate(wanted)]
    found = _matches(_one_box_each(paddle.concat(rows, axis=0), -cost), overlaps)
    return None if found is None else Matches(chosen[found.cells], found.truths, found.quality)
