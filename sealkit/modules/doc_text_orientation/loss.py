"""Cross entropy with label smoothing.

A smoothing of e makes the target (1 - e) * one-hot + e / classes.

Re-implemented from the architecture of PaddleClas `ppcls/loss/celoss.py` (Apache-2.0; no code copied).
Paper: label smoothing https://arxiv.org/abs/1512.00567.
Deviations: none known, goldens agree.
"""

from __future__ import annotations

from collections.abc import Mapping

import paddle
import paddle.nn.functional as F

from sealkit.modules.doc_text_orientation.settings import OriLossSettings


class OrientationLoss:
    """Mean over the samples of a batch: a dict with one named scalar."""

    def __init__(self, settings: OriLossSettings | None = None) -> None:
        self.settings = settings or OriLossSettings()

    def __call__(self, logits: paddle.Tensor, batch: Mapping[str, paddle.Tensor]) -> dict[str, paddle.Tensor]:
        """Args: logits [N, classes] float32; batch with "label" [N] int64 class ids."""
        classes = logits.shape[-1]
        target = F.one_hot(batch["label"], classes)  # [N, classes]
        if self.settings.label_smoothing:
            target = F.label_smooth(target, epsilon=self.settings.label_smoothing)
        return {"loss_ce": -(target * F.log_softmax(logits, axis=-1)).sum(axis=-1).mean()}
