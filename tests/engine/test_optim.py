import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import paddle
import pytest

from sealkit.config.training import OptimizerSettings, ScheduleSettings
from sealkit.engine.optim import Optimizer, clip_gradients, global_norm, learning_rate, peak_rate
from sealkit.engine.task import ParamGroup
from sealkit.errors import ConfigError, WeightsError


def rates(steps: Sequence[int], total: int = 100, per_epoch: int = 10, **settings: Any) -> list[float]:
    return [learning_rate(step, ScheduleSettings(**settings), 1.0, total, per_epoch) for step in steps]


def test_warm_up_is_linear_and_reaches_the_peak() -> None:
    assert rates([0, 5, 10], name="constant", warmup_epochs=1, warmup_from=0.2) == pytest.approx([0.2, 0.6, 1.0])
    assert rates([0, 2, 4], name="constant", warmup_epochs=1, warmup_steps=4) == pytest.approx([0.0, 0.5, 1.0])


def test_cosine_periods() -> None:
    """PaddleOCR counts the whole run from the end of the warm-up, PaddleClas only the rest of it."""
    assert rates([100], warmup_epochs=2)[0] == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.8)))
    assert rates([100], warmup_epochs=2, cosine_total="after_warmup")[0] == pytest.approx(0.0)
    assert rates([0, 100, 200], end_factor=0.1, cosine_total="after_warmup") == pytest.approx([1.0, 0.1, 0.1])


def test_linear_and_multistep() -> None:
    assert rates([0, 50, 100, 150], name="linear", end_factor=0.5) == pytest.approx([1.0, 0.75, 0.5, 0.5])
    found = rates([19, 20, 39, 40], name="multistep", milestones=(2, 4), gamma=0.1)
    assert found == pytest.approx([1.0, 0.1, 0.1, 0.01])


def test_peak_scales_with_the_batch_only_where_asked() -> None:
    assert peak_rate(OptimizerSettings(lr=0.1), 64) == 0.1
    assert peak_rate(OptimizerSettings(lr=0.1, lr_batch_size=32), 64) == pytest.approx(0.2)


def net() -> paddle.nn.Layer:
    paddle.seed(1)
    return paddle.nn.Sequential(paddle.nn.Linear(3, 4), paddle.nn.LayerNorm(4), paddle.nn.Linear(4, 2))


def zero_gradients(model: paddle.nn.Layer) -> None:
    sum((p * 0.0).sum() for p in model.parameters()).backward()


@pytest.mark.parametrize("name", ["AdamW", "Momentum"])
def test_decay_of_each_parameter(name: str) -> None:
    """Own decay over no_decay rules over the recipe's; with gradient 0 only decay moves a parameter."""
    model = net()
    groups = [
        ParamGroup([model[0].weight], lr_mult=0.5),
        ParamGroup([model[0].bias], weight_decay=0.3),
        ParamGroup([*model[1].parameters(), *model[2].parameters()]),
    ]
    settings = OptimizerSettings(name=name, lr=0.1, weight_decay=0.2, momentum=0.0, no_decay=("1d", "2.weight"))
    optimizer = Optimizer(model, groups, settings)
    model[0].bias.set_value(np.ones(4, "float32"))
    before = {n: p.numpy() for n, p in model.named_parameters()}
    zero_gradients(model)
    optimizer.set_rate(0.1)
    optimizer.step()
    factor = {n: (p.numpy() / before[n]).flat[0] for n, p in model.named_parameters() if np.abs(before[n]).min() > 0}
    assert factor["0.weight"] == pytest.approx(1 - 0.1 * 0.5 * 0.2, rel=1e-5)
    assert factor["0.bias"] == pytest.approx(1 - 0.1 * 0.3, rel=1e-5)
    assert factor["1.weight"] == 1.0 and factor["2.weight"] == 1.0


@pytest.mark.parametrize("name", ["Adam", "AdamW", "Momentum"])
def test_learning_rate_factor_0_freezes_bit_for_bit(name: str) -> None:
    model = net()
    groups = [ParamGroup(model[0].parameters(), lr_mult=0.0), ParamGroup(model[2].parameters())]
    optimizer = Optimizer(model, groups, OptimizerSettings(name=name, lr=0.1, weight_decay=0.1))
    before = {n: p.numpy() for n, p in model.named_parameters()}
    for _ in range(3):
        model(paddle.ones([2, 3])).square().sum().backward()
        optimizer.set_rate(0.1)
        optimizer.step()
        optimizer.clear_gradients()
    assert (model[0].weight.numpy() == before["0.weight"]).all()
    assert (model[1].weight.numpy() == before["1.weight"]).all()  # in no group
    assert (model[2].weight.numpy() != before["2.weight"]).any()


def test_adam_matches_its_formula() -> None:
    weight = paddle.create_parameter([3], "float32")
    model = paddle.nn.Layer()
    model.add_parameter("w", weight)
    weight.set_value(np.array([1.0, -2.0, 0.5], "float32"))
    settings = OptimizerSettings(name="Adam", lr=0.01, weight_decay=0.1)
    optimizer = Optimizer(model, [ParamGroup([weight])], settings)
    value, first, second = weight.numpy().astype("f8"), 0.0, 0.0
    for step in range(1, 6):
        (weight * paddle.to_tensor([1.0, 2.0, 3.0])).sum().backward()
        optimizer.set_rate(0.01)
        optimizer.step()
        optimizer.clear_gradients()
        gradient = np.array([1.0, 2.0, 3.0]) + 0.1 * value  # coupled L2
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        corrected = np.sqrt(second / (1 - 0.999**step)) + 1e-8
        value = value - 0.01 * first / (1 - 0.9**step) / corrected
    np.testing.assert_allclose(weight.numpy(), value, rtol=1e-4)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "Momentum"])
def test_state_survives_another_network_object(name: str) -> None:
    """Paddle names parameters by construction order; the saved names do not depend on it."""

    def steps(model: paddle.nn.Layer, optimizer: Optimizer, count: int, start: int = 0) -> None:
        for step in range(start, start + count):
            model(paddle.ones([2, 3]) * (step + 1)).square().sum().backward()
            optimizer.set_rate(0.01)
            optimizer.step()
            optimizer.clear_gradients()

    def build(model: paddle.nn.Layer) -> Optimizer:
        return Optimizer(
            model, [ParamGroup(model.parameters())], OptimizerSettings(name=name, lr=0.1, weight_decay=0.1)
        )

    whole = net()
    steps(whole, build(whole), 5)
    first = net()
    optimizer = build(first)
    steps(first, optimizer, 3)
    second = net()
    second.set_state_dict(first.state_dict())
    restored = build(second)
    restored.load(optimizer.arrays())
    assert {k: v.tobytes() for k, v in restored.arrays().items()} == {
        k: v.tobytes() for k, v in optimizer.arrays().items()
    }
    assert (second[0].weight.numpy() == first[0].weight.numpy()).all()
    steps(second, restored, 2, start=3)
    assert (second[0].weight.numpy() == whole[0].weight.numpy()).all()


def test_foreign_state_is_refused() -> None:
    model = net()
    optimizer = Optimizer(model, [ParamGroup(model.parameters())], OptimizerSettings())
    with pytest.raises(WeightsError, match="belongs to another network"):
        optimizer.load({"9.weight/moment1": np.zeros(3, "float32")})


def test_refused_groups() -> None:
    model = net()
    with pytest.raises(ConfigError, match="parameter in two groups"):
        Optimizer(model, [ParamGroup(model.parameters()), ParamGroup([model[0].weight])], OptimizerSettings())
    for param in model.parameters():
        param.stop_gradient = True
    with pytest.raises(ConfigError, match="nothing to train"):
        Optimizer(model, [ParamGroup(model.parameters())], OptimizerSettings())


def test_clipping_limits_the_global_norm() -> None:
    gradients = [paddle.to_tensor([3.0]), paddle.to_tensor([0.0, 4.0])]
    norm = float(global_norm(gradients))
    assert norm == pytest.approx(5.0)
    clip_gradients(gradients, norm, 10.0)
    assert float(global_norm(gradients)) == pytest.approx(5.0)
    clip_gradients(gradients, norm, 1.0)
    assert float(global_norm(gradients)) == pytest.approx(1.0)
