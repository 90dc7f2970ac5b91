"""PPHGNet_small (PP-OCRv4 server): dense blocks of 3x3 convolutions with effective squeeze-excitation.

Source: rec_hgnet.py of PaddleOCR, by its facts.
"""

from __future__ import annotations

from dataclasses import dataclass

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.backbones.line_pool import LinePool
from sealkit.nn.conv import Conv2D
from sealkit.nn.layers import ConvBN, Size, kaiming_normal, spatial_mean


@dataclass(frozen=True)
class Stage:
    """in, mid and out channels; number of blocks; stride of the depthwise downsampling before them (None: none)."""

    in_channels: int
    mid: int
    out: int
    blocks: int
    stride: Size | None


_WIDTHS = ((128, 128, 256, 1), (256, 160, 512, 1), (512, 192, 768, 2), (768, 224, 1024, 1))
DET_STAGES = tuple(Stage(*w, stride) for w, stride in zip(_WIDTHS, (None, 2, 2, 2)))
REC_STAGES = tuple(Stage(*w, stride) for w, stride in zip(_WIDTHS, ((2, 1), (1, 2), (2, 1), (2, 1))))
LAYERS_PER_BLOCK = 6


def _conv(i: int, o: int, kernel: int, stride: Size = 1) -> ConvBN:
    return ConvBN(i, o, kernel, stride, act=F.relu, bn_decays=False, weight_attr=kaiming_normal())


class EffectiveSE(nn.Layer):
    """x * sigmoid(1x1(mean x)), channels unreduced."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv2D(channels, channels, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return x * F.sigmoid(self.conv(spatial_mean(x, self.training)))


class HGBlock(nn.Layer):
    """Six 3x3 layers; their outputs and the input concatenated, narrowed by a 1x1, weighted; optional residual."""

    def __init__(self, in_channels: int, mid: int, out: int, residual: bool) -> None:
        super().__init__()
        self.layers = nn.LayerList([_conv(in_channels if i == 0 else mid, mid, 3) for i in range(LAYERS_PER_BLOCK)])
        self.aggregation_conv = _conv(in_channels + LAYERS_PER_BLOCK * mid, out, 1)
        self.att = EffectiveSE(out)
        self.residual = residual

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        outputs = [x]
        for layer in self.layers:
            outputs.append(layer(outputs[-1]))
        y = self.att(self.aggregation_conv(paddle.concat(outputs, axis=1)))
        return x + y if self.residual else y


class HGStage(nn.Layer):
    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.downsample = None
        if stage.stride is not None:  # depthwise, without activation
            self.downsample = ConvBN(
                stage.in_channels,
                stage.in_channels,
                3,
                stage.stride,
                groups=stage.in_channels,
                bn_decays=False,
                weight_attr=kaiming_normal(),
            )
        blocks = [
            HGBlock(stage.in_channels if i == 0 else stage.out, stage.mid, stage.out, residual=i > 0)
            for i in range(stage.blocks)
        ]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.blocks(x if self.downsample is None else self.downsample(x))


class HGNetTrunk(nn.Layer):
    """Stem (stride 2) and stages of PPHGNet_small, for both forms."""

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 64, 3, 2), _conv(64, 64, 3), _conv(64, 128, 3))
        self.stages = nn.LayerList([HGStage(stage) for stage in stages])


class PPHGNetSmallDet(HGNetTrunk):
    """[N, 3, H, W] -> four maps at strides 4, 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__(DET_STAGES)
        self.out_channels = tuple(stage.out for stage in DET_STAGES)

    def forward(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        x = F.max_pool2d(self.stem(x), kernel_size=3, stride=2, padding=1)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class PPHGNetSmallRec(HGNetTrunk):
    """[N, 3, 48, W] -> [N, 1024, 1, W/8], see `LinePool`."""

    def __init__(self, train_steps: int | None = 40) -> None:
        super().__init__(REC_STAGES)
        self.out_channels = REC_STAGES[-1].out
        self.pool = LinePool(train_steps)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.pool(x)
