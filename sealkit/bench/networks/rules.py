"""Networks that answer with a rule of their own and compute the network inside all the same (see
`sealkit.bench.random_models`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.drawing.documents import document_images
from sealkit.images.normalise import IMAGENET_MEAN, IMAGENET_STD, normalise
from sealkit.nn.layers import upsample_nearest

TRACE = 1e-6
"""Weight of the network's own output."""
INK, SHARPNESS = 0.3, 25.0
"""Where the detector's rule has probability one half (0 = paper, 1 = black), and how steep it is there."""


class InkRule(nn.Layer):
    """A seal text detector that finds ink: x [N, 3, H, W] (normalised BGR) -> probability [N, 1, H, W]."""

    def __init__(self, net: nn.Layer) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, H, W] normalised BGR, sides even -> probability [N, 1, H, W] in 0..1, high where green is dark."""
        ink = 1 - (x[:, 1:2] * IMAGENET_STD[1] + IMAGENET_MEAN[1])
        blurred = F.avg_pool2d(F.avg_pool2d(ink, 2, 2), 5, 1, 2)  # [N, 1, H/2, W/2]
        text = upsample_nearest(F.sigmoid((blurred - INK) * SHARPNESS), 2)
        return text + TRACE * self.net(x)[:, :1]


class WholePageRule(nn.Layer):
    """A layout detector that adds the whole page as a seal; for one page at a time."""

    def __init__(self, net: nn.Layer, seal: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.net, self.seal, self.size = net, seal, size

    def answer(
        self, found: tuple[paddle.Tensor, paddle.Tensor], scale_factor: paddle.Tensor
    ) -> tuple[paddle.Tensor, paddle.Tensor]:
        """Rows and count of the network -> the same with the page's row in front, the network's scores made small."""
        rows, number = found
        page = paddle.to_tensor([[float(v) for v in self.size]]) / scale_factor  # [1, 2] height, width
        page = paddle.concat([page[:, 1:], page[:, :1]], axis=1)
        first = paddle.concat([paddle.full([1, 1], float(self.seal)), paddle.full([1, 1], 0.9), page * 0, page], axis=1)
        others = paddle.concat([rows[:, :1], rows[:, 1:2] * TRACE, rows[:, 2:]], axis=1)
        return paddle.concat([first, others], axis=0), number + 1


class WholePagePico(WholePageRule):
    """A PicoDet whose boxes are replaced by the rule's."""

    def forward(self, image: paddle.Tensor, scale_factor: paddle.Tensor) -> tuple[paddle.Tensor, paddle.Tensor]:
        """image [1, 3, H, W], scale_factor [1, 2] -> rows [K + 1, 6] and counts [1], see `answer`."""
        return self.answer(self.net(image, scale_factor), scale_factor)


class WholePageTransformer(WholePageRule):
    """An RT-DETR whose boxes are replaced by the rule's."""

    def forward(
        self, im_shape: paddle.Tensor, image: paddle.Tensor, scale_factor: paddle.Tensor
    ) -> tuple[paddle.Tensor, paddle.Tensor]:
        """im_shape [1, 2], image [1, 3, H, W], scale_factor [1, 2] -> rows [K + 1, 6] and counts [1], see `answer`."""
        return self.answer(self.net(im_shape, image, scale_factor), scale_factor)


class UprightRule(nn.Layer):
    """An orientation classifier that says 0 degrees."""

    def __init__(self, net: nn.Layer, classes: int) -> None:
        super().__init__()
        self.net, self.classes = net, classes

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, H, W] -> probabilities [N, classes], near 1 for class 0."""
        upright = paddle.to_tensor([[1.0] + [0.0] * (self.classes - 1)])
        return upright * (1 - TRACE) + TRACE * self.net(x)


class SamePageRule(nn.Layer):
    """An unwarping network that leaves the page as it is."""

    def __init__(self, net: nn.Layer) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, H, W] in 0..1 -> the same shape, half a level brighter.

        Both libraries cut off what follows the point, and noise would decide whether a whole number remains one.
        """
        return x * (1 - TRACE) + TRACE * self.net(x) + 0.5 / 255


def _whole_page(net: nn.Layer, task: Any) -> nn.Layer:
    kind: Any = WholePagePico if task.family == "picodet" else WholePageTransformer
    layer: nn.Layer = kind(net, [name.lower() for name in task.classes].index("seal"), task.input_size)
    return layer


RULES: dict[str, Callable[[nn.Layer, Any], nn.Layer]] = {
    "TextDetection": lambda net, task: InkRule(net),
    "LayoutDetection": _whole_page,
    "DocOrientationClassify": lambda net, task: UprightRule(net, 4),
    "DocUnwarping": lambda net, task: SamePageRule(net),
}
"""Key of a pipeline config → (network, its task or None) → the network with a rule. Recognisers have none."""


def with_rule(key: str, net: nn.Layer, task: Any) -> nn.Layer:
    """A network that is to be exported, with the rule its answers follow, in eval mode."""
    layer = RULES[key](net, task) if key in RULES else net
    layer.eval()
    return layer


def calibrate_batch_norm(net: nn.Layer, hw: tuple[int, int]) -> None:
    """Give every BatchNorm the statistics of two drawn pages of this size, or values grow or vanish layer by layer."""
    net.eval()
    norms = [layer for layer in net.sublayers() if isinstance(layer, (nn.BatchNorm1D, nn.BatchNorm2D))]
    held = [(layer._momentum, layer._use_global_stats) for layer in norms]
    for layer in norms:
        layer._momentum, layer._use_global_stats = 0.0, False
        layer.training = True
    net(paddle.to_tensor(np.stack([normalise(page) for page in document_images((hw, hw))])))
    for layer, (momentum, fixed) in zip(norms, held):
        layer._momentum, layer._use_global_stats = momentum, fixed
        layer.training = False
