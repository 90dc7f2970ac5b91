"""PPLCNetV4 (PP-OCRv6): depthwise token mixer, 1x1-GELU-1x1 channel mixer.

Re-implemented from the architecture of PaddleOCR (June 2026) `ppocr/modeling/backbones/rec_lcnetv4.py` (Apache-2.0;
no code copied).
Deviations: a fused form (`nn.fuse`) beside the published one; pooling to 40 steps in training is optional.
"""

from __future__ import annotations

from dataclasses import dataclass

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.backbones.hgnet_v2_stem import HGNetV2Stem
from sealkit.nn.backbones.line_pool import LinePool
from sealkit.nn.layers import ConvBN, Size, SqueezeExcite
from sealkit.nn.rep import RepDepthwise


@dataclass(frozen=True)
class Stage:
    """A run of blocks of one width.

    Attributes:
        channels: output width.
        stride: of the first block; the others have 1.
        se: per block, whether it has squeeze-excitation.
    """

    channels: int
    stride: Size
    se: tuple[bool, ...]


@dataclass(frozen=True)
class LCNetV4Config:
    """Channels of the stem, and the stages."""

    stem: tuple[int, int]  # mid and out channels
    stages: tuple[Stage, ...]


def _det(stem: tuple[int, int], channels: tuple[int, int, int, int]) -> LCNetV4Config:
    layouts = ((1, (1, 0)), (2, (0, 1, 0)), (2, (0, 1, 0, 1, 0)), (2, (0, 1, 0)))
    stages = tuple(Stage(c, stride, tuple(map(bool, se))) for c, (stride, se) in zip(channels, layouts))
    return LCNetV4Config(stem, stages)


DET_CONFIGS: dict[str, LCNetV4Config] = {
    "tiny": _det((16, 32), (32, 48, 64, 160)),
    "small": _det((24, 48), (48, 96, 192, 384)),
    "medium": _det((64, 128), (128, 256, 512, 896)),
}


def _rec(stem: tuple[int, int], *stages: tuple[int, Size, str]) -> LCNetV4Config:
    """Stages as (channels, stride, one sign per block: "s" with squeeze-excitation, "-" plain)."""
    return LCNetV4Config(stem, tuple(Stage(c, stride, tuple(b == "s" for b in blocks)) for c, stride, blocks in stages))


REC_CONFIGS: dict[str, LCNetV4Config] = {
    "tiny": _rec((24, 48), (48, 1, "s"), (48, 1, "-"), (96, (2, 1), "-s-"), (160, (2, 1), "-s--")),
    "small": _rec((48, 96), (96, 1, "s"), (96, 1, "--"), (192, (2, 1), "-s-s-s-"), (384, (2, 1), "-s-")),
    "medium": _rec((64, 128), (128, 1, "s"), (256, 1, "--s"), (512, (2, 1), "-s-s-s-"), (768, (2, 1), "-s-")),
}


class TokenMixer(nn.Layer):
    """Depthwise 3x3 (`rep_dw` where the shape stays, else `dw_conv`), then optional squeeze-excitation."""

    def __init__(self, in_channels: int, keeps_shape: bool, stride: Size, se: bool, kernel: int = 3) -> None:
        super().__init__()
        self.depthwise = "rep_dw" if keeps_shape else "dw_conv"
        if keeps_shape:
            self.rep_dw = RepDepthwise(in_channels, kernel)
        else:
            self.dw_conv = ConvBN(in_channels, in_channels, kernel, stride, groups=in_channels)
        self.se = SqueezeExcite(in_channels) if se else None

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H, W] -> [N, C, H/stride, W/stride], sides rounded up."""
        x = self._sub_layers[self.depthwise](x)
        return x if self.se is None else self.se(x)


class ChannelMixer(nn.Layer):
    """1x1 to twice the width, GELU, 1x1. `silent` starts the last BatchNorm at weight 0."""

    def __init__(self, in_channels: int, out_channels: int, silent: bool) -> None:
        super().__init__()
        self.expand = ConvBN(in_channels, 2 * in_channels, 1, act=F.gelu)
        self.compress = ConvBN(2 * in_channels, out_channels, 1, bn_weight=0.0 if silent else 1.0)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H, W]."""
        return self.compress(self.expand(x))


class LCNetV4Block(nn.Layer):
    """One block of a stage, with a shortcut where shapes are equal."""

    def __init__(self, in_channels: int, out_channels: int, stride: Size, se: bool) -> None:
        super().__init__()
        self.keeps_shape = stride == 1 and in_channels == out_channels
        self.token_mixer = TokenMixer(in_channels, self.keeps_shape, stride, se)
        self.channel_mixer = ChannelMixer(in_channels, out_channels, silent=self.keeps_shape)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H/stride, W/stride], sides rounded up."""
        x = self.token_mixer(x)
        y = self.channel_mixer(x)
        return x + y if self.keeps_shape else y


def make_stage(in_channels: int, stage: Stage) -> nn.Sequential:
    """The blocks of one stage; the first one has the stage's stride."""
    blocks = []
    for i, se in enumerate(stage.se):
        blocks.append(LCNetV4Block(in_channels, stage.channels, stage.stride if i == 0 else 1, se))
        in_channels = stage.channels
    return nn.Sequential(*blocks)


class PPLCNetV4Det(nn.Layer):
    """[N, 3, H, W] -> four maps at strides 4, 8, 16, 32 with `out_channels` channels."""

    def __init__(self, size: str, in_channels: int = 3) -> None:
        super().__init__()
        config = DET_CONFIGS[size]
        self.stem = HGNetV2Stem(in_channels, *config.stem)
        channels = config.stem[1]
        self.stage_names = []
        for i, stage in enumerate(config.stages, 1):
            name = f"blocks_s{i}"
            self.add_sublayer(name, make_stage(channels, stage))
            self.stage_names.append(name)
            channels = stage.channels
        self.out_channels = tuple(stage.channels for stage in config.stages)

    def forward(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        """x [N, 3, H, W] normalised BGR -> four maps of strides 4, 8, 16, 32 with `out_channels` channels."""
        x = self.stem(x)
        maps = []
        for name in self.stage_names:
            x = self._sub_layers[name](x)
            maps.append(x)
        return maps


class PPLCNetV4Rec(nn.Layer):
    """[N, 3, 48, W] -> [N, out_channels, 1, W/8], see `LinePool`. The tiny one has a stem of two plain convolutions."""

    def __init__(self, size: str, train_steps: int | None = 40) -> None:
        super().__init__()
        config = REC_CONFIGS[size]
        mid, channels = config.stem
        if size == "tiny":
            self.conv1 = nn.Sequential(ConvBN(3, mid, 3, 2), nn.GELU(), ConvBN(mid, channels, 3, 2))
        else:
            self.conv1 = HGNetV2Stem(3, mid, channels)
        self.stage_names = []
        for i, stage in enumerate(config.stages, 2):
            name = f"blocks{i}"
            self.add_sublayer(name, make_stage(channels, stage))
            self.stage_names.append(name)
            channels = stage.channels
        self.out_channels = channels
        self.pool = LinePool(train_steps)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, 48, W] normalised BGR -> [N, out_channels, 1, W/8]."""
        x = self.conv1(x)
        for name in self.stage_names:
            x = self._sub_layers[name](x)
        return self.pool(x)
