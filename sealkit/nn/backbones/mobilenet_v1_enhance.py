"""MobileNetV1Enhance x0.5 (PP-OCRv3 mobile): depthwise and pointwise convolutions with hardswish.

Re-implemented from the architecture of PaddleOCR `ppocr/modeling/backbones/rec_mv1_enhance.py` (Apache-2.0; no code
copied).
Paper: PP-OCRv3 https://arxiv.org/abs/2206.03001.
Deviations: a fused form (`nn.fuse`) beside the published one.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.layers import ConvBN, Size, SqueezeExcite, kaiming_normal

STEM = 16
# in, out, depthwise kernel, stride, squeeze-excitation; x0.5 of MobileNetV1's widths
BLOCKS: tuple[tuple[int, int, int, Size, bool], ...] = (
    (16, 32, 3, 1, False),
    (32, 64, 3, 1, False),
    (64, 64, 3, 1, False),
    (64, 128, 3, (2, 1), False),
    (128, 128, 3, 1, False),
    (128, 256, 3, (2, 1), False),
    *(((256, 256, 5, 1, False),) * 5),
    (256, 512, 5, (2, 1), True),
    (512, 512, 5, (1, 2), True),
)


def _conv(i: int, o: int, kernel: int, stride: Size = 1, groups: int = 1) -> ConvBN:
    return ConvBN(
        i,
        o,
        kernel,
        stride,
        groups,
        act=F.hardswish,
        bn_decays=False,
        weight_attr=kaiming_normal(),
        names=("_conv", "_batch_norm"),
    )


class DepthwiseSeparable(nn.Layer):
    """Depthwise and pointwise convolution, optionally with squeeze-excitation."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: Size, se: bool) -> None:
        super().__init__()
        self._depthwise_conv = _conv(in_channels, in_channels, kernel, stride, in_channels)
        self._se = SqueezeExcite(in_channels) if se else None
        self._pointwise_conv = _conv(in_channels, out_channels, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H/stride, W/stride], sides rounded up."""
        x = self._depthwise_conv(x)
        return self._pointwise_conv(x if self._se is None else self._se(x))


class MobileNetV1EnhanceRec(nn.Layer):
    """[N, 3, 48, W] -> [N, 512, 1, W/8]; the number of steps follows the width in both modes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _conv(3, STEM, 3, 2)
        self.block_list = nn.Sequential(*[DepthwiseSeparable(*block) for block in BLOCKS])
        self.out_channels = BLOCKS[-1][1]
        self.pool = nn.AvgPool2D(2)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, 48, W] normalised BGR -> [N, 512, 1, W/8]."""
        return self.pool(self.block_list(self.conv1(x)))
