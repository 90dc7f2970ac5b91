"""Shared layers: equal to what they replace, and what parameters ask of the optimiser."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from sealkit.errors import ConfigError
from sealkit.nn.backbones.lcnet_v3 import scaled
from sealkit.nn.conv import Conv2D, Conv2DTranspose
from sealkit.nn.layers import (
    Affine,
    ConvBN,
    freeze_batch_norm,
    freeze_parts,
    no_decay,
    param_factors,
    spatial_mean,
    upsample_nearest,
)
from sealkit.nn.necks.hybrid_encoder import CSPRep


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_upsampling_is_nearest_bit_for_bit(factor: int) -> None:
    x = paddle.randn([2, 3, 5, 7])
    expected = F.interpolate(x, scale_factor=factor, mode="nearest")
    np.testing.assert_array_equal(upsample_nearest(x, factor).numpy(), expected.numpy())


def test_large_activations_have_gradients() -> None:
    """Networks without BatchNorm (fused) have them; Paddle's own gradient of silu is no number below -88."""
    paddle.seed(0)
    block = CSPRep(4, blocks=1)
    block.eval()
    x = 1e4 * paddle.randn([2, 8, 6, 6])
    x.stop_gradient = False
    block(x).sum().backward()
    assert np.isfinite(x.grad.numpy()).all()
    for param in block.parameters():
        assert param.grad is None or np.isfinite(param.grad.numpy()).all(), param.name


@pytest.mark.parametrize("ours", [Conv2D, Conv2DTranspose])
def test_convolutions_equal_paddles_forth_and_back(ours: type) -> None:
    paddle.seed(0)
    layer = ours(4, 6, 2, stride=2)
    plain = getattr(paddle.nn, ours.__name__)(4, 6, 2, stride=2)
    plain.set_state_dict(layer.state_dict())
    x = paddle.randn([3, 4, 8, 6])
    outputs = []
    for net in (layer, plain):
        y = net(x)
        (y * y).sum().backward()
        outputs.append([y.numpy(), net.weight.grad.numpy(), net.bias.grad.numpy()])
    for a, b in zip(*outputs):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_spatial_mean(training: bool) -> None:
    x = paddle.randn([2, 5, 33, 18]) + 3
    found = spatial_mean(x, training).numpy()
    assert found.shape == (2, 5, 1, 1)
    np.testing.assert_allclose(found, x.numpy().mean((2, 3), keepdims=True, dtype=np.float64), atol=1e-5)


def test_parameters_say_their_factors_and_running_statistics_are_none() -> None:
    net = paddle.nn.Sequential(ConvBN(3, 4, bn_decays=False), ConvBN(4, 4), Affine())
    factors = {name: (factor, decay) for name, _, factor, decay in param_factors(net)}
    assert factors["0.bn.weight"] == (1.0, 0.0) and factors["1.bn.weight"] == (1.0, None)
    assert factors["2.scale"] == (pytest.approx(0.1), None)
    assert not [name for name in factors if "_mean" in name or "_variance" in name]
    assert no_decay().regularizer is not None


def test_frozen_batch_norm_keeps_its_statistics_in_training() -> None:
    net = ConvBN(3, 4, 3)
    assert freeze_batch_norm(net) == 1
    net.train()
    before = net.bn._mean.numpy()
    (net(paddle.randn([2, 3, 8, 8]) + 5) ** 2).sum().backward()
    np.testing.assert_array_equal(net.bn._mean.numpy(), before)
    assert net.bn.weight.grad is None and net.conv.weight.grad is not None


@pytest.mark.parametrize(
    ("channels", "scale", "expected"), [(16, 0.75, 16), (32, 0.75, 32), (64, 0.75, 48), (512, 0.95, 480)]
)
def test_scaled_channels(channels: int, scale: float, expected: int) -> None:
    assert scaled(channels, scale) == expected


def test_frozen_parts_do_not_change_and_the_rest_does() -> None:
    paddle.seed(0)
    net = paddle.nn.Sequential(("stem", ConvBN(3, 4)), ("stem2", ConvBN(4, 4)), ("head", ConvBN(4, 2)))
    frozen = freeze_parts(net, ["stem"])  # not stem2, whose name begins alike
    assert frozen == sum(p.size for n, p in net.stem.named_parameters() if "_mean" not in n and "_variance" not in n)
    before = {name: tensor.numpy().copy() for name, tensor in net.state_dict().items()}
    net.train()
    optimizer = paddle.optimizer.SGD(0.1, parameters=[p for p in net.parameters() if not p.stop_gradient])
    net(paddle.randn([2, 3, 8, 8])).square().mean().backward()
    optimizer.step()
    changed = {name for name, tensor in net.state_dict().items() if not np.array_equal(before[name], tensor.numpy())}
    assert changed and not [name for name in changed if name.startswith("stem.")]
    assert any(name.startswith("stem2.") for name in changed)


def test_freezing_an_unknown_part_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no part of this name") as caught:
        freeze_parts(paddle.nn.Sequential(("stem", ConvBN(3, 4))), ["steam"])
    message = str(caught.value)
    assert "weights.freeze" in message and "steam" in message and "it has stem." in message
