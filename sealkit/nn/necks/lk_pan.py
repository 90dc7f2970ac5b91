"""Path aggregation with large kernels: LKPAN (PP-OCRv4 server) and RepLKPAN (PP-OCRv6 medium), both with IntraCL.

Re-implemented from the architecture of PaddleOCR `ppocr/modeling/necks/` db_fpn.py, intracl.py (Apache-2.0; no code
copied).
Paper: PP-OCRv3 https://arxiv.org/abs/2206.03001.
Deviations: a fused form (`nn.fuse`) beside the published one; no interpolation operation.
"""

from __future__ import annotations

from collections.abc import Sequence

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.conv import Conv2D
from sealkit.nn.fuse import Fusable, biased_conv, conv_bn_to_conv, kernel_of, sum_kernels, widen_kernel
from sealkit.nn.layers import batch_norm, kaiming_uniform
from sealkit.nn.necks.rse_fpn import join_at_stride_4, top_down
from sealkit.nn.rep import DilatedRep


def _conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> Conv2D:
    return Conv2D(
        in_channels, out_channels, kernel, stride, kernel // 2, weight_attr=kaiming_uniform(), bias_attr=False
    )


class IntraCL(nn.Layer, Fusable):
    """Residual block of square, column and row kernels 7, 5, 3 at half the width: long thin context for text lines.

    Fused: per size one square convolution, and the BatchNorm goes into the returning 1x1.
    """

    SIZES = (7, 5, 3)

    def __init__(self, channels: int, reduction: int = 2) -> None:
        super().__init__()
        mid = channels // reduction
        self.conv1x1_reduce_channel = Conv2D(channels, mid, 1)
        self.conv1x1_return_channel = Conv2D(mid, channels, 1)
        for prefix, shape in (("v_layer_{k}x1", (1, 0)), ("q_layer_1x{k}", (0, 1)), ("c_layer_{k}x{k}", (1, 1))):
            for k in self.SIZES:
                kernel = (k if shape[0] else 1, k if shape[1] else 1)
                conv = Conv2D(mid, mid, kernel, padding=(kernel[0] // 2, kernel[1] // 2))
                self.add_sublayer(prefix.format(k=k), conv)
        self.bn: nn.BatchNorm2D | None = batch_norm(channels)

    @staticmethod
    def _names(k: int) -> tuple[str, str, str]:
        return f"c_layer_{k}x{k}", f"v_layer_{k}x1", f"q_layer_1x{k}"

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H, W] -> the same shape."""
        y = self.conv1x1_reduce_channel(x)
        for k in self.SIZES:
            square, column, row = self._names(k)
            z = self._sub_layers[square](y)
            if column in self._sub_layers:
                z = z + self._sub_layers[column](y) + self._sub_layers[row](y)
            y = z
        y = self.conv1x1_return_channel(y)
        if self.bn is not None:
            y = self.bn(y)
        return x + F.relu(y)

    def fuse(self) -> None:
        """Fold column and row kernels into the square ones, and the BatchNorm into the returning 1x1."""
        if self.bn is None:
            return
        for k in self.SIZES:
            kernels = [widen_kernel(kernel_of(self._sub_layers[name]), (k, k)) for name in self._names(k)]
            square, column, row = self._names(k)
            delattr(self, column)
            delattr(self, row)
            setattr(self, square, biased_conv(sum_kernels(kernels), 1, k // 2, 1))
        self.conv1x1_return_channel = conv_bn_to_conv(self.conv1x1_return_channel, self.bn)
        self.bn = None


class LargeKernelConv(nn.Layer, Fusable):
    """Depthwise 9x9 rep block, 1x1, BatchNorm: what RepLKPAN has for each 9x9 convolution of LKPAN."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 9) -> None:
        super().__init__()
        self.dw = DilatedRep(in_channels, kernel)
        self.pw = _conv(in_channels, out_channels, 1)
        self.bn: nn.BatchNorm2D | None = batch_norm(out_channels)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H, W]."""
        x = self.pw(self.dw(x))
        return x if self.bn is None else self.bn(x)

    def fuse(self) -> None:
        """Fold the BatchNorm into the 1x1; the depthwise block fuses itself."""
        if self.bn is not None:
            self.pw = conv_bn_to_conv(self.pw, self.bn)
            self.bn = None


class LKPAN(nn.Layer):
    """Four maps of strides 4 to 32 -> ([N, channels, H/4, W/4], top-down sums of strides 4, 8, 16).

    Args:
        large_kernel: "dense" for LKPAN's 9x9 convolutions, "rep" for RepLKPAN's depthwise ones.
    """

    def __init__(self, in_channels: Sequence[int], channels: int = 256, large_kernel: str = "dense") -> None:
        super().__init__()
        quarter = channels // 4

        def smooth(i: int, o: int) -> nn.Layer:
            return _conv(i, o, 9) if large_kernel == "dense" else LargeKernelConv(i, o)

        self.ins_conv = nn.LayerList([_conv(c, channels, 1) for c in in_channels])
        self.inp_conv = nn.LayerList([smooth(channels, quarter) for _ in in_channels])
        self.pan_head_conv = nn.LayerList([_conv(quarter, quarter, 3, 2) for _ in in_channels[1:]])
        self.pan_lat_conv = nn.LayerList([smooth(quarter, quarter) for _ in in_channels])
        self.incl1, self.incl2 = IntraCL(quarter), IntraCL(quarter)
        self.incl3, self.incl4 = IntraCL(quarter), IntraCL(quarter)
        self.out_channels = channels

    def forward(self, maps: Sequence[paddle.Tensor]) -> tuple[paddle.Tensor, list[paddle.Tensor]]:
        """Four maps of strides 4, 8, 16, 32 -> (map [N, channels, H/4, W/4], top-down sums of strides 4, 8, 16)."""
        sums = top_down([conv(x) for conv, x in zip(self.ins_conv, maps)])
        smooth = [conv(x) for conv, x in zip(self.inp_conv, sums)]
        for i, conv in enumerate(self.pan_head_conv):  # bottom-up: stride 4 into 8 into 16 into 32
            smooth[i + 1] = smooth[i + 1] + conv(smooth[i])
        context = (self.incl1, self.incl2, self.incl3, self.incl4)
        out = [incl(conv(x)) for incl, conv, x in zip(context, self.pan_lat_conv, smooth)]
        return join_at_stride_4(out), sums[:3]
