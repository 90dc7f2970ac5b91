"""Losses of recognisers: CTC on every step, and the auxiliary head's cross entropy.

Re-implemented from the architecture of PaddleOCR `ppocr/losses/` rec_ctc_loss.py, rec_nrtr_loss.py, rec_sar_loss.py
(Apache-2.0; no code copied).
Papers: NRTR https://arxiv.org/abs/1806.00926, SAR https://arxiv.org/abs/1811.00751.
Deviations: log_softmax is written out, see there.
"""

from __future__ import annotations

from collections.abc import Mapping

import paddle
import paddle.nn.functional as F

from sealkit.modules.text_recognition.kinds import KINDS, RecKind

SMOOTHING = 0.1  # of NRTR's target


def log_softmax(logits: paddle.Tensor) -> paddle.Tensor:
    """Logarithm of the softmax over the last axis.

    Written out: `paddle.nn.functional.log_softmax` of Paddle 3.2 takes time with the square of the number of classes
    on CPU, 7.6 s instead of 0.03 s for 256 rows of 18,714 classes.
    """
    shifted = logits - logits.max(axis=-1, keepdim=True).detach()  # the maximum cancels out: no gradient through it
    return shifted - shifted.exp().sum(axis=-1, keepdim=True).log()


def ctc_losses(logits: paddle.Tensor, labels: paddle.Tensor, lengths: paddle.Tensor) -> paddle.Tensor:
    """-log P(label) of each line, [N]; not divided by the label's length, so long labels weigh more.

    Args:
        logits: [N, T, classes]; class 0 is the blank. All T steps count, padding included.
        labels: [N, L] int, CTC classes; what is beyond a row's length is not looked at.
        lengths: [N] int. A label that needs more than T steps (`labels.steps_needed`) counts as 0 and has no gradient.
    """
    steps = paddle.full([logits.shape[0]], logits.shape[1], dtype="int64")
    return F.ctc_loss(
        logits.transpose([1, 0, 2]),  # [T, N, classes]
        labels.astype("int32"),
        steps,
        lengths.astype("int64"),
        blank=0,
        reduction="none",
    )


def ctc_loss(logits: paddle.Tensor, labels: paddle.Tensor, lengths: paddle.Tensor) -> paddle.Tensor:
    """Mean of `ctc_losses` over the batch."""
    return ctc_losses(logits, labels, lengths).mean()


def nrtr_loss(logits: paddle.Tensor, labels: paddle.Tensor) -> paddle.Tensor:
    """Cross entropy with a smoothed target: 0.9 on the character, 0.1 shared by all other classes; mean over
    characters.

    Args:
        logits: [N, L, V] of `NRTRHead` for `labels[:, :L]`.
        labels: [N, more than L] int; what comes after each place is its target, 0 is padding.
    """
    classes = logits.shape[2]
    target = labels[:, 1 : 1 + logits.shape[1]].astype("int64")
    log_p = log_softmax(logits)
    right = paddle.take_along_axis(log_p, target.unsqueeze(2), axis=2).squeeze(2)  # [N, L]
    other = SMOOTHING / (classes - 1)
    each = -((1 - SMOOTHING - other) * right + other * log_p.sum(axis=2))
    seen = (target != 0).astype(each.dtype)
    return (each * seen).sum() / seen.sum().clip(min=1)


def sar_loss(logits: paddle.Tensor, labels: paddle.Tensor) -> paddle.Tensor:
    """Cross entropy; mean over what is not padding.

    Args:
        logits: [N, L, n + 1] of `SARHead`.
        labels: [N, L] int; padding is n + 1, a class that does not exist.
    """
    padding = logits.shape[2]
    target = labels[:, 1:].astype("int64")
    seen = target != padding
    log_p = log_softmax(logits[:, :-1])
    each = -paddle.take_along_axis(log_p, target.clip(max=padding - 1).unsqueeze(2), axis=2).squeeze(2)
    seen = seen.astype(each.dtype)
    return (each * seen).sum() / seen.sum().clip(min=1)


def ctc_terms(logits: paddle.Tensor, batch: Mapping[str, paddle.Tensor]) -> dict[str, paddle.Tensor]:
    """`loss_ctc` of a batch with "label_ctc" [N, L] and "length" [N]."""
    return {"loss_ctc": ctc_loss(logits, batch["label_ctc"], batch["length"])}


class RecLoss:
    """The recogniser's loss: that of its kind (`loss_ctc`), and `loss_nrtr` or `loss_sar` where the network has that
    auxiliary head and got labels.

    Their sum is optimised. The published training weighs both 1.

    Args:
        auxiliary_head: weight of the auxiliary head's part.
        kind: how the output that is read is trained.
        name: one of the kind's losses; None: its first.

    Raises:
        ConfigError: the kind has no loss of this name.
    """

    def __init__(self, auxiliary_head: float = 1.0, kind: RecKind = KINDS["ctc"], name: str | None = None) -> None:
        self.auxiliary_head, self.kind = auxiliary_head, kind
        self._terms = kind.loss(name)

    def __call__(
        self, outputs: Mapping[str, paddle.Tensor], batch: Mapping[str, paddle.Tensor]
    ) -> dict[str, paddle.Tensor]:
        """Loss of a `RecNet`'s outputs in train mode.

        Args:
            batch: "label_ctc" [N, L] and "length" [N]; for an auxiliary head "label_nrtr" or "label_sar" [N, L] (int).
        """
        losses = dict(self._terms(outputs[self.kind.output], batch))
        if "nrtr" in outputs:
            losses["loss_nrtr"] = self.auxiliary_head * nrtr_loss(outputs["nrtr"], batch["label_nrtr"])
        if "sar" in outputs:
            losses["loss_sar"] = self.auxiliary_head * sar_loss(outputs["sar"], batch["label_sar"])
        return losses
