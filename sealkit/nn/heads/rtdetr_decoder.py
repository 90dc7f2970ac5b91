"""The decoder layers of RT-DETR: deformable attention over three maps.

Boxes are (centre x, centre y, width, height) as shares of the image.

Re-implemented from the architecture of PaddleDetection `ppdet/modeling/transformers/rtdetr_transformer.py`
(Apache-2.0; no code copied).
Papers: Deformable DETR https://arxiv.org/abs/2010.04159, RT-DETR https://arxiv.org/abs/2304.08069.
Deviations: places are computed in float32 under mixed precision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.layers import no_decay
from sealkit.nn.necks.hybrid_encoder import fan_in_linear
from sealkit.nn.transformer import PackedAttention

LOGIT_EPS = 1e-5
Shapes = Sequence[tuple[int, int]]


def logit(p: paddle.Tensor) -> paddle.Tensor:
    """Inverse of the sigmoid; both p and 1-p are held above 1e-5."""
    p = p.clip(0.0, 1.0)
    return paddle.log(p.clip(min=LOGIT_EPS) / (1 - p).clip(min=LOGIT_EPS))


def layer_norm(channels: int) -> nn.LayerNorm:
    """LayerNorm without weight decay."""
    return nn.LayerNorm(channels, weight_attr=no_decay(), bias_attr=no_decay())


def xavier_linear(in_features: int, out_features: int, zero_bias: bool = False) -> nn.Linear:
    """Xavier uniform weight; bias 0, or uniform within ±1/sqrt(in_features)."""
    bound = 0.0 if zero_bias else in_features**-0.5
    law = nn.initializer.Uniform(-bound, bound) if bound else nn.initializer.Constant(0.0)
    weight = paddle.ParamAttr(initializer=nn.initializer.XavierUniform())
    return nn.Linear(in_features, out_features, weight, paddle.ParamAttr(initializer=law))


def constant_linear(in_features: int, bias: np.ndarray) -> nn.Linear:
    """Weight 0 and the given bias: the start of what learns offsets."""
    zero = nn.initializer.Constant(0.0)
    start = nn.initializer.Assign(bias.astype(np.float32))
    return nn.Linear(in_features, len(bias), paddle.ParamAttr(initializer=zero), paddle.ParamAttr(initializer=start))


class BoxMlp(nn.Layer):
    """Linear layers with relu between them, keys `layers.i`."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.layers = nn.LayerList(layers)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[…, in] -> […, out], no activation after the last layer."""
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


def box_head(channels: int) -> BoxMlp:
    """Three layers to four offsets in logit space; the last starts at 0, so that boxes start at their reference."""
    hidden = [fan_in_linear(channels, channels) for _ in range(2)]
    return BoxMlp([*hidden, constant_linear(channels, np.zeros(4))])


class DeformableAttention(nn.Layer):
    """Each query looks at a few points around its reference box in every map.

    Keys `sampling_offsets`, `attention_weights`, `value_proj`, `output_proj`. The offsets start on rays in as many
    directions as there are heads, point by point further out; weights start equal.
    """

    def __init__(self, channels: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        self.heads, self.levels, self.points = heads, levels, points
        angles = np.arange(heads) * (2 * math.pi / heads)
        rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # [heads, 2]
        rays = rays / np.abs(rays).max(axis=1, keepdims=True)
        offsets = rays[:, None, None, :] * np.arange(1, points + 1)[None, None, :, None]  # [heads, 1, points, 2]
        offsets = np.broadcast_to(offsets, (heads, levels, points, 2)).ravel()
        self.sampling_offsets = constant_linear(channels, offsets)
        self.attention_weights = constant_linear(channels, np.zeros(heads * levels * points))
        self.value_proj = xavier_linear(channels, channels, zero_bias=True)
        self.output_proj = xavier_linear(channels, channels, zero_bias=True)

    def forward(
        self, query: paddle.Tensor, reference: paddle.Tensor, memory: paddle.Tensor, shapes: Shapes
    ) -> paddle.Tensor:
        """query [N, Q, C], reference boxes [N, Q, 4], memory [N, sum of h*w, C], (h, w) of the maps -> [N, Q, C]."""
        heads, levels, points = self.heads, self.levels, self.points
        queries, channels = query.shape[1], query.shape[2]
        width = channels // heads
        value = self.value_proj(memory).transpose([0, 2, 1])  # [N, C, S]
        if value.dtype != reference.dtype:  # mixed precision: places need all their digits
            value = value.astype(reference.dtype)
        offsets = self.sampling_offsets(query).reshape([-1, queries, heads * levels * points, 2])
        weights = self.attention_weights(query).reshape([-1, queries, heads, levels * points])
        weights = F.softmax(weights, axis=-1).transpose([0, 2, 1, 3]).reshape([-1, 1, queries, levels * points])
        centre, size = reference[:, :, None, :2], reference[:, :, None, 2:]
        places = centre + offsets * (0.5 / points) * size  # [N, Q, heads*levels*points, 2], shares of the image
        grid = 2 * places - 1
        grid = grid.reshape([-1, queries, heads, levels * points * 2]).transpose([0, 2, 1, 3])
        grid = grid.reshape([-1, queries, levels * points, 2])  # [N*heads, Q, levels*points, 2]
        sampled, start = [], 0
        for level, (h, w) in enumerate(shapes):
            feature = value[:, :, start : start + h * w].reshape([-1, width, h, w])  # [N*heads, C/heads, h, w]
            start += h * w
            around = grid[:, :, level * points : (level + 1) * points]
            sampled.append(F.grid_sample(feature, around, mode="bilinear", padding_mode="zeros", align_corners=False))
        taken = (paddle.concat(sampled, axis=-1) * weights).sum(axis=-1)  # [N*heads, C/heads, Q]
        return self.output_proj(taken.reshape([-1, channels, queries]).transpose([0, 2, 1]))


class DecoderLayer(nn.Layer):
    """Self-attention, deformable cross-attention, relu mlp; each with a residual and LayerNorm after it."""

    def __init__(self, channels: int, heads: int, levels: int, points: int, hidden: int) -> None:
        super().__init__()
        self.self_attn = PackedAttention(channels, heads)
        self.cross_attn = DeformableAttention(channels, heads, levels, points)
        self.linear1, self.linear2 = xavier_linear(channels, hidden), xavier_linear(hidden, channels)
        self.norm1, self.norm2, self.norm3 = (layer_norm(channels) for _ in range(3))

    def forward(
        self,
        x: paddle.Tensor,
        position: paddle.Tensor,
        reference: paddle.Tensor,
        memory: paddle.Tensor,
        shapes: Shapes,
        mask: paddle.Tensor | None,
    ) -> paddle.Tensor:
        """x, position [N, Q, C]; mask [Q, Q], added to the scores of the self-attention."""
        x = self.norm1(x + self.self_attn(x, position, mask))
        x = self.norm2(x + self.cross_attn(x + position, reference, memory, shapes))
        return self.norm3(x + self.linear2(F.relu(self.linear1(x))))
