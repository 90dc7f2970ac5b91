"""Layers that several networks share. Tensors are NCHW float32."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.errors import ConfigError
from sealkit.nn.conv import Conv2D
from sealkit.nn.fuse import Fusable, conv_bn_to_conv
from sealkit.nn.parts import is_under, known_parts

Size = int | tuple[int, int]


def no_decay() -> paddle.ParamAttr:
    """A parameter that weight decay leaves alone, whatever the recipe says."""
    return paddle.ParamAttr(regularizer=paddle.regularizer.L2Decay(0.0))


def kaiming_normal() -> paddle.ParamAttr:
    """Parameter initialised by Kaiming's normal distribution."""
    return paddle.ParamAttr(initializer=nn.initializer.KaimingNormal())


def kaiming_uniform() -> paddle.ParamAttr:
    """Parameter initialised by Kaiming's uniform distribution."""
    return paddle.ParamAttr(initializer=nn.initializer.KaimingUniform())


def batch_norm(channels: int, decays: bool = True, weight: float = 1.0, bias: float = 0.0) -> nn.BatchNorm2D:
    """BatchNorm of the whole zoo: eps 1e-5, momentum 0.9; `decays=False` exempts its affine from weight decay."""
    regularizer = None if decays else paddle.regularizer.L2Decay(0.0)
    return nn.BatchNorm2D(
        channels,
        weight_attr=paddle.ParamAttr(initializer=nn.initializer.Constant(weight), regularizer=regularizer),
        bias_attr=paddle.ParamAttr(initializer=nn.initializer.Constant(bias), regularizer=regularizer),
    )


class ConvBN(nn.Layer, Fusable):
    """Convolution, BatchNorm, activation. Keys `conv.*`, `bn.*` (or other `names`); fused: `conv.weight`, `conv.bias`.

    Args:
        kernel: side, or (height, width).
        act: function of a tensor, or None.
        padding: None = (kernel - 1) // 2 of each side.
        bn_decays: False exempts the BatchNorm affine from weight decay.
        bn_weight: start value of the BatchNorm weight; 0 makes a residual branch start silent.
        bias: the convolution has a bias of its own before the BatchNorm.
        names: of the two layers in the state_dict, where published checkpoints call them otherwise.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Size = 1,
        stride: Size = 1,
        groups: int = 1,
        act: Callable[[paddle.Tensor], paddle.Tensor] | None = None,
        padding: Size | None = None,
        bn_decays: bool = True,
        bn_weight: float = 1.0,
        weight_attr: paddle.ParamAttr | None = None,
        bias: bool = False,
        names: tuple[str, str] = ("conv", "bn"),
    ) -> None:
        super().__init__()
        self.names = names
        conv = Conv2D(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=half(kernel) if padding is None else padding,
            groups=groups,
            weight_attr=weight_attr,
            bias_attr=None if bias else False,
        )
        self.add_sublayer(names[0], conv)
        self.add_sublayer(names[1], batch_norm(out_channels, bn_decays, bn_weight))
        self.act = act

    @property
    def convolution(self) -> Conv2D:
        """The convolution, under whichever name checkpoints give it; once fused it holds the BatchNorm too."""
        return self._sub_layers[self.names[0]]

    @property
    def normalisation(self) -> nn.BatchNorm2D | None:
        """None once fused."""
        return self._sub_layers.get(self.names[1])

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, in, H, W] -> [N, out, H', W'], with the default padding and an odd kernel H' = ceil(H / stride)."""
        return self.finish(self.convolution(x))

    def finish(self, y: paddle.Tensor) -> paddle.Tensor:
        """What follows the convolution."""
        bn = self.normalisation
        if bn is not None:
            y = bn(y)
        return y if self.act is None else self.act(y)

    def fuse(self) -> None:
        """Fold the BatchNorm into the convolution, which gets a bias; the activation stays."""
        bn = self.normalisation
        if bn is not None:
            self._sub_layers[self.names[0]] = conv_bn_to_conv(self.convolution, bn)
            del self._sub_layers[self.names[1]]


def half(kernel: Size) -> Size:
    """The padding that keeps the size at stride 1, for odd kernels."""
    return (kernel - 1) // 2 if isinstance(kernel, int) else ((kernel[0] - 1) // 2, (kernel[1] - 1) // 2)


def spatial_mean(x: paddle.Tensor, training: bool = False) -> paddle.Tensor:
    """[N, C, H, W] -> [N, C, 1, 1].

    In evaluation rows first, then columns: Paddle's CPU pooling adds up a whole map in float32, which loses 1e-5 of the
    value (1e-4 in a detector's output); two short sums lose 5e-7. In training the pooling the published networks train
    with: with few samples per BatchNorm the difference is seen in the loss's goldens.
    """
    if training:
        return F.adaptive_avg_pool2d(x, 1)
    return x.mean(axis=3, keepdim=True).mean(axis=2, keepdim=True)


class SqueezeExcite(nn.Layer):
    """x * hardsigmoid(conv2(relu(conv1(mean x)))), both convolutions 1x1 with bias.

    `slope` is 1/6 in the backbones and 0.2 in the FPN necks (Paddle's two hardsigmoids).
    """

    def __init__(self, channels: int, reduction: int = 4, slope: float = 1 / 6) -> None:
        super().__init__()
        self.conv1 = Conv2D(channels, channels // reduction, 1)
        self.conv2 = Conv2D(channels // reduction, channels, 1)
        self.slope = slope

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H, W] -> the same shape, each channel scaled by a factor 0..1."""
        weight = self.conv2(F.relu(self.conv1(spatial_mean(x, self.training))))  # [N, C, 1, 1]
        return x * F.hardsigmoid(weight, slope=self.slope, offset=0.5)


class Affine(nn.Layer):
    """y = scale*x + bias with one learnt scalar each, trained at a tenth of the learning rate (PPLCNetV3's "LAB")."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = self._scalar(1.0)
        self.bias = self._scalar(0.0)

    def _scalar(self, value: float) -> paddle.Tensor:
        attr = paddle.ParamAttr(learning_rate=0.1)
        return self.create_parameter([1], attr=attr, default_initializer=nn.initializer.Constant(value))

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """Any shape -> the same shape."""
        return self.scale * x + self.bias


def upsample_nearest(x: paddle.Tensor, factor: int) -> paddle.Tensor:
    """Nearest enlargement by a whole factor: [N, C, H, W] -> [N, C, H*factor, W*factor].

    Written as reshape and expand: bit-identical to nearest interpolation, whose operator breaks oneDNN inference
    and the ONNX conversion of Paddle 3.3.
    """
    if factor == 1:
        return x
    x = x.unsqueeze([3, 5]).expand([-1, -1, -1, factor, -1, factor])  # [N, C, H, f, W, f]
    return x.flatten(4, 5).flatten(2, 3)


def freeze_batch_norm(net: nn.Layer) -> int:
    """Every BatchNorm keeps and uses its stored statistics, its affine is not trained. Returns their number."""
    count = 0
    for layer in net.sublayers(include_self=True):
        if isinstance(layer, nn.BatchNorm2D | nn.BatchNorm1D):
            layer._use_global_stats = True
            layer.weight.stop_gradient = layer.bias.stop_gradient = True
            count += 1
    return count


def freeze_parts(net: nn.Layer, parts: Sequence[str]) -> int:
    """Parameters under these names are not trained, BatchNorms under them keep and use their stored statistics.

    Args:
        parts: names of layers or parameters, dotted from the network's root (`backbone.stem`).

    Returns:
        Number of parameters (scalars) that no longer train.

    Raises:
        ConfigError: a name that the network does not have.
    """
    frozen = 0
    for part in parts:
        named = [p for name, p in net.named_parameters() if is_under(name, part)]
        if not named:
            raise ConfigError(
                "the network has no part of this name",
                where="weights.freeze",
                value=part,
                hint=f"it has {known_parts(name for name, _ in net.named_parameters())}",
            )
        for param in named:
            if not param.stop_gradient:
                frozen += int(param.size)
                param.stop_gradient = True
        for name, layer in net.named_sublayers():
            if is_under(name, part):
                freeze_batch_norm(layer)
    return frozen


def param_factors(net: nn.Layer) -> Iterator[tuple[str, paddle.Tensor, float, float | None]]:
    """What each parameter asks of the optimiser: (name, parameter, learning-rate factor, own weight decay or None).

    Running statistics, which Paddle counts among the parameters, are left out.
    """
    for name, param in net.named_parameters():
        if name.endswith(("._mean", "._variance")):
            continue
        decay = param.regularizer
        own = None if decay is None else float(decay._coeff)
        yield name, param, float(param.optimize_attr["learning_rate"]), own
