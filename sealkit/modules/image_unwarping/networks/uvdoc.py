"""UVDoc: predicts where each point of the flat page is in the image, and resamples the image there.

Re-implemented from the architecture of PaddleX `uvdoc.py` (Apache-2.0; no code copied).
Paper: UVDoc https://arxiv.org/abs/2302.02887.
Deviations: none known, goldens agree.
"""

from __future__ import annotations

from collections.abc import Sequence

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.layers import batch_norm

INNER_SIZE = (712, 488)
"""Height and width that the grid is found at, whatever the image's."""
WIDTHS = (32, 64, 128)
BLOCKS = (3, 4, 6)
KERNEL = 5
DILATION = 3
BRIDGES = ((1,), (2,), (5,), (8, 3, 2), (12, 7, 4), (18, 12, 6))
"""Dilations of the chained 3x3 convolutions of each bridge."""


def _conv5(in_channels: int, out_channels: int, stride: int = 1, dilation: int = 1) -> nn.Conv2D:
    """5x5 with bias that keeps the size at stride 1."""
    return nn.Conv2D(
        in_channels, out_channels, KERNEL, stride=stride, padding=KERNEL // 2 * dilation, dilation=dilation
    )


class ResidualBlock(nn.Layer):
    """relu(bn2(conv2(relu(bn1(conv1 x)))) + skip). The first of a stage is plain, the others are dilated by 3 and carry
    their convolutions one level deeper in the state_dict (`conv1.0`)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, first: bool) -> None:
        super().__init__()
        if first:
            self.conv1 = _conv5(in_channels, out_channels, stride)
            self.conv2 = _conv5(out_channels, out_channels)
        else:
            self.conv1 = nn.Sequential(_conv5(in_channels, out_channels, stride, DILATION))
            self.conv2 = nn.Sequential(_conv5(out_channels, out_channels, 1, DILATION))
        self.bn1, self.bn2 = batch_norm(out_channels), batch_norm(out_channels)
        self.downsample = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(_conv5(in_channels, out_channels, stride), batch_norm(out_channels))

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, h, w] -> [N, out, h/stride, w/stride], sides rounded up."""
        skip = x if self.downsample is None else self.downsample(x)
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + skip)


class Trunk(nn.Layer):
    """[N, 32, h, w] -> [N, 128, h/4, w/4]."""

    def __init__(self) -> None:
        super().__init__()
        channels = WIDTHS[0]
        for number, (width, count) in enumerate(zip(WIDTHS, BLOCKS), 1):
            blocks = [ResidualBlock(channels, width, 1 if number == 1 else 2, True)]
            blocks += [ResidualBlock(width, width, 1, False) for _ in range(count - 1)]
            self.add_sublayer(f"layer{number}", nn.Sequential(*blocks))
            channels = width

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, 32, h, w] -> [N, 128, h/4, w/4], sides rounded up."""
        for number in range(1, len(BLOCKS) + 1):
            x = self._sub_layers[f"layer{number}"](x)
        return x


def _head() -> nn.Sequential:
    """Two 5x5 convolutions of stride 2: [N, 3, H, W] -> [N, 32, H/4, W/4]."""
    width = WIDTHS[0]
    return nn.Sequential(
        nn.Conv2D(3, width, KERNEL, stride=2, padding=KERNEL // 2, bias_attr=False),
        batch_norm(width),
        nn.ReLU(),
        nn.Conv2D(width, width, KERNEL, stride=2, padding=KERNEL // 2, bias_attr=False),
        batch_norm(width),
        nn.ReLU(),
    )


def _bridge(dilations: Sequence[int]) -> nn.Sequential:
    width = WIDTHS[-1]
    return nn.Sequential(
        *(
            nn.Sequential(
                nn.Conv2D(width, width, 3, padding=d, dilation=d, bias_attr=False), batch_norm(width), nn.ReLU()
            )
            for d in dilations
        )
    )


def _positions(coordinates: int) -> nn.Sequential:
    """[N, 128, 45, 31] -> [N, coordinates, 45, 31]; borders reflected."""
    width = WIDTHS[0]
    around = {"padding": KERNEL // 2, "padding_mode": "reflect"}
    return nn.Sequential(
        nn.Conv2D(WIDTHS[-1], width, KERNEL, bias_attr=False, **around),
        batch_norm(width),
        nn.PReLU(),
        nn.Conv2D(width, coordinates, KERNEL, **around),
    )


class UVDoc(nn.Layer):
    """x [N, 3, H, W] (BGR, 0..1, any size) -> the flattened page [N, 3, H, W], same channels.

    Where the grid points outside the image the page is black.
    """

    def __init__(self) -> None:
        super().__init__()
        self.resnet_head = _head()
        self.resnet_down = Trunk()
        for number, dilations in enumerate(BRIDGES, 1):
            self.add_sublayer(f"bridge_{number}", _bridge(dilations))
        width = WIDTHS[-1]
        self.bridge_concat = nn.Sequential(
            nn.Conv2D(width * len(BRIDGES), width, 1, bias_attr=False), batch_norm(width), nn.ReLU()
        )
        self.out_point_positions2D = _positions(2)
        # The page's shape in space, a training target of the paper: in published weights, used by nothing here.
        self.out_point_positions3D = _positions(3)

    def features(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, H, W] -> [N, 128, 45, 31] at the inner size."""
        x = F.interpolate(x, INNER_SIZE, mode="bilinear", align_corners=True)
        x = self.resnet_down(self.resnet_head(x))
        bridges = [self._sub_layers[f"bridge_{number}"](x) for number in range(1, len(BRIDGES) + 1)]
        return self.bridge_concat(paddle.concat(bridges, axis=1))

    def grid(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, H, W] -> [N, 2, 45, 31]: x and y (-1..1) in the image of each point of the flat page."""
        return self.out_point_positions2D(self.features(x))

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, H, W] in 0..1 -> the flat page, of the same shape and range; channel order stays."""
        grid = F.interpolate(self.grid(x), paddle.shape(x)[2:4], mode="bilinear", align_corners=True)
        return F.grid_sample(x, grid.transpose([0, 2, 3, 1]), align_corners=True)  # [N, 3, H, W]


def inference_network(net: UVDoc) -> UVDoc:
    """The exportable form, in eval mode; the unused 3D head is taken out of `net` in place."""
    net._sub_layers.pop("out_point_positions3D", None)
    net.eval()
    return net
