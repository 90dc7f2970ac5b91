"""A recogniser with one output per place of the text, and its loss: the example of another kind of recogniser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import paddle
from paddle import nn

from sealkit.modules.text_recognition.loss import log_softmax
from sealkit.modules.text_recognition.networks.multi_head import Recogniser
from tests.modules.examples.position_decode import PLACES
from tests.modules.examples.strip_net import StripNet


class PositionHead(nn.Layer):
    """[N, C, 1, T] -> [N, PLACES, classes]: each place looks for its character along the strip."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.places = nn.Linear(channels, PLACES)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        steps = x.squeeze(2).transpose([0, 2, 1])  # [N, T, C]
        shares = nn.functional.softmax(self.places(steps), axis=1)  # [N, T, PLACES]
        return self.fc(paddle.matmul(shares, steps, transpose_x=True))


class PositionNet(Recogniser):
    """Strips -> {"places": logits [N, PLACES, classes]}."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = StripNet()
        self.position_head = PositionHead(StripNet.out_channels, classes)

    def forward(self, x: paddle.Tensor, labels: Any = None) -> dict[str, paddle.Tensor]:
        return {"places": self.position_head(self.backbone(x))}


def build(classes: int, form: str, auxiliary_head: bool, fixed_steps: bool) -> PositionNet:
    """It has one form and no auxiliary head."""
    return PositionNet(classes)


def loss(logits: paddle.Tensor, batch: Mapping[str, paddle.Tensor]) -> dict[str, paddle.Tensor]:
    """Cross entropy of every place; the places after the text are class 0, its end."""
    target = nn.functional.pad(batch["label_ctc"].astype("int64"), [0, 0, 0, PLACES])[:, :PLACES]
    right = paddle.take_along_axis(log_softmax(logits), target.unsqueeze(2), axis=2)
    return {"loss_places": -right.mean()}
