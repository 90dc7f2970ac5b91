"""Losses of PicoDet, both versions: varifocal class loss, GIoU box loss, distribution focal loss.

Re-implemented from the architecture of PaddleDetection `ppdet/modeling/heads/pico_head.py`, `losses/` (Apache-2.0; no
code copied).
Papers: PicoDet https://arxiv.org/abs/2111.00902, VarifocalNet https://arxiv.org/abs/2008.13367, GFL
https://arxiv.org/abs/2006.04388.
Deviations: version 2 divides by at least 1 in one process too; sums are over all processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import paddle
import paddle.nn.functional as F

from sealkit.modules.layout_detection.assigners import Cells, Matches, atss, iou, simota, task_aligned
from sealkit.modules.layout_detection.networks.picodet import boxes_of, scores_of
from sealkit.nn.heads.pico import BINS, SIDES

ALPHA, GAMMA = 0.75, 2.0
FURTHEST = BINS - 1 - 0.1  # cells; keeps the upper of a distance's two bins in range
BOX_WEIGHT = {2: 2.5, 1: 2.0}  # by version of the head
BINS_WEIGHT = {2: 0.5, 1: 0.25}

Sum = Callable[[paddle.Tensor], paddle.Tensor]
Tensors = Mapping[str, paddle.Tensor]


def varifocal(p: paddle.Tensor, target: paddle.Tensor, logits: paddle.Tensor | None = None) -> paddle.Tensor:
    """Varifocal loss of every value: cross entropy, weighted by the target or, where that is 0, by 0.75 p².

    Args:
        p: probabilities.
        target: in [0, 1], same shape.
        logits: of p where known, for a stabler cross entropy.
    """
    positive = (target > 0).astype(p.dtype)
    weight = target * positive + ALPHA * (p - target).abs() ** GAMMA * (1 - positive)
    if logits is None:
        return F.binary_cross_entropy(p, target, reduction="none") * weight
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight


def varifocal_cost(scores: paddle.Tensor, classes: paddle.Tensor, overlaps: paddle.Tensor) -> paddle.Tensor:
    """SimOTA's class cost: the varifocal loss a cell would have if it learnt a box.

    Args:
        scores: [M, C] probabilities.
        classes: [G] int64.
        overlaps: [G, M] IoUs.

    Returns:
        [G, M].
    """
    target = F.one_hot(classes, scores.shape[1]).unsqueeze(1) * overlaps.unsqueeze(2)  # [G, M, C]
    return varifocal(scores.unsqueeze(0).expand_as(target), target).sum(axis=-1)


def bins_loss(logits: paddle.Tensor, target: paddle.Tensor) -> paddle.Tensor:
    """Distribution focal loss: cross entropy with the two bins around a distance.

    Args:
        logits: [P, 4, 8].
        target: [P, 4], distances in cells; clipped to [0, 6.9].

    Returns:
        [P], summed over the four sides.
    """
    target = target.clip(0, FURTHEST)
    lower = target.floor()
    share = (target - lower).unsqueeze(-1)
    index = lower.astype("int64")
    two = F.one_hot(index, BINS) * (1 - share) + F.one_hot(index + 1, BINS) * share  # [P, 4, 8]
    return -(two * F.log_softmax(logits, axis=-1)).sum(axis=[-2, -1])


@dataclass(frozen=True)
class Positives:
    """The positive cells of a batch, P of them (at least one).

    Attributes:
        flat: [P] int64, number of the cell in the flattened batch, N * A.
        boxes: [P, 4] what they learn, in cells.
        classes: [P] int64.
        quality: [P].
    """

    flat: paddle.Tensor
    boxes: paddle.Tensor
    classes: paddle.Tensor
    quality: paddle.Tensor


class PicoDetLoss:
    """loss(outputs, targets, epoch) -> {"loss_vfl", "loss_bbox", "loss_dfl"}: scalars whose sum is optimised.

    The head's version is seen from its outputs: "scores" (2) or "logits" (1).

    - Version 2: cells by ATSS for the first `static_assigner_epoch` epochs, then task-aligned. Every term is divided by
      the sum of all quality targets of the batch. The reference divides by that sum as it is when one process trains
      (a batch without positives divides by zero) and by at least 1 when several do; here it is at least 1 always.
    - Version 1: cells by SimOTA. The class loss is divided by the number of positives, the others, weighted by a
      cell's best score, by the sum of these weights; both at least 1.

    Images without boxes are all background; a batch of them has box terms of 0 and no gradient from them.
    """

    def __init__(self, num_classes: int, static_assigner_epoch: int = 100, all_sum: Sum | None = None) -> None:
        """Args:
        static_assigner_epoch: epochs with ATSS. PaddleX takes max(epochs // 10, 1) for names with "PicoDet" and
            100 for PP-DocLayout-S/M.
        all_sum: `StepState.all_sum`, the differentiable sum over processes.
        """
        self.num_classes = num_classes
        self.static_assigner_epoch = static_assigner_epoch
        self.all_sum: Sum = all_sum or (lambda x: x)

    def __call__(self, outputs: Tensors, targets: Mapping[str, Sequence[Any]], epoch: float) -> dict[str, Any]:
        """Args:
        outputs: of the network, see `sealkit.nn.heads.pico`.
        targets: "boxes" list of float32 (n, 4) x1 y1 x2 y2 in input pixels, "classes" list of int64 (n,), one of
            each for every image; arrays or tensors, n may be 0.
        epoch: epochs completed.
        """
        version = 1 if "logits" in outputs else 2
        cells = Cells(outputs["points"], outputs["strides"])
        positives = self._assign(outputs, targets, cells, version, epoch)
        target = self._class_targets(outputs, positives)
        if version == 2:
            class_loss = varifocal(outputs["scores"].astype("float32").flatten(0, 1), target).sum()
            total = self.all_sum(target.sum()).clip(min=1.0)
            norm, box_norm = total, total
            weight = None if positives is None else positives.quality
        else:
            logits = outputs["logits"].astype("float32").flatten(0, 1)
            class_loss = varifocal(F.sigmoid(logits), target, logits).sum()
            weight = self._best_scores(outputs, positives)
            count = 0 if weight is None else weight.shape[0]
            norm = self.all_sum(paddle.to_tensor(float(count))).clip(min=1.0)
            box_norm = self.all_sum(paddle.zeros([]) if weight is None else weight.sum()).clip(min=1.0)
        box_loss, dfl = self._box_terms(outputs, positives, weight)
        return {
            "loss_vfl": self.all_sum(class_loss) / norm,
            "loss_bbox": BOX_WEIGHT[version] * self.all_sum(box_loss) / box_norm,
            "loss_dfl": BINS_WEIGHT[version] * self.all_sum(dfl) / box_norm,
        }

    @paddle.no_grad()
    def _assign(
        self, outputs: Tensors, targets: Mapping[str, Sequence[Any]], cells: Cells, version: int, epoch: float
    ) -> Positives | None:
        predicted = boxes_of(outputs).astype("float32")
        scores = scores_of(outputs).astype("float32")
        per_image = scores.shape[1]
        flat, boxes, classes, quality = [], [], [], []
        for n, (raw_boxes, raw_classes) in enumerate(zip(targets["boxes"], targets["classes"])):
            if len(raw_boxes) == 0:
                continue
            truth = paddle.to_tensor(raw_boxes, dtype="float32").reshape([-1, 4])
            label = paddle.to_tensor(raw_classes, dtype="int64").flatten()
            found = self._match(cells, truth, label, predicted[n], scores[n], version, epoch)
            if found is None:
                continue
            flat.append(found.cells + n * per_image)
            boxes.append(truth[found.truths] / cells.strides[found.cells])
            classes.append(label[found.truths])
            quality.append(found.quality)
        if not flat:
            return None
        return Positives(*(paddle.concat(parts) for parts in (flat, boxes, classes, quality)))

    def _match(
        self,
        cells: Cells,
        boxes: paddle.Tensor,
        classes: paddle.Tensor,
        predicted: paddle.Tensor,
        scores: paddle.Tensor,
        version: int,
        epoch: float,
    ) -> Matches | None:
        if version == 1:
            return simota(cells, boxes, classes, predicted, scores, varifocal_cost)
        if epoch < self.static_assigner_epoch:
            return atss(cells, boxes, predicted)
        return task_aligned(cells, boxes, classes, predicted, scores)

    def _class_targets(self, outputs: Tensors, positives: Positives | None) -> paddle.Tensor:
        """[N * A, classes]: the quality at the class of positive cells, 0 elsewhere."""
        images, per_image = outputs["bins"].shape[:2]
        shape = [images * per_image, self.num_classes]
        if positives is None:
            return paddle.zeros(shape)
        index = paddle.stack([positives.flat, positives.classes], axis=1)
        return paddle.scatter_nd(index, positives.quality, shape)

    @staticmethod
    @paddle.no_grad()
    def _best_scores(outputs: Tensors, positives: Positives | None) -> paddle.Tensor | None:
        """[P] highest class probability of the positive cells."""
        if positives is None:
            return None
        return F.sigmoid(outputs["logits"].astype("float32").flatten(0, 1)[positives.flat]).amax(axis=-1)

    @staticmethod
    def _box_terms(
        outputs: Tensors, positives: Positives | None, weight: paddle.Tensor | None
    ) -> tuple[paddle.Tensor, paddle.Tensor]:
        """Weighted sums of GIoU losses, and of distribution losses averaged over the four sides."""
        if positives is None or weight is None:
            # Zero, yet tied to the outputs: processes with and without boxes take the same steps backwards.
            nothing = outputs["bins"].astype("float32").sum() * 0
            return nothing, nothing
        per_image = outputs["bins"].shape[1]
        cell = positives.flat % per_image
        centres = outputs["points"][cell] / outputs["strides"][cell]  # [P, 2] in cells
        distances = outputs["distances"].astype("float32").flatten(0, 1)[positives.flat]
        boxes = paddle.concat([centres - distances[:, :2], centres + distances[:, 2:]], axis=-1)
        overlap = iou(boxes, positives.boxes, generalised=True)
        wanted = paddle.concat([centres - positives.boxes[:, :2], positives.boxes[:, 2:] - centres], axis=-1)
        logits = outputs["bins"].astype("float32").flatten(0, 1)[positives.flat].reshape([-1, SIDES, BINS])
        return ((1 - overlap) * weight).sum(), (bins_loss(logits, wanted) * weight).sum() / SIDES
