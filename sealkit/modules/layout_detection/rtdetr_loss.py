"""The loss of RT-DETR.

Re-implemented from the architecture of PaddleDetection `ppdet/modeling/losses/detr_loss.py` (Apache-2.0; no code
copied).
Paper: RT-DETR https://arxiv.org/abs/2304.08069.
Deviations: none known, goldens agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F

from sealkit.modules.layout_detection.matcher import PUBLISHED_COSTS, MatchCosts, match
from sealkit.modules.layout_detection.networks.denoising import positives, shares

Sum = Callable[[paddle.Tensor], paddle.Tensor]
Pairs = list[tuple[np.ndarray, np.ndarray]]
TERMS = ("class", "bbox", "giou")
_EPS = 1e-10


@dataclass(frozen=True)
class RTDETRWeights:
    """Coefficients of the three terms; alpha and gamma of the varifocal loss; alpha of the focal loss, which takes its
    place where a batch has no box at all."""

    classes: float = 1.0
    box: float = 5.0
    giou: float = 2.0
    alpha: float = 0.75
    gamma: float = 2.0
    focal_alpha: float = 0.25


PUBLISHED = RTDETRWeights()


@dataclass(frozen=True)
class _Known:
    """Boxes of a batch: shares of the image and classes, per image; their number over all processes, at least 1."""

    boxes: list[np.ndarray]
    classes: list[np.ndarray]
    number: paddle.Tensor
    none_anywhere: bool


class RTDETRLoss:
    """Named scalars whose sum is optimised.

    `loss_class`, `loss_bbox`, `loss_giou` of the last decoder layer; `…_aux` the sums over the proposals and the
    earlier layers; `…_dn` and `…_aux_dn` the same of the denoising queries, 0 where there are none. Everything is
    divided by the number of boxes of the batch, at least 1 (times the denoising groups).

    Pages without a box teach that there is nothing. A whole batch without one has no box losses, and the focal loss in
    place of the varifocal one, as published.
    """

    def __init__(
        self,
        num_classes: int,
        weights: RTDETRWeights = PUBLISHED,
        costs: MatchCosts = PUBLISHED_COSTS,
        all_sum: Sum | None = None,
    ) -> None:
        """`all_sum` is `StepState.all_sum`: the differentiable sum of a tensor over processes."""
        self.num_classes, self.weights, self.costs = num_classes, weights, costs
        self._sum: Sum = all_sum or (lambda x: x)

    def __call__(
        self, outputs: Mapping[str, paddle.Tensor], targets: Mapping[str, Sequence[Any]]
    ) -> dict[str, paddle.Tensor]:
        """Loss of a network's outputs in train mode.

        Args:
            outputs: of `RTDETR`, with "input_size".
            targets: "boxes": per image (n, 4) x1, y1, x2, y2 in input pixels; "classes": per image (n,).
        """
        height, width = outputs["input_size"].tolist()
        boxes, classes = shares(targets, height, width)
        number = self._sum(paddle.to_tensor(float(sum(len(each) for each in classes))))
        known = _Known(boxes, classes, number.clip(min=1.0), float(number) < 1)
        last = self._layer(outputs["logits"], outputs["boxes"], known)
        aux = self._layers(outputs.get("aux_logits"), outputs.get("aux_boxes"), known)
        losses = self._named(last, "", known.number) | self._named(aux, "_aux", known.number)
        return losses | self._denoising(outputs, known)

    def _denoising(self, outputs: Mapping[str, paddle.Tensor], known: _Known) -> dict[str, paddle.Tensor]:
        """Processes without a box take part in the sums, with 0."""
        pairs: Pairs = []
        last = aux = [paddle.zeros([])] * 3
        if "dn_logits" in outputs:
            pairs = positives([len(each) for each in known.classes], outputs["dn_logits"].shape[1])
            last = self._layer(outputs["dn_logits"], outputs["dn_boxes"], known, pairs)
            aux = self._layers(outputs.get("dn_aux_logits"), outputs.get("dn_aux_boxes"), known, pairs)
        copies = self._sum(paddle.to_tensor(float(sum(len(rows) for rows, _ in pairs)))).clip(min=1.0)
        return self._named(last, "_dn", copies) | self._named(aux, "_aux_dn", copies)

    def _named(self, terms: list[paddle.Tensor], suffix: str, number: paddle.Tensor) -> dict[str, paddle.Tensor]:
        return {f"loss_{name}{suffix}": self._sum(term) / number for name, term in zip(TERMS, terms)}

    def _layers(
        self, logits: paddle.Tensor | None, boxes: paddle.Tensor | None, known: _Known, pairs: Pairs | None = None
    ) -> list[paddle.Tensor]:
        """Sums of `_layer` over the first axis."""
        total = [paddle.zeros([])] * 3
        if logits is not None and boxes is not None:
            for each in zip(logits.unbind(axis=0), boxes.unbind(axis=0)):
                total = [a + b for a, b in zip(total, self._layer(*each, known, pairs))]
        return total

    def _layer(
        self, logits: paddle.Tensor, boxes: paddle.Tensor, known: _Known, pairs: Pairs | None = None
    ) -> list[paddle.Tensor]:
        """Weighted sums of the class, L1 and GIoU terms; logits [N, Q, C], boxes [N, Q, 4]; pairs None: matched."""
        logits, boxes = logits.astype("float32"), boxes.astype("float32")
        if pairs is None:
            pairs = self._match(logits, boxes, known)
        count, queries = logits.shape[:2]
        rows = np.concatenate([i * queries + query for i, (query, _) in enumerate(pairs)])
        labels = np.concatenate([known.classes[i][chosen] for i, (_, chosen) in enumerate(pairs)])
        quality = np.zeros((count * queries, self.num_classes), np.float32)
        present = quality.copy()
        l1 = giou_loss = paddle.zeros([])
        if len(rows):
            found = paddle.gather(boxes.reshape([-1, 4]), paddle.to_tensor(rows))  # [K, 4]
            wanted = paddle.to_tensor(np.concatenate([known.boxes[i][chosen] for i, (_, chosen) in enumerate(pairs)]))
            iou, giou = overlaps(found, wanted)
            present[rows, labels] = 1.0
            quality[rows, labels] = iou.detach().numpy()
            l1, giou_loss = (found - wanted).abs().sum(), (1 - giou).sum()
        flat = logits.reshape([-1, self.num_classes])
        if known.none_anywhere:
            class_loss = focal_of_nothing(flat, self.weights.focal_alpha, self.weights.gamma)
        else:
            weights = self.weights
            class_loss = varifocal(
                flat, paddle.to_tensor(quality), paddle.to_tensor(present), weights.alpha, weights.gamma
            )
        return [self.weights.classes * class_loss, self.weights.box * l1, self.weights.giou * giou_loss]

    def _match(self, logits: paddle.Tensor, boxes: paddle.Tensor, known: _Known) -> Pairs:
        score, box = logits.detach().numpy(), boxes.detach().numpy()
        return [match(*each, self.costs) for each in zip(score, box, known.classes, known.boxes)]


def varifocal(
    logits: paddle.Tensor, quality: paddle.Tensor, present: paddle.Tensor, alpha: float, gamma: float
) -> paddle.Tensor:
    """Sum of the cross entropy with the IoU as target; a query's own class weighs its IoU, others alpha * p^gamma.

    The weight is part of the gradient, as published. All [M, C]; `present` is 1 at a query's class, `quality` its IoU.
    """
    p = F.sigmoid(logits)
    weight = alpha * p**gamma * (1 - present) + quality
    return (F.binary_cross_entropy_with_logits(logits, quality, reduction="none") * weight).sum()


def focal_of_nothing(logits: paddle.Tensor, alpha: float, gamma: float) -> paddle.Tensor:
    """Sum of the focal loss where no class is anywhere."""
    p = F.sigmoid(logits)
    return ((1 - alpha) * p**gamma * F.softplus(logits)).sum()


def overlaps(first: paddle.Tensor, second: paddle.Tensor) -> tuple[paddle.Tensor, paddle.Tensor]:
    """IoU and generalised IoU, [K] each, of pairs of boxes [K, 4] given by centre and size."""

    def corners(boxes: paddle.Tensor) -> tuple[paddle.Tensor, paddle.Tensor]:
        return boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2

    def area(low: paddle.Tensor, high: paddle.Tensor) -> paddle.Tensor:
        size = (high - low).clip(min=0.0)
        return size[:, 0] * size[:, 1]

    (low_a, high_a), (low_b, high_b) = corners(first), corners(second)
    common = area(paddle.maximum(low_a, low_b), paddle.minimum(high_a, high_b))
    union = area(low_a, high_a) + area(low_b, high_b) - common + _EPS
    hull = area(paddle.minimum(low_a, low_b), paddle.maximum(high_a, high_b)) + _EPS
    iou = common / union
    return iou, iou - (hull - union) / hull
