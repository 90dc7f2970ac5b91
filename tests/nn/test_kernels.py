"""Depthwise convolutions by Numba's loops: float64 sums in every form the zoo has, Paddle's in networks."""

from __future__ import annotations

import copy
import math
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from sealkit import zoo
from sealkit.nn import kernels
from sealkit.nn.conv import Conv2D, Conv2DTranspose
from sealkit.nn.layers import ConvBN
from sealkit.nn.rep import RepDepthwise
from sealkit.nn.team import LIBRARY, PythonThreads
from tests.golden.check_rec_networks import without_dropout

pytest.importorskip("numba")

# kernel, stride, bias of every depthwise convolution of the zoo that is not dilated; padding is half the kernel
FORMS = (
    ((1, 1), (1, 1), False), ((1, 1), (1, 1), True), ((1, 1), (1, 2), False), ((1, 1), (2, 1), False),
    ((1, 1), (2, 2), False), ((3, 3), (1, 1), False), ((3, 3), (1, 1), True), ((3, 3), (1, 2), False),
    ((3, 3), (1, 2), True), ((3, 3), (2, 1), False), ((3, 3), (2, 1), True), ((3, 3), (2, 2), False),
    ((3, 3), (2, 2), True), ((5, 5), (1, 1), False), ((5, 5), (1, 1), True), ((5, 5), (1, 2), False),
    ((5, 5), (1, 2), True), ((5, 5), (2, 1), False), ((5, 5), (2, 1), True), ((5, 5), (2, 2), False),
    ((5, 5), (2, 2), True), ((7, 7), (1, 1), False), ((7, 7), (1, 1), True), ((9, 9), (1, 1), False),
    ((9, 9), (1, 1), True), ((1, 7), (1, 1), False), ((1, 7), (1, 1), True),
)  # fmt: skip


def reference(x: Any, w: Any, b: Any, g: Any, stride: Any, padding: Any) -> tuple[Any, Any, Any, Any]:
    """Output and gradients of the loss sum(output * g), in float64."""
    (n, c, h, width), (kh, kw), (sh, sw), (ph, pw) = x.shape, w.shape[2:], stride, padding
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    oh, ow = (h + 2 * ph - kh) // sh + 1, (width + 2 * pw - kw) // sw + 1
    y, gx, gw = np.zeros((n, c, oh, ow)), np.zeros_like(padded), np.zeros(w.shape)
    for u in range(kh):
        for v in range(kw):
            part = np.s_[:, :, u : u + (oh - 1) * sh + 1 : sh, v : v + (ow - 1) * sw + 1 : sw]
            y += w[None, :, 0, u, v, None, None] * padded[part]
            if g is not None:
                gx[part] += w[None, :, 0, u, v, None, None] * g
                gw[:, 0, u, v] = (g * padded[part]).sum((0, 2, 3))
    y = y if b is None else y + b[None, :, None, None]
    gb = None if g is None else g.astype(np.float64).sum((0, 2, 3))
    return y, gx[:, :, ph : ph + h, pw : pw + width], gw, gb


def assert_near(found: np.ndarray, wanted: np.ndarray) -> None:
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= 2e-6 * np.abs(wanted).max()


def depthwise(channels: int, kernel: Any, stride: Any = 1, bias: bool = True, **options: Any) -> Any:
    options = {"padding": (kernel[0] // 2, kernel[1] // 2), "groups": channels, **options}
    layer = nn.Conv2D(channels, channels, kernel, stride=stride, bias_attr=None if bias else False, **options)
    return layer


def assert_as_reference(layer: Any, shape: tuple[int, ...], seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    x = paddle.to_tensor(rng.normal(size=shape).astype(np.float32), stop_gradient=False)
    if layer.bias is not None:
        layer.bias.set_value(rng.normal(size=shape[1]).astype(np.float32))
    bias = None if layer.bias is None else layer.bias.numpy()
    geometry = layer._stride, kernels._pair(layer._padding)
    y = layer(x)
    g = rng.normal(size=y.shape).astype(np.float32)
    (y * paddle.to_tensor(g)).sum().backward()
    wanted = reference(x.numpy(), layer.weight.numpy(), bias, g, *geometry)
    for found, value in zip((y, x.grad, layer.weight.grad), wanted):
        assert_near(found.numpy(), value)
    if bias is not None:
        assert_near(layer.bias.grad.numpy(), wanted[3])


@pytest.mark.parametrize(("kernel", "stride", "bias"), FORMS)
def test_output_and_gradients_of_every_form(kernel: Any, stride: Any, bias: bool) -> None:
    for padding in {(kernel[0] // 2, kernel[1] // 2), (0, 0)}:
        for seed, size in enumerate(((11, 13), (10, 12), (9, 40))):
            layer = depthwise(3, kernel, stride, bias, padding=padding)
            assert kernels.use_fast(layer) == 1
            assert_as_reference(layer, (2, 3, *size), seed)


def test_a_map_larger_than_a_pass() -> None:
    layer = depthwise(2, (5, 5), (2, 1))
    kernels.use_fast(layer)
    assert_as_reference(layer, (2, 2, 75, 71))


def test_it_changes_depthwise_layers_only() -> None:
    others = nn.Sequential(
        nn.Conv2D(4, 4, 3), nn.Conv2D(4, 4, 3, groups=2), nn.Conv2D(4, 8, 3, groups=4), nn.Conv2D(1, 1, 3),
        depthwise(4, (3, 3), dilation=2), depthwise(4, (3, 3), padding_mode="reflect", padding=1),
        depthwise(4, (3, 3), padding="SAME"), depthwise(4, (3, 3), padding=[1, 0, 1, 0]),
        nn.Conv2DTranspose(4, 4, 3, groups=4),
    )  # fmt: skip
    assert kernels.use_fast(others) == 0
    assert kernels.use_fast(nn.Sequential(others, depthwise(4, (3, 3)))) == 1


@pytest.mark.parametrize("why", ["evaluation", "float64"])
def test_it_falls_back_bit_for_bit(why: str) -> None:
    paddle.set_default_dtype("float64" if why == "float64" else "float32")
    try:
        plain, fast, x = depthwise(8, (5, 5)), depthwise(8, (5, 5)), paddle.randn([2, 8, 9, 9])
    finally:
        paddle.set_default_dtype("float32")
    fast.set_state_dict(plain.state_dict())
    kernels.use_fast(fast)
    if why == "evaluation":
        plain.eval()
        fast.eval()
    np.testing.assert_array_equal(fast(x).numpy(), plain(x).numpy())


def test_frozen_parameters_and_inputs_get_no_gradient() -> None:
    layer = depthwise(4, (3, 3))
    kernels.use_fast(layer)
    layer.weight.stop_gradient = True
    x: Any = paddle.randn([2, 4, 8, 8])
    layer(x).sum().backward()
    assert x.grad is None and layer.weight.grad is None and layer.bias.grad.numpy() == pytest.approx([128.0] * 4)
    layer.bias.stop_gradient, x = True, paddle.randn([2, 4, 8, 8])
    x.stop_gradient = False
    layer(x).sum().backward()
    wanted = reference(x.numpy(), layer.weight.numpy(), None, np.ones((2, 4, 8, 8), np.float32), (1, 1), (1, 1))
    assert_near(x.grad.numpy(), wanted[1])
    assert layer.weight.grad is None


@pytest.mark.parametrize("ours", [Conv2D, Conv2DTranspose])
def test_biases_of_other_convolutions(ours: Any) -> None:
    plain, fast = ours(4, 6, 3, stride=2), ours(4, 6, 3, stride=2)
    fast.set_state_dict(plain.state_dict())
    for layer in (plain, fast):
        layer.bias.set_value(np.linspace(-1, 1, 6, dtype=np.float32))
    assert kernels.use_fast(nn.Sequential(fast, depthwise(6, (3, 3)))) == 1
    x = paddle.randn([3, 4, 9, 8])
    found = []
    for layer in (plain, fast):
        inner = x.clone()
        inner.stop_gradient = False
        y = layer(inner)
        (y**3).sum().backward()
        found.append([y.numpy(), inner.grad.numpy(), layer.weight.grad.numpy(), layer.bias.grad.numpy()])
    np.testing.assert_array_equal(found[0][0], found[1][0])  # one addition: evaluation may use it
    for a, b in zip(*found):
        assert_near(b, a)
    fast.clear_gradients(set_to_zero=False)
    fast.bias.stop_gradient = True
    fast(x).sum().backward()
    assert fast.bias.grad is None and fast.weight.grad is not None


def test_gelu() -> None:
    x = np.concatenate([np.linspace(-12, 12, 4001), [0.0]]).astype(np.float32)
    g = np.random.default_rng(0).normal(size=x.shape)
    share = np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in x.astype(np.float64)])
    density = np.exp(-(x.astype(np.float64) ** 2) / 2) / math.sqrt(2 * math.pi)
    tensor = paddle.to_tensor(x, stop_gradient=False)
    y = kernels.gelu(tensor)
    (y * paddle.to_tensor(g.astype(np.float32))).sum().backward()
    np.testing.assert_allclose(y.numpy(), x * share, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(tensor.grad.numpy(), g * (share + x * density), rtol=2e-6, atol=2e-6)


def test_gelus_of_a_network_and_in_evaluation() -> None:
    net = nn.Sequential(ConvBN(3, 4, 3, act=F.gelu), nn.GELU(), nn.GELU(approximate=True), ConvBN(4, 4, act=F.relu))
    plain = copy.deepcopy(net)
    kernels.use_fast(net)
    x = paddle.randn([2, 3, 6, 6])
    assert [layer.forward.__name__ for layer in list(net)[1:3]] == ["_activate", "forward"]
    assert net[0].act.__name__ == "_activate" and net[3].act is F.relu
    np.testing.assert_allclose(net(x).numpy(), plain(x).numpy(), rtol=1e-5, atol=1e-6)
    for each in (net, plain):
        each.eval()
    net.set_state_dict(plain.state_dict())
    np.testing.assert_array_equal(net(x).numpy(), plain(x).numpy())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_not_lost(value: float) -> None:
    layer = depthwise(2, (3, 3))
    kernels.use_fast(layer)
    x = np.ones((1, 2, 6, 6), np.float32)
    x[0, 1, 2, 2] = value
    y = layer(paddle.to_tensor(x))
    assert np.isfinite(y.numpy()[:, 0]).all() and not np.isfinite(y.numpy()[0, 1, 1:4, 1:4]).any()
    y.sum().backward()
    assert not np.isfinite(layer.weight.grad.numpy()[1]).all()


def test_views_and_shared_layers() -> None:
    """A transposed input is not contiguous, and a layer that is used twice sums its gradients."""
    layer = depthwise(3, (3, 3), bias=False)
    kernels.use_fast(layer)
    x = paddle.to_tensor(np.random.default_rng(0).normal(size=(2, 3, 5, 8)).astype(np.float32))
    x.stop_gradient = False
    y = layer(x.transpose([0, 1, 3, 2]))
    y.sum().backward()
    ones = np.ones(y.shape, np.float32)
    wanted = reference(x.numpy().swapaxes(2, 3), layer.weight.numpy(), None, ones, (1, 1), (1, 1))
    assert_near(y.numpy(), wanted[0])
    assert_near(x.grad.numpy(), wanted[1].swapaxes(2, 3))
    biased = kernels.add_bias(x.transpose([0, 2, 3, 1]), paddle.ones([5]))
    x.clear_gradient(False)
    biased.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.ones(x.shape, np.float32))
    layer.clear_gradients(set_to_zero=False)
    (layer(x).sum() + layer(x).sum()).backward()
    twice = layer.weight.grad.numpy().copy()
    layer.weight.clear_gradient(False)
    layer(x).sum().backward()
    np.testing.assert_allclose(twice, 2 * layer.weight.grad.numpy(), rtol=1e-5)


def step(net: nn.Layer, x: paddle.Tensor) -> dict[str, bytes]:
    paddle.seed(1)
    (net(x) ** 2).mean().backward()
    found = {name: p.grad.numpy().tobytes() for name, p in net.named_parameters() if p.grad is not None}
    net.clear_gradients(set_to_zero=False)
    return found


def test_values_repeat_and_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Sequential(RepDepthwise(16, 5), depthwise(16, (3, 3), 2))
    kernels.use_fast(net)
    x = paddle.randn([3, 16, 12, 9])
    one = step(net, x)
    assert step(net, x) == one
    loops, _ = kernels._loops()
    for count in (2, 3, 40):
        monkeypatch.setattr(kernels, "_loops", lambda count=count: (loops, PythonThreads(count)))
        assert step(net, x) == one


_THREADS = """
import hashlib, os, sys
import paddle
from sealkit.nn import kernels
conv = paddle.nn.Conv2D(6, 6, 5, padding=2, groups=6)
conv.weight.set_value(paddle.arange(150, dtype="float32").reshape([6, 1, 5, 5]).sin())
kernels.use_fast(conv)
x = paddle.arange(6 * 6 * 200, dtype="float32").reshape([2, 6, 30, 20]).cos()
def digest():
    y = conv(x)
    y.square().sum().backward()
    found = hashlib.sha1(y.numpy().tobytes() + conv.weight.grad.numpy().tobytes()).hexdigest()
    conv.clear_gradients(set_to_zero=False)
    return found
print(kernels._loops()[1].count, digest(), flush=True)
if os.fork() == 0:  # as a loader's worker is
    print("child", digest(), flush=True)
    os._exit(0)
sys.exit(os.wait()[1])
"""


@pytest.mark.skipif(not LIBRARY.is_file(), reason="this Paddle has no OpenMP of Intel")
def test_paddles_threads_and_a_forked_child() -> None:
    printed = []
    for threads in (1, 3):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        done = subprocess.run(
            [sys.executable, "-c", _THREADS], env=environment, capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, done.stderr[-2000:]
        lines = [line.split() for line in done.stdout.splitlines() if len(line.split()) == 2]
        assert [line[0] for line in lines] == [str(threads), "child"]
        printed.append([line[1] for line in lines])
    assert len({digest for digests in printed for digest in digests}) == 1


def test_loops_that_differ_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernels.problem() is None
    monkeypatch.setattr(kernels, "depthwise_conv", lambda *given: kernels._paddles(*given) * 1.001)
    assert "differ from Paddle's by" in str(kernels.problem.__wrapped__())
    monkeypatch.setattr(kernels, "find_spec", lambda name: None)
    assert kernels.problem.__wrapped__() == "Numba is not installed"


def test_a_home_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("HOME", str(blocked))
    assert kernels._cache_folder().is_dir() and blocked not in kernels._cache_folder().parents


def flat(outputs: Any) -> list[paddle.Tensor]:
    if isinstance(outputs, paddle.Tensor):
        return [outputs] if outputs.is_floating_point() and not outputs.stop_gradient else []
    values = list(outputs.values()) if isinstance(outputs, dict) else outputs
    return [tensor for value in values if value is not None for tensor in flat(value)]


INPUTS = ((0, 1.0), (1, 1.0), (2, 1.0), (0, 1e-6))
"""Seed and scale of what a network is tried on; fused ones that were never trained may saturate on all but the last."""


def gradient(
    build: Callable[[], nn.Layer],
    shape: tuple[int, ...],
    fast: bool,
    moved: int | None,
    data: tuple[int, float] = INPUTS[0],
) -> np.ndarray:
    """The gradient of the mean square of all outputs, as one vector.

    Args:
        moved: seed by which each weight is moved to a neighbour in float32, or not; None: not.
        data: seed and scale of the input.
    """
    paddle.seed(0)
    net = without_dropout(build())
    if moved is not None:
        rng = np.random.default_rng(moved)
        for param in net.parameters():
            value = param.numpy()
            either = rng.choice(np.array([-np.inf, np.inf], np.float32), size=value.shape)
            param.set_value(np.where(rng.random(value.shape) < 0.5, np.nextafter(value, either), value))
    if fast:
        assert kernels.use_fast(net) > 0
    net.train()
    seed, scale = data
    x = paddle.to_tensor((scale * np.random.default_rng(seed).normal(size=shape)).astype(np.float32))
    paddle.seed(2)
    batch = {"label_nrtr": paddle.to_tensor([[2, 4, 5, 3]] * shape[0]), "length": paddle.to_tensor([2] * shape[0])}
    batch |= {
        "label_sar": paddle.to_tensor([[9, 1, 2, 10]] * shape[0]),
        "label_ctc": paddle.to_tensor([[1, 2]] * shape[0]),
    }
    batch["valid_ratio"] = paddle.ones([shape[0]])
    labelled = getattr(net, "auxiliary_head", None) is not None
    outputs = flat(net(x, batch) if labelled else net(x))
    paddle.add_n([(output.astype("float64") ** 2).mean() for output in outputs]).backward()
    grads = [p.grad.numpy().ravel() for p in net.parameters() if p.grad is not None]
    return np.concatenate(grads).astype(np.float64)


def assert_within_rounding(build: Callable[[], nn.Layer], shape: tuple[int, ...]) -> None:
    """The loops move the gradient by less than three times what a bit of the weights does.

    On one of several inputs: now and then a rounding carries a value over the bend of a ReLU, in either of the two,
    which changes a gradient a hundred times as much; a wrong kernel is wrong on all. An input whose output is saturated
    has no gradient at all.
    """
    tried = []
    for data in INPUTS:
        base = gradient(build, shape, False, None, data)
        size = float(np.linalg.norm(base))
        assert np.isfinite(size), "the network's own gradient is no number"
        if not size:
            continue
        own = max(float(np.linalg.norm(gradient(build, shape, False, seed, data) - base) / size) for seed in (0, 1))
        ours = float(np.linalg.norm(gradient(build, shape, True, None, data) - base) / size)
        tried.append(f"{ours:.1e}, the network's own sensitivity is {own:.1e}")
        if 0 < ours <= 3 * max(own, 1e-6):
            return
    raise AssertionError("; ".join(tried) or "no input has a gradient")


SHAPES = {"seal_text_detection": (2, 3, 64, 96), "layout_detection": (2, 3, 96, 96), "text_recognition": (2, 3, 48, 96)}
SHAPES["doc_text_orientation"] = (4, 3, 64, 64)
SHAPES["textline_orientation"] = (4, 3, 48, 64)


@pytest.mark.parametrize("name", ["PP-LCNet_x1_0_doc_ori", "PP-OCRv6_tiny_det"])
def test_gradients_of_a_network(name: str) -> None:
    assert_within_rounding(lambda: zoo.build_network(name), SHAPES[zoo.get(name).module])


def networks() -> list[tuple[str, str]]:
    """(model, form) of the zoo; recognisers that differ in their characters only once."""
    specs = zoo.all_models()
    names = {spec.architecture if spec.module == "text_recognition" else name: name for name, spec in specs.items()}
    forms = {
        name: ("official",) if specs[name].module == "image_unwarping" else ("official", "fused") for name in specs
    }
    return [(name, form) for name in sorted(names.values()) for form in forms[name]]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "form"), networks())
def test_gradients_of_the_zoo(name: str, form: str) -> None:
    net = zoo.build_network(name, form=form)
    if not kernels.depthwise_layers(net):
        assert not [conv for conv in net.sublayers() if isinstance(conv, nn.Conv2D) and _fits(conv)]
        return
    assert_within_rounding(lambda: zoo.build_network(name, form=form), SHAPES[zoo.get(name).module])


def _fits(conv: nn.Conv2D) -> bool:
    return (
        conv._groups == conv._in_channels == conv._out_channels > 1 and max(kernels._pair(conv._dilation) or (2,)) == 1
    )


@pytest.mark.slow
def test_forms_are_those_of_the_zoo() -> None:
    found = set()
    for name, form in networks():
        for layer in kernels.depthwise_layers(zoo.build_network(name, form=form)):
            kernel = tuple(layer._kernel_size)
            assert kernels._pair(layer._padding) == (kernel[0] // 2, kernel[1] // 2)
            found.add((kernel, tuple(layer._stride), layer.bias is not None))
    assert found <= set(FORMS), found - set(FORMS)
