"""Feature pyramids with residual squeeze-excitation: RSEFPN (PP-OCRv3/v4 mobile) and RepLKFPN (PP-OCRv6 tiny, small).

Re-implemented from the architecture of PaddleOCR `ppocr/modeling/necks/db_fpn.py` (Apache-2.0; no code copied).
Paper: PP-OCRv3 https://arxiv.org/abs/2206.03001.
Deviations: maps are enlarged by reshape and expand, not by an interpolation operation, which exported graphs must not
hold.
"""

from __future__ import annotations

from collections.abc import Sequence

import paddle
from paddle import nn

from sealkit.nn.conv import Conv2D
from sealkit.nn.layers import SqueezeExcite, kaiming_uniform, upsample_nearest
from sealkit.nn.rep import DilatedRep

NECK_SE_SLOPE = 0.2  # the necks' hardsigmoid; the backbones' is 1/6


class RSELayer(nn.Layer):
    """y = conv(x) without bias; y + SE(y)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.in_conv = Conv2D(
            in_channels, out_channels, kernel, padding=kernel // 2, weight_attr=kaiming_uniform(), bias_attr=False
        )
        self.se_block = SqueezeExcite(out_channels, slope=NECK_SE_SLOPE)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H, W]."""
        x = self.in_conv(x)
        return x + self.se_block(x)


def top_down(lateral: Sequence[paddle.Tensor]) -> list[paddle.Tensor]:
    """Add each coarser map, enlarged by 2, to the next finer one. Maps in and out: strides 4, 8, 16, 32."""
    sums = list(lateral)
    for i in range(len(sums) - 2, -1, -1):
        sums[i] = sums[i] + upsample_nearest(sums[i + 1], 2)
    return sums


def join_at_stride_4(maps: Sequence[paddle.Tensor]) -> paddle.Tensor:
    """Enlarge maps of strides 4, 8, 16, 32 to stride 4 and concatenate them, coarsest first."""
    return paddle.concat([upsample_nearest(maps[i], 2**i) for i in (3, 2, 1, 0)], axis=1)


class RSEFPN(nn.Layer):
    """Four maps -> ([N, channels, H/4, W/4], top-down sums of strides 4, 8, 16)."""

    def __init__(self, in_channels: Sequence[int], channels: int = 96) -> None:
        super().__init__()
        self.ins_conv = nn.LayerList([RSELayer(c, channels, 1) for c in in_channels])
        self.inp_conv = nn.LayerList([RSELayer(channels, channels // 4, 3) for _ in in_channels])
        self.out_channels = channels

    def forward(self, maps: Sequence[paddle.Tensor]) -> tuple[paddle.Tensor, list[paddle.Tensor]]:
        """Four maps of strides 4, 8, 16, 32 -> (map [N, channels, H/4, W/4], top-down sums of strides 4, 8, 16)."""
        sums = top_down(_coarse_first(self.ins_conv, maps))
        return join_at_stride_4(_coarse_first(self.inp_conv, sums)), sums[:3]


class RepLKFPN(nn.Layer):
    """RSEFPN whose 3x3 is a depthwise large kernel, a 1x1 and squeeze-excitation. Same inputs and outputs."""

    def __init__(self, in_channels: Sequence[int], channels: int = 96, kernel: int = 7) -> None:
        super().__init__()
        levels = range(len(in_channels))
        quarter = channels // 4
        self.ins_conv = nn.LayerList([RSELayer(c, channels, 1) for c in in_channels])
        self.inp_conv_dw = nn.LayerList([DilatedRep(channels, kernel) for _ in levels])
        self.inp_conv_pw = nn.LayerList(
            [Conv2D(channels, quarter, 1, weight_attr=kaiming_uniform(), bias_attr=False) for _ in levels]
        )
        self.inp_conv_se = nn.LayerList([SqueezeExcite(quarter, slope=NECK_SE_SLOPE) for _ in levels])
        self.out_channels = channels

    def _smooth(self, level: int, x: paddle.Tensor) -> paddle.Tensor:
        x = self.inp_conv_pw[level](self.inp_conv_dw[level](x))
        return x + self.inp_conv_se[level](x)

    def forward(self, maps: Sequence[paddle.Tensor]) -> tuple[paddle.Tensor, list[paddle.Tensor]]:
        """Four maps of strides 4, 8, 16, 32 -> (map [N, channels, H/4, W/4], top-down sums of strides 4, 8, 16)."""
        sums = top_down(_coarse_first(self.ins_conv, maps))
        smooth = [self._smooth(level, sums[level]) for level in (3, 2, 1, 0)][::-1]
        return join_at_stride_4(smooth), sums[:3]


def _coarse_first(layers: nn.LayerList, maps: Sequence[paddle.Tensor]) -> list[paddle.Tensor]:
    """layers[i](maps[i]), run from the coarsest on: the order in published graphs, which weight import follows."""
    return [layers[i](maps[i]) for i in range(len(maps) - 1, -1, -1)][::-1]
