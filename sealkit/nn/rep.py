"""Reparameterisable convolutions: several linear branches in training, one convolution with bias once fused.

Each class names its branches as the published checkpoints do; the fused convolution is called `reparam` in all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.conv import Conv2D
from sealkit.nn.fuse import (
    Fusable,
    biased_conv,
    bn_affine,
    fold_bn,
    identity_kernel,
    kernel_of,
    sum_kernels,
    widen_kernel,
)
from sealkit.nn.layers import Affine, ConvBN, Size, batch_norm, kaiming_normal


def _drop(layer: nn.Layer, names: list[str]) -> None:
    for name in names:
        if name in layer._sub_layers:
            delattr(layer, name)


class RepDepthwise(nn.Layer, Fusable):
    """BN(BN(depthwise 3x3 x) + depthwise 1x1 x + x), stride 1 (PPLCNetV4's `rep_dw`; RepViT's has a biased 1x1)."""

    def __init__(
        self, channels: int, kernel: int = 3, bias_1x1: bool = False, names: tuple[str, str] = ("conv", "bn")
    ) -> None:
        super().__init__()
        self.conv = ConvBN(channels, channels, kernel, groups=channels, names=names)
        self.conv1 = Conv2D(channels, channels, 1, groups=channels, bias_attr=None if bias_1x1 else False)
        self.bn = batch_norm(channels)
        self.reparam: Conv2D | None = None

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H, W] -> the same shape; one convolution once fused."""
        if self.reparam is not None:
            return self.reparam(x)
        return self.bn(self.conv(x) + self.conv1(x) + x)

    def fuse(self) -> None:
        """Fold the three branches and both BatchNorms into `reparam`, a depthwise convolution with bias."""
        if self.reparam is not None:
            return
        weight = self.conv.convolution.weight
        channels, kernel = int(weight.shape[0]), int(weight.shape[2])
        size = (kernel, kernel)
        branches = [
            fold_bn(kernel_of(self.conv.convolution), self.conv.normalisation),
            widen_kernel(kernel_of(self.conv1), size),
            identity_kernel(channels, channels, kernel),
        ]
        self.reparam = biased_conv(fold_bn(sum_kernels(branches), self.bn), 1, kernel // 2, channels)
        _drop(self, ["conv", "conv1", "bn"])


class RepVgg(nn.Layer, Fusable):
    """act(ConvBN 3x3 + ConvBN 1x1), stride 1; keys `conv1`, `conv2`. RepVGG without identity."""

    def __init__(self, channels: int, act: Callable[[paddle.Tensor], paddle.Tensor]) -> None:
        super().__init__()
        self.conv1 = ConvBN(channels, channels, 3, bn_decays=False)
        self.conv2 = ConvBN(channels, channels, 1, bn_decays=False)
        self.act = act
        self.reparam: Conv2D | None = None

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H, W] -> the same shape; one convolution once fused."""
        if self.reparam is not None:
            return self.act(self.reparam(x))
        return self.act(self.conv1(x) + self.conv2(x))

    def fuse(self) -> None:
        """Fold both branches into `reparam`, a 3x3 convolution with bias."""
        if self.reparam is not None:
            return
        wide = fold_bn(kernel_of(self.conv1.convolution), self.conv1.normalisation)
        point = widen_kernel(fold_bn(kernel_of(self.conv2.convolution), self.conv2.normalisation), (3, 3))
        self.reparam = biased_conv(sum_kernels([wide, point]), 1, 1, 1)
        _drop(self, ["conv1", "conv2"])


DILATED_BRANCHES: dict[int, tuple[tuple[int, int], ...]] = {
    5: ((3, 1), (3, 2)),
    7: ((5, 1), (3, 2), (3, 3)),
    9: ((5, 1), (5, 2), (3, 3), (3, 4)),
}
"""Large kernel -> its parallel branches as (kernel, dilation); each spans at most the large kernel."""


class DilatedRep(nn.Layer, Fusable):
    """Depthwise large kernel: BN(kxk x) + sum of BN(dilated branch x). From UniRepLKNet; in PP-OCRv6's necks."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.channels, self.kernel = channels, kernel
        self.lk_origin = Conv2D(channels, channels, kernel, padding=kernel // 2, groups=channels, bias_attr=False)
        self.origin_bn = batch_norm(channels)
        for k, rate in DILATED_BRANCHES[kernel]:
            conv = Conv2D(
                channels, channels, k, padding=rate * (k // 2), dilation=rate, groups=channels, bias_attr=False
            )
            self.add_sublayer(f"dil_conv_k{k}_{rate}", conv)
            self.add_sublayer(f"dil_bn_k{k}_{rate}", batch_norm(channels))
        self.reparam: Conv2D | None = None

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H, W] -> the same shape; one convolution once fused."""
        if self.reparam is not None:
            return self.reparam(x)
        y = self.origin_bn(self.lk_origin(x))
        for k, rate in DILATED_BRANCHES[self.kernel]:
            y = y + self._sub_layers[f"dil_bn_k{k}_{rate}"](self._sub_layers[f"dil_conv_k{k}_{rate}"](x))
        return y

    def fuse(self) -> None:
        """Widen the dilated kernels to the large one and fold all into `reparam`, a depthwise convolution with bias."""
        if self.reparam is not None:
            return
        size = (self.kernel, self.kernel)
        branches = [fold_bn(kernel_of(self.lk_origin), self.origin_bn)]
        names = ["lk_origin", "origin_bn"]
        for k, rate in DILATED_BRANCHES[self.kernel]:
            conv, bn = f"dil_conv_k{k}_{rate}", f"dil_bn_k{k}_{rate}"
            kernel = fold_bn(kernel_of(self._sub_layers[conv]), self._sub_layers[bn])
            branches.append(widen_kernel(kernel, size, rate))
            names += [conv, bn]
        self.reparam = biased_conv(sum_kernels(branches), 1, self.kernel // 2, self.channels)
        _drop(self, names)


class AffineHardswish(nn.Layer):
    """hardswish, then a learnt scalar scale and bias."""

    def __init__(self) -> None:
        super().__init__()
        self.lab = Affine()

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Any shape -> the same shape."""
        return self.lab(F.hardswish(x))


class MultiBranchRep(nn.Layer, Fusable):
    """PPLCNetV3's rep layer: identity BN + 1x1 ConvBN + kxk ConvBNs, summed; affine; hardswish with affine.

    Identity exists where in == out and stride is 1, the 1x1 branch where kernel > 1. There is no activation where
    the stride is exactly 2; strides (2, 1) and (1, 2) of the recognition networks do activate, as in the published
    checkpoints.
    Fused: one convolution with bias into which the first affine is folded as well, then `act`.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: Size = 1, groups: int = 1, branches: int = 4
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.groups = kernel, stride, groups
        self.identity = batch_norm(in_channels) if in_channels == out_channels and stride == 1 else None

        def branch(k: int) -> ConvBN:
            return ConvBN(in_channels, out_channels, k, stride, groups, bn_decays=False, weight_attr=kaiming_normal())

        self.conv_kxk = nn.LayerList([branch(kernel) for _ in range(branches)])
        self.conv_1x1 = branch(1) if kernel > 1 else None
        self.lab: Affine | None = Affine()
        # Published checkpoints hold the activation's affine even where it is not used.
        self.act: AffineHardswish | None = AffineHardswish()
        self.activates = stride != 2
        self.reparam: Conv2D | None = None

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H/stride, W/stride], sides rounded up."""
        if self.reparam is not None:
            y = self.reparam(x)
        else:
            # The published order of summation; another one moves the last bits, which small batches amplify.
            branches = [self.identity, self.conv_1x1, *self.conv_kxk]
            outputs = [branch(x) for branch in branches if branch is not None]
            y = outputs[0]
            for output in outputs[1:]:
                y = y + output
            y = y if self.lab is None else self.lab(y)
        return self.act(y) if self.act is not None and self.activates else y

    def fuse(self) -> None:
        """Fold all branches and the first affine into `reparam`; an activation that is not used goes."""
        if self.reparam is not None:
            return
        size = (self.kernel, self.kernel)
        branches = [fold_bn(kernel_of(conv.convolution), conv.normalisation) for conv in self.conv_kxk]
        if self.conv_1x1 is not None:
            point = fold_bn(kernel_of(self.conv_1x1.convolution), self.conv_1x1.normalisation)
            branches.append(widen_kernel(point, size))
        if self.identity is not None:
            channels = len(bn_affine(self.identity)[0])
            branches.append(fold_bn(identity_kernel(channels, self.groups, self.kernel), self.identity))
        weight, bias = sum_kernels(branches)
        if self.lab is not None:
            scale, shift = self.lab.scale.item(), self.lab.bias.item()
            weight, bias = weight * scale, bias * scale + shift
        self.reparam = biased_conv((weight, bias), self.stride, (self.kernel - 1) // 2, self.groups)
        self.identity = self.conv_1x1 = self.lab = None
        if not self.activates:
            self.act = None
        _drop(self, ["conv_kxk"])
