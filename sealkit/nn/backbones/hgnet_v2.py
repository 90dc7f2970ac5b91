"""PPHGNetV2 (PP-OCRv5 server, RT-DETR): dense blocks as in PPHGNet, with light layers in the later stages.

Re-implemented from the architecture of PaddleOCR `ppocr/modeling/backbones/rec_pphgnetv2.py` and PaddleDetection
`ppdet/modeling/backbones/hgnet_v2.py` (Apache-2.0; no code copied).
Paper: RT-DETR https://arxiv.org/abs/2304.08069.
Deviations: a fused form (`nn.fuse`) beside the published one; pooling to 40 steps in training is optional.
"""

from __future__ import annotations

import paddle
from paddle import nn

from sealkit.nn.backbones.hgnet_stage import DenseBlock, HGStage, Stage, hg_conv
from sealkit.nn.backbones.hgnet_v2_stem import HGNetV2Stem
from sealkit.nn.backbones.line_pool import LinePool
from sealkit.nn.conv import Conv2D
from sealkit.nn.layers import Size, freeze_batch_norm

# stage: in, mid, out channels, blocks, light layers, kernel
_Width = tuple[int, int, int, int, bool, int]
_B4: tuple[_Width, ...] = (
    (48, 48, 128, 1, False, 3),
    (128, 96, 512, 1, False, 3),
    (512, 192, 1024, 3, True, 5),
    (1024, 384, 2048, 1, True, 5),
)
_H: tuple[_Width, ...] = (
    (96, 96, 192, 2, False, 3),
    (192, 192, 512, 3, False, 3),
    (512, 384, 1024, 6, True, 5),
    (1024, 768, 2048, 3, True, 5),
)
# PaddleDetection's name: channels inside the stem, its output, stages
DET_SIZES: dict[str, tuple[int, tuple[_Width, ...]]] = {"L": (32, _B4), "H": (48, _H)}
STAGE_RATE = 0.05  # learning-rate factor of the detector's backbone beyond the frozen stem


def _stages(widths: tuple[_Width, ...], strides: tuple[Size | None, ...]) -> tuple[Stage, ...]:
    return tuple(Stage(*w[:4], stride, *w[4:]) for w, stride in zip(widths, strides))


class HGV2Block(DenseBlock):
    """Aggregation: narrowed in two 1x1 steps."""

    def __init__(self, stage: Stage, in_channels: int, residual: bool) -> None:
        super().__init__(stage, in_channels, residual)
        self.aggregation_squeeze_conv = hg_conv(self.dense_channels, stage.out // 2, 1)
        self.aggregation_excitation_conv = hg_conv(stage.out // 2, stage.out, 1)

    def aggregate(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, dense_channels, H, W] -> [N, out, H, W]."""
        return self.aggregation_excitation_conv(self.aggregation_squeeze_conv(x))


class PPHGNetV2Det(nn.Layer):
    """[N, 3, H, W] -> three maps at strides 8, 16, 32.

    Trained as published: the stem is frozen, every BatchNorm uses its stored statistics and keeps its affine, other
    convolutions learn at `STAGE_RATE` of the rate.

    Args:
        size: "L" or "H", or (channels inside the stem, widths of the stages) of a network of one's own.
    """

    def __init__(self, size: str | tuple[int, tuple[_Width, ...]] = "L") -> None:
        super().__init__()
        mid, widths = DET_SIZES[size] if isinstance(size, str) else size
        stages = _stages(widths, (None, 2, 2, 2))
        self.stem = HGNetV2Stem(3, mid, stages[0].in_channels)
        self.stages = nn.LayerList([HGStage(stage, HGV2Block) for stage in stages])
        self.out_channels = tuple(stage.out for stage in stages[1:])
        self.set_rates()

    def set_rates(self) -> None:
        """Write the published training rates to the parameters; again after fusing, which makes new ones.

        A fused convolution's bias holds what the frozen BatchNorm held and stays as it is too.
        """
        for name, param in self.named_parameters():
            frozen = name.startswith("stem.") or param.ndim == 1
            param.optimize_attr["learning_rate"] = 0.0 if frozen else STAGE_RATE
            param.stop_gradient = frozen
        freeze_batch_norm(self)

    def forward(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        """x [N, 3, H, W] -> three maps of strides 8, 16, 32 with `out_channels` channels."""
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps[1:]


class PPHGNetV2B4Rec(nn.Layer):
    """[N, 3, 48, W] -> [N, 2048, 1, W/8], see `LinePool`.

    Published checkpoints hold a classifier (`last_conv`, `fc`) that nothing runs. It is kept, without gradient use,
    so that they load with no key left over; exported graphs do not have it.
    """

    def __init__(self, train_steps: int | None = 40) -> None:
        super().__init__()
        self.stem = HGNetV2Stem(3, 32, 48, stem3_stride=1)
        stages = _stages(_B4, ((2, 1), (1, 2), (2, 1), (2, 1)))
        self.stages = nn.LayerList([HGStage(stage, HGV2Block) for stage in stages])
        self.out_channels = stages[-1].out
        self.last_conv = Conv2D(self.out_channels, 2048, 1, bias_attr=False)
        self.fc = nn.Linear(2048, 1000)
        self.pool = LinePool(train_steps)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, 48, W] normalised BGR -> [N, 2048, 1, W/8]."""
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.pool(x)
