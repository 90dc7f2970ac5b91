"""Loading and running inference models on the engines that are installed."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sealkit.errors import DeviceError, EngineError
from sealkit.runtime import model as runtime
from sealkit.runtime.engines import ENGINES
from sealkit.runtime.model import choose_engine, load_model

ONNX_ENGINES = ("onnxruntime", "openvino")
X = np.arange(24, dtype=np.float32).reshape(1, 3, 2, 4)


@pytest.mark.parametrize("engine", ONNX_ENGINES)
def test_runs_an_onnx_folder_at_any_size(onnx_folder: Path, engine: str) -> None:
    model = load_model(onnx_folder, engine=engine, threads=1)
    assert model.engine == engine and model.threads == 1 and str(model.device) == "cpu"
    assert model.meta.model_name == "PP-OCRv4_mobile_rec"
    assert model.inputs[0].shape == (None, 3, None, None)
    for x in (X, np.ones((2, 3, 5, 5), np.float32), np.ones((1, 3, 2, 2), np.float64)):
        (y,) = model.run(x)
        np.testing.assert_allclose(y, x)


@pytest.mark.parametrize("engine", ONNX_ENGINES)
def test_outputs_stay_valid_after_the_next_run(onnx_folder: Path, engine: str) -> None:
    model = load_model(onnx_folder, engine=engine)
    (first,) = model.run(X)
    model.run(X * 7)
    np.testing.assert_allclose(first, X)


@pytest.mark.parametrize("engine", ONNX_ENGINES)
def test_inputs_are_fed_by_alphabetical_rank(tmp_path: Path, write_onnx: Callable[..., Path], engine: str) -> None:
    model = load_model(write_onnx(tmp_path / "m.onnx", inputs=("scale", "image", "hw")), engine=engine)
    # Alphabetical: hw (weight 100), image (10), scale (1); names given need not equal the graph's.
    expected = 100 * X + 10 * (2 * X) + 1 * (3 * X)
    np.testing.assert_allclose(model.run([X, 2 * X, 3 * X])[0], expected)
    by_name = {"image": 2 * X, "scale_factor": 3 * X, "im_shape": X}
    np.testing.assert_allclose(model.run(by_name)[0], expected)


def test_wrong_count_and_shape_are_named(onnx_folder: Path) -> None:
    model = load_model(onnx_folder)
    with pytest.raises(EngineError, match=r"has 1 input\(s\), 2 given.*'x'"):
        model.run([X, X])
    with pytest.raises(EngineError, match=r"input x must be \?x3x\?x\?.*\(1, 4, 2, 2\)"):
        model.run(np.zeros((1, 4, 2, 2), np.float32))


def test_runs_a_paddle_folder(paddle_folder: Path) -> None:
    model = load_model(paddle_folder, engine="paddle", threads=1)
    np.testing.assert_allclose(model.run(X)[0], 2 * X)
    np.testing.assert_allclose(model.run({"x": X[..., :3]})[0], 2 * X[..., :3])
    assert load_model(paddle_folder, engine="paddle_static", options={"run_mode": "paddle"}).engine == "paddle"
    with pytest.raises(EngineError, match="unknown run mode"):
        load_model(paddle_folder, engine="paddle", options={"run_mode": "fast"})


def test_trapped_paddle_versions_switch_onednn_off(paddle_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import paddle

    from sealkit.runtime import paddle_engine

    monkeypatch.setattr(paddle, "__version__", "3.3.1")
    assert load_model(paddle_folder, engine="paddle").notes == []
    monkeypatch.setattr(paddle_engine, "has_interpolation", lambda program: True)
    model: Any = load_model(paddle_folder, engine="paddle")
    assert not model._onednn and "77340" in model.notes[0]
    np.testing.assert_allclose(model.run(X)[0], 2 * X)


def test_onednn_failure_at_the_first_run_is_retried_without_it(
    paddle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = load_model(paddle_folder, engine="paddle")
    real = type(model)._once

    def once(self: Any, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        if self._onednn:
            raise RuntimeError("UnimplementedError: no such thing")
        return real(self, arrays)

    monkeypatch.setattr(type(model), "_once", once)
    np.testing.assert_allclose(model.run(X)[0], 2 * X)
    assert "oneDNN is off" in model.notes[0]


def test_auto_takes_the_fastest_installed(
    onnx_folder: Path, paddle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sealkit.runtime.files import ModelFiles

    files = ModelFiles.find(onnx_folder)
    monkeypatch.setattr(runtime, "nvidia_present", lambda: False)
    for missing, expected in (((), runtime.CPU_ORDER[0]), ((runtime.CPU_ORDER[0],), runtime.CPU_ORDER[1])):
        monkeypatch.setattr(runtime, "installed", lambda e, missing=missing: e not in missing)
        assert choose_engine(files, "auto", None)[0] == expected
    assert choose_engine(ModelFiles.find(paddle_folder), None, None)[0] == "paddle"
    monkeypatch.setattr(runtime, "installed", lambda e: False)
    with pytest.raises(EngineError, match=r"no installed engine can run this model on cpu .*pip install"):
        choose_engine(files, "auto", None)
    with pytest.raises(EngineError, match="engine openvino is not installed"):
        choose_engine(files, "openvino", None)


def test_unknown_engine_and_wrong_files(onnx_folder: Path, paddle_folder: Path) -> None:
    with pytest.raises(EngineError, match=r"unknown engine.*'tflite'.*\n.*openvino"):
        load_model(onnx_folder, engine="tflite")
    with pytest.raises(EngineError, match=r"needs inference.onnx(.|\n)*paddle2onnx --model_dir "):
        load_model(paddle_folder, engine="onnxruntime")
    with pytest.raises(EngineError, match="only an ONNX file"):
        load_model(onnx_folder, engine="paddle")


def test_absent_devices_are_refused(onnx_folder: Path, paddle_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealkit.runtime.onnx_engine.nvidia_present", lambda: False)
    with pytest.raises(DeviceError, match="cannot use gpu:0"):
        load_model(onnx_folder, engine="onnxruntime", device="gpu:0")
    with pytest.raises(DeviceError, match=r"cannot use npu:1.*plug-in"):
        load_model(paddle_folder, engine="paddle", device="npu:1")
    with pytest.raises(DeviceError, match="no installed engine can run this model on gpu:3"):
        load_model(onnx_folder, device="gpu:3")
    with pytest.raises(DeviceError, match="supports gpu only"):
        load_model(onnx_folder, engine="tensorrt", device="cpu")


@pytest.mark.parametrize("engine", ONNX_ENGINES)
def test_unknown_engine_options_and_damaged_graphs(onnx_folder: Path, engine: str) -> None:
    with pytest.raises(EngineError, match="unknown keys in engine_config"):
        load_model(onnx_folder, engine=engine, options={"speed": 1})
    data = (onnx_folder / "inference.onnx").read_bytes()
    (onnx_folder / "inference.onnx").write_bytes(data[:-20])
    with pytest.raises(EngineError):
        load_model(onnx_folder, engine=engine)


def test_onnx_engines_do_not_import_paddle(onnx_folder: Path) -> None:
    code = (
        "import sys; from sealkit.runtime.model import load_model; import numpy as np\n"
        f"load_model({str(onnx_folder)!r}).run(np.zeros((1, 3, 4, 4), np.float32))\n"
        "sys.exit('paddle' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_engine_has_its_class() -> None:
    import importlib

    for name, info in ENGINES.items():
        assert name in importlib.import_module(info.module).CLASSES
