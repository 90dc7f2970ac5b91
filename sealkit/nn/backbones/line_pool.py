"""The end of recognition backbones: a map of a text line becomes one row of steps."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn


class LinePool(nn.Layer):
    """[N, C, h, w] -> [N, C, 1, w/2], the mean over the height and over pairs of columns.

    Args:
        train_steps: number of steps in train mode, whatever the width; None = w/2 as in eval mode. The published
            networks are trained at width 320 with 40 steps, which is w/2; with another training width a fixed number
            shows the head characters that are wider or narrower than those it will meet when it runs.
    """

    def __init__(self, train_steps: int | None = None) -> None:
        super().__init__()
        self.train_steps = train_steps

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, h, w] -> [N, C, 1, w/2]; in train mode [N, C, 1, train_steps] where that is set."""
        if self.training and self.train_steps is not None:
            return F.adaptive_avg_pool2d(x, [1, self.train_steps])
        height = x.shape[2]
        return F.avg_pool2d(x, kernel_size=[height, 2], stride=[height, 2])
