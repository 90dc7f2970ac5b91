"""RT-DETR's transformer: proposals from the maps, refined by the decoder.

Boxes are (centre x, centre y, width, height) as shares of the image.

Re-implemented from the architecture of PaddleDetection `ppdet/modeling/transformers/rtdetr_transformer.py`
(Apache-2.0; no code copied).
Paper: RT-DETR https://arxiv.org/abs/2304.08069.
Deviations: none known, goldens agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.errors import ExportError
from sealkit.nn.heads.rtdetr_decoder import BoxMlp, DecoderLayer, Shapes, box_head, layer_norm, logit, xavier_linear
from sealkit.nn.layers import ConvBN
from sealkit.nn.necks.hybrid_encoder import fan_in_uniform

PRIOR = 0.01  # score every class starts with
SMALLEST, LARGEST = 0.01, 0.99  # anchors with a value outside are not valid


@dataclass(frozen=True)
class Noise:
    """Queries that start near known boxes, see `denoising_queries` of the layout module.

    Attributes:
        classes: (N, D) int64; the number of classes stands for padding.
        boxes: (N, D, 4) float32.
        group: queries per group; groups do not see each other.
    """

    classes: np.ndarray
    boxes: np.ndarray
    group: int


def anchors(shapes: Shapes) -> tuple[np.ndarray, np.ndarray]:
    """Logits of one box per map cell, (1, S, 4), and whether it is valid, (1, S, 1); both float32.

    A cell's box is centred on it, its side 0.05 of the image on the finest map and twice that on each next one. Where
    a value is too near 0 or 1 the box is not valid and its logits are +inf. The published code divides x by the height
    and y by the width; for square images that is the same.
    """
    boxes = []
    for level, (h, w) in enumerate(shapes):
        y, x = np.meshgrid(np.arange(h), np.arange(w), indexing="ij")
        side = np.full(h * w, 0.05 * 2.0**level)
        boxes.append(np.stack([(x.ravel() + 0.5) / h, (y.ravel() + 0.5) / w, side, side], axis=1))
    box = np.concatenate(boxes)
    valid = np.all((box > SMALLEST) & (box < LARGEST), axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        logits = np.where(valid, np.log(box / (1 - box)), np.inf)
    return logits[None].astype(np.float32), np.asarray(valid)[None].astype(np.float32)


def score_head(channels: int, classes: int) -> nn.Linear:
    """A Linear to class logits whose bias starts at the prior probability."""
    bias = paddle.ParamAttr(initializer=nn.initializer.Constant(-math.log((1 - PRIOR) / PRIOR)))
    return nn.Linear(channels, classes, fan_in_uniform(channels), bias)


def take_rows(x: paddle.Tensor, index: paddle.Tensor) -> paddle.Tensor:
    """Rows of x [N, T, C] chosen by index [N, K] -> [N, K, C]."""
    return paddle.take_along_axis(x, index.unsqueeze(-1).expand([-1, -1, x.shape[2]]), axis=1, broadcast=False)


class Decoder(nn.Layer):
    """Holds the layers, keys `layers.i`."""

    def __init__(self, layers: Sequence[DecoderLayer]) -> None:
        super().__init__()
        self.layers = nn.LayerList(layers)


class RTDETRTransformer(nn.Layer):
    """Three maps -> boxes and class logits of 300 queries.

    Each map cell proposes a box; the best-scored proposals become queries, their features and boxes are refined layer
    by layer.

    Args:
        in_channels: of the maps.
        classes: number of classes; there is no background class.
        channels, queries, layers, heads, points, hidden: as published; smaller ones make small networks.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        classes: int,
        channels: int = 256,
        queries: int = 300,
        layers: int = 6,
        heads: int = 8,
        points: int = 4,
        hidden: int = 1024,
    ) -> None:
        super().__init__()
        self.classes, self.queries = classes, queries
        xavier = nn.initializer.XavierUniform()
        self.input_proj = nn.LayerList(
            [
                ConvBN(
                    i,
                    channels,
                    bn_decays=False,
                    weight_attr=paddle.ParamAttr(initializer=xavier),
                    names=("conv", "norm"),
                )
                for i in in_channels
            ]
        )
        levels = len(in_channels)
        self.decoder = Decoder([DecoderLayer(channels, heads, levels, points, hidden) for _ in range(layers)])
        start = paddle.ParamAttr(initializer=nn.initializer.Normal(0.0, 1.0))
        # Only training has it; an exported graph never reads it.
        self.denoising_class_embed = nn.Embedding(classes, channels, weight_attr=start)
        self.query_pos_head = BoxMlp([xavier_linear(4, 2 * channels), xavier_linear(2 * channels, channels)])
        self.enc_output = nn.Sequential(xavier_linear(channels, channels), layer_norm(channels))
        self.enc_score_head = score_head(channels, classes)
        self.enc_bbox_head = box_head(channels)
        self.dec_score_head = nn.LayerList([score_head(channels, classes) for _ in range(layers)])
        self.dec_bbox_head = nn.LayerList([box_head(channels) for _ in range(layers)])
        for name in ("anchor_logits", "anchor_valid"):
            self.register_buffer(name, None, persistable=False)
        self.fixed: list[tuple[int, int]] | None = None

    def fix_size(self, shapes: Shapes) -> None:
        """Keep the anchors of these map sizes (h, w), so that an exported graph holds them among its weights."""
        self.fixed = list(shapes)
        for name, value in zip(("anchor_logits", "anchor_valid"), anchors(shapes)):
            self.register_buffer(name, paddle.to_tensor(value), persistable=False)

    def forward(self, maps: Sequence[paddle.Tensor], noise: Noise | None = None) -> dict[str, paddle.Tensor]:
        """Args:
            maps: [N, C_i, h_i, w_i] each.
            noise: denoising queries, for train mode.

        Returns:
            "logits" [N, Q, classes] and "boxes" [N, Q, 4] of the last layer. In train mode also "aux_logits" and
            "aux_boxes" [layers, N, Q, .]: the proposals, then the layers before the last; and with noise of D queries
            "dn_logits", "dn_boxes" [N, D, .] and "dn_aux_logits", "dn_aux_boxes" [layers - 1, N, D, .].
        """
        features = [project(x) for project, x in zip(self.input_proj, maps)]
        shapes = [(x.shape[2], x.shape[3]) for x in features]
        memory = paddle.concat([x.flatten(2) for x in features], axis=2).transpose([0, 2, 1])  # [N, S, C]
        content, reference, scores = self._propose(memory, shapes)
        proposals = F.sigmoid(reference)
        if self.training:
            content, reference = content.detach(), reference.detach()
        mask = None
        if noise is not None:
            content = paddle.concat([self._noise_content(noise), content], axis=1)
            reference = paddle.concat([logit(paddle.to_tensor(noise.boxes)), reference], axis=1)
            mask = attention_mask(noise, content.shape[1] - noise.boxes.shape[1])
        logits, boxes = self._decode(content, reference, memory, shapes, mask)
        if not self.training:
            return {"logits": logits[-1], "boxes": boxes[-1]}
        split = 0 if noise is None else noise.boxes.shape[1]
        outputs = {
            "logits": logits[-1][:, split:],
            "boxes": boxes[-1][:, split:],
            "aux_logits": paddle.stack([scores, *(x[:, split:] for x in logits[:-1])]),
            "aux_boxes": paddle.stack([proposals, *(x[:, split:] for x in boxes[:-1])]),
        }
        if split:
            outputs |= {"dn_logits": logits[-1][:, :split], "dn_boxes": boxes[-1][:, :split]}
            if len(logits) > 1:
                outputs["dn_aux_logits"] = paddle.stack([x[:, :split] for x in logits[:-1]])
                outputs["dn_aux_boxes"] = paddle.stack([x[:, :split] for x in boxes[:-1]])
        return outputs

    def _propose(self, memory: paddle.Tensor, shapes: Shapes) -> tuple[paddle.Tensor, paddle.Tensor, paddle.Tensor]:
        """Features [N, Q, C], box logits [N, Q, 4] and class logits [N, Q, classes] of the best proposals."""
        boxes, valid = self.anchor_logits, self.anchor_valid
        if boxes is None or valid is None or shapes != self.fixed:
            if min(min(shape) for shape in shapes) < 1:
                raise ExportError(
                    "RT-DETR's graph needs a fixed input size", value=list(shapes), hint="export with height and width"
                )
            boxes, valid = (paddle.to_tensor(value) for value in anchors(shapes))
        output = self.enc_output(memory * valid)  # [N, S, C]
        scores = self.enc_score_head(output)
        count = min(self.queries, memory.shape[1])  # small images have fewer cells
        # Tensor.max warns its users of another framework's signature; amax has no ONNX counterpart
        score = paddle.topk(scores, 1, axis=-1)[0].squeeze(-1)  # [N, S]
        best = paddle.topk(score, count, axis=1)[1]  # [N, Q]
        content = take_rows(output, best)
        # the box head on the chosen cells alone: the published code runs it on all and chooses then
        anchor = take_rows(boxes.expand([memory.shape[0], -1, -1]), best)
        return content, self.enc_bbox_head(content) + anchor, take_rows(scores, best)

    def _noise_content(self, noise: Noise) -> paddle.Tensor:
        """Class embeddings of the denoising queries [N, D, C]; zeros for padding."""
        weight = self.denoising_class_embed.weight
        rows = paddle.concat([weight, paddle.zeros([1, weight.shape[1]], weight.dtype)])
        return F.embedding(paddle.to_tensor(noise.classes), rows)

    def _decode(
        self,
        content: paddle.Tensor,
        reference: paddle.Tensor,
        memory: paddle.Tensor,
        shapes: Shapes,
        mask: paddle.Tensor | None,
    ) -> tuple[list[paddle.Tensor], list[paddle.Tensor]]:
        """Class logits and boxes per layer; in eval mode of the last layer only.

        In training each layer's box adds to the undetached box of the layer before, while what the next layer looks at
        is detached.
        """
        logits, boxes = [], []
        looked_at = before = F.sigmoid(reference)
        for i, layer in enumerate(self.decoder.layers):
            content = layer(content, self.query_pos_head(looked_at), looked_at, memory, shapes, mask)
            offset = self.dec_bbox_head[i](content)
            refined = F.sigmoid(offset + logit(looked_at))
            if self.training or i == len(self.decoder.layers) - 1:
                logits.append(self.dec_score_head[i](content))
                boxes.append(refined if i == 0 or not self.training else F.sigmoid(offset + logit(before)))
            before = refined
            looked_at = refined.detach() if self.training else refined
        return logits, boxes


def attention_mask(noise: Noise, queries: int) -> paddle.Tensor:
    """[D + Q, D + Q], -inf where the row's query does not see the column's: queries no noise, groups no other group."""
    count = noise.boxes.shape[1]
    group = np.concatenate([np.arange(count) // noise.group, np.full(queries, -1)])
    hidden = (group[:, None] != group[None, :]) & (group[None, :] >= 0)
    return paddle.to_tensor(np.where(hidden, -np.inf, 0.0).astype(np.float32))
