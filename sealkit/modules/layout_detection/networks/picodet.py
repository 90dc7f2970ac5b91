"""PicoDet put together from backbone, neck and head; decoding of its outputs; the graph that is exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.fuse import fuse

INPUTS = ("image", "scale_factor")
"""Inputs of the exported graph, in order. PaddleX feeds by alphabetical rank of the names."""


@dataclass(frozen=True)
class NmsSettings:
    """Non-maximum suppression per class, as the published models have it.

    Attributes:
        score_threshold: cells below are left out.
        before: best cells of each class that take part.
        iou: of two boxes of one class, above which the lower score goes.
        keep: best boxes of a page, over all classes.
    """

    score_threshold: float = 0.025
    before: int = 1000
    iou: float = 0.6
    keep: int = 100


class PicoDet(nn.Layer):
    """image [N, 3, H, W] (normalised RGB, sides multiples of 32) -> raw outputs, see `sealkit.nn.heads.pico`.

    The other arguments are those of every detector of this module; this one does not need them.
    """

    def __init__(self, backbone: nn.Layer, neck: nn.Layer, head: nn.Layer) -> None:
        super().__init__()
        self.backbone, self.neck, self.head = backbone, neck, head

    def forward(
        self,
        image: paddle.Tensor,
        im_shape: paddle.Tensor | None = None,
        scale_factor: paddle.Tensor | None = None,
        targets: Any = None,
        rng: Any = None,
    ) -> dict[str, paddle.Tensor]:
        """image [N, 3, H, W] -> outputs over all cells by name: scores or logits, bins, distances, points, strides."""
        return self.head(self.neck(self.backbone(image)))


def boxes_of(outputs: Mapping[str, paddle.Tensor]) -> paddle.Tensor:
    """Boxes x1, y1, x2, y2 of all cells in input pixels, [N, A, 4]; they may reach beyond the image."""
    points, away = outputs["points"], outputs["distances"] * outputs["strides"]
    return paddle.concat([points - away[:, :, :2], points + away[:, :, 2:]], axis=-1)


def scores_of(outputs: Mapping[str, paddle.Tensor]) -> paddle.Tensor:
    """Probabilities [N, A, classes] of either version."""
    return outputs["scores"] if "scores" in outputs else F.sigmoid(outputs["logits"])


def to_source(boxes: paddle.Tensor, scale_factor: paddle.Tensor) -> paddle.Tensor:
    """Boxes [N, A, 4] of the input in source pixels; `scale_factor` [N, 2] is input / source, height and width."""
    factors = paddle.concat([scale_factor[:, 1:], scale_factor[:, :1]] * 2, axis=1)  # [N, 4] width, height, …
    return boxes / factors.unsqueeze(1)


def multiclass_nms(
    boxes: paddle.Tensor, scores: paddle.Tensor, settings: NmsSettings | None = None
) -> tuple[paddle.Tensor, paddle.Tensor]:
    """Non-maximum suppression per class.

    Args:
        boxes: [N, A, 4] x1, y1, x2, y2.
        scores: [N, classes, A].

    Returns:
        rows [K, 6] class, score, x1, y1, x2, y2: pages one after another, within a page by class, then by falling
        score; number of rows of each page, int32 [N]. K may be 0.
    """
    nms = settings or NmsSettings()
    # score_threshold, nms_top_k, keep_top_k, nms_threshold, normalized (no +1), nms_eta, background_label (none)
    rows, _, counts = paddle._C_ops.multiclass_nms3(
        boxes, scores, None, nms.score_threshold, nms.before, nms.keep, nms.iou, True, 1.0, -1
    )
    return rows, counts


def detect(
    outputs: Mapping[str, paddle.Tensor], scale_factor: paddle.Tensor, settings: NmsSettings | None = None
) -> tuple[paddle.Tensor, paddle.Tensor]:
    """Raw outputs -> boxes in source pixels.

    Args:
        outputs: of the network in eval mode.
        scale_factor: [N, 2] float32, input side / source side: height, width.

    Returns:
        rows [K, 6] and counts int32 [N], see `multiclass_nms`.
    """
    scores = scores_of(outputs).transpose([0, 2, 1])  # [N, classes, A]
    return multiclass_nms(to_source(boxes_of(outputs), scale_factor), scores, settings)


class InferencePicoDet(nn.Layer):
    """The graph that is exported: (image [N, 3, H, W], scale_factor [N, 2]) -> (rows [K, 6], counts [N] int32).

    Height and width are constants of the graph. See `detect`.
    """

    def __init__(self, net: PicoDet, settings: NmsSettings | None = None) -> None:
        super().__init__()
        self.net, self.settings = net, settings

    def forward(self, image: paddle.Tensor, scale_factor: paddle.Tensor) -> tuple[paddle.Tensor, paddle.Tensor]:
        """image [N, 3, H, W], scale_factor [N, 2] (height, width) -> rows [K, 6] and counts [N], see `detect`."""
        return detect(self.net(image), scale_factor, self.settings)


def inference_network(net: PicoDet, settings: NmsSettings | None = None) -> InferencePicoDet:
    """The exportable form of a trained network, in eval mode; `net` is fused in place, pass a copy to keep it."""
    fuse(net)
    wrapped = InferencePicoDet(net, settings)
    wrapped.eval()
    return wrapped
