"""The mean of weights, and what has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sealkit.cli import main
from sealkit.errors import WeightsError
from sealkit.weights.average import average, average_checkpoints
from sealkit.weights.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from sealkit.weights.safetensors_io import save_tensors


def write(folder: Path, value: float, **changes: object) -> Path:
    weights = {"a": np.full((2, 3), value, "float32"), "half": np.full(2, value, "float16"), "n": np.array(3, "int64")}
    extras = {"model": "m", "form": "fused", "charset": ["a", "章"], **changes}
    save_checkpoint(folder, Checkpoint(weights=weights, extras=extras, progress={"step": 7}))
    return folder


def test_the_mean_is_that_of_the_shares(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", 1.0), write(tmp_path / "two", 5.0)
    made_of = average_checkpoints([one, two], tmp_path / "mean", [3, 1])
    found = load_checkpoint(tmp_path / "mean")
    assert made_of == [(str(one), 0.75), (str(two), 0.25)]
    np.testing.assert_array_equal(found.weights["a"], np.full((2, 3), 2.0, "float32"))
    assert found.weights["half"].dtype == np.float16 and found.weights["half"][0] == 2.0
    assert found.weights["n"] == 3
    assert found.extras["model"] == "m" and found.extras["average_of"] == [list(one) for one in made_of]
    assert found.progress == {}  # no training can go on from here as if nothing had happened


def test_equal_shares_and_a_weights_file_without_extras(tmp_path: Path) -> None:
    one = write(tmp_path / "one", 1.0)
    save_tensors(tmp_path / "two.safetensors", load_checkpoint(write(tmp_path / "two", 2.0)).weights)
    average_checkpoints([one, tmp_path / "two.safetensors"], tmp_path / "mean")
    assert load_checkpoint(tmp_path / "mean").weights["a"][0, 0] == 1.5
    with pytest.raises(WeightsError, match="their model is unknown"):
        average_checkpoints([tmp_path / "two.safetensors"] * 2, tmp_path / "other")


def test_only_the_named_parts_are_averaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def arrays(value: float) -> dict[str, np.ndarray]:
        return {name: np.full(2, value, "float32") for name in ("net.a.w", "net.ab.w", "net.b.0.w", "net.b.1.w")}

    mean = average([arrays(1), arrays(5)], [1, 1], ["x", "y"], ["net.a", "net.b.1"])
    assert {key: float(value[0]) for key, value in mean.items()} == {
        "net.a.w": 3, "net.ab.w": 1, "net.b.0.w": 1, "net.b.1.w": 3,
    }  # fmt: skip
    with pytest.raises(WeightsError, match="no part of this name") as caught:
        average([arrays(1), arrays(5)], [1, 1], ["x", "y"], ["net.c"])
    assert "net.a, net.ab, net.b" in str(caught.value)
    with pytest.raises(WeightsError, match="not finite"):
        average([arrays(float("nan")), arrays(5)], [0, 1], ["x", "y"], ["net.a"])
    one, two = write(tmp_path / "one", 1.0), write(tmp_path / "two", 5.0)
    command = ["average", str(one), str(two), "--output", str(tmp_path / "mean"), "--only"]
    assert main([*command, "none"]) == WeightsError.exit_code and not (tmp_path / "mean").exists()
    assert main([*command, "a"]) == 0 and "only a; the rest is that of" in capsys.readouterr().out
    found = load_checkpoint(tmp_path / "mean")
    assert found.weights["a"][0, 0] == 3 and found.weights["half"][0] == 1 and found.extras["average_only"] == ["a"]


def test_weights_of_different_networks_are_refused() -> None:
    small = {"a": np.zeros(2, "float32")}
    with pytest.raises(WeightsError, match="one set of weights only") as caught:
        average([small, {"b": np.zeros(2, "float32")}], [1, 1], ["x", "y"])
    assert "only x: a" in str(caught.value) and "only y: b" in str(caught.value)
    with pytest.raises(WeightsError, match="differ in shape"):
        average([small, {"a": np.zeros(3, "float32")}], [1, 1], ["x", "y"])
    with pytest.raises(WeightsError, match="different kinds"):
        average([small, {"a": np.zeros(2, "int64")}], [1, 1], ["x", "y"])
    with pytest.raises(WeightsError, match="integer tensors differ"):
        average([{"n": np.array(1)}, {"n": np.array(2)}], [1, 1], ["x", "y"])
    with pytest.raises(WeightsError, match="not finite"):
        average([small, {"a": np.array([1, np.nan], "float32")}], [1, 1], ["x", "y"])


@pytest.mark.parametrize("shares", [[1.0], [1.0, -0.5], [0.0, 0.0], [float("nan"), 1.0]])
def test_shares_that_mean_nothing_are_refused(shares: list[float], tmp_path: Path) -> None:
    pair = [write(tmp_path / "one", 1.0), write(tmp_path / "two", 2.0)]
    with pytest.raises(WeightsError):
        average_checkpoints(pair, tmp_path / "mean", shares)
    assert not (tmp_path / "mean").exists()


def test_another_charset_is_refused_and_nothing_is_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = write(tmp_path / "one", 1.0), write(tmp_path / "two", 2.0, charset=["a"])
    assert main(["average", str(one), str(two), "--output", str(tmp_path / "mean")]) == WeightsError.exit_code
    assert "differ in charset" in capsys.readouterr().err
    assert main(["average", str(one), str(one), "--output", str(two)]) == WeightsError.exit_code
    assert load_checkpoint(two).weights["a"][0, 0] == 2.0
    assert main(["average", str(one), "--output", str(tmp_path / "mean")]) == WeightsError.exit_code
    assert main(["average", str(one), str(one), "--weights", "0.3", "0.7", "--output", str(tmp_path / "mean")]) == 0
    printed = capsys.readouterr().out
    assert "0.300" in printed and "0.700" in printed
