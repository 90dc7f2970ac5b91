"""Folding the training form of a network into its fused form.

The fused form has the same outputs and fewer operations: BatchNorm goes into the convolution before it, and
parallel linear branches become one convolution with bias. It is what an exported file holds, and on a CPU it trains
about 1.7 times faster. By definition it is what `fuse` leaves; there is no second description of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import paddle
from paddle import nn

from sealkit.nn.conv import Conv2D, Conv2DTranspose

Kernel = tuple[np.ndarray, np.ndarray]
"""A convolution's weight [out, in/groups, kh, kw] (one-dimensional: [out, in/groups, k]) and bias [out], float64."""


class Fusable(ABC):
    """Mixin of layers that know their fused form."""

    @abstractmethod
    def fuse(self) -> None:
        """Replace the branches by their fused equivalent, in place. Outputs in eval mode stay equal to rounding."""


def fuse(net: nn.Layer) -> nn.Layer:
    """Fuse every layer of `net` that can be, in place, and return `net`.

    Running statistics are what gets folded: the result equals the network in eval mode (max abs difference 1e-4 and
    below), not in train mode. The fused network has no BatchNorm left and can be trained further. Fusing twice
    changes nothing.
    """
    # Parents first: a layer that merges branches reads the unfused children.
    for layer in [net, *net.sublayers()]:
        if isinstance(layer, Fusable):
            layer.fuse()
    return net


def to_numpy(value: paddle.Tensor | None) -> np.ndarray | None:
    """A tensor as float64 array; None stays None."""
    return None if value is None else value.numpy().astype(np.float64)


def kernel_of(conv: Conv2D) -> Kernel:
    """Weight and bias (zeros where the layer has none)."""
    weight = conv.weight.numpy().astype(np.float64)
    bias = to_numpy(conv.bias)
    return weight, np.zeros(weight.shape[0]) if bias is None else bias


def bn_affine(bn: nn.BatchNorm2D) -> tuple[np.ndarray, np.ndarray]:
    """BatchNorm in eval mode as y = scale*x + shift; both [C], float64."""
    mean, variance = bn._mean.numpy().astype(np.float64), bn._variance.numpy().astype(np.float64)
    scale = bn.weight.numpy().astype(np.float64) / np.sqrt(variance + bn._epsilon)
    return scale, bn.bias.numpy().astype(np.float64) - mean * scale


def fold_bn(kernel: Kernel, bn: nn.BatchNorm2D) -> Kernel:
    """The convolution that equals convolution, then `bn`."""
    scale, shift = bn_affine(bn)
    weight, bias = kernel
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), bias * scale + shift


def identity_kernel(channels: int, groups: int, size: int) -> Kernel:
    """The convolution that returns its input: [channels, channels/groups, size, size], zero bias."""
    per_group = channels // groups
    weight = np.zeros((channels, per_group, size, size))
    rows = np.arange(channels)
    weight[rows, rows % per_group, size // 2, size // 2] = 1.0
    return weight, np.zeros(channels)


def widen_kernel(kernel: Kernel, size: tuple[int, int], dilation: int = 1) -> Kernel:
    """The same convolution with a larger, undilated kernel: taps spread by `dilation`, centred, zeros around."""
    weight, bias = kernel
    out, inner, kh, kw = weight.shape
    wide = np.zeros((out, inner, *size))
    top = (size[0] - ((kh - 1) * dilation + 1)) // 2
    left = (size[1] - ((kw - 1) * dilation + 1)) // 2
    wide[:, :, top : top + (kh - 1) * dilation + 1 : dilation, left : left + (kw - 1) * dilation + 1 : dilation] = (
        weight
    )
    return wide, bias


def sum_kernels(kernels: list[Kernel]) -> Kernel:
    """The convolution that equals the sum of convolutions of one input; kernels of one shape."""
    return sum(k[0] for k in kernels), sum(k[1] for k in kernels)  # type: ignore[return-value]


def biased_conv(kernel: Kernel, stride: int | tuple[int, int], padding: int | tuple[int, int], groups: int) -> Conv2D:
    """A Conv2D with bias that holds `kernel`."""
    weight, bias = kernel
    conv = Conv2D(
        weight.shape[1] * groups, weight.shape[0], list(weight.shape[2:]), stride=stride, padding=padding, groups=groups
    )
    conv.weight.set_value(weight.astype(np.float32))
    conv.bias.set_value(bias.astype(np.float32))
    return conv


def conv_bn_to_conv(conv: Conv2D, bn: nn.BatchNorm2D) -> Conv2D:
    """A convolution with bias that equals `conv` then `bn` in eval mode; same stride, padding, groups."""
    return biased_conv(fold_bn(kernel_of(conv), bn), conv._stride, conv._padding, conv._groups)


def fold_bn_into_transposed(conv: Conv2DTranspose, bn: nn.BatchNorm2D) -> None:
    """Fold `bn` into the transposed convolution before it (weight [in, out, kh, kw], with bias), in place."""
    scale, shift = bn_affine(bn)
    conv.weight.set_value((conv.weight.numpy() * scale[None, :, None, None]).astype(np.float32))
    conv.bias.set_value((conv.bias.numpy() * scale + shift).astype(np.float32))
