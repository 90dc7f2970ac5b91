"""SVTRv2 (ch_SVTRv2_rec): grouped 5x5 convolutions first, attention over the whole map later.

Re-implemented from the architecture of PaddleOCR `ppocr/modeling/backbones/rec_svtrv2.py` (Apache-2.0; no code
copied).
Paper: SVTRv2 https://arxiv.org/abs/2411.15858.
Deviations: a fused form (`nn.fuse`) beside the published one.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.backbones.line_pool import LinePool
from sealkit.nn.conv import Conv2D
from sealkit.nn.layers import ConvBN, kaiming_uniform
from sealkit.nn.transformer import DropPath, Mlp, SelfAttention, to_map, to_sequence

DIMS = (128, 256, 384)
BLOCKS = ("cccccc", "ccgggg", "gggggg")  # c: convolution, g: attention over the whole map
HEAD_WIDTH = 32
MLP_RATIO = 4
DROP_PATH = 0.1  # of the last block; rises evenly from 0
BLOCK_EPS = 1e-6


class Block(nn.Layer):
    """A mixer, then an MLP; each added to its input and normalised after. Sequences [N, H*W, C]."""

    def __init__(self, channels: int, kind: str, drop_path: float) -> None:
        super().__init__()
        heads = channels // HEAD_WIDTH
        self.is_conv = kind == "c"
        if self.is_conv:
            self.mixer = Conv2D(channels, channels, 5, padding=2, groups=heads)
        else:
            self.mixer = SelfAttention(channels, heads)
        self.norm1 = nn.LayerNorm(channels, epsilon=BLOCK_EPS)
        self.mlp = Mlp(channels, MLP_RATIO * channels, F.gelu)
        self.norm2 = nn.LayerNorm(channels, epsilon=BLOCK_EPS)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: paddle.Tensor, height: int) -> paddle.Tensor:
        """x [N, H*W, C] of a map of this height -> the same shape."""
        mixed = to_sequence(self.mixer(to_map(x, height))) if self.is_conv else self.mixer(x)
        x = self.norm1(x + self.drop_path(mixed))
        return self.norm2(x + self.drop_path(self.mlp(x)))


class Subsample(nn.Layer):
    """Halves the height: 3x3 convolution with bias, LayerNorm."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = Conv2D(in_channels, out_channels, 3, stride=(2, 1), padding=1)
        self.norm = nn.LayerNorm(out_channels)

    def forward(self, x: paddle.Tensor, height: int) -> paddle.Tensor:
        """x [N, H*W, in] of a map of this height -> [N, ceil(H/2)*W, out]."""
        return self.norm(to_sequence(self.conv(to_map(x, height))))


class Stage(nn.Layer):
    """Blocks of one width, and the way to the next.

    Where attention follows convolutions, published checkpoints number a step between them that has no weights.
    """

    def __init__(self, channels: int, kinds: str, drop_paths: list[float], next_channels: int | None) -> None:
        super().__init__()
        self.blocks = nn.LayerDict()
        for i, (kind, p) in enumerate(zip(kinds, drop_paths)):
            number = i + 1 if "c" in kinds and kind == "g" else i
            self.blocks[str(number)] = Block(channels, kind, p)
        self.downsample = None if next_channels is None else Subsample(channels, next_channels)

    def forward(self, x: paddle.Tensor, height: int) -> paddle.Tensor:
        """x [N, H*W, C] of a map of this height -> the same shape; if downsampled [N, ceil(H/2)*W, next_channels]."""
        for block in self.blocks.values():
            x = block(x, height)
        return x if self.downsample is None else self.downsample(x, height)


class PatchEmbed(nn.Layer):
    """Two strided convolutions: [N, 3, H, W] -> [N, 128, H/4, W/4]."""

    def __init__(self, channels: int) -> None:
        super().__init__()

        def conv(i: int, o: int) -> ConvBN:
            return ConvBN(i, o, 3, 2, act=F.gelu, weight_attr=kaiming_uniform(), bias=True, names=("conv", "norm"))

        self.patch_embed = nn.Sequential(conv(3, channels // 2), conv(channels // 2, channels))

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, 3, H, W] -> [N, 128, H/4, W/4], sides rounded up."""
        return self.patch_embed(x)


class SVTRv2Rec(nn.Layer):
    """[N, 3, 48, W] -> [N, 384, 1, W/8]; the number of steps follows the width in both modes."""

    def __init__(self) -> None:
        super().__init__()
        self.pope = PatchEmbed(DIMS[0])
        count = sum(map(len, BLOCKS))
        drop_paths = [DROP_PATH * i / (count - 1) for i in range(count)]
        stages = []
        for channels, kinds, following in zip(DIMS, BLOCKS, (*DIMS[1:], None)):
            stages.append(Stage(channels, kinds, drop_paths[: len(kinds)], following))
            drop_paths = drop_paths[len(kinds) :]
        self.stages = nn.LayerList(stages)
        self.out_channels = DIMS[-1]
        self.pool = LinePool()

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, 48, W] normalised BGR -> [N, 384, 1, W/8]."""
        x = self.pope(x)
        height = x.shape[2]
        x = to_sequence(x)
        for stage in self.stages:
            x = stage(x, height)
            if stage.downsample is not None:
                height = (height + 1) // 2
        return self.pool(to_map(x, height))
