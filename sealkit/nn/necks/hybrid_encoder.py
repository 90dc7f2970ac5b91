"""RT-DETR's neck: a transformer on the coarsest map, then features passed down and up the pyramid.

Re-implemented from the architecture of PaddleDetection `ppdet/modeling/transformers/hybrid_encoder.py` (Apache-2.0;
no code copied).
Paper: RT-DETR https://arxiv.org/abs/2304.08069.
Deviations: maps are enlarged by reshape and expand, not by an interpolation operation, which exported graphs must not
hold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.layers import ConvBN, upsample_nearest
from sealkit.nn.rep import RepVgg
from sealkit.nn.transformer import PackedAttention, to_map, to_sequence

HEADS = 8


def fan_in_uniform(fan_in: int) -> paddle.ParamAttr:
    """Uniform within ±1/sqrt(fan_in), the law of this family's linear layers and neck convolutions."""
    bound = fan_in**-0.5
    return paddle.ParamAttr(initializer=nn.initializer.Uniform(-bound, bound))


def fan_in_linear(in_features: int, out_features: int) -> nn.Linear:
    """A Linear with weight and bias uniform in 1/sqrt(in_features)."""
    return nn.Linear(in_features, out_features, fan_in_uniform(in_features), fan_in_uniform(in_features))


def position_code(height: int, width: int, channels: int, temperature: float = 10000.0) -> np.ndarray:
    """Sine and cosine code of a map's positions: [1, height*width, channels] float32.

    The published code is laid out column by column while the tokens are row by row: row p holds the code of
    (p // height, p % height). For square maps this is (y, x); for others it is a permutation the networks were trained
    with.
    """
    quarter = channels // 4
    rates = temperature ** -(np.arange(quarter) / quarter)
    p = np.arange(height * width)
    a, b = (p // height)[:, None] * rates, (p % height)[:, None] * rates  # [HW, C/4]
    code = np.concatenate([np.sin(a), np.cos(a), np.sin(b), np.cos(b)], axis=1)
    return code[None].astype(np.float32)


class EncoderLayer(nn.Layer):
    """Self-attention and a gelu mlp, each with a residual and LayerNorm after it."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.self_attn = PackedAttention(channels, HEADS)
        self.linear1, self.linear2 = fan_in_linear(channels, hidden), fan_in_linear(hidden, channels)
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)

    def forward(self, x: paddle.Tensor, position: paddle.Tensor) -> paddle.Tensor:
        """x [N, HW, C], position code [1, HW, C] -> [N, HW, C]."""
        x = self.norm1(x + self.self_attn(x, position))
        return self.norm2(x + self.linear2(F.gelu(self.linear1(x))))


class Encoder(nn.Layer):
    """Layers in a row over the tokens of one map: [N, C, H, W] -> the same shape."""

    def __init__(self, channels: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.channels = channels
        self.layers = nn.LayerList([EncoderLayer(channels, hidden) for _ in range(layers)])
        self.register_buffer("code", None, persistable=False)
        self.fixed: tuple[int, int] | None = None

    def fix_size(self, height: int, width: int) -> None:
        """Keep the position code of this map size, so that an exported graph holds it among its weights."""
        code = paddle.to_tensor(position_code(height, width, self.channels))
        self.register_buffer("code", code, persistable=False)
        self.fixed = (height, width)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H, W] -> the same shape; the position code is made anew where the size is not the fixed one."""
        height, width = x.shape[2], x.shape[3]
        code = self.code
        if code is None or (height, width) != self.fixed:
            code = paddle.to_tensor(position_code(height, width, self.channels))
        tokens = to_sequence(x)  # [N, HW, C]
        for layer in self.layers:
            tokens = layer(tokens, code)
        return to_map(tokens, height)


def _conv(i: int, o: int, kernel: int, stride: int = 1) -> ConvBN:
    attr = fan_in_uniform(i * kernel * kernel)
    return ConvBN(i, o, kernel, stride, act=F.swish, bn_decays=False, weight_attr=attr)


class CSPRep(nn.Layer):
    """2C -> C: a 1x1 with RepVgg blocks behind it, plus another 1x1."""

    def __init__(self, channels: int, blocks: int = 3) -> None:
        super().__init__()
        self.conv1, self.conv2 = _conv(2 * channels, channels, 1), _conv(2 * channels, channels, 1)
        self.bottlenecks = nn.Sequential(*[RepVgg(channels, F.swish) for _ in range(blocks)])

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, 2C, H, W] -> [N, C, H, W]."""
        return self.bottlenecks(self.conv1(x)) + self.conv2(x)


class HybridEncoder(nn.Layer):
    """Maps of strides 8, 16, 32 -> three maps [N, channels, ., .] of the same strides.

    Args:
        in_channels: of the three maps.
        channels, hidden, layers: width, mlp width and number of layers of the transformer on the coarsest map.
    """

    def __init__(self, in_channels: Sequence[int], channels: int = 256, hidden: int = 1024, layers: int = 1) -> None:
        super().__init__()
        self.out_channels = (channels,) * len(in_channels)
        self.input_proj = nn.LayerList([ConvBN(i, channels, bn_decays=False, names=("0", "1")) for i in in_channels])
        self.encoder = nn.LayerList([Encoder(channels, hidden, layers)])
        steps = range(len(in_channels) - 1)
        self.lateral_convs = nn.LayerList([_conv(channels, channels, 1) for _ in steps])
        self.fpn_blocks = nn.LayerList([CSPRep(channels) for _ in steps])
        self.downsample_convs = nn.LayerList([_conv(channels, channels, 3, 2) for _ in steps])
        self.pan_blocks = nn.LayerList([CSPRep(channels) for _ in steps])

    def forward(self, maps: Sequence[paddle.Tensor]) -> list[paddle.Tensor]:
        """Maps of strides 8, 16, 32 -> three maps [N, channels, ., .] of the same strides, finest first."""
        fine = [project(x) for project, x in zip(self.input_proj, maps)]
        tops = [self.encoder[0](fine.pop())]  # from coarse to fine
        for lateral, block in zip(self.lateral_convs, self.fpn_blocks):
            tops[-1] = lateral(tops[-1])
            tops.append(block(paddle.concat([upsample_nearest(tops[-1], 2), fine.pop()], axis=1)))
        outputs = [tops.pop()]  # from fine to coarse
        for down, block in zip(self.downsample_convs, self.pan_blocks):
            outputs.append(block(paddle.concat([down(outputs[-1]), tops.pop()], axis=1)))
        return outputs
