"""SAR: an LSTM decoder with attention over the backbone's map. Helps training of PP-OCRv3, is not exported.

Re-implemented from the architecture of PaddleOCR `ppocr/modeling/heads/rec_sar_head.py` (Apache-2.0; no code copied).
Paper: SAR https://arxiv.org/abs/1811.00751.
Deviations: training only, there is no decoding.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.conv import Conv2D

DROPOUT = 0.1


def seen_steps(valid_ratio: paddle.Tensor, steps: int) -> paddle.Tensor:
    """[N] share of the width that is image -> [N] int64 number of steps that are, rounded in float32."""
    return (valid_ratio.astype("float32") * steps).ceil().clip(1, steps).astype("int64")


class SAREncoder(nn.Layer):
    """The line as one vector: the LSTM's state at the last step of the image. [N, C, H, W] -> [N, hidden]."""

    def __init__(self, in_channels: int, hidden: int) -> None:
        super().__init__()
        self.rnn_encoder = nn.LSTM(in_channels, hidden, num_layers=2, dropout=DROPOUT)
        self.linear = nn.Linear(hidden, hidden)

    def forward(self, features: paddle.Tensor, valid_ratio: paddle.Tensor) -> paddle.Tensor:
        """features [N, C, H, W], valid_ratio [N] (share of W that is image) -> [N, hidden]."""
        # Not `amax`: over one row its gradient is uninitialised memory on Paddle 3.0.
        steps = F.max_pool2d(features, [features.shape[2], 1]).squeeze(2).transpose([0, 2, 1])  # [N, W, C]
        states, _ = self.rnn_encoder(steps)  # [N, W, hidden]
        last = seen_steps(valid_ratio, steps.shape[1]) - 1
        rows = paddle.arange(steps.shape[0], dtype="int64")
        return self.linear(states.gather_nd(paddle.stack([rows, last], axis=1)))


class SARDecoder(nn.Layer):
    """All steps at once with teacher forcing."""

    def __init__(self, in_channels: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.conv1x1_1 = nn.Linear(hidden, hidden)
        self.conv3x3_1 = Conv2D(in_channels, hidden, 3, padding=1)
        self.conv1x1_2 = nn.Linear(hidden, 1)
        self.rnn_decoder = nn.LSTM(hidden, hidden, num_layers=2, dropout=DROPOUT)
        self.embedding = nn.Embedding(classes + 2, hidden, padding_idx=classes + 1)
        self.prediction = nn.Linear(2 * hidden + in_channels, classes + 1)
        self.pred_dropout = nn.Dropout(DROPOUT)

    def forward(
        self, features: paddle.Tensor, holistic: paddle.Tensor, labels: paddle.Tensor, valid_ratio: paddle.Tensor
    ) -> paddle.Tensor:
        """features [N, C, H, W], holistic [N, hidden], labels [N, L] -> logits [N, L, classes + 1]."""
        inputs = paddle.concat([holistic.unsqueeze(1), self.embedding(labels)], axis=1)  # [N, 1+L, hidden]
        states, _ = self.rnn_decoder(inputs)
        glimpse = self._attend(features, states, valid_ratio)  # [N, 1+L, C]
        context = holistic.unsqueeze(1).expand([-1, states.shape[1], -1])
        logits = self.pred_dropout(self.prediction(paddle.concat([states, glimpse, context], axis=2)))
        return logits[:, 1:]

    def _attend(self, features: paddle.Tensor, states: paddle.Tensor, valid_ratio: paddle.Tensor) -> paddle.Tensor:
        """What each state looks at: [N, 1+L, C]; columns without image are not seen."""
        height, width = features.shape[2:]
        query = self.conv1x1_1(states).unsqueeze(2)  # [N, 1+L, 1, hidden]
        key = self.conv3x3_1(features).flatten(2).transpose([0, 2, 1]).unsqueeze(1)  # [N, 1, H*W, hidden]
        scores = self.conv1x1_2(F.tanh(query + key)).squeeze(3)  # [N, 1+L, H*W]
        columns = paddle.arange(width).tile([height])  # [H*W]
        beyond = columns.unsqueeze(0) >= seen_steps(valid_ratio, width).unsqueeze(1)  # [N, H*W]
        scores = scores.masked_fill(beyond.unsqueeze(1), -float("inf"))
        return paddle.matmul(F.softmax(scores, axis=-1), features.flatten(2), transpose_y=True)


class SARHead(nn.Layer):
    """Labels, with n = CTC classes: characters at CTC class - 1, unknown n-1, start and end n, padding n+1
    (`sealkit.charset.sar_codes`). The padding is never predicted."""

    def __init__(self, in_channels: int, classes: int, hidden: int = 512) -> None:
        super().__init__()
        self.encoder = SAREncoder(in_channels, hidden)
        self.decoder = SARDecoder(in_channels, hidden, classes)

    def forward(self, features: paddle.Tensor, labels: paddle.Tensor, valid_ratio: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H, W], [N, L] int, [N] share of the width that is image -> [N, L, classes + 1]."""
        return self.decoder(features, self.encoder(features, valid_ratio), labels, valid_ratio)
