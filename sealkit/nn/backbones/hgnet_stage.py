"""What PPHGNet and PPHGNetV2 share: stages of dense blocks.

Re-implemented from the architecture of PaddleOCR `ppocr/modeling/backbones/` rec_hgnet.py, rec_pphgnetv2.py and
PaddleDetection `ppdet/modeling/backbones/hgnet_v2.py` (Apache-2.0; no code copied).
Deviations: a fused form (`nn.fuse`) beside the published one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.layers import ConvBN, Size, kaiming_normal

LAYERS_PER_BLOCK = 6


@dataclass(frozen=True)
class Stage:
    """Sizes of a stage.

    Attributes:
        in_channels, mid, out: channels of the input, of a block's layers, of a block's output.
        blocks: their number.
        stride: of the depthwise downsampling before the blocks, None where there is none.
        light: layers are 1x1 + depthwise instead of full convolutions (V2).
        kernel: of the layers.
    """

    in_channels: int
    mid: int
    out: int
    blocks: int
    stride: Size | None
    light: bool = False
    kernel: int = 3


def hg_conv(i: int, o: int, kernel: int, stride: Size = 1, groups: int = 1, relu: bool = True) -> ConvBN:
    """Convolution, BatchNorm without weight decay, relu."""
    act = F.relu if relu else None
    return ConvBN(i, o, kernel, stride, groups, act=act, bn_decays=False, weight_attr=kaiming_normal())


class LightLayer(nn.Layer):
    """1x1 without activation, then depthwise with relu."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv1 = hg_conv(in_channels, out_channels, 1, relu=False)
        self.conv2 = hg_conv(out_channels, out_channels, kernel, groups=out_channels)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H, W]."""
        return self.conv2(self.conv1(x))


class DenseBlock(nn.Layer, ABC):
    """Six layers; their outputs and the input concatenated (`dense_channels`) and aggregated; optional residual.

    The two generations differ in `aggregate` only, and in what its layers are called in checkpoints.
    """

    def __init__(self, stage: Stage, in_channels: int, residual: bool) -> None:
        super().__init__()
        layer = LightLayer if stage.light else hg_conv
        inputs = [in_channels, *[stage.mid] * (LAYERS_PER_BLOCK - 1)]
        self.layers = nn.LayerList([layer(i, stage.mid, stage.kernel) for i in inputs])
        self.dense_channels = in_channels + LAYERS_PER_BLOCK * stage.mid
        self.residual = residual

    @abstractmethod
    def aggregate(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, dense_channels, H, W] -> [N, out, H, W]."""

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H, W]; with a residual in and out are equal."""
        outputs = [x]
        for layer in self.layers:
            outputs.append(layer(outputs[-1]))
        y = self.aggregate(paddle.concat(outputs, axis=1))
        return x + y if self.residual else y


class HGStage(nn.Layer):
    """Depthwise downsampling without activation, where the stage has one, then `block`s."""

    def __init__(self, stage: Stage, block: Callable[[Stage, int, bool], DenseBlock]) -> None:
        super().__init__()
        self.downsample = None
        if stage.stride is not None:
            channels = stage.in_channels
            self.downsample = hg_conv(channels, channels, 3, stage.stride, channels, relu=False)
        blocks = [block(stage, stage.in_channels if i == 0 else stage.out, i > 0) for i in range(stage.blocks)]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H/stride, W/stride], sides rounded up; no stride keeps the size."""
        return self.blocks(x if self.downsample is None else self.downsample(x))
