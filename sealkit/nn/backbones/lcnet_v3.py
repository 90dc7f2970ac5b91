"""PPLCNetV3 (PP-OCRv4/v5 mobile): depthwise and pointwise rep layers with learnt affines.

Re-implemented from the architecture of PaddleOCR `ppocr/modeling/backbones/rec_lcnetv3.py` (Apache-2.0; no code
copied).
Paper: PP-LCNet https://arxiv.org/abs/2109.15099.
Deviations: a fused form (`nn.fuse`) beside the published one; pooling to 40 steps in training is optional.
"""

from __future__ import annotations

import paddle
from paddle import nn

from sealkit.nn.backbones.line_pool import LinePool
from sealkit.nn.conv import Conv2D
from sealkit.nn.layers import ConvBN, Size, SqueezeExcite, kaiming_normal
from sealkit.nn.rep import MultiBranchRep

Block = tuple[int, int, int, Size, bool]
"""kernel, in, out (both before scaling), stride, squeeze-excitation."""

Strides = dict[str, tuple[Size, ...]]
DET_STRIDES: Strides = {
    "blocks2": (1,),
    "blocks3": (2, 1),
    "blocks4": (2, 1),
    "blocks5": (2, 1, 1, 1, 1),
    "blocks6": (2, 1, 1, 1),
}
REC_STRIDES: Strides = {
    "blocks2": (1,),
    "blocks3": (1, 1),
    "blocks4": ((2, 1), 1),
    "blocks5": ((1, 2), 1, 1, 1, 1),
    "blocks6": ((2, 1), 1, (2, 1), 1),
}
_SHAPES: dict[str, tuple[tuple[int, int, int, bool], ...]] = {
    "blocks2": ((3, 16, 32, False),),
    "blocks3": ((3, 32, 64, False), (3, 64, 64, False)),
    "blocks4": ((3, 64, 128, False), (3, 128, 128, False)),
    "blocks5": ((3, 128, 256, False), *(((5, 256, 256, False),) * 4)),
    "blocks6": ((5, 256, 512, True), (5, 512, 512, True), (5, 512, 512, False), (5, 512, 512, False)),
}


def blocks_of(strides: Strides) -> dict[str, tuple[Block, ...]]:
    """The block table of a form: kernels and widths are common, strides differ."""
    return {
        name: tuple((k, i, o, s, se) for (k, i, o, se), s in zip(shapes, strides[name]))
        for name, shapes in _SHAPES.items()
    }


def scaled(channels: int, scale: float, divisor: int = 16) -> int:
    """`channels * scale` to a multiple of `divisor`, never below 90 % of it."""
    value = channels * scale
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


class LCNetV3Block(nn.Layer):
    """Reparameterisable depthwise and pointwise convolution, optionally with squeeze-excitation."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: Size, se: bool) -> None:
        super().__init__()
        self.dw_conv = MultiBranchRep(in_channels, in_channels, kernel, stride, groups=in_channels)
        self.se = SqueezeExcite(in_channels) if se else None
        self.pw_conv = MultiBranchRep(in_channels, out_channels, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H/stride, W/stride], sides rounded up."""
        x = self.dw_conv(x)
        return self.pw_conv(x if self.se is None else self.se(x))


class LCNetV3Trunk(nn.Layer):
    """Stem and stages; the base of the detection and recognition forms."""

    def __init__(self, scale: float, strides: Strides) -> None:
        super().__init__()
        self.conv1 = ConvBN(3, scaled(16, scale), 3, 2, bn_decays=False, weight_attr=kaiming_normal())
        self.stage_names = tuple(_SHAPES)
        for name, blocks in blocks_of(strides).items():
            layers = [LCNetV3Block(scaled(i, scale), scaled(o, scale), k, s, se) for k, i, o, s, se in blocks]
            self.add_sublayer(name, nn.Sequential(*layers))

    def stages(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        """Outputs of blocks2 to blocks6."""
        x = self.conv1(x)
        outputs = []
        for name in self.stage_names:
            x = self._sub_layers[name](x)
            outputs.append(x)
        return outputs


class PPLCNetV3Det(LCNetV3Trunk):
    """[N, 3, H, W] -> four maps at strides 4, 8, 16, 32, narrowed by biased 1x1 convolutions to `out_channels`."""

    TAPS = (16, 24, 56, 480)

    def __init__(self, scale: float = 0.75) -> None:
        super().__init__(scale, DET_STRIDES)
        widths = [scaled(_SHAPES[name][-1][2], scale) for name in self.stage_names[1:]]
        self.out_channels = tuple(int(tap * scale) for tap in self.TAPS)
        self.layer_list = nn.LayerList([Conv2D(w, o, 1) for w, o in zip(widths, self.out_channels)])

    def forward(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        """x [N, 3, H, W] normalised BGR -> four maps of strides 4, 8, 16, 32 with `out_channels` channels."""
        return [conv(y) for conv, y in zip(self.layer_list, self.stages(x)[1:])]


class PPLCNetV3Rec(LCNetV3Trunk):
    """[N, 3, 48, W] -> [N, out_channels, 1, W/8], see `LinePool`."""

    def __init__(self, scale: float = 0.95, train_steps: int | None = 40) -> None:
        super().__init__(scale, REC_STRIDES)
        self.out_channels = scaled(_SHAPES["blocks6"][-1][2], scale)
        self.pool = LinePool(train_steps)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, 48, W] normalised BGR -> [N, out_channels, 1, W/8]."""
        return self.pool(self.stages(x)[-1])
