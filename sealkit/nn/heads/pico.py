"""Heads of PicoDet. Version 2 (PicoDet-S/L, PP-DocLayout-S/M) and version 1 (PicoDet_layout_1x).

Both take four maps of one width (strides 8, 16, 32, 64) and return a dict over all cells ("anchors"), finest level
first, rows of a map from top to bottom, A = number of cells:

- version 2 "scores" [N, A, classes]: probabilities, the geometric mean of class and alignment probability;
  version 1 "logits" [N, A, classes]: before the sigmoid;
- "bins" [N, A, 32]: logits of 8 bins for each of left, top, right, bottom;
- "distances" [N, A, 4]: expected bin of the four sides, in cells;
- "points" [A, 2]: cell centres x, y in input pixels; "strides" [A, 1]: side of a cell in input pixels.

Re-implemented from the architecture of PaddleDetection `ppdet/modeling/heads/pico_head.py` (Apache-2.0; no code
copied).
Paper: PicoDet https://arxiv.org/abs/2111.00902.
Deviations: a fused form (`nn.fuse`) beside the published one.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.errors import ExportError
from sealkit.nn.conv import Conv2D
from sealkit.nn.fuse import Fusable
from sealkit.nn.layers import ConvBN, spatial_mean
from sealkit.nn.necks.csp_pan import DepthwisePoint

STRIDES = (8, 16, 32, 64)
BINS = 8  # distances 0 to 7 cells
SIDES = 4
SCORE_FLOOR = 1e-9  # under the root, which has no gradient at 0
CLASS_BIAS = -math.log((1 - 0.01) / 0.01)  # every class starts at a probability of 1 %


def _normal(std: float = 0.01) -> paddle.ParamAttr:
    return paddle.ParamAttr(initializer=nn.initializer.Normal(0.0, std))


def _constant(value: float) -> paddle.ParamAttr:
    return paddle.ParamAttr(initializer=nn.initializer.Constant(value))


def _conv_norm(channels: int, kernel: int, groups: int = 1) -> ConvBN:
    return ConvBN(
        channels,
        channels,
        kernel,
        groups=groups,
        act=F.hardswish,
        bn_decays=False,
        weight_attr=_normal(),
        names=("conv", "norm"),
    )


class ChannelAttention(nn.Layer):
    """conv(f * sigmoid(fc(mean f)))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = Conv2D(channels, channels, 1, weight_attr=_normal(0.001))
        self.conv = _conv_norm(channels, 1)

    def forward(self, f: paddle.Tensor) -> paddle.Tensor:
        """f [N, C, h, w] -> the same shape."""
        weight = F.sigmoid(self.fc(spatial_mean(f, self.training)))  # [N, C, 1, 1]
        return self.conv(f * weight)


class PicoFeat(nn.Layer):
    """Per level `convs` pairs of depthwise 5x5 and 1x1; with `attention` a channel attention per level."""

    def __init__(self, channels: int, convs: int, attention: bool) -> None:
        super().__init__()
        if attention:
            self.se = nn.LayerList([ChannelAttention(channels) for _ in STRIDES])
        for level in range(len(STRIDES)):
            depthwise = [_conv_norm(channels, 5, groups=channels) for _ in range(convs)]
            self.add_sublayer(f"cls_conv_dw{level}", nn.LayerList(depthwise))
            self.add_sublayer(f"cls_conv_pw{level}", nn.LayerList([_conv_norm(channels, 1) for _ in range(convs)]))

    def forward(self, x: paddle.Tensor, level: int) -> paddle.Tensor:
        """x [N, C, h, w] of the pyramid's `level` (0 = stride 8) -> the same shape, before the channel attention."""
        for dw, pw in zip(self._sub_layers[f"cls_conv_dw{level}"], self._sub_layers[f"cls_conv_pw{level}"]):
            x = pw(dw(x))
        return x


class Integral(nn.Layer):
    """Expected bin: [N, A, 32] logits -> [N, A, 4]. The bins' values are a constant of the checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("project", paddle.arange(BINS, dtype="float32"))

    def forward(self, bins: paddle.Tensor) -> paddle.Tensor:
        """Logits of bins [N, A, 32] -> distances [N, A, 4] in 0..7 cells: left, top, right, bottom."""
        share = F.softmax(bins.reshape([0, -1, SIDES, BINS]), axis=-1)
        return (share * self.project).sum(axis=-1)


class Leftover(nn.Layer):
    """`scale_reg`, a scalar of the published checkpoints that nothing uses."""

    def __init__(self) -> None:
        super().__init__()
        self.scale_reg = self.create_parameter([1], default_initializer=nn.initializer.Constant(1.0))
        self.scale_reg.stop_gradient = True  # nothing to train: no gradient ever reaches it


def _rows(x: paddle.Tensor) -> paddle.Tensor:
    """[N, C, H, W] -> [N, H*W, C]."""
    return x.flatten(2).transpose([0, 2, 1])


def cells(sizes: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Centres (A, 2) and sides (A, 1) in pixels of the cells of maps of these (height, width), float32."""
    points, sides = [], []
    for (height, width), stride in zip(sizes, STRIDES):
        y, x = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
        points.append(np.stack([x, y], axis=-1).reshape(-1, 2) * stride)
        sides.append(np.full((height * width, 1), stride))
    return np.concatenate(points).astype(np.float32), np.concatenate(sides).astype(np.float32)


class PicoHead(nn.Layer, Fusable):
    """What both versions share.

    Published checkpoints hold a scalar per level that nothing uses (`p3_feat.scale_reg` to `p6_feat`); fusing drops it.
    """

    def __init__(self, num_classes: int, channels: int, convs: int, attention: bool) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.conv_feat = PicoFeat(channels, convs, attention)
        for level in range(3, 3 + len(STRIDES)):
            self.add_sublayer(f"p{level}_feat", Leftover())
        self.distribution_project = Integral()

    def fuse(self) -> None:
        """Drop `scale_reg` of every level, which nothing reads."""
        for level in range(3, 3 + len(STRIDES)):
            self._sub_layers.pop(f"p{level}_feat", None)

    @abstractmethod
    def level(self, x: paddle.Tensor, level: int) -> tuple[paddle.Tensor, paddle.Tensor]:
        """A map -> class values [N, classes, H, W] and bins [N, 32, H, W]."""

    def gather(self, maps: Sequence[paddle.Tensor], name: str) -> dict[str, paddle.Tensor]:
        """All levels side by side; `name` is what the class values are called."""
        sizes = [(int(x.shape[2]), int(x.shape[3])) for x in maps]
        if any(side < 0 for size in sizes for side in size):
            raise ExportError(
                "the graph of a PicoDet holds the cells of one image size",
                hint="give the image's height and width in the input spec",
            )
        pairs = [self.level(x, i) for i, x in enumerate(maps)]
        bins = paddle.concat([_rows(pair[1]) for pair in pairs], axis=1)
        points, strides = cells(sizes)
        return {
            name: paddle.concat([_rows(pair[0]) for pair in pairs], axis=1),
            "bins": bins,
            "distances": self.distribution_project(bins),
            "points": paddle.to_tensor(points),
            "strides": paddle.to_tensor(strides),
        }


class PicoHeadV2(PicoHead):
    """Version 2: separate class and distance convolutions, and an alignment branch.

    The alignment branch is a full 5x5 convolution to one channel, not a depthwise one. Published checkpoints list each
    class and distance convolution under two names (`head_cls0` and `head_cls_list.0`): one tensor, both names.
    """

    def __init__(self, num_classes: int, channels: int, convs: int) -> None:
        super().__init__(num_classes, channels, convs, attention=True)
        kinds = (("cls", num_classes, CLASS_BIAS), ("reg", SIDES * BINS, 0.0))
        for kind, width, bias in kinds:
            layers = [Conv2D(channels, width, 1, weight_attr=_normal(), bias_attr=_constant(bias)) for _ in STRIDES]
            self.add_sublayer(f"head_{kind}_list", nn.LayerList(layers))
            for level, conv in enumerate(layers):
                self.add_sublayer(f"head_{kind}{level}", conv)
        self.cls_align = nn.LayerList([DepthwisePoint(channels, 1, groups=1, last_act=False) for _ in STRIDES])

    def level(self, x: paddle.Tensor, level: int) -> tuple[paddle.Tensor, paddle.Tensor]:
        """x [N, C, h, w] -> class scores [N, classes, h, w] in 0..1 and logits of bins [N, 32, h, w]."""
        f = self.conv_feat(x, level)
        g = self.conv_feat.se[level](f)
        class_probability = F.sigmoid(self.head_cls_list[level](g))
        alignment = F.sigmoid(self.cls_align[level](f))
        return paddle.sqrt(class_probability * alignment + SCORE_FLOOR), self.head_reg_list[level](g)

    def forward(self, maps: Sequence[paddle.Tensor]) -> dict[str, paddle.Tensor]:
        """Four maps of strides 8 to 64 -> "scores", "bins", "distances", "points", "strides", see the file's head."""
        return self.gather(maps, "scores")


class PicoHeadV1(PicoHead):
    """Version 1: one convolution per level gives class logits, then distance bins."""

    def __init__(self, num_classes: int, channels: int, convs: int) -> None:
        super().__init__(num_classes, channels, convs, attention=False)
        width = num_classes + SIDES * BINS
        for level in range(len(STRIDES)):
            conv = Conv2D(channels, width, 1, weight_attr=_normal(), bias_attr=_constant(CLASS_BIAS))
            self.add_sublayer(f"head_cls{level}", conv)

    def level(self, x: paddle.Tensor, level: int) -> tuple[paddle.Tensor, paddle.Tensor]:
        """x [N, C, h, w] -> class logits [N, classes, h, w] and logits of bins [N, 32, h, w]."""
        both = self._sub_layers[f"head_cls{level}"](self.conv_feat(x, level))
        return both[:, : self.num_classes], both[:, self.num_classes :]

    def forward(self, maps: Sequence[paddle.Tensor]) -> dict[str, paddle.Tensor]:
        """Four maps of strides 8 to 64 -> "logits", "bins", "distances", "points", "strides", see the file's head."""
        return self.gather(maps, "logits")
