import numpy as np
import paddle
import pytest

from sealkit.config.training import EmaSettings
from sealkit.engine.ema import Ema
from sealkit.errors import WeightsError


def test_normal_is_the_weighted_mean_of_what_it_saw() -> None:
    weight = paddle.zeros([1])
    ema = Ema({"w": weight}, EmaSettings(kind="normal", decay=0.5), None)
    for value in (1.0, 2.0, 4.0):
        paddle.assign(paddle.to_tensor([value]), weight)
        ema.update()
    expected = (0.125 * 1 + 0.25 * 2 + 0.5 * 4) / (1 - 0.5**3)
    assert ema.applied()["w"].item() == pytest.approx(expected)


def test_swapping_gives_back_every_bit() -> None:
    weight = paddle.to_tensor(np.random.default_rng(0).normal(size=100).astype("float32"))
    ema = Ema({"w": weight, "steps": paddle.to_tensor([3])}, EmaSettings(decay=0.9), None)
    ema.update()
    paddle.assign(weight * 3, weight)
    ema.update()
    before = weight.numpy().copy()
    with ema.swapped():
        assert (weight.numpy() != before).any()
    assert weight.numpy().tobytes() == before.tobytes()


def test_before_the_first_update_the_weights_themselves_count() -> None:
    weight = paddle.to_tensor([1.5])
    assert Ema({"w": weight}, EmaSettings(), None).applied()["w"].item() == 1.5


def test_aliases_are_averaged_once_and_state_is_restored() -> None:
    weight = paddle.to_tensor([1.0])
    ema = Ema({"a": weight, "b": weight}, EmaSettings(kind="exponential"), None)
    ema.update()
    assert len(ema.arrays()) == 1
    other = Ema({"a": weight, "b": weight}, EmaSettings(kind="exponential"), None)
    other.load(ema.arrays(), ema.progress())
    assert other.progress() == ema.progress() and other.applied()["a"].item() == ema.applied()["a"].item()
    with pytest.raises(WeightsError, match="belong to another network"):
        other.load({"x": np.zeros(1)}, ema.progress())
