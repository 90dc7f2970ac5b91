"""Fused layers equal their training form in eval mode, with statistics and affines that are not the initial ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import paddle
import pytest

from sealkit.nn.fuse import fuse, identity_kernel, widen_kernel
from sealkit.nn.layers import ConvBN
from sealkit.nn.necks.lk_pan import IntraCL, LargeKernelConv
from sealkit.nn.rep import DILATED_BRANCHES, DilatedRep, MultiBranchRep, RepDepthwise


def stirred(layer: paddle.nn.Layer, seed: int = 0) -> paddle.nn.Layer:
    """Every value random, variances positive."""
    rng = np.random.default_rng(seed)
    for name, value in layer.state_dict().items():
        shape = tuple(value.shape)
        if name.endswith("_variance"):
            value.set_value(rng.uniform(0.5, 2.0, shape).astype(np.float32))
        else:
            scale = max(np.prod(shape[1:]), 4.0) ** -0.5
            value.set_value((rng.standard_normal(shape) * scale + 0.1).astype(np.float32))
    layer.eval()
    return layer


LAYERS: dict[str, Callable[[], paddle.nn.Layer]] = {
    "conv_bn": lambda: ConvBN(8, 6, 3, 2, act=paddle.nn.functional.relu),
    "rep_depthwise": lambda: RepDepthwise(8),
    "rep_depthwise_biased": lambda: RepDepthwise(8, bias_1x1=True),
    **{f"dilated_{k}": partial(DilatedRep, 8, k) for k in DILATED_BRANCHES},
    "multi_dw": lambda: MultiBranchRep(8, 8, 5, 1, groups=8),
    "multi_dw_stride": lambda: MultiBranchRep(8, 8, 3, 2, groups=8),
    "multi_dw_rec_stride": lambda: MultiBranchRep(8, 8, 3, (2, 1), groups=8),
    "multi_pw_identity": lambda: MultiBranchRep(8, 8, 1),
    "multi_pw": lambda: MultiBranchRep(8, 12, 1),
    "intra_cl": lambda: IntraCL(8),
    "large_kernel": lambda: LargeKernelConv(8, 6),
}


@pytest.mark.parametrize("name", LAYERS)
def test_fused_equals_training_form(name: str) -> None:
    layer = stirred(LAYERS[name]())
    x = paddle.to_tensor(np.random.default_rng(1).standard_normal((2, 8, 17, 14)).astype(np.float32))
    before = layer(x).numpy()
    fuse(layer)
    keys = list(layer.state_dict())
    assert not [key for key in keys if "_mean" in key or ".bn." in key]
    np.testing.assert_allclose(layer(x).numpy(), before, atol=1e-4 * max(1.0, np.abs(before).max()))
    fuse(layer)  # nothing left to do
    assert list(layer.state_dict()) == keys


def test_recognition_strides_activate_but_square_stride_two_does_not() -> None:
    x = paddle.full([1, 4, 8, 8], -10.0)
    assert MultiBranchRep(4, 4, 3, (2, 1), groups=4).activates
    square = stirred(MultiBranchRep(4, 4, 3, 2, groups=4))
    assert not square.activates and "act.lab.scale" in square.state_dict()
    assert square(x).shape == [1, 4, 4, 4]
    assert "act.lab.scale" not in fuse(square).state_dict()


def test_widened_kernel_is_the_dilated_convolution() -> None:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((3, 1, 3, 3)).astype(np.float32)
    wide, _ = widen_kernel((weight, np.zeros(3)), (9, 9), dilation=3)
    x = paddle.to_tensor(rng.standard_normal((1, 3, 12, 12)).astype(np.float32))
    conv = paddle.nn.functional.conv2d
    expected = conv(x, paddle.to_tensor(weight), padding=3, dilation=3, groups=3)
    found = conv(x, paddle.to_tensor(wide.astype(np.float32)), padding=4, groups=3)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_identity_kernel_returns_its_input(groups: int) -> None:
    weight, _ = identity_kernel(6, groups, 3)
    x = paddle.randn([1, 6, 5, 5])
    y = paddle.nn.functional.conv2d(x, paddle.to_tensor(weight.astype(np.float32)), padding=1, groups=groups)
    np.testing.assert_allclose(y.numpy(), x.numpy(), atol=1e-6)
