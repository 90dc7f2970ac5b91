"""CTC heads: class logits of each step. Class 0 is the blank.

Re-implemented from the architecture of PaddleOCR `ppocr/modeling/heads/rec_ctc_head.py` (Apache-2.0; no code copied).
Paper: CTC https://doi.org/10.1145/1143844.1143891.
Deviations: a fused form (`nn.fuse`) beside the published one.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.fuse import Fusable, fold_bn, kernel_of

DECAY = 1e-5


def _classifier(in_features: int, out_features: int) -> nn.Linear:
    """Linear that starts uniform in +-1/sqrt(in) and has a weight decay of its own."""

    def attr() -> paddle.ParamAttr:
        bound = in_features**-0.5
        return paddle.ParamAttr(
            initializer=nn.initializer.Uniform(-bound, bound), regularizer=paddle.regularizer.L2Decay(DECAY)
        )

    return nn.Linear(in_features, out_features, weight_attr=attr(), bias_attr=attr())


class CTCHead(nn.Layer):
    """[N, T, C] -> [N, T, classes]."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.fc = _classifier(channels, classes)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, T, C] -> logits [N, T, classes], before the softmax."""
        return self.fc(x)


class LocalLayer(nn.Layer, Fusable):
    """Depthwise convolution over five steps and a 1x1, both with BatchNorm and hardswish: [N, C, T] -> alike.

    The numbers are the places the layers have in published checkpoints.
    """

    PAIRS = (("0", "1"), ("3", "4"))

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.add_sublayer("0", nn.Conv1D(channels, channels, 5, padding=2, groups=channels, bias_attr=False))
        self.add_sublayer("1", nn.BatchNorm1D(channels))
        self.add_sublayer("3", nn.Conv1D(channels, channels, 1, bias_attr=False))
        self.add_sublayer("4", nn.BatchNorm1D(channels))

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, T] -> the same shape."""
        for conv, bn in self.PAIRS:
            x = self._sub_layers[conv](x)
            x = F.hardswish(self._sub_layers[bn](x) if bn in self._sub_layers else x)
        return x

    def fuse(self) -> None:
        """Fold both BatchNorms into their convolutions, which get biases."""
        for name, bn in self.PAIRS:
            if bn not in self._sub_layers:
                continue
            conv = self._sub_layers[name]
            weight, bias = fold_bn(kernel_of(conv), self._sub_layers[bn])
            channels, _, kernel = weight.shape
            fused = nn.Conv1D(channels, channels, kernel, padding=kernel // 2, groups=conv._groups)
            fused.weight.set_value(weight.astype("float32"))
            fused.bias.set_value(bias.astype("float32"))
            self._sub_layers[name] = fused
            del self._sub_layers[bn]


class LocalCTCHead(nn.Layer):
    """The CTC head of PP-OCRv6 tiny, which has no neck: neighbouring steps, then two Linears without activation."""

    def __init__(self, channels: int, mid: int, classes: int) -> None:
        super().__init__()
        self.guide_layer = LocalLayer(channels)
        self.fc1 = _classifier(channels, mid)
        self.fc2 = _classifier(mid, classes)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, T, C] -> logits [N, T, classes], before the softmax."""
        x = self.guide_layer(x.transpose([0, 2, 1])).transpose([0, 2, 1])
        return self.fc2(self.fc1(x))
