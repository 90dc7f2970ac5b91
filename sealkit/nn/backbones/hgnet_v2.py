"""PPHGNetV2 (PP-OCRv5 server): dense blocks as in PPHGNet, with light (1x1 + depthwise) layers in the later stages.

Source: rec_pphgnetv2.py of PaddleOCR, by its facts.
"""

from __future__ import annotations

from dataclasses import dataclass

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.backbones.hgnet_v2_stem import HGNetV2Stem
from sealkit.nn.backbones.line_pool import LinePool
from sealkit.nn.conv import Conv2D
from sealkit.nn.layers import ConvBN, Size

LAYERS_PER_BLOCK = 6


@dataclass(frozen=True)
class Stage:
    """in, mid and out channels; blocks; light layers or full convolutions; their kernel; stride of the depthwise
    downsampling before them (None: none)."""

    in_channels: int
    mid: int
    out: int
    blocks: int
    light: bool
    kernel: int
    stride: Size | None


B4_WIDTHS = (
    (48, 48, 128, 1, False, 3),
    (128, 96, 512, 1, False, 3),
    (512, 192, 1024, 3, True, 5),
    (1024, 384, 2048, 1, True, 5),
)
B4_REC_STAGES = tuple(Stage(*w, stride) for w, stride in zip(B4_WIDTHS, ((2, 1), (1, 2), (2, 1), (2, 1))))


def _conv(i: int, o: int, kernel: int, stride: Size = 1, groups: int = 1, relu: bool = True) -> ConvBN:
    return ConvBN(i, o, kernel, stride, groups, act=F.relu if relu else None, bn_decays=False)


class LightLayer(nn.Layer):
    """1x1 without activation, then depthwise with relu."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv1 = _conv(in_channels, out_channels, 1, relu=False)
        self.conv2 = _conv(out_channels, out_channels, kernel, groups=out_channels)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.conv2(self.conv1(x))


class HGV2Block(nn.Layer):
    """Six layers; their outputs and the input concatenated, narrowed in two 1x1 steps; optional residual."""

    def __init__(self, stage: Stage, in_channels: int, residual: bool) -> None:
        super().__init__()
        layer = LightLayer if stage.light else _conv
        inputs = [in_channels, *[stage.mid] * (LAYERS_PER_BLOCK - 1)]
        self.layers = nn.LayerList([layer(i, stage.mid, stage.kernel) for i in inputs])
        self.aggregation_squeeze_conv = _conv(in_channels + LAYERS_PER_BLOCK * stage.mid, stage.out // 2, 1)
        self.aggregation_excitation_conv = _conv(stage.out // 2, stage.out, 1)
        self.residual = residual

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        outputs = [x]
        for layer in self.layers:
            outputs.append(layer(outputs[-1]))
        y = self.aggregation_excitation_conv(self.aggregation_squeeze_conv(paddle.concat(outputs, axis=1)))
        return x + y if self.residual else y


class HGV2Stage(nn.Layer):
    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.downsample = None
        if stage.stride is not None:
            channels = stage.in_channels
            self.downsample = _conv(channels, channels, 3, stage.stride, channels, relu=False)
        blocks = [HGV2Block(stage, stage.in_channels if i == 0 else stage.out, i > 0) for i in range(stage.blocks)]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.blocks(x if self.downsample is None else self.downsample(x))


class PPHGNetV2B4Rec(nn.Layer):
    """[N, 3, 48, W] -> [N, 2048, 1, W/8], see `LinePool`.

    Published checkpoints hold a classifier (`last_conv`, `fc`) that nothing runs. It is kept, without gradient use,
    so that they load with no key left over; exported graphs do not have it.
    """

    def __init__(self, train_steps: int | None = 40) -> None:
        super().__init__()
        self.stem = HGNetV2Stem(3, 32, 48, stem3_stride=1)
        self.stages = nn.LayerList([HGV2Stage(stage) for stage in B4_REC_STAGES])
        self.out_channels = B4_REC_STAGES[-1].out
        self.last_conv = Conv2D(self.out_channels, 2048, 1, bias_attr=False)
        self.fc = nn.Linear(2048, 1000)
        self.pool = LinePool(train_steps)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.pool(x)
