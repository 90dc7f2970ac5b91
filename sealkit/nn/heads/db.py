"""Heads of differentiable binarisation (DB, Liao et al. 2020): DBHead with PP-OCRv6's auxiliary heads, and PFHeadLocal.

Every head maps (neck map [N, C, H/4, W/4], top-down sums of strides 4, 8, 16) to a dict; see `DBHead`.

Re-implemented from the architecture of PaddleOCR `ppocr/modeling/heads/det_db_head.py` (Apache-2.0; no code copied).
Paper: DB https://arxiv.org/abs/1911.08947.
Deviations: a fields branch of this project; a fused form (`nn.fuse`); no interpolation operation.
"""

from __future__ import annotations

from collections.abc import Sequence

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.conv import Conv2D, Conv2DTranspose, add_bias
from sealkit.nn.fuse import Fusable, conv_bn_to_conv, fold_bn_into_transposed
from sealkit.nn.layers import ConvBN, batch_norm, kaiming_uniform, upsample_nearest

STEP_SLOPE = 50.0


def probability(logit: paddle.Tensor) -> paddle.Tensor:
    """Sigmoid in float32 also under mixed precision: float16 rounds 0.9998 to 1, where nothing is learnt any more."""
    low = logit.dtype in (paddle.float16, paddle.bfloat16)
    return F.sigmoid(logit.astype("float32") if low else logit)


def step_map(shrink: paddle.Tensor, threshold: paddle.Tensor) -> paddle.Tensor:
    """Differentiable binarisation: 1 / (1 + exp(-50 (p - t)))."""
    return F.sigmoid(STEP_SLOPE * (shrink - threshold))


def _transposed(in_channels: int, out_channels: int) -> Conv2DTranspose:
    bound = in_channels**-0.5
    bias = paddle.ParamAttr(initializer=nn.initializer.Uniform(-bound, bound))
    return Conv2DTranspose(in_channels, out_channels, 2, stride=2, weight_attr=kaiming_uniform(), bias_attr=bias)


class ProbabilityBranch(nn.Layer, Fusable):
    """3x3 C -> C/4, BN, relu; transposed 2x2, BN, relu; transposed 2x2 -> 1, sigmoid.

    `features` gives the [N, C/4, H/2, W/2] map before the last step as well.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        quarter = channels // 4
        self.conv1 = Conv2D(channels, quarter, 3, padding=1, bias_attr=False)
        self.conv_bn1: nn.BatchNorm2D | None = batch_norm(quarter, bias=1e-4)
        self.conv2 = _transposed(quarter, quarter)
        self.conv_bn2: nn.BatchNorm2D | None = batch_norm(quarter, bias=1e-4)
        self.conv3 = _transposed(quarter, 1)

    def features(self, x: paddle.Tensor) -> tuple[paddle.Tensor, paddle.Tensor]:
        """[N, C, H/4, W/4] -> probability [N, 1, H, W] and features [N, C/4, H/2, W/2]."""
        return self.rest(self.conv1(x))

    def rest(self, x: paddle.Tensor) -> tuple[paddle.Tensor, paddle.Tensor]:
        """The same from conv1's output [N, C/4, H/4, W/4] on."""
        x = F.relu(x if self.conv_bn1 is None else self.conv_bn1(x))
        x = self.conv2(x)
        x = F.relu(x if self.conv_bn2 is None else self.conv_bn2(x))
        return probability(self.conv3(x)), x

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H/4, W/4] -> probability [N, 1, H, W] in 0..1."""
        return self.features(x)[0]

    def fuse(self) -> None:
        """Fold both BatchNorms into the convolutions before them."""
        if self.conv_bn1 is not None:
            self.conv1 = conv_bn_to_conv(self.conv1, self.conv_bn1)
            fold_bn_into_transposed(self.conv2, self.conv_bn2)
            self.conv_bn1 = self.conv_bn2 = None


class FieldsBranch(nn.Layer):
    """Characters' up direction and seal area at stride 4: 3x3 C -> C/4 with BN and relu, 1x1 -> 3.

    Output [N, 3, H/4, W/4]: up_x, up_y (not normalised; image coordinates, y down), logit of the seal's area.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvBN(channels, channels // 4, 3, act=F.relu)
        self.conv2 = Conv2D(channels // 4, 3, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H/4, W/4] -> [N, 3, H/4, W/4], see the class."""
        return self.conv2(self.conv1(x))

    def rest(self, x: paddle.Tensor) -> paddle.Tensor:
        """The same from conv1.conv's output on."""
        return self.conv2(self.conv1.finish(x))


def run_together(convs: Sequence[Conv2D], x: paddle.Tensor) -> list[paddle.Tensor]:
    """[conv(x) for conv in convs], as one convolution: the input is unrolled once forth and back, not once per branch.

    The convolutions differ in values only. Saves a tenth of a training step of the small detector on a CPU.
    """
    first = convs[0]
    weight = paddle.concat([conv.weight for conv in convs], axis=0)
    y = F.conv2d(x, weight, None, first._stride, first._padding)
    n, _, h, w = y.shape
    outputs = y.reshape([n, len(convs), -1, h, w]).unbind(axis=1)
    return [z if conv.bias is None else add_bias(z, conv.bias) for conv, z in zip(convs, outputs)]


class DBHead(nn.Layer, Fusable):
    """Shrink and threshold branches; optionally auxiliary pairs on the neck's top-down sums, and the fields branch.

    Output keys: eval "maps" [N, 1, H, W] = shrink probability; train "maps" [N, 3, H, W] = shrink, threshold, step, and
    "aux_maps_p4", "aux_maps_p3", "aux_maps_p2" alike where auxiliary heads exist; "fields" in both modes where
    asked for.
    Fusing drops the auxiliary heads and keeps `thresh`, so that the fused form can be trained.
    The published v6 head replaces NaN by 0 after each BatchNorm in training: that hides a broken run and is left
    out here.
    """

    AUX = (("p4", 2, 4), ("p3", 1, 2), ("p2", 0, 1))  # name, index among the sums, enlargement to stride 4

    def __init__(self, channels: int, aux_channels: int | None = None, fields: bool = False) -> None:
        super().__init__()
        self.binarize = ProbabilityBranch(channels)
        self.thresh = ProbabilityBranch(channels)
        self.has_aux = aux_channels is not None
        if aux_channels is not None:
            for name, _, _ in self.AUX:
                self.add_sublayer(f"aux_binarize_{name}", ProbabilityBranch(aux_channels))
                self.add_sublayer(f"aux_thresh_{name}", ProbabilityBranch(aux_channels))
        self.fields = FieldsBranch(channels) if fields else None

    def forward(self, x: paddle.Tensor, sums: Sequence[paddle.Tensor]) -> dict[str, paddle.Tensor]:
        """Neck map x [N, C, H/4, W/4] and its top-down sums -> maps by name, see the class; all but "fields" in 0..1.

        `sums` are of strides 4, 8, 16; only the auxiliary heads read them, in train mode.
        """
        if not self.training:
            return {"maps": self.binarize(x)} | ({} if self.fields is None else {"fields": self.fields(x)})
        out = {}
        if self.fields is None:
            first = run_together([self.binarize.conv1, self.thresh.conv1], x)
        else:
            first = run_together([self.binarize.conv1, self.thresh.conv1, self.fields.conv1.conv], x)
            out["fields"] = self.fields.rest(first[2])
        shrink, threshold = self.binarize.rest(first[0])[0], self.thresh.rest(first[1])[0]
        out["maps"] = paddle.concat([shrink, threshold, step_map(shrink, threshold)], axis=1)
        if self.has_aux:
            for name, index, factor in self.AUX:
                out[f"aux_maps_{name}"] = self._aux_maps(name, sums[index], factor)
        return out

    def _aux_maps(self, name: str, x: paddle.Tensor, factor: int) -> paddle.Tensor:
        if factor > 1:  # training only: no exported graph holds this interpolation
            x = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
        shrink = self._sub_layers[f"aux_binarize_{name}"](x)
        threshold = self._sub_layers[f"aux_thresh_{name}"](x)
        return paddle.concat([shrink, threshold, step_map(shrink, threshold)], axis=1)

    def fuse(self) -> None:
        """Drop the auxiliary heads, which the fused form is trained without; the branches fuse themselves."""
        if self.has_aux:
            for name, _, _ in self.AUX:
                delattr(self, f"aux_binarize_{name}")
                delattr(self, f"aux_thresh_{name}")
            self.has_aux = False


class LocalRefinement(nn.Layer):
    """concat(probability, features enlarged by 2) -> 3x3 BN relu -> 1x1 logit, at full size."""

    def __init__(self, channels: int, mid: int) -> None:
        super().__init__()
        self.last_3 = ConvBN(channels + 1, mid, 3, act=F.relu)
        self.last_1 = Conv2D(mid, 1, 1)

    def forward(self, probability: paddle.Tensor, features: paddle.Tensor) -> paddle.Tensor:
        """probability [N, 1, H, W], features [N, C, H, W] -> logits [N, 1, H, W]."""
        return self.last_1(self.last_3(paddle.concat([probability, features], axis=1)))


class PFHeadLocal(nn.Layer):
    """DBHead with a second, refined probability ("cbn") from the branch's own features; eval is the mean of both.

    Training keys: "maps" = refined, threshold, step(first probability, threshold); "distance_maps" = refined,
    "cbn_maps" = step.
    Quirk kept from the published networks: the extra loss is computed on "cbn_maps", the step map; the first
    probability has no term of its own and learns through the step map and as the refinement's input.
    """

    def __init__(self, channels: int, fields: bool = False) -> None:
        super().__init__()
        quarter = channels // 4
        self.binarize = ProbabilityBranch(channels)
        self.thresh = ProbabilityBranch(channels)
        self.cbn_layer = LocalRefinement(quarter, quarter)
        self.fields = FieldsBranch(channels) if fields else None

    def forward(self, x: paddle.Tensor, sums: Sequence[paddle.Tensor]) -> dict[str, paddle.Tensor]:
        """Neck map x [N, C, H/4, W/4] -> maps by name, see the class; `sums` are not read."""
        first, features = self.binarize.features(x)
        refined = probability(self.cbn_layer(first, upsample_nearest(features, 2)))
        out = {} if self.fields is None else {"fields": self.fields(x)}
        if not self.training:
            return {"maps": 0.5 * (first + refined), **out}
        threshold = self.thresh(x)
        step = step_map(first, threshold)
        maps = paddle.concat([refined, threshold, step], axis=1)
        return {"maps": maps, "distance_maps": refined, "cbn_maps": step, **out}
