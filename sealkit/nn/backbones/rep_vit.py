"""RepSVTR (ch_RepSVTR_rec): RepViT blocks in the shape of a text line.

Re-implemented from the architecture of PaddleOCR `ppocr/modeling/backbones/rec_repvit.py` (Apache-2.0; no code
copied).
Paper: RepViT https://arxiv.org/abs/2307.09283.
Deviations: a fused form (`nn.fuse`) beside the published one.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.backbones.line_pool import LinePool
from sealkit.nn.conv import Conv2D
from sealkit.nn.layers import ConvBN, Size, spatial_mean
from sealkit.nn.rep import RepDepthwise

NAMES = ("c", "bn")
STEM = (48, 96)
# Width, stride of the first block, one sign per block: "s" with squeeze-excitation, "-" plain.
STAGES: tuple[tuple[int, Size, str], ...] = ((96, 1, "s--"), (192, (2, 1), "-s-s-s-"), (384, (2, 1), "-s-"))


class SigmoidSE(nn.Layer):
    """x * sigmoid(fc2(relu(fc1(mean x)))), both 1x1 with bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = Conv2D(channels, channels // 4, 1)
        self.fc2 = Conv2D(channels // 4, channels, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H, W] -> the same shape, each channel scaled by a factor 0..1."""
        return x * F.sigmoid(self.fc2(F.relu(self.fc1(spatial_mean(x)))))


class ChannelMixer(nn.Layer):
    """x + 1x1(GELU(1x1 x)), twice as wide between; the branch starts silent."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = ConvBN(2 * channels, channels, bn_weight=0.0, names=NAMES)
        self.m = nn.Sequential(ConvBN(channels, 2 * channels, names=NAMES), nn.GELU(), narrow)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H, W] -> the same shape."""
        return x + self.m(x)


class RepViTBlock(nn.Sequential):
    """Token mixer (depthwise) and channel mixer (pointwise) of RepViT."""

    def __init__(self, in_channels: int, channels: int, stride: Size, se: bool) -> None:
        weigh = SigmoidSE(in_channels) if se else nn.Identity()
        if stride == 1 and in_channels == channels:
            token_mixer = nn.Sequential(RepDepthwise(channels, bias_1x1=True, names=NAMES), weigh)
        else:
            depthwise = ConvBN(in_channels, in_channels, 3, stride, groups=in_channels, names=NAMES)
            token_mixer = nn.Sequential(depthwise, weigh, ConvBN(in_channels, channels, names=NAMES))
        super().__init__(("token_mixer", token_mixer), ("channel_mixer", ChannelMixer(channels)))


class RepViTRec(nn.Layer):
    """[N, 3, 48, W] -> [N, 384, 1, W/8]; the number of steps follows the width in both modes."""

    def __init__(self) -> None:
        super().__init__()
        stem = (ConvBN(3, STEM[0], 3, 2, names=NAMES), nn.GELU(), ConvBN(*STEM, 3, 2, names=NAMES))
        layers: list[nn.Layer] = [nn.Sequential(*stem)]
        channels = STEM[1]
        for width, stride, signs in STAGES:
            for i, sign in enumerate(signs):
                layers.append(RepViTBlock(channels, width, stride if i == 0 else 1, sign == "s"))
                channels = width
        self.features = nn.Sequential(*layers)
        self.out_channels = channels
        self.pool = LinePool()

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, 48, W] normalised BGR -> [N, 384, 1, W/8]."""
        return self.pool(self.features(x))
