"""NRTR: a transformer decoder that reads the backbone's steps character by character. Helps training, is not exported.

Re-implemented from the architecture of PaddleOCR `ppocr/modeling/heads/rec_nrtr_head.py` (Apache-2.0; no code
copied).
Paper: NRTR https://arxiv.org/abs/1806.00926.
Deviations: training only, there is no decoding.
"""

from __future__ import annotations

import math

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.transformer import Mlp, attend, unpack

MAX_POSITIONS = 5000
HEAD_WIDTH = 32
DROPOUT = 0.1


class DecoderSelfAttention(nn.Layer):
    """Causal self-attention of the decoder, [N, L, C] -> [N, L, C]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out_proj = nn.Linear(channels, channels)
        self.heads = channels // HEAD_WIDTH

    def forward(self, x: paddle.Tensor, mask: paddle.Tensor) -> paddle.Tensor:
        """x [N, L, C], mask [L, L] added to the scores (-inf above the diagonal) -> [N, L, C]."""
        q, k, v = unpack(self.qkv(x), 3)
        return self.out_proj(attend(q, k, v, self.heads, mask))


class CrossAttention(nn.Layer):
    """Attention of the decoder to the encoded image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.q = nn.Linear(channels, channels)
        self.kv = nn.Linear(channels, 2 * channels)
        self.out_proj = nn.Linear(channels, channels)
        self.heads = channels // HEAD_WIDTH

    def forward(self, x: paddle.Tensor, memory: paddle.Tensor) -> paddle.Tensor:
        """x [N, L, C], the encoded image `memory` [N, S, C] -> [N, L, C]."""
        k, v = unpack(self.kv(memory), 2)
        return self.out_proj(attend(self.q(x), k, v, self.heads))


class DecoderLayer(nn.Layer):
    """Post-norm: each part is added to its input, then normalised."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.self_attn = DecoderSelfAttention(channels)
        self.norm1 = nn.LayerNorm(channels)
        self.cross_attn = CrossAttention(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Mlp(channels, 4 * channels, F.relu, DROPOUT, linear=nn.Linear)
        self.norm3 = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: paddle.Tensor, memory: paddle.Tensor, mask: paddle.Tensor) -> paddle.Tensor:
        """x [N, L, C], memory [N, S, C], causal mask [L, L] -> [N, L, C]."""
        x = self.norm1(x + self.dropout(self.self_attn(x, mask)))
        x = self.norm2(x + self.dropout(self.cross_attn(x, memory)))
        return self.norm3(x + self.dropout(self.mlp(x)))


class TokenEmbedding(nn.Layer):
    """Rows N(0, 1/C), scaled by sqrt(C); label 0 (padding) is the zero vector and is not trained."""

    def __init__(self, vocabulary: int, channels: int) -> None:
        super().__init__()
        attr = paddle.ParamAttr(initializer=nn.initializer.Normal(std=channels**-0.5))
        self.embedding = nn.Embedding(vocabulary, channels, padding_idx=0, weight_attr=attr)
        self.scale = math.sqrt(channels)

    def forward(self, labels: paddle.Tensor) -> paddle.Tensor:
        """labels [N, L] int -> [N, L, C]."""
        return self.embedding(labels) * self.scale


class PositionalEncoding(nn.Layer):
    """Adds sines (even channels) and cosines (odd) of the position; the table `pe` is [positions, 1, C]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        rates = np.exp(np.arange(0, channels, 2) * (-math.log(10000.0) / channels))
        angles = np.arange(MAX_POSITIONS)[:, None] * rates
        table = np.zeros((MAX_POSITIONS, 1, channels), np.float32)
        table[:, 0, 0::2], table[:, 0, 1::2] = np.sin(angles), np.cos(angles)
        self.register_buffer("pe", paddle.to_tensor(table))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, L, C] -> the same shape; L at most `MAX_POSITIONS`."""
        return self.dropout(x + self.pe[: x.shape[1], 0])


class NRTRHead(nn.Layer):
    """Decoder with teacher forcing.

    Labels: 0 padding (and blank), 1 unknown, 2 start, 3 end, then the characters: CTC class + 3
    (`sealkit.charset.nrtr_codes`).

    Args:
        classes: CTC classes; the vocabulary has 4 more.
    """

    def __init__(self, channels: int, classes: int, layers: int) -> None:
        super().__init__()
        vocabulary = classes + 4
        self.embedding = TokenEmbedding(vocabulary, channels)
        self.positional_encoding = PositionalEncoding(channels)
        self.decoder = nn.LayerList([DecoderLayer(channels) for _ in range(layers)])
        attr = paddle.ParamAttr(initializer=nn.initializer.Normal(std=channels**-0.5))
        self.tgt_word_prj = nn.Linear(channels, vocabulary, weight_attr=attr, bias_attr=False)

    def forward(self, memory: paddle.Tensor, labels: paddle.Tensor) -> paddle.Tensor:
        """memory [N, S, C], labels [N, L] int -> logits [N, L, vocabulary]: at each place what comes next."""
        length = labels.shape[1]
        mask = paddle.triu(paddle.full([length, length], -np.inf), diagonal=1)
        x = self.positional_encoding(self.embedding(labels))
        for layer in self.decoder:
            x = layer(x, memory, mask)
        return self.tgt_word_prj(x)
