"""A backbone for strips, as small as can be: the example of adding a CTC recogniser."""

from __future__ import annotations

import paddle
from paddle import nn


class StripNet(nn.Layer):
    """[N, 3, 48, W] -> [N, 16, 1, W/8]."""

    out_channels = 16

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2D(3, 8, 5, stride=4, padding=2)
        self.body = nn.Conv2D(8, 16, 3, stride=2, padding=1)
        self.column = nn.Conv2D(16, 16, (6, 1))

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = nn.functional.relu(self.stem(x))
        return nn.functional.relu(self.column(nn.functional.relu(self.body(x))))
