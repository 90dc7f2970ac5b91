"""Model folders: what is missing is listed, what is there is read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sealkit.errors import DeviceError, EngineError
from sealkit.runtime.devices import Device, default_threads, parse_device, parse_devices
from sealkit.runtime.files import ModelFiles
from sealkit.runtime.onnx_fields import onnx_metadata


def test_meta_of_a_folder(onnx_folder: Path) -> None:
    meta = ModelFiles.find(onnx_folder).read_meta()
    assert meta.transform_ops["RecResizeImg"] == {"image_shape": [3, 48, 320]}
    assert meta.transform_ops["KeepKeys"] == {}
    assert meta.character_dict == ["a", "b", "1"]
    assert meta.post_process["name"] == "CTCLabelDecode"


def test_meta_of_a_single_file(tmp_path: Path, write_onnx: Callable[..., Path], yml: str) -> None:
    path = write_onnx(tmp_path / "rec.onnx", metadata={"character": "a\n印\n\U0001f6c5"})
    assert onnx_metadata(path) == {"character": "a\n印\n\U0001f6c5"}
    meta = ModelFiles.find(path).read_meta()
    assert meta.character_dict == ["a", "印", "\U0001f6c5"] and meta.model_name is None
    (tmp_path / "inference.yml").write_text(yml)  # not this file's: it is not called inference.onnx
    assert ModelFiles.find(path).read_meta().model_name is None
    own = ModelFiles.find(write_onnx(tmp_path / "own.onnx", metadata={"inference_yml": yml})).read_meta()
    assert own.model_name == "PP-OCRv4_mobile_rec" and own.character_dict == ["a", "b", "1"]


def test_no_metadata_at_all(tmp_path: Path, write_onnx: Callable[..., Path]) -> None:
    meta = ModelFiles.find(write_onnx(tmp_path / "x.onnx")).read_meta()
    assert meta.data == {} and meta.onnx == {} and meta.transform_ops == {} and meta.character_dict is None


@pytest.mark.parametrize(
    ("present", "message"),
    [
        ((), r"missing: inference.yml; inference.json or inference.pdmodel and inference.pdiparams \(or"),
        (("inference.yml", "inference.json"), r"missing: inference.pdiparams \(or inference.onnx\)"),
        (("inference.yml", "inference.pdiparams"), "missing: inference.json or inference.pdmodel"),
        (("inference.onnx",), "missing: inference.yml"),
        (("model.pdparams",), "training checkpoint"),
    ],
)
def test_missing_files_are_all_listed(tmp_path: Path, present: tuple[str, ...], message: str) -> None:
    for name in present:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(EngineError, match=message):
        ModelFiles.find(tmp_path)


def test_old_program_format_and_preference(tmp_path: Path) -> None:
    for name in ("inference.yml", "inference.pdmodel", "inference.pdiparams"):
        (tmp_path / name).write_bytes(b"")
    assert ModelFiles.find(tmp_path).program.name == "inference.pdmodel"
    (tmp_path / "inference.json").write_bytes(b"")
    assert ModelFiles.find(tmp_path).program.name == "inference.json"


def test_wrong_paths(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no such model folder"):
        ModelFiles.find(tmp_path / "none")
    (tmp_path / "inference.pdiparams").write_bytes(b"")
    with pytest.raises(EngineError, match=r"is a folder or an .onnx file(.|\n)*pass the folder"):
        ModelFiles.find(tmp_path / "inference.pdiparams")


@pytest.mark.parametrize("text", ["a: [1", "- a list", "just text"])
def test_bad_yaml(onnx_folder: Path, text: str) -> None:
    (onnx_folder / "inference.yml").write_text(text)
    with pytest.raises(EngineError, match=r"inference\.yml"):
        ModelFiles.find(onnx_folder).read_meta()


def test_bad_transform_ops(onnx_folder: Path) -> None:
    (onnx_folder / "inference.yml").write_text("PreProcess: {transform_ops: [{A: 1, B: 2}]}")
    with pytest.raises(EngineError, match="not one operation"):
        _ = ModelFiles.find(onnx_folder).read_meta().transform_ops


@pytest.mark.parametrize("data", [b"\xff" * 40, b"not a model at all", b"\x0a"])
def test_not_an_onnx_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.onnx").write_bytes(data)
    with pytest.raises(EngineError, match="not an ONNX file"):
        onnx_metadata(tmp_path / "x.onnx")


def test_devices() -> None:
    assert parse_devices("GPU:0,1") == [Device("gpu", 0), Device("gpu", 1)]
    assert str(parse_device("cpu")) == "cpu" and str(parse_device("npu")) == "npu:0"
    assert 1 <= default_threads() <= 10
    for text, message in (
        ("cuda", "write gpu"),
        ("cpu:0", "has no number"),
        ("gpu:a", "unknown device"),
        ("gpu:0:1", "unknown device"),
        ("gpu:1,1", "listed twice"),
        ("", "unknown device"),
    ):
        with pytest.raises(DeviceError, match=message):
            parse_devices(text)
    with pytest.raises(DeviceError, match="one model runs on one device"):
        parse_device("gpu:0,1")
