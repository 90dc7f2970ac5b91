"""PP-LCNet as a classifier.

Re-implemented from the architecture of PaddleClas `ppcls/arch/backbone/legendary_models/pp_lcnet.py` (Apache-2.0; no
code copied).
Paper: PP-LCNet https://arxiv.org/abs/2109.15099.
Deviations: a fused form (`nn.fuse`) beside the published one.
"""

from __future__ import annotations

from collections.abc import Mapping

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.backbones.lcnet_v1 import STAGES, Block, PPLCNet
from sealkit.nn.conv import Conv2D
from sealkit.nn.fuse import fuse
from sealkit.nn.layers import spatial_mean

LAST_WIDTH = 1280
DROPOUT = 0.2


class PPLCNetClassifier(PPLCNet):
    """x [N, 3, H, W] (normalised RGB) -> logits [N, classes].

    A subclass of its backbone because the published names have no prefix (`conv1.*`, `blocks2.*`, …, `last_conv`,
    `fc`). The dropout is PaddleClas's: training drops and does not rescale, evaluation multiplies by 0.8.
    """

    def __init__(self, classes: int, scale: float = 1.0, stages: Mapping[str, tuple[Block, ...]] = STAGES) -> None:
        super().__init__(scale, (6,), stages)
        self.last_conv = Conv2D(self.out_channels[0], LAST_WIDTH, 1, bias_attr=False)
        self.dropout = nn.Dropout(DROPOUT, mode="downscale_in_infer")
        self.fc = nn.Linear(LAST_WIDTH, classes)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, H, W] normalised RGB -> logits [N, classes], before the softmax."""
        (x,) = super().forward(x)
        x = self.last_conv(spatial_mean(x, self.training))  # [N, 1280, 1, 1]
        x = self.dropout(F.hardswish(x))
        return self.fc(x.flatten(1))


class InferenceClassifier(nn.Layer):
    """The graph that is exported: x [N, 3, H, W] -> probabilities [N, classes]."""

    def __init__(self, net: PPLCNetClassifier) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, H, W] normalised RGB -> probabilities [N, classes], which add up to 1."""
        return F.softmax(self.net(x), axis=1)


def inference_network(net: PPLCNetClassifier) -> InferenceClassifier:
    """The exportable form of a trained network, in eval mode; `net` is fused in place, pass a copy to keep it."""
    fuse(net)
    wrapped = InferenceClassifier(net)
    wrapped.eval()
    return wrapped
