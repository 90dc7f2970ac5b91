"""Path aggregation necks of PicoDet: LCPAN (blocks of PP-LCNet) and CSPPAN (cross stage partial blocks).

Both take maps of strides 8, 16, 32 and return four of one width: strides 8, 16, 32, 64.

Re-implemented from the architecture of PaddleDetection `ppdet/modeling/necks/` lc_pan.py, csp_pan.py (Apache-2.0; no
code copied).
Paper: PicoDet https://arxiv.org/abs/2111.00902.
Deviations: maps are enlarged by reshape and expand, not by an interpolation operation, which exported graphs must not
hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.backbones.lcnet_v1 import LCNetBlock
from sealkit.nn.conv import Conv2D
from sealkit.nn.fuse import Fusable, conv_bn_to_conv
from sealkit.nn.layers import ConvBN, batch_norm, kaiming_uniform, upsample_nearest

KERNEL = 5


class DepthwisePoint(nn.Layer, Fusable):
    """kxk convolution, BN, hardswish, 1x1 convolution, BN, hardswish. Keys `dwconv`, `bn1`, `pwconv`, `bn2`.

    Args:
        groups: None = depthwise; the alignment branch of the head takes 1.
        last_act: False leaves out the last hardswish.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = KERNEL,
        stride: int = 1,
        groups: int | None = None,
        last_act: bool = True,
    ) -> None:
        super().__init__()
        self.dwconv = Conv2D(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=(kernel - 1) // 2,
            groups=out_channels if groups is None else groups,
            weight_attr=kaiming_uniform(),
            bias_attr=False,
        )
        self.bn1: nn.BatchNorm2D | None = batch_norm(out_channels)
        self.pwconv = Conv2D(out_channels, out_channels, 1, weight_attr=kaiming_uniform(), bias_attr=False)
        self.bn2: nn.BatchNorm2D | None = batch_norm(out_channels)
        self.last_act = last_act

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H/stride, W/stride], sides rounded up."""
        x = self.dwconv(x)
        x = self.pwconv(F.hardswish(x if self.bn1 is None else self.bn1(x)))
        x = x if self.bn2 is None else self.bn2(x)
        return F.hardswish(x) if self.last_act else x

    def fuse(self) -> None:
        """Fold both BatchNorms into the convolutions before them."""
        if self.bn1 is not None:
            self.dwconv = conv_bn_to_conv(self.dwconv, self.bn1)
            self.pwconv = conv_bn_to_conv(self.pwconv, self.bn2)
            self.bn1 = self.bn2 = None


def _point(in_channels: int, out_channels: int) -> ConvBN:
    return ConvBN(in_channels, out_channels, 1, act=F.hardswish, weight_attr=kaiming_uniform())


class ChannelMatch(nn.Layer):
    """One 1x1 convolution per level, to a common width."""

    def __init__(self, in_channels: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.convs = nn.LayerList([_point(c, out_channels) for c in in_channels])

    def forward(self, maps: Sequence[paddle.Tensor]) -> list[paddle.Tensor]:
        """Maps [N, C_i, h_i, w_i] -> maps [N, out, h_i, w_i]."""
        return [conv(x) for conv, x in zip(self.convs, maps)]


class Bottleneck(nn.Layer):
    """1x1, then depthwise separable, without a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _point(channels, channels)
        self.conv2 = DepthwisePoint(channels, channels)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H, W] -> the same shape."""
        return self.conv2(self.conv1(x))


class CSPBlock(nn.Layer):
    """Half of the width goes through a bottleneck, half around it: [N, 2C, H, W] -> [N, C, H, W]."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        middle = out_channels // 2
        self.main_conv = _point(in_channels, middle)
        self.short_conv = _point(in_channels, middle)
        self.final_conv = _point(2 * middle, out_channels)
        self.blocks = nn.Sequential(Bottleneck(middle))

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H, W]."""
        short = self.short_conv(x)  # first, as in exported files: the import of weights goes by the order
        return self.final_conv(paddle.concat([self.blocks(self.main_conv(x)), short], axis=1))


def _lc_block(in_channels: int, out_channels: int) -> nn.Layer:
    """Two blocks of PP-LCNet, 5x5: 2C -> 2C -> C."""
    return nn.Sequential(
        LCNetBlock(in_channels, in_channels, KERNEL, 1, False), LCNetBlock(in_channels, out_channels, KERNEL, 1, False)
    )


class PathAggregation(nn.Layer):
    """Three maps -> four of `channels`: top-down, bottom-up, and one more level of stride 64.

    The extra level is the sum of two strided convolutions: of the coarsest map before and after aggregation.
    Input sides must be multiples of 32, so that enlarging by 2 meets the finer map.
    """

    def __init__(self, in_channels: Sequence[int], channels: int, block: Callable[[int, int], nn.Layer]) -> None:
        super().__init__()
        steps = len(in_channels) - 1
        self.out_channels = channels
        self.conv_t = ChannelMatch(in_channels, channels)
        self.first_top_conv = DepthwisePoint(channels, channels, stride=2)
        self.second_top_conv = DepthwisePoint(channels, channels, stride=2)
        self.top_down_blocks = nn.LayerList([block(2 * channels, channels) for _ in range(steps)])
        self.downsamples = nn.LayerList([DepthwisePoint(channels, channels, stride=2) for _ in range(steps)])
        self.bottom_up_blocks = nn.LayerList([block(2 * channels, channels) for _ in range(steps)])

    def forward(self, maps: Sequence[paddle.Tensor]) -> list[paddle.Tensor]:
        """Three maps of strides 8, 16, 32 -> four [N, channels, ., .] of strides 8, 16, 32, 64."""
        lateral = self.conv_t(maps)
        inner = [lateral[-1]]  # finest first, in the end
        for low, block in zip(reversed(lateral[:-1]), self.top_down_blocks):
            up = upsample_nearest(inner[0], 2)
            inner.insert(0, block(paddle.concat([up, low], axis=1)))
        outputs = [inner[0]]
        for high, down, block in zip(inner[1:], self.downsamples, self.bottom_up_blocks):
            outputs.append(block(paddle.concat([down(outputs[-1]), high], axis=1)))
        return [*outputs, self.first_top_conv(lateral[-1]) + self.second_top_conv(outputs[-1])]


class LCPAN(PathAggregation):
    """Path aggregation with blocks of PP-LCNet (PicoDet-S/L, PP-DocLayout-S/M)."""

    def __init__(self, in_channels: Sequence[int], channels: int) -> None:
        super().__init__(in_channels, channels, _lc_block)


class CSPPAN(PathAggregation):
    """Path aggregation with cross stage partial blocks (PicoDet_layout_1x)."""

    def __init__(self, in_channels: Sequence[int], channels: int) -> None:
        super().__init__(in_channels, channels, CSPBlock)
