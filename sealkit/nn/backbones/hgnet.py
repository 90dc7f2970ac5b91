"""PPHGNet_small (PP-OCRv4 server): dense blocks of 3x3 convolutions with effective squeeze-excitation.

Re-implemented from the architecture of PaddleOCR `ppocr/modeling/backbones/rec_hgnet.py` (Apache-2.0; no code
copied).
Deviations: a fused form (`nn.fuse`) beside the published one; pooling to 40 steps in training is optional.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.backbones.hgnet_stage import DenseBlock, HGStage, Stage, hg_conv
from sealkit.nn.backbones.line_pool import LinePool
from sealkit.nn.conv import Conv2D
from sealkit.nn.layers import spatial_mean

_WIDTHS = ((128, 128, 256, 1), (256, 160, 512, 1), (512, 192, 768, 2), (768, 224, 1024, 1))
DET_STAGES = tuple(Stage(*w, stride) for w, stride in zip(_WIDTHS, (None, 2, 2, 2)))
REC_STAGES = tuple(Stage(*w, stride) for w, stride in zip(_WIDTHS, ((2, 1), (1, 2), (2, 1), (2, 1))))


class EffectiveSE(nn.Layer):
    """x * sigmoid(1x1(mean x)), channels unreduced."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv2D(channels, channels, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H, W] -> the same shape, each channel scaled by a factor 0..1."""
        return x * F.sigmoid(self.conv(spatial_mean(x, self.training)))


class HGBlock(DenseBlock):
    """Aggregation: narrowed by a 1x1, channels weighted."""

    def __init__(self, stage: Stage, in_channels: int, residual: bool) -> None:
        super().__init__(stage, in_channels, residual)
        self.aggregation_conv = hg_conv(self.dense_channels, stage.out, 1)
        self.att = EffectiveSE(stage.out)

    def aggregate(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, dense_channels, H, W] -> [N, out, H, W]."""
        return self.att(self.aggregation_conv(x))


class HGNetTrunk(nn.Layer):
    """Stem (stride 2) and stages of PPHGNet_small, for both forms."""

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        super().__init__()
        self.stem = nn.Sequential(hg_conv(3, 64, 3, 2), hg_conv(64, 64, 3), hg_conv(64, 128, 3))
        self.stages = nn.LayerList([HGStage(stage, HGBlock) for stage in stages])


class PPHGNetSmallDet(HGNetTrunk):
    """[N, 3, H, W] -> four maps at strides 4, 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__(DET_STAGES)
        self.out_channels = tuple(stage.out for stage in DET_STAGES)

    def forward(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        """x [N, 3, H, W] normalised BGR -> maps of strides 4, 8, 16, 32 with 256, 512, 768, 1024 channels."""
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
        """x [N, 3, 48, W] normalised BGR -> [N, 1024, 1, W/8]."""
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.pool(x)
