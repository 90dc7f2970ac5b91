"""High performance: Paddle files become ONNX once, are proved, and run on the fastest engine; PaddleOCR's keywords."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

import sealkit
from sealkit.errors import ConfigError, EngineError, ExportError
from sealkit.export import on_use, onnx_file
from sealkit.pipeline.settings import EngineSettings
from sealkit.pipeline.speed import SpeedSettings, call_settings, choose, threads_of
from sealkit.runtime.devices import CPU, Device
from sealkit.runtime.files import ModelFiles
from tests.cli.tiny_models import layout_folder, orientation_folder

paddle = pytest.importorskip("paddle")
YML = {
    "Global": {"model_name": "PP-OCRv4_mobile_seal_det"},
    "PreProcess": {"transform_ops": [{"DetResizeForTest": {"resize_long": 64}}]},
    "PostProcess": {"name": "DBPostProcess", "thresh": 0.2, "box_thresh": 0.6, "unclip_ratio": 0.5, "box_type": "poly"},
}
WEIGHT = np.full((1, 3, 1, 1), -0.5, np.float32)


@pytest.fixture(scope="module")
def paddle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector of one convolution, of Paddle files only."""
    folder = tmp_path_factory.mktemp("paddle_only")

    class Net(paddle.nn.Layer):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv = paddle.nn.Conv2D(3, 1, 1, weight_attr=paddle.nn.initializer.Assign(WEIGHT), bias_attr=False)

        def forward(self, x: Any) -> Any:
            return paddle.nn.functional.sigmoid(self.conv(x))

    net = Net()
    net.eval()
    paddle.jit.save(net, str(folder / "inference"), [paddle.static.InputSpec([None, 3, None, None], "float32", "x")])
    (folder / "inference.yml").write_text(yaml.safe_dump(YML))
    return folder


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEALKIT_MODELS_DIR", str(tmp_path / "models"))
    return tmp_path / "models" / "onnx"


def stand_in(weight: np.ndarray = WEIGHT) -> Any:
    """A converter that writes the same network without looking, and counts."""
    calls = []

    def convert(program: Path, params: Path, target: Path, opset: int = 14) -> dict[str, Any]:
        calls.append(opset)
        shape = ("n", 3, "h", "w")
        graph = helper.make_graph(
            [helper.make_node("Conv", ["x", "k"], ["c"]), helper.make_node("Sigmoid", ["c"], ["y"])], "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ("n", 1, "h", "w"))],
            [numpy_helper.from_array(weight, "k")],
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
        onnx.save(model, str(target))
        return {}

    return convert, calls


def engines_of(folder: Path, **options: Any) -> str:
    model = sealkit.create_model("PP-OCRv4_mobile_seal_det", folder, device="cpu", threads=1, **options)
    return model.model.engine


def test_a_folder_is_converted_once_and_kept_elsewhere(
    paddle_folder: Path, kept: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    convert, calls = stand_in()
    monkeypatch.setattr(onnx_file, "convert", convert)
    before = sorted(path.name for path in paddle_folder.iterdir())
    assert engines_of(paddle_folder) == "paddle" and calls == []  # the normal mode, as in PaddleX
    assert engines_of(paddle_folder, use_hpip=True) == "onnxruntime"
    assert "converting to ONNX, once" in caplog.text
    for more in ({"enable_hpi": True}, {"hpi_config": {"backend": "openvino"}}, {"engine": "onnxruntime"}):
        assert engines_of(paddle_folder, **more) in ("onnxruntime", "openvino")
    assert calls == [14] and len(list(kept.glob("*/inference.onnx"))) == 1
    assert sorted(path.name for path in paddle_folder.iterdir()) == before
    assert engines_of(paddle_folder, use_hpip=True, hpi_config={"auto_paddle2onnx": False}) == "paddle"


def test_other_files_are_converted_anew(
    paddle_folder: Path, kept: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    convert, calls = stand_in()
    monkeypatch.setattr(onnx_file, "convert", convert)
    engines_of(paddle_folder, use_hpip=True)
    other = shutil.copytree(paddle_folder, tmp_path / "other")
    engines_of(other, use_hpip=True)
    assert calls == [14]  # the same files in another place
    (other / "inference.yml").write_text(yaml.safe_dump(YML | {"note": 1}))
    engines_of(other, use_hpip=True)
    assert calls == [14, 14]


def test_a_graph_that_does_not_agree_is_never_used(
    paddle_folder: Path, kept: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    convert, calls = stand_in(WEIGHT * 2)
    monkeypatch.setattr(onnx_file, "convert", convert)
    for _ in range(2):
        caplog.clear()
        assert engines_of(paddle_folder, use_hpip=True) == "paddle"
        assert "high performance is lost" in caplog.text and "does not agree" in caplog.text
    assert calls == [14]  # that it failed is remembered
    assert not list(kept.glob("*/*.onnx"))
    with pytest.raises(EngineError, match=r"engine onnxruntime needs an ONNX file(.|\n)*failed\.txt"):
        engines_of(paddle_folder, engine="onnxruntime")


def test_without_a_converter_one_warning_says_what_is_lost(
    paddle_folder: Path, kept: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(on_use, "PACKAGES", ("no_such_converter",))
    assert engines_of(paddle_folder, use_hpip=True) == "paddle"
    told = [r.getMessage() for r in caplog.records if "high performance is lost" in r.getMessage()]
    assert len(told) == 1 and "no_such_converter" in told[0] and "pip install paddle2onnx" in told[0]
    with pytest.raises(EngineError, match="pip install paddle2onnx"):
        engines_of(paddle_folder, engine="openvino")


def test_the_real_converter(paddle_folder: Path, kept: Path) -> None:
    pytest.importorskip("paddle2onnx")
    detector = sealkit.create_model("PP-OCRv4_mobile_seal_det", paddle_folder, use_hpip=True, device="cpu", threads=1)
    assert detector.model.engine == "onnxruntime"
    reference = sealkit.create_model("PP-OCRv4_mobile_seal_det", paddle_folder, device="cpu", threads=1)
    x = np.random.default_rng(1).standard_normal((1, 3, 32, 64), dtype=np.float32)
    assert np.abs(detector.model.run(x)[0] - reference.model.run(x)[0]).max() < 1e-5


def test_rows_are_compared_by_their_scores() -> None:
    rows = np.array([[0, 0.9, 1, 2, 3, 4], [1, 0.5, 1, 2, 3, 4]], np.float32)
    assert on_use.differences(rows, rows[::-1]) == (0.0, 0.0)
    assert on_use.differences(rows, rows[:1])[1] > 0.4
    assert on_use.differences(np.zeros((1, 2, 3)), np.zeros((1, 2, 4)))[0] == np.inf
    with pytest.raises(ExportError):
        on_use.converted(ModelFiles(Path("nowhere")), "onnxruntime")


@pytest.mark.parametrize(
    ("said", "engine", "device", "options", "warned"),
    [
        ({"enable_mkldnn": False}, "paddle", CPU, {"run_mode": "paddle"}, ""),
        ({"enable_mkldnn": True}, "paddle", CPU, {}, ""),
        ({"enable_mkldnn": False}, "onnxruntime", CPU, {}, ""),
        ({"mkldnn_cache_capacity": 4}, "paddle", CPU, {"mkldnn_cache_capacity": 4}, ""),
        ({"precision": "fp16"}, "openvino", CPU, {"precision": "fp16"}, ""),
        ({"precision": "fp16"}, "tensorrt", Device("gpu"), {"precision": "fp16"}, ""),
        ({"precision": "fp16"}, "onnxruntime", CPU, {}, "precision='fp16'"),
        ({"precision": "fp32"}, "onnxruntime", CPU, {}, ""),
        ({"enable_cinn": True}, "paddle", CPU, {}, "enable_cinn=True"),
    ],
)
def test_what_paddleocrs_keywords_mean(
    caplog: pytest.LogCaptureFixture,
    said: dict[str, Any],
    engine: str,
    device: Device,
    options: dict[str, Any],
    warned: str,
) -> None:
    assert SpeedSettings(**said).laid_over(engine, device, None) == options
    assert warned in caplog.text and bool(caplog.records) == bool(warned)
    assert SpeedSettings(**said).laid_over(engine, device, {"run_mode": "mkldnn"})["run_mode"] == "mkldnn"


def test_slips_in_them_are_told_in_our_words(paddle_folder: Path) -> None:
    def made(**options: Any) -> Any:
        return sealkit.create_model("PP-OCRv4_mobile_seal_det", paddle_folder, device="cpu", **options)

    for options, what in (
        ({"precision": "int8"}, "precision: input should be 'fp32' or 'fp16'"),
        ({"cpu_threads": 0}, "cpu_threads: input should be greater than 0"),
        ({"cpu_threads": 2, "threads": 1}, "two names of one thing"),
        ({"use_hpip": True, "enable_hpi": False}, "two names of one thing"),
        ({"use_tensorrt": True, "engine": "paddle"}, "names another engine"),
        ({"enable_mkldnn": "yes"}, "enable_mkldnn"),
    ):
        with pytest.raises(ConfigError, match=what):
            made(**options)
    with pytest.raises(TypeError, match="enable_mkl"):
        made(enable_mkl=True)
    model = made(cpu_threads=3, enable_mkldnn=False, precision="fp32").model
    assert (model.engine, model.threads, model._options["run_mode"]) == ("paddle", 3, "paddle")
    assert threads_of(SpeedSettings(), 2, "x") == 2
    assert call_settings({}, None, {"use_tensorrt": True}, "x").engine == "tensorrt"


def test_a_nearer_level_decides(paddle_folder: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert, _ = stand_in()
    monkeypatch.setattr(onnx_file, "convert", convert)
    files = ModelFiles.find(paddle_folder)
    call = SpeedSettings(use_hpip=True)
    assert choose(files, [EngineSettings(engine="paddle"), call], call, "cpu").engine == "paddle"
    assert choose(files, [EngineSettings(), call], call, "cpu").engine == "onnxruntime"
    assert choose(files, [SpeedSettings()], SpeedSettings(), "cpu").engine == "paddle"


def test_img_size_and_topk_at_creation(tmp_path: Path) -> None:
    layout = layout_folder(tmp_path / "layout")
    page = np.full((90, 70, 3), 255, np.uint8)
    same = sealkit.create_model("PicoDet-S_layout_17cls", layout, engine="onnxruntime", device="cpu", img_size=64)
    assert len(next(same.predict(page))["boxes"]) == 1
    for size, what in ((128, "takes inputs of 64 x 64 pixels only"), ([64], "not a size"), ("64", "not a size")):
        with pytest.raises(ConfigError, match=what):
            sealkit.create_model("PicoDet-S_layout_17cls", layout, engine="onnxruntime", device="cpu", img_size=size)
    folder = orientation_folder(tmp_path / "ori")
    turned = sealkit.create_model("PP-LCNet_x1_0_doc_ori", folder, engine="onnxruntime", device="cpu", topk=3)
    assert len(next(turned.predict(page))["class_ids"]) == 3
    assert len(next(turned.predict(page, topk=2))["class_ids"]) == 2
    with pytest.raises(ConfigError, match="at least 1"):
        sealkit.create_model("PP-LCNet_x1_0_doc_ori", folder, engine="onnxruntime", device="cpu", topk=0)
