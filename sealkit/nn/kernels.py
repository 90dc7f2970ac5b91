"""Depthwise convolutions and biases of a network by Numba's loops (`nn/depthwise.py`) in place of Paddle's operators,
and GELU by Paddle's error function.

On a CPU Paddle's depthwise convolution takes a third of a detector's training step; these loops are five to eight times
faster and equal to rounding. They need Numba (extra `fast`) and no compiler. Paddle's GELU is not vectorised, its error
function is: twice as fast. All this trains; evaluation keeps Paddle's operators, so that a checkpoint's metrics are the
same in training, in `sealkit eval` and in an export.
"""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MethodType
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn
from paddle.autograd import PyLayer

from sealkit.nn import conv
from sealkit.nn.conv import Conv2D, Conv2DTranspose

TOLERANCE = 1e-5  # of the largest value; rounding is below 1e-6
# kernel, stride, padding and shape of the input that the loops have to prove themselves on
_PROBES = (
    ((3, 3), (1, 1), (1, 1), (2, 4, 9, 11)),
    ((5, 5), (2, 2), (2, 2), (2, 3, 12, 13)),
    ((5, 5), (2, 1), (2, 2), (2, 3, 8, 17)),
    ((9, 9), (1, 1), (4, 4), (1, 5, 10, 10)),
)


@cache
def problem() -> str | None:
    """Why the loops cannot be used here; None where they have proved equal to Paddle's operator. Asked once a process.

    The first call on a machine compiles them (some six seconds of a core), later ones load them from
    `~/.cache/sealkit/numba`, or where NUMBA_CACHE_DIR says.
    """
    if find_spec("numba") is None:
        return "Numba is not installed"
    try:
        _loops()
    except (ImportError, RuntimeError) as error:  # a Numba that does not fit this Python, NumPy or processor
        return f"Numba does not work here: {error}"
    for kernel, stride, padding, shape in _PROBES:
        difference = _difference(kernel, stride, padding, shape)
        if not difference < TOLERANCE:
            return f"their values differ from Paddle's by {difference:.1e} (kernel {kernel}, stride {stride})"
    return None


def depthwise_layers(net: nn.Layer) -> list[Any]:
    """The layers of `net` that `use_fast` changes."""
    return [layer for layer in net.sublayers(include_self=True) if _takes_part(layer)]


def use_fast(net: nn.Layer) -> int:
    """Let the depthwise convolutions of `net` train with the loops, in place; returns how many there are.

    A layer takes part where it has a channel per group, as many channels out as in, no dilation, and padding of zeros
    alike on both sides. It falls back to Paddle's operator in evaluation, in static graphs, off the CPU, and for other
    types than float32. Biases of sealkit's other convolutions are added by a loop as well, and GELUs (`nn.GELU`, or
    `F.gelu` as the `act` of a layer) computed as `gelu` has them.
    """
    layers = depthwise_layers(net)
    for layer in net.sublayers(include_self=True):
        if isinstance(layer, (Conv2D, Conv2DTranspose)) and layer.bias is not None:
            layer.bias_adder = add_bias
        if isinstance(layer, nn.GELU) and not layer._approximate:
            layer.forward = MethodType(_activate, layer)
        elif getattr(layer, "act", None) is F.gelu:
            layer.act = MethodType(_activate, layer)
    for layer in layers:
        layer.forward = MethodType(_forward, layer)
    return len(layers)


def depthwise_conv(
    x: paddle.Tensor,
    weight: paddle.Tensor,
    bias: paddle.Tensor | None,
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> paddle.Tensor:
    """Depthwise convolution with a gradient.

    Args:
        x: [N, C, H, W] float32 on the CPU.
        weight: [C, 1, kh, kw].
        bias: [C] or None.

    Returns:
        [N, C, OH, OW].
    """
    return _Depthwise.apply(x, weight, bias, stride, padding)


def add_bias(y: paddle.Tensor, bias: paddle.Tensor) -> paddle.Tensor:
    """y [N, C, H, W] + bias [C], the same values as `nn.conv.add_bias`, five times as fast."""
    if y.dtype != paddle.float32 or bias.dtype != paddle.float32 or not y.place.is_cpu_place():
        return conv.add_bias(y, bias)
    return _Bias.apply(y, bias)


def gelu(x: paddle.Tensor) -> paddle.Tensor:
    """`F.gelu` of float32 on the CPU to rounding, with a gradient."""
    return _Gelu.apply(x)


def _takes_part(layer: nn.Layer) -> bool:
    if not isinstance(layer, nn.Conv2D):
        return False
    channels = layer._in_channels
    return (
        layer._groups == channels == layer._out_channels
        and channels > 1
        and _pair(layer._dilation) == (1, 1)
        and _pair(layer._stride) is not None
        and _pair(layer._padding) is not None
        and layer._padding_mode == "zeros"
        and layer._data_format == "NCHW"
    )


def _pair(value: Any) -> tuple[int, int] | None:
    """(height, width) of a layer's setting; None where it says more than that."""
    if isinstance(value, int):
        return value, value
    numbers = isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(n, int) for n in value)
    return (value[0], value[1]) if numbers else None


def _computes(layer: Any, x: paddle.Tensor) -> bool:
    """Whether the layer trains, on float32 and on the CPU."""
    fits = paddle.in_dynamic_mode() and x.dtype == paddle.float32 and x.place.is_cpu_place()
    return bool(layer.training and fits)


def _activate(layer: Any, x: paddle.Tensor) -> paddle.Tensor:
    return gelu(x) if _computes(layer, x) else F.gelu(x)


def _forward(layer: Any, x: paddle.Tensor) -> paddle.Tensor:
    if not _computes(layer, x):
        return type(layer).forward(layer, x)
    stride, padding = _pair(layer._stride), _pair(layer._padding)
    assert stride is not None and padding is not None  # _takes_part
    return depthwise_conv(x, layer.weight, layer.bias, stride, padding)


class _Depthwise(PyLayer):
    """The loops as an operator with a gradient."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, bias: Any, stride: Any, padding: Any) -> Any:
        loops, _ = _loops()
        # before copies are made, which here, outside of autograd, are never to be differentiated
        ctx.frozen = x.stop_gradient, weight.stop_gradient, None if bias is None else bias.stop_gradient
        x, weight = x.contiguous(), weight.contiguous()
        call = loops.describe(x.shape, weight.shape[2:], stride, padding)
        y = paddle.empty([*x.shape[:2], int(call[loops.OH]), int(call[loops.OW])], "float32")
        call[[loops.X, loops.W, loops.Y]] = x.data_ptr(), weight.data_ptr(), y.data_ptr()
        if bias is not None:
            bias = bias.contiguous()
            call[loops.B] = bias.data_ptr()
        _run(loops.forward, call, int(call[loops.N] * call[loops.C]))
        ctx.save_for_backward(x, weight)
        ctx.geometry = stride, padding
        return y

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        loops, _ = _loops()
        x, weight = ctx.saved_tensor()
        grad = grad.contiguous()
        call = loops.describe(x.shape, weight.shape[2:], *ctx.geometry)
        call[[loops.X, loops.W, loops.Y]] = x.data_ptr(), weight.data_ptr(), grad.data_ptr()
        shapes = x.shape, weight.shape, weight.shape[:1]
        places = loops.GX, loops.GW, loops.GB
        found: list[Any] = []
        for shape, place, frozen in zip(shapes, places, ctx.frozen):
            found.append(None if frozen in (True, None) else paddle.empty(shape, "float32"))
            if found[-1] is not None:
                call[place] = found[-1].data_ptr()
        _run(loops.backward, call, int(call[loops.C]))
        return tuple(found) if ctx.frozen[2] is not None else tuple(found[:2])


class _Bias(PyLayer):
    """The addition of a bias with its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Any, bias: Any) -> Any:
        loops, _ = _loops()
        ctx.frozen = x.stop_gradient, bias.stop_gradient
        x, bias = x.contiguous(), bias.contiguous()
        y = paddle.empty(x.shape, "float32")
        call = np.zeros(loops.FIELDS, np.int64)
        call[[loops.N, loops.C, loops.H, loops.WIDTH]] = x.shape
        call[[loops.X, loops.B, loops.Y]] = x.data_ptr(), bias.data_ptr(), y.data_ptr()
        _run(loops.add_bias, call, int(call[loops.N] * call[loops.C]))
        return y

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        loops, _ = _loops()
        grad = grad.contiguous()
        of_bias = None
        if not ctx.frozen[1]:
            of_bias = paddle.empty(grad.shape[1:2], "float32")
            call = np.zeros(loops.FIELDS, np.int64)
            call[[loops.N, loops.C, loops.H, loops.WIDTH]] = grad.shape
            call[[loops.Y, loops.GB]] = grad.data_ptr(), of_bias.data_ptr()
            _run(loops.sum_channels, call, int(call[loops.C]))
        return (None if ctx.frozen[0] else grad), of_bias


class _Gelu(PyLayer):
    """x times the normal distribution's share below x, in as few passes over memory as Paddle's operators allow."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        share = paddle.erf(x * math.sqrt(0.5)).scale_(0.5, 0.5)
        ctx.save_for_backward(x, share)
        return x * share

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        x, share = ctx.saved_tensor()
        density = (x * x).scale_(-0.5, -0.5 * math.log(2 * math.pi)).exp_()
        return density.multiply_(x).add_(share).multiply_(grad)


def _run(kernel: Any, call: np.ndarray, most: int) -> None:
    """Run a kernel on the team's threads, at most `most` of them, each with memory of its own."""
    loops, team = _loops()
    parts = min(team.count, most)
    size = loops.scratch_size(call) if call[loops.KH] else 0
    scratch = np.empty(parts * size, np.float32)
    call[loops.SCRATCH], call[loops.SCRATCH_SIZE] = scratch.ctypes.data, size
    team.run(kernel, call, parts)


@cache
def _loops() -> tuple[Any, Any]:
    """The compiled loops and the threads that run them."""
    import numba

    from sealkit.nn.team import team

    before = numba.config.CACHE_DIR
    if not before:  # Numba would write beside this package, which may be read-only
        numba.config.CACHE_DIR = str(_cache_folder())
    try:
        from sealkit.nn import depthwise
    finally:
        numba.config.CACHE_DIR = before
    return depthwise, team()


def _cache_folder() -> Path:
    """Where compiled loops are kept; a folder of this process alone where the home folder cannot be written."""
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: there is no home folder
        folder = Path.home() / ".cache" / "sealkit" / "numba"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="sealkit-numba-"))


def _difference(
    kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], shape: tuple[int, ...]
) -> float:
    """Largest difference between the loops and Paddle's operator, output and gradients, as a share of the values."""
    rng = np.random.default_rng(0)
    channels = shape[1]
    arrays = [rng.normal(size=s).astype(np.float32) for s in (shape, (channels, 1, *kernel), (channels,))]
    results = []
    operators: tuple[Callable[..., Any], ...] = (_paddles, depthwise_conv)
    for operator in operators:
        tensors = [paddle.to_tensor(array, place=paddle.CPUPlace(), stop_gradient=False) for array in arrays]
        y = operator(*tensors, stride, padding)
        (y * y).sum().backward()
        results.append([y.numpy(), *(tensor.grad.numpy() for tensor in tensors)])
    return max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in zip(*results))


def _paddles(x: Any, weight: Any, bias: Any, stride: tuple[int, int], padding: tuple[int, int]) -> Any:
    return F.conv2d(x, weight, bias, stride=stride, padding=padding, groups=weight.shape[0])
