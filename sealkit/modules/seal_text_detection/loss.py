"""Losses of DB text detectors, and of the fields beside them.

Maps are float32; masks are 1 where a pixel counts.

Re-implemented from the architecture of PaddleOCR `ppocr/losses/det_db_loss.py` (Apache-2.0; no code copied).
Paper: DB https://arxiv.org/abs/1911.08947.
Deviations: the losses of the fields are this project's; ratios are of sums over all processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import paddle
import paddle.nn.functional as F

from sealkit.modules.seal_text_detection.settings import DetLossSettings

EPS = 1e-6
NEGATIVE_RATIO = 3.0  # the balance wrapper's; it weighs a scalar, see `balanced`
AUX_MAPS = ("aux_maps_p4", "aux_maps_p3", "aux_maps_p2")

Sum = Callable[[paddle.Tensor], paddle.Tensor]


def local_sum(x: paddle.Tensor) -> paddle.Tensor:
    """Sum of all values. Where several processes train, a sum over all of them takes its place: these losses are ratios
    of sums over the whole batch, and a mean of the processes' ratios would be another loss."""
    return x.sum()


def dice(p: paddle.Tensor, target: paddle.Tensor, mask: paddle.Tensor, total: Sum = local_sum) -> paddle.Tensor:
    """1 - 2 sum(p g m) / (sum(p m) + sum(g m) + 1e-6) over the whole batch: a scalar in [0, 1]."""
    weighted = p * mask
    overlap = total(weighted * target)
    return 1 - 2 * overlap / (total(weighted) + total(target * mask) + EPS)


def focal(
    p: paddle.Tensor, target: paddle.Tensor, mask: paddle.Tensor, alpha: float, gamma: float, total: Sum = local_sum
) -> paddle.Tensor:
    """Focal loss of a probability map, mean over the mask; p is clipped to [1e-6, 1 - 1e-6]."""
    p = p.clip(EPS, 1 - EPS)
    right = p * target + (1 - p) * (1 - target)
    weight = alpha * target + (1 - alpha) * (1 - target)
    value = -weight * (1 - right) ** gamma * paddle.log(right)
    return total(value * mask) / (total(mask) + EPS)


def masked_l1(p: paddle.Tensor, target: paddle.Tensor, mask: paddle.Tensor, total: Sum = local_sum) -> paddle.Tensor:
    """Mean absolute difference over the mask; 0 for an empty one."""
    return total((p - target).abs() * mask) / (total(mask) + EPS)


class DBLoss:
    """The detector's loss: a dict of named scalars whose sum is optimised.

    `loss_shrink_maps` (weight alpha), `loss_threshold_maps` (beta), `loss_binary_maps`; where the network gives the
    maps: `loss_cbn` (PP-OCRv4 server), `loss_aux_maps_p4/p3/p2` (PP-OCRv6, official form; each the weighted sum of
    the three terms above), `loss_up` and `loss_area` (fields). A fused network has no auxiliary maps and so no such
    terms.

    The main loss is, by `settings.main`:
    - `dice`: dice times pos / (pos + neg) counts that nearly cancel. The published loss calls this balanced hard
      mining; as it weighs a scalar, nothing is mined.
    - `dice_focal`: dice + focal, without that weight.

    A batch without any text pixel: the published `dice` loss is 0 with no gradient, so images without text teach
    nothing. Here such a batch gets the mean of -log(1 - p) instead (cross entropy of an all-negative target).
    `dice_focal` needs no such rule, its focal term teaches negatives. Batches with text are not affected and equal the
    published loss.
    """

    def __init__(self, settings: DetLossSettings, all_sum: Sum | None = None) -> None:
        """`all_sum` is `StepState.all_sum`: the differentiable sum of a tensor over processes."""
        self.settings = settings
        self._sum: Sum = (lambda x: all_sum(x.sum())) if all_sum else local_sum

    def __call__(
        self, outputs: Mapping[str, paddle.Tensor], batch: Mapping[str, paddle.Tensor]
    ) -> dict[str, paddle.Tensor]:
        """Loss of network outputs in train mode.

        Args:
            outputs: "maps" [N, 3, H, W] = shrink, threshold, step; optionally "cbn_maps" [N, 1, H, W], "aux_maps_*"
                [N, 3, H, W], "fields" [N, 3, H/4, W/4].
            batch: "shrink_map", "shrink_mask", "threshold_map", "threshold_mask" [N, H, W]; with fields also "up"
                [N, 2, H/4, W/4], "up_mask", "area", "area_mask" [N, H/4, W/4].
        """
        empty = float(self._sum(batch["shrink_map"] * batch["shrink_mask"])) < 1
        shrink, threshold, binary = self._terms(outputs["maps"], batch, empty)
        losses = {"loss_shrink_maps": shrink, "loss_threshold_maps": threshold, "loss_binary_maps": binary}
        if "cbn_maps" in outputs:
            losses["loss_cbn"] = self._balanced_dice(outputs["cbn_maps"][:, 0], batch, empty)
        for name, weight in zip(AUX_MAPS, self.settings.aux_weights):
            if name in outputs:
                losses[f"loss_{name}"] = weight * sum(self._terms(outputs[name], batch, empty))
        if "fields" in outputs:
            losses["loss_up"] = self.settings.up * up_loss(
                outputs["fields"][:, :2], batch["up"], batch["up_mask"], self._sum
            )
            area = area_loss(outputs["fields"][:, 2], batch["area"], batch["area_mask"], self._sum)
            losses["loss_area"] = self.settings.area * area
        return losses

    def _terms(
        self, maps: paddle.Tensor, batch: Mapping[str, paddle.Tensor], empty: bool
    ) -> tuple[paddle.Tensor, paddle.Tensor, paddle.Tensor]:
        """Weighted shrink, threshold and binary terms of one [N, 3, H, W] output."""
        shrink, threshold, step = maps.unbind(axis=1)
        target, mask = batch["shrink_map"], batch["shrink_mask"]
        binary = dice(step, target, mask, self._sum)
        if self.settings.main == "dice":
            main = self._balanced_dice(shrink, batch, empty)
        else:
            alpha, gamma = self.settings.focal_alpha, self.settings.focal_gamma
            main = dice(shrink, target, mask, self._sum) + focal(shrink, target, mask, alpha, gamma, self._sum)
            binary = binary + focal(step, target, mask, alpha, gamma, self._sum)
        edge = masked_l1(threshold, batch["threshold_map"], batch["threshold_mask"], self._sum)
        return self.settings.alpha * main, self.settings.beta * edge, binary

    def _balanced_dice(self, p: paddle.Tensor, batch: Mapping[str, paddle.Tensor], empty: bool) -> paddle.Tensor:
        target, mask = batch["shrink_map"], batch["shrink_mask"]
        if empty:
            negative = -paddle.log((1 - p).clip(min=EPS))
            return self._sum(negative * mask) / (self._sum(mask) + EPS)
        positives = self._sum(target * mask).floor()
        negatives = paddle.minimum(self._sum((1 - target) * mask), NEGATIVE_RATIO * positives).floor()
        count = positives + negatives
        return dice(p, target, mask, self._sum) * count / (count + EPS)


def up_loss(up: paddle.Tensor, target: paddle.Tensor, mask: paddle.Tensor, total: Sum = local_sum) -> paddle.Tensor:
    """Mean of 1 - cos(angle) of predicted and true up vectors over the mask; 0, with zero gradients, if empty.

    Args:
        up: [N, 2, h, w], any length.
        target: unit vectors alike.
        mask: [N, h, w].
    """
    length = paddle.sqrt((up * up).sum(axis=1) + EPS)
    cosine = (up * target).sum(axis=1) / length
    return total((1 - cosine) * mask) / (total(mask) + EPS)


def area_loss(
    logit: paddle.Tensor, target: paddle.Tensor, mask: paddle.Tensor, total: Sum = local_sum
) -> paddle.Tensor:
    """Cross entropy (mean over the mask) + dice smoothed by one pixel, for batches without seals.

    All [N, h, w].
    """
    entropy = F.binary_cross_entropy_with_logits(logit, target, reduction="none")
    entropy = total(entropy * mask) / (total(mask) + EPS)
    p, t = F.sigmoid(logit) * mask, target * mask
    overlap = total(p * t)
    return entropy + 1 - (2 * overlap + 1) / (total(p) + total(t) + 1)
