"""Features of a trained PP-LCNet for a narrower one, without training: for sizes whose own weights are not at hand.

PP-LCNet is a chain, so each layer can be fitted after the one before it (channel pruning by reconstruction: He et al.,
"Channel Pruning for Accelerating Very Deep Neural Networks", 2017). Which channels stay is decided by QR with column
pivoting on the activations: those from which the others can best be told. Depthwise layers are copied; pointwise ones
are solved by least squares, from what the narrow network computes to what the wide one does. A fit, not the network it
came from: to be trained on.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import paddle
import paddle.nn.functional as F

from sealkit.errors import ConfigError
from sealkit.nn.backbones.lcnet_v1 import STAGES, LCNetBlock, PPLCNet
from sealkit.nn.layers import ConvBN, SqueezeExcite

_POSITIONS = 16_000
"""Pixels of a map that a layer is fitted on, over all images."""
_RIDGE = 1e-4
_RIDGE_SQUEEZE = 0.1
"""Of a squeeze-excitation: it sees one row an image, so its fit leans on the wide network's own weights."""
_EPSILON = 1e-5  # of the BatchNorms

Channels: TypeAlias = np.ndarray
"""Which channels of the wide network the narrow one has, (C,) int64, rising."""


def narrow_backbone(wide: PPLCNet, narrow: PPLCNet, images: np.ndarray) -> float:
    """Set the weights of `narrow`, in place; both networks end in eval mode.

    Args:
        wide: trained.
        narrow: of a smaller scale; BatchNorms of neither are fused.
        images: (N, 3, H, W) float32, network inputs of the kind the network will see; some 30.

    Returns:
        Share of the variance of the last map's kept channels that is lost, 0 to 1.

    Raises:
        ConfigError: `narrow` is not narrower.
    """
    if any(ours > theirs for ours, theirs in zip(narrow.out_channels, wide.out_channels)):
        raise ConfigError(
            "a backbone can be narrowed, not widened", value=f"{wide.out_channels} to {narrow.out_channels}"
        )
    wide.eval()
    narrow.eval()
    with paddle.no_grad():
        x = paddle.to_tensor(images)
        theirs = wide.conv1(x)
        kept = _choose(theirs, narrow.conv1.convolution.weight.shape[0])
        _copy(wide.conv1, narrow.conv1, kept)
        ours = narrow.conv1(x)
        for name in STAGES:
            for big, small in zip(wide._sub_layers[name], narrow._sub_layers[name]):
                theirs, ours, kept = _block(big, small, theirs, ours, kept)
        wanted, got = _rows(theirs)[:, kept], _rows(ours)
    return float(((wanted - got) ** 2).sum() / ((wanted - wanted.mean(axis=0)) ** 2).sum())


def _block(
    big: LCNetBlock, small: LCNetBlock, theirs: paddle.Tensor, ours: paddle.Tensor, kept: Channels
) -> tuple[paddle.Tensor, paddle.Tensor, Channels]:
    """Set `small`; both networks' maps after the block, and the channels kept there."""
    _copy(big.dw_conv, small.dw_conv, kept)
    theirs, ours = big.dw_conv(theirs), small.dw_conv(ours)
    if big.se is not None and small.se is not None:
        _squeeze(big.se, small.se, theirs, ours, kept)
        theirs, ours = big.se(theirs), small.se(ours)
    target = _norm(big.pw_conv)(big.pw_conv.convolution(theirs))
    theirs = F.hardswish(target)
    kept = _choose(theirs, small.pw_conv.convolution.weight.shape[0])
    _fit(small.pw_conv, _rows(ours), _rows(target)[:, kept])
    return theirs, small.pw_conv(ours), kept


def _rows(x: paddle.Tensor) -> np.ndarray:
    """[N, C, H, W] -> (positions, C) float64; maps of one size give the same positions."""
    n, channels, height, width = x.shape
    count = n * height * width
    rows = x.transpose([0, 2, 3, 1]).reshape([count, channels]).numpy()
    if count > _POSITIONS:
        rows = rows[np.random.default_rng(0).choice(count, _POSITIONS, replace=False)]
    return rows.astype(np.float64)


def _choose(x: paddle.Tensor, width: int) -> Channels:
    """The `width` channels of a map that tell most of all of them."""
    from scipy.linalg import qr

    order = qr(_rows(x), mode="r", pivoting=True)[1]
    return np.sort(order[:width])


def _solve(inputs: np.ndarray, outputs: np.ndarray, near: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (out, in) and bias (out,) of the linear layer that best gives `outputs`.

    Args:
        near: (out, in + 1), what the solution is drawn to, by `ridge`.
    """
    rows = np.column_stack([inputs, np.ones(len(inputs))])
    gram = rows.T @ rows
    gram += ridge * np.trace(gram) / len(gram) * np.eye(len(gram))
    made = near + np.linalg.solve(gram, rows.T @ (outputs - rows @ near.T)).T
    return made[:, :-1], made[:, -1]


def _fit(layer: ConvBN, inputs: np.ndarray, outputs: np.ndarray) -> None:
    """Set a pointwise convolution and its BatchNorm, whose statistics are those of the fit."""
    near = np.zeros((outputs.shape[1], inputs.shape[1] + 1))
    weight, offset = _solve(inputs, outputs, near, _RIDGE)
    made = inputs @ weight.T
    mean, variance = made.mean(axis=0), made.var(axis=0)
    norm = _norm(layer)
    _set(layer.convolution.weight, weight)
    _set(norm._mean, mean)
    _set(norm._variance, variance)
    _set(norm.weight, np.sqrt(variance + _EPSILON))
    _set(norm.bias, mean + offset)


def _squeeze(
    big: SqueezeExcite, small: SqueezeExcite, theirs: paddle.Tensor, ours: paddle.Tensor, kept: Channels
) -> None:
    """Set a squeeze-excitation: its hidden layer, then its outputs."""
    from scipy.linalg import qr

    (squeeze, squeeze_bias), (excite, excite_bias) = (_linear(layer) for layer in (big.conv1, big.conv2))
    before = theirs.mean(axis=[2, 3]).numpy().astype(np.float64) @ squeeze.T + squeeze_bias
    hidden = np.maximum(before, 0)
    units = np.sort(qr(hidden, mode="r", pivoting=True)[1][: small.conv1.weight.shape[0]])
    pooled = ours.mean(axis=[2, 3]).numpy().astype(np.float64)
    near = np.column_stack([squeeze[np.ix_(units, kept)], squeeze_bias[units]])
    weight, bias = _solve(pooled, before[:, units], near, _RIDGE_SQUEEZE)
    _set(small.conv1.weight, weight)
    _set(small.conv1.bias, bias)
    near = np.column_stack([excite[np.ix_(kept, units)], excite_bias[kept]])
    given = np.maximum(pooled @ weight.T + bias, 0)
    weight, bias = _solve(given, (hidden @ excite.T + excite_bias)[:, kept], near, _RIDGE_SQUEEZE)
    _set(small.conv2.weight, weight)
    _set(small.conv2.bias, bias)


def _linear(layer: paddle.nn.Layer) -> tuple[np.ndarray, np.ndarray]:
    """A 1x1 convolution as a matrix (out, in) and a bias (out,)."""
    return layer.weight.numpy()[:, :, 0, 0].astype(np.float64), layer.bias.numpy().astype(np.float64)


def _copy(big: ConvBN, small: ConvBN, kept: Channels) -> None:
    """The kept channels of a layer that has as many outputs as groups, or that sees the image itself."""
    _set(small.convolution.weight, big.convolution.weight.numpy()[kept])
    for name in ("weight", "bias", "_mean", "_variance"):
        _set(getattr(_norm(small), name), getattr(_norm(big), name).numpy()[kept])


def _norm(layer: ConvBN) -> paddle.nn.BatchNorm2D:
    norm = layer.normalisation
    if norm is None:
        raise ConfigError("a fused network cannot be narrowed", hint="build it with form=official, fuse it afterwards")
    return norm


def _set(tensor: paddle.Tensor, value: np.ndarray) -> None:
    tensor.set_value(np.ascontiguousarray(value, dtype=np.float32).reshape(tensor.shape))


__all__ = ["narrow_backbone"]
