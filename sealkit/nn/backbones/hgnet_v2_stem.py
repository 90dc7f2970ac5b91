"""The stem of PPHGNetV2, used by PPLCNetV4 as well (stride 4; 2 where `stem3_stride` is 1)."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.layers import ConvBN

# (before, after) of N, C, H, W. The four-value form of the same padding takes seventeen times as long on a CPU.
PAD_RIGHT_BOTTOM = [0, 0, 0, 0, 0, 1, 0, 1]
# Exported graphs need the four-value form: oneDNN's kernel of the other writes past its buffer (Paddle 3.2.2, a crash).
PAD_EXPORTED = [0, 1, 0, 1]


class HGNetV2Stem(nn.Layer):
    """3x3 s2; then 2x2 maximum beside two 2x2 convolutions, concatenated; 3x3; 1x1. All with BatchNorm and relu.

    The 2x2 operations keep the size: one row and column of zeros on the right and at the bottom. For the maximum
    zeros equal the usual minus infinity, because its input is a relu's output.
    """

    def __init__(self, in_channels: int, mid: int, out: int, stem3_stride: int = 2) -> None:
        super().__init__()

        def conv(i: int, o: int, kernel: int, stride: int = 1, padding: int | None = None) -> ConvBN:
            return ConvBN(i, o, kernel, stride, act=F.relu, padding=padding, bn_decays=False)

        self.stem1 = conv(in_channels, mid, 3, 2)
        self.stem2a = conv(mid, mid // 2, 2, padding=0)
        self.stem2b = conv(mid // 2, mid, 2, padding=0)
        self.stem3 = conv(2 * mid, mid, 3, stem3_stride)
        self.stem4 = conv(mid, out, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H/4, W/4]; H/2 and W/2 where `stem3_stride` is 1."""
        pad = PAD_RIGHT_BOTTOM if self.training else PAD_EXPORTED
        x = F.pad(self.stem1(x), pad)
        y = self.stem2b(F.pad(self.stem2a(x), pad))
        x = F.max_pool2d(x, kernel_size=2, stride=1)
        return self.stem4(self.stem3(paddle.concat([x, y], axis=1)))
