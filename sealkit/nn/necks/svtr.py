"""Necks between a recognition backbone and the CTC head: SVTR blocks over the steps of a line.

They map [N, C, 1, T] -> [N, dims, 1, T].

Re-implemented from the architecture of PaddleOCR `ppocr/modeling/necks/rnn.py` (Apache-2.0; no code copied).
Paper: SVTR https://arxiv.org/abs/2205.00159.
Deviations: none known, goldens agree.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.layers import ConvBN, Size, kaiming_uniform
from sealkit.nn.transformer import Mlp, SelfAttention, to_map, to_sequence

HEADS = 8
DROPOUT = 0.1


def _conv(i: int, o: int, kernel: Size = 1) -> ConvBN:
    return ConvBN(i, o, kernel, act=F.swish, weight_attr=kaiming_uniform(), names=("conv", "norm"))


class SvtrBlock(nn.Layer):
    """Attention over all steps, then an MLP; each on the normalised input, added to it.

    The reference's switch for this order is inverted, so its "prenorm: False" is what is computed here.
    """

    def __init__(self, channels: int, mlp_ratio: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.mixer = SelfAttention(channels, HEADS, DROPOUT)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Mlp(channels, int(channels * mlp_ratio), F.swish, DROPOUT)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, T, C] -> the same shape."""
        x = x + self.mixer(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class _Blocks(nn.Layer):
    """Base: `svtr_block` and `norm` over the steps of a map [N, C, H, W], back as a map."""

    def __init__(self, channels: int, depth: int, mlp_ratio: float) -> None:
        super().__init__()
        self.svtr_block = nn.LayerList([SvtrBlock(channels, mlp_ratio) for _ in range(depth)])
        self.norm = nn.LayerNorm(channels, epsilon=1e-6)

    def mix(self, z: paddle.Tensor) -> paddle.Tensor:
        height = z.shape[2]
        z = to_sequence(z)
        for block in self.svtr_block:
            z = block(z)
        return to_map(self.norm(z), height)


class SvtrNeck(_Blocks):
    """Bottleneck, SVTR blocks, and the input beside their output (PP-OCRv3 to v5, SVTRv2, RepSVTR).

    Args:
        detach: gradients stop here. The published training teaches the backbone by the auxiliary head alone; without a
            auxiliary head this must be off, or the backbone learns nothing.
    """

    def __init__(
        self, in_channels: int, dims: int, hidden: int, kernel: Size = (1, 3), depth: int = 2, detach: bool = True
    ) -> None:
        super().__init__(hidden, depth, 2.0)
        narrow = in_channels // 8
        self.conv1 = _conv(in_channels, narrow, kernel)
        self.conv2 = _conv(narrow, hidden)
        self.conv3 = _conv(hidden, in_channels)
        self.conv4 = _conv(2 * in_channels, narrow, kernel)
        self.conv1x1 = _conv(narrow, dims)
        self.out_channels = dims
        self.detach = detach

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, 1, T] -> [N, dims, 1, T]; with `detach` no gradient reaches x in train mode."""
        if self.detach and self.training:
            x = x.detach()
        z = self.conv3(self.mix(self.conv2(self.conv1(x))))
        return self.conv1x1(self.conv4(paddle.concat([x, z], axis=1)))


class LightSvtrNeck(_Blocks):
    """1x1, a depthwise look at the neighbouring steps, SVTR blocks, and a 1x1 of the input added (PP-OCRv6)."""

    def __init__(self, in_channels: int, dims: int, mlp_ratio: float, local_kernel: int = 7, depth: int = 2) -> None:
        super().__init__(dims, depth, mlp_ratio)
        self.skip_conv = _conv(in_channels, dims)
        self.conv_reduce = _conv(in_channels, dims)
        self.local_conv = ConvBN(dims, dims, (1, local_kernel), groups=dims, act=F.swish, names=("0", "1"))
        self.out_channels = dims

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, 1, T] -> [N, dims, 1, T]."""
        skip = self.skip_conv(x)
        z = self.conv_reduce(x)
        return self.mix(z + self.local_conv(z)) + skip
