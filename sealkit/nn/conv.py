"""Convolutions as Paddle has them, with what makes them slow on a CPU taken out. Tensors are NCHW float32."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn


def add_bias(y: paddle.Tensor, bias: paddle.Tensor) -> paddle.Tensor:
    """y [N, C, H, W] + bias [C].

    Paddle's CPU kernel adds a [1, C, 1, 1] bias by general broadcasting, twelve times slower than a
    [N, C, 1, 1] one: more time than the convolution itself takes. The values are the same.
    """
    return y + bias.reshape([1, -1, 1, 1]).expand([y.shape[0], -1, 1, 1])


def _slow_bias() -> bool:
    """Eager mode on a CPU. Static graphs are left as the converters know them."""
    return paddle.in_dynamic_mode() and paddle.get_device() == "cpu"


class Conv2D(nn.Conv2D):
    """paddle.nn.Conv2D with a fast bias in eager mode on CPUs. Same parameters, same values.

    Attributes:
        bias_adder: adds the bias; `nn.kernels.use_fast` puts another one here.
    """

    bias_adder = staticmethod(add_bias)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H', W'], as `paddle.nn.Conv2D`."""
        if self.bias is None or not _slow_bias():
            return super().forward(x)
        y = F.conv2d(x, self.weight, None, self._stride, self._padding, self._dilation, self._groups)
        return self.bias_adder(y, self.bias)


class Conv2DTranspose(nn.Conv2DTranspose):
    """paddle.nn.Conv2DTranspose with a fast bias in eager mode on CPUs. Same parameters, same values.

    Attributes:
        bias_adder: as `Conv2D.bias_adder`.
    """

    bias_adder = staticmethod(add_bias)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, 2H, 2W] with the 2x2 kernels of stride 2 used here.

        The fast path knows neither dilation nor output padding.
        """
        if self.bias is None or not _slow_bias():
            return super().forward(x)
        y = F.conv2d_transpose(x, self.weight, None, stride=self._stride, padding=self._padding, groups=self._groups)
        return self.bias_adder(y, self.bias)
