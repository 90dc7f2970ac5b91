"""RT-DETR put together from backbone, neck and transformer; decoding of its outputs; the graph that is exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.modules.layout_detection.networks.denoising import QUERIES, Draws, denoising_queries, shares
from sealkit.nn.backbones.hgnet_v2 import PPHGNetV2Det
from sealkit.nn.fuse import fuse
from sealkit.nn.heads.rtdetr import RTDETRTransformer, take_rows
from sealkit.nn.necks.hybrid_encoder import HybridEncoder

INPUTS = ("im_shape", "image", "scale_factor")
"""Inputs of the exported graph, in order. PaddleX feeds by alphabetical rank of the names."""
STRIDES = (8, 16, 32)
DETECTIONS = 300  # of a page, best first
# Published size: width of the neck, mlp width and layers of its transformer
SIZES = {"L": (256, 1024, 1), "H": (512, 2048, 2)}


class RTDETR(nn.Layer):
    """image [N, 3, H, W] (RGB in 0..1, sides multiples of 32) -> raw outputs, see `RTDETRTransformer.forward`.

    Attributes:
        input_size: (height, width) the network is made for; the exported graph's.
        denoising: denoising queries per image in training; 0 trains without.
    """

    def __init__(
        self,
        backbone: nn.Layer,
        neck: nn.Layer,
        transformer: RTDETRTransformer,
        input_size: tuple[int, int] = (640, 640),
    ) -> None:
        super().__init__()
        self.backbone, self.transformer, self.neck = backbone, transformer, neck
        self.input_size = input_size
        self.denoising = QUERIES

    def forward(
        self,
        image: paddle.Tensor,
        im_shape: paddle.Tensor | None = None,
        scale_factor: paddle.Tensor | None = None,
        targets: Mapping[str, Sequence[Any]] | None = None,
        rng: Draws | None = None,
    ) -> dict[str, paddle.Tensor]:
        """Raw outputs; in train mode with "input_size" [2] int64, height and width of `image`.

        Args:
            im_shape, scale_factor: of every detector of this module; not needed here.
            targets: see `RTDETRLoss`. With `rng` they make denoising queries, in train mode only.
            rng: a numpy Generator; None trains without denoising queries.
        """
        maps = self.neck(self.backbone(image))
        if not self.training:
            return self.transformer(maps)
        height, width = image.shape[2], image.shape[3]
        noise = None
        if targets is not None and rng is not None:
            boxes, classes = shares(targets, height, width)
            noise = denoising_queries(boxes, classes, self.transformer.classes, rng, self.denoising)
        return self.transformer(maps, noise) | {"input_size": paddle.to_tensor([height, width])}


def build_rtdetr(size: str, classes: int, form: str = "official", input_size: tuple[int, int] = (640, 640)) -> RTDETR:
    """A fresh network.

    Args:
        size: of `SIZES`.
        form: "official" or "fused".
    """
    backbone = PPHGNetV2Det(size)
    neck = HybridEncoder(backbone.out_channels, *SIZES[size])
    net = RTDETR(backbone, neck, RTDETRTransformer(neck.out_channels, classes), input_size)
    if form == "fused":
        fuse(net)
        backbone.set_rates()
    return net


def decode_queries(
    outputs: Mapping[str, paddle.Tensor], im_shape: paddle.Tensor, scale_factor: paddle.Tensor
) -> paddle.Tensor:
    """The best detections of each page, best first: [N, 300, 6] = class, score, x1, y1, x2, y2 in source pixels.

    A query can answer for several classes. The source's size is rebuilt as floor(im_shape / scale_factor + 0.5).

    Args:
        outputs: "logits" [N, Q, C], "boxes" [N, Q, 4] in eval mode.
        im_shape: [N, 2] height and width of the network's input.
        scale_factor: [N, 2], input / source.
    """
    scores = F.sigmoid(outputs["logits"])
    queries, classes = scores.shape[1], scores.shape[2]
    best, index = paddle.topk(scores.flatten(1), min(DETECTIONS, queries * classes), axis=1)  # [N, K]
    boxes = take_rows(outputs["boxes"], index // classes)  # [N, K, 4]
    centre, half = boxes[:, :, :2], boxes[:, :, 2:] / 2
    source = paddle.floor(im_shape / scale_factor + 0.5).flip(axis=[1])  # [N, 2] width, height
    corners = paddle.concat([centre - half, centre + half], axis=-1) * paddle.concat([source, source], 1).unsqueeze(1)
    label = (index % classes).astype(corners.dtype)
    return paddle.concat([label.unsqueeze(-1), best.unsqueeze(-1), corners], axis=-1)


class InferenceRTDETR(nn.Layer):
    """The graph that is exported, inputs as in `INPUTS`.

    im_shape [N, 2], image [N, 3, H, W], scale_factor [N, 2] (height, width) -> detections [N*300, 6] = class, score,
    x1, y1, x2, y2 in source pixels, best first within a page; their number per page, [N] int32.
    """

    def __init__(self, net: RTDETR) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, im_shape: paddle.Tensor, image: paddle.Tensor, scale_factor: paddle.Tensor
    ) -> tuple[paddle.Tensor, paddle.Tensor]:
        """(im_shape, image, scale_factor) -> detections [N*300, 6] and their number per page [N], see the class."""
        found = decode_queries(self.net(image), im_shape, scale_factor)
        number = paddle.full_like(im_shape[:, 0], found.shape[1]).astype("int32")
        return found.reshape([-1, 6]), number


def inference_network(net: RTDETR, input_size: tuple[int, int] | None = None) -> InferenceRTDETR:
    """The exportable form of a trained network, in eval mode; `net` is fused in place, pass a copy to keep it.

    Args:
        input_size: (height, width) of the graph's image, which must be fixed; None: `net.input_size`. Anchors and
            position code of this size become data of the graph.
    """
    fuse(net)
    height, width = input_size or net.input_size
    shapes = [(height // stride, width // stride) for stride in STRIDES]
    net.neck.encoder[0].fix_size(*shapes[-1])
    net.transformer.fix_size(shapes)
    wrapped = InferenceRTDETR(net)
    wrapped.eval()
    return wrapped
