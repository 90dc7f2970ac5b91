"""PP-LCNet (v1): depthwise and pointwise convolutions with hardswish; the classifier's and PicoDet's backbone.

Re-implemented from the architecture of PaddleClas `ppcls/arch/backbone/legendary_models/pp_lcnet.py` and
PaddleDetection `ppdet/modeling/backbones/lcnet.py` (Apache-2.0; no code copied).
Paper: PP-LCNet https://arxiv.org/abs/2109.15099.
Deviations: a fused form (`nn.fuse`) beside the published one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.backbones.lcnet_v3 import scaled
from sealkit.nn.layers import ConvBN, Size, SqueezeExcite, kaiming_normal

Block = tuple[int, int, int, Size, bool]
"""kernel, in, out (both before scaling), stride, squeeze-excitation."""

STAGES: dict[str, tuple[Block, ...]] = {
    "blocks2": ((3, 16, 32, 1, False),),
    "blocks3": ((3, 32, 64, 2, False), (3, 64, 64, 1, False)),
    "blocks4": ((3, 64, 128, 2, False), (3, 128, 128, 1, False)),
    "blocks5": ((3, 128, 256, 2, False), *(((5, 256, 256, 1, False),) * 5)),
    "blocks6": ((5, 256, 512, 2, True), (5, 512, 512, 1, True)),
}
LINE_STAGES: dict[str, tuple[Block, ...]] = {
    name: tuple((k, i, o, s if s == 1 else (2, 1), se) for k, i, o, s, se in blocks) for name, blocks in STAGES.items()
}
"""For images of text lines: only the height is halved."""
DIVISOR = 8


def _conv(in_channels: int, out_channels: int, kernel: int, stride: Size = 1, groups: int = 1) -> ConvBN:
    """Convolution, BatchNorm without weight decay, hardswish."""
    return ConvBN(
        in_channels,
        out_channels,
        kernel,
        stride,
        groups,
        act=F.hardswish,
        bn_decays=False,
        weight_attr=kaiming_normal(),
    )


class LCNetBlock(nn.Layer):
    """Depthwise and pointwise convolution, optionally with squeeze-excitation."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: Size, se: bool) -> None:
        super().__init__()
        self.dw_conv = _conv(in_channels, in_channels, kernel, stride, groups=in_channels)
        self.se = SqueezeExcite(in_channels) if se else None
        self.pw_conv = _conv(in_channels, out_channels, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H/stride, W/stride], sides rounded up."""
        x = self.dw_conv(x)
        return self.pw_conv(x if self.se is None else self.se(x))


class PPLCNet(nn.Layer):
    """[N, 3, H, W] -> maps of the stages asked for.

    Args:
        scale: factor of all widths (0.75, 1.0, 2.0 …), rounded to multiples of 8.
        out_stages: which stages' outputs are returned, 2 to 6 for `blocks2` (stride 2) to `blocks6` (stride 32);
            PicoDet takes (4, 5, 6): strides 8, 16, 32. A classifier takes (6,).
        stages: the blocks, `STAGES` or `LINE_STAGES`.

    Attributes:
        out_channels: widths of the returned maps.
    """

    def __init__(
        self,
        scale: float = 1.0,
        out_stages: Sequence[int] = (4, 5, 6),
        stages: Mapping[str, tuple[Block, ...]] = STAGES,
    ) -> None:
        super().__init__()
        self.stages = tuple(stages)
        self.out_stages = tuple(f"blocks{number}" for number in out_stages)
        self.conv1 = _conv(3, scaled(16, scale, DIVISOR), 3, 2)
        widths = []
        for name, blocks in stages.items():
            stage = [
                LCNetBlock(scaled(i, scale, DIVISOR), scaled(o, scale, DIVISOR), k, s, se) for k, i, o, s, se in blocks
            ]
            self.add_sublayer(name, nn.Sequential(*stage))
            if name in self.out_stages:
                widths.append(scaled(blocks[-1][2], scale, DIVISOR))
        self.out_channels = tuple(widths)

    def forward(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        """x [N, 3, H, W] -> the maps of `out_stages`, finest first; stage n has stride 2^(n-1)."""
        x = self.conv1(x)
        maps = []
        for name in self.stages:
            x = self._sub_layers[name](x)
            if name in self.out_stages:
                maps.append(x)
        return maps
