"""A loss for CTC networks: the example of adding one.

Focal CTC (https://doi.org/10.1155/2019/9345861): lines that are read well already weigh less.
"""

from __future__ import annotations

from collections.abc import Mapping

import paddle

from sealkit.modules.text_recognition.loss import ctc_losses

GAMMA = 1.0


def focal_ctc_terms(logits: paddle.Tensor, batch: Mapping[str, paddle.Tensor]) -> dict[str, paddle.Tensor]:
    """`loss_focal_ctc`: the mean of (1 - p) ** GAMMA * -log p, p the probability of a line's text."""
    each = ctc_losses(logits, batch["label_ctc"], batch["length"])
    return {"loss_focal_ctc": ((1 - (-each).exp()) ** GAMMA * each).mean()}
