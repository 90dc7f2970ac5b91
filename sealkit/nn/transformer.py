"""Layers of the transformer parts of recognisers. Sequences are [N, T, C] float32."""

from __future__ import annotations

from collections.abc import Callable

import paddle
import paddle.nn.functional as F
from paddle import nn

Activation = Callable[[paddle.Tensor], paddle.Tensor]


def truncated_linear(in_features: int, out_features: int) -> nn.Linear:
    """Linear with the usual start of vision transformers: truncated normal 0.02, bias 0."""
    attr = paddle.ParamAttr(initializer=nn.initializer.TruncatedNormal(std=0.02))
    return nn.Linear(in_features, out_features, weight_attr=attr)


def attend(
    q: paddle.Tensor,
    k: paddle.Tensor,
    v: paddle.Tensor,
    heads: int,
    mask: paddle.Tensor | None = None,
    drop: nn.Layer | None = None,
) -> paddle.Tensor:
    """softmax(q k' / sqrt(head width) + mask) v, the width divided among `heads`.

    Args:
        q: [N, T, C].
        k, v: [N, S, C].
        mask: [T, S], added to the scores; -inf hides.
        drop: applied to the weights.
    """

    def split(x: paddle.Tensor) -> paddle.Tensor:  # [N, T, C] -> [N, heads, T, C/heads]
        return x.reshape([0, -1, heads, x.shape[2] // heads]).transpose([0, 2, 1, 3])

    channels = q.shape[2]
    scores = paddle.matmul(split(q * (channels // heads) ** -0.5), split(k), transpose_y=True)  # [N, heads, T, S]
    weights = F.softmax(scores if mask is None else scores + mask, axis=-1)
    weights = weights if drop is None else drop(weights)
    return paddle.matmul(weights, split(v)).transpose([0, 2, 1, 3]).reshape([0, -1, channels])


def unpack(packed: paddle.Tensor, parts: int) -> list[paddle.Tensor]:
    """[N, T, parts*C] -> `parts` tensors [N, T, C]."""
    return packed.reshape([0, -1, parts, packed.shape[2] // parts]).unbind(axis=2)


class SelfAttention(nn.Layer):
    """Self-attention with one projection for q, k and v in this order. Keys `qkv`, `proj`."""

    def __init__(self, channels: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = truncated_linear(channels, 3 * channels)
        self.attn_drop = nn.Dropout(dropout)
        self.proj = truncated_linear(channels, channels)
        self.proj_drop = nn.Dropout(dropout)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, T, C] -> the same shape."""
        q, k, v = unpack(self.qkv(x), 3)
        return self.proj_drop(self.proj(attend(q, k, v, self.heads, drop=self.attn_drop)))


class PackedAttention(nn.Layer):
    """Self-attention of the detection transformers: q and k see a position code, v does not.

    Keys `in_proj_weight` [C, 3C] (q|k|v), `in_proj_bias`, `out_proj`. Weights start Xavier uniform, biases 0.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        xavier = nn.initializer.XavierUniform()
        self.in_proj_weight = self.create_parameter([channels, 3 * channels], default_initializer=xavier)
        self.in_proj_bias = self.create_parameter([3 * channels], is_bias=True)
        zero = nn.initializer.Constant(0.0)
        self.out_proj = nn.Linear(
            channels, channels, paddle.ParamAttr(initializer=xavier), paddle.ParamAttr(initializer=zero)
        )

    def forward(self, x: paddle.Tensor, position: paddle.Tensor, mask: paddle.Tensor | None = None) -> paddle.Tensor:
        """x, position: [N, T, C] (position may have N = 1); mask as in `attend`."""
        channels = x.shape[2]
        weight, bias = self.in_proj_weight, self.in_proj_bias
        qk = F.linear(x + position, weight[:, : 2 * channels], bias[: 2 * channels])  # [N, T, 2C]
        v = F.linear(x, weight[:, 2 * channels :], bias[2 * channels :])
        return self.out_proj(attend(qk[:, :, :channels], qk[:, :, channels:], v, self.heads, mask))


class Mlp(nn.Layer):
    """fc2(act(fc1 x)) with dropout after both."""

    def __init__(
        self,
        channels: int,
        hidden: int,
        act: Activation,
        dropout: float = 0.0,
        linear: Callable[[int, int], nn.Linear] = truncated_linear,
    ) -> None:
        super().__init__()
        self.fc1, self.fc2 = linear(channels, hidden), linear(hidden, channels)
        self.act = act
        self.drop = nn.Dropout(dropout)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, T, C] -> the same shape."""
        return self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))


class DropPath(nn.Layer):
    """Leaves out a residual branch of a sample with probability `p` in train mode; others are scaled by 1/(1-p)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """A branch's output [N, …] -> the same shape; in train mode zero for the samples that go without."""
        if self.p == 0 or not self.training:
            return x
        keep = 1 - self.p
        chosen = paddle.rand([x.shape[0], *[1] * (x.ndim - 1)]) < keep
        return x * (chosen.astype(x.dtype) / keep)


def drop_nothing(net: nn.Layer) -> None:
    """Set the probability of every Dropout and DropPath of a network to 0."""
    for layer in net.sublayers(include_self=True):
        if isinstance(layer, (nn.Dropout, DropPath)):
            layer.p = 0.0


def to_sequence(x: paddle.Tensor) -> paddle.Tensor:
    """[N, C, H, W] -> [N, H*W, C]."""
    return x.flatten(2).transpose([0, 2, 1])


def to_map(x: paddle.Tensor, height: int) -> paddle.Tensor:
    """[N, H*W, C] -> [N, C, H, W]. Only the height is a constant: exported graphs have any batch and width."""
    x = x.transpose([0, 2, 1])  # [N, C, H*W]
    return x.reshape([0, x.shape[1], height, -1])
