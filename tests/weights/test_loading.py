import json
from pathlib import Path

import numpy as np
import paddle
import pytest

from sealkit.errors import WeightsError
from sealkit.weights.loading import load_into, network_arrays


def net() -> paddle.nn.Layer:
    paddle.seed(0)
    blocks = [paddle.nn.Sequential(paddle.nn.Conv2D(2, 2, 1), paddle.nn.BatchNorm2D(2)) for _ in range(5)]
    return paddle.nn.Sequential(*blocks, paddle.nn.Linear(2, 3))  # 5 * 6 + 2 = 32 tensors


def arrays(model: paddle.nn.Layer | None = None) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {name: rng.normal(size=a.shape).astype(a.dtype) for name, a in network_arrays(model or net()).items()}


def test_everything_fits() -> None:
    model, state = net(), arrays()
    report = load_into(model, state)
    assert report.summary() == "weights: 32/32 tensors loaded, from memory" and report.coverage == 1.0
    assert all((array == state[name]).all() for name, array in network_arrays(model).items())


def test_the_report_names_everything() -> None:
    model, state = net(), arrays()
    state["5.weight"] = np.zeros((2, 7), "float32")
    del state["5.bias"]
    state["extra"] = np.zeros(1, "float32")
    state["0.0.weight"] = state["0.0.weight"].astype("float64")
    report = load_into(model, state, where="some.pdparams")
    assert report.summary() == (
        "weights: 30/32 tensors loaded, 1 re-initialised (5.weight 2×7→2×3), 1 new (5.bias), 1 unused (extra), "
        "1 converted to the network's type, from some.pdparams"
    )
    stored = json.loads(report.to_json())
    assert stored["resized"] == [["5.weight", [2, 7], [2, 3]]] and stored["new"] == ["5.bias"]


def test_resize_may_copy_rows() -> None:
    model, state = net(), arrays()
    state["5.weight"] = np.ones((2, 7), "float32")

    def keep_columns(name: str, theirs: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        fresh[:, :2] = theirs[:, :2]
        return fresh

    fresh = network_arrays(model)["5.weight"]
    load_into(model, state, resize=keep_columns)
    found = network_arrays(model)["5.weight"]
    assert (found[:, :2] == 1).all() and (found[:, 2] == fresh[:, 2]).all()


def test_too_little_is_an_error_that_changes_nothing_and_names_causes() -> None:
    model, state = net(), arrays()
    before = network_arrays(model)
    part = {name: array for name, array in state.items() if not name.startswith("0")}
    with pytest.raises(WeightsError) as caught:
        load_into(model, part)
    text = str(caught.value)
    assert "only 81% of the network is covered" in text and "1. " in text and "2. " in text and "3. " in text
    assert "allow_partial=true" in text
    assert all((array == before[name]).all() for name, array in network_arrays(model).items())
    assert load_into(model, part, allow_partial=True).coverage == pytest.approx(26 / 32)


def test_weights_of_another_model_are_an_error() -> None:
    with pytest.raises(WeightsError, match="only 0% of the network"):
        load_into(net(), {"backbone.conv.weight": np.zeros((3, 3), "float32")})


def test_values_that_are_not_finite_are_refused() -> None:
    state = arrays()
    state["5.bias"][1] = np.nan
    with pytest.raises(WeightsError, match="not finite"):
        load_into(net(), state)


def test_bfloat16_is_stored_as_its_bits() -> None:
    """Paddle writes bfloat16 as uint16; as numbers those bits would be 16256 for 1.0."""
    model, state = net(), arrays()
    values = np.array([1.0, -2.5, 0.0], "float32")
    state["5.bias"] = (values.view("uint32") >> 16).astype("uint16")
    report = load_into(model, state)
    assert network_arrays(model)["5.bias"].tolist() == values.tolist() and report.cast == ["5.bias"]
    state["5.bias"][0] = 0x7FC0
    with pytest.raises(WeightsError, match="not finite"):
        load_into(net(), state)


def test_an_alias_may_come_under_either_name() -> None:
    def aliased() -> paddle.nn.Layer:
        model = net()
        model.add_sublayer("again", model[5])
        return model

    state = arrays(aliased())
    assert {"5.weight", "again.weight"} <= set(state)
    for absent in ("5.", "again."):
        model = aliased()
        report = load_into(model, {n: a for n, a in state.items() if not n.startswith(absent)})
        assert report.coverage == 1.0 and report.network_tensors == 32 and not report.new and not report.unused


def test_constants_may_be_missing() -> None:
    model = net()
    model.register_buffer("decoder.pe".replace(".", "_"), paddle.zeros([4]))
    inner = paddle.nn.Layer()
    inner.register_buffer("pe", paddle.zeros([4]))
    model.add_sublayer("decoder", inner)
    report = load_into(model, arrays(net()))
    assert "decoder.pe" not in report.new and report.new == ["decoder_pe"]


def test_from_files(tmp_path: Path) -> None:
    from sealkit.weights.safetensors_io import save_tensors

    state = arrays()
    paddle.save({name: paddle.to_tensor(array) for name, array in state.items()}, str(tmp_path / "a.pdparams"))
    save_tensors(tmp_path / "b.safetensors", state)
    for name in ("a.pdparams", "b.safetensors"):
        model = net()
        assert load_into(model, tmp_path / name).coverage == 1.0
        assert (model[5].weight.numpy() == state["5.weight"]).all()
