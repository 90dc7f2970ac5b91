"""Models in fewer bits or for one size: the graphs, the folder, what it says, and what stops it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from sealkit import api
from sealkit.cli import main
from sealkit.errors import ExportError
from sealkit.export.evaluation import reduced_note
from sealkit.export.onnx_reduce import fix_shapes, half_weights, quantise
from sealkit.export.reduced import Reduction, fitted, reduce_model
from sealkit.runtime.files import ModelFiles

NAME = "PP-OCRv4_mobile_seal_det"


def graph(weight: float = 0.2) -> onnx.ModelProto:
    """[N, 3, H, W] → [N, 1, H, W] probabilities by two convolutions; the map's size is taken from the input's."""
    rng = np.random.default_rng(0)
    weights = {
        "first": rng.normal(0, weight, (16, 3, 3, 3)),
        "second": rng.normal(0, weight, (1, 16, 3, 3)),
        "bias": rng.normal(0, 0.1, 16),
    }
    nodes = [
        helper.make_node("Conv", ["x", "first", "bias"], ["a"], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "second"], ["c"], pads=[1] * 4),
        helper.make_node("Shape", ["c"], ["size"]),
        helper.make_node("Reshape", ["c", "size"], ["d"]),
        helper.make_node("Sigmoid", ["d"], ["y"]),
    ]
    made = helper.make_model(
        helper.make_graph(
            nodes,
            "tiny",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1, "h", "w"])],
            [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", 14)],
        ir_version=8,
    )
    onnx.checker.check_model(made)
    return made


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def image(height: int = 32, width: int = 48, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (1, 3, height, width)).astype(np.float32)


def test_half_weights_are_those_of_float16() -> None:
    model = graph()
    made, count = half_weights(model)
    assert count == 1  # the second convolution and the bias have too few values
    stored = {tensor.name: tensor.data_type for tensor in made.graph.initializer}
    assert stored == {"first.half": TensorProto.FLOAT16, "second": TensorProto.FLOAT, "bias": TensorProto.FLOAT}
    rounded = graph()
    first = next(tensor for tensor in rounded.graph.initializer if tensor.name == "first")
    half = numpy_helper.to_array(first).astype(np.float16).astype(np.float32)
    first.CopyFrom(numpy_helper.from_array(half, "first"))
    np.testing.assert_array_equal(run(made, image()), run(rounded, image()))
    assert not np.array_equal(run(made, image()), run(model, image()))


def test_weights_beyond_float16_are_refused() -> None:
    with pytest.raises(ExportError, match="outside of float16's range") as caught:
        half_weights(graph(1e5))
    assert caught.value.where == "first"


def test_one_size_has_no_shape_operations() -> None:
    made = fix_shapes(graph(), (2, 3, 32, 64))
    assert "Shape" not in {node.op_type for node in made.graph.node}
    assert [dim.dim_value for dim in made.graph.input[0].type.tensor_type.shape.dim] == [2, 3, 32, 64]
    x = np.concatenate([image(32, 64), image(32, 64, seed=2)])
    np.testing.assert_allclose(run(made, x), run(graph(), x), atol=1e-6)
    with pytest.raises(ort.capi.onnxruntime_pybind11_state.InvalidArgument):
        run(made, image(32, 32))
    with pytest.raises(ExportError, match="fixed to another size"):
        fix_shapes(made, (1, 3, 32, 64))
    with pytest.raises(ExportError, match="no input of this rank"):
        fix_shapes(graph(), (1, 3, 32))


def test_int8_is_near_on_what_it_has_seen() -> None:
    feeds = [{"x": image(seed=seed)} for seed in range(3)]
    made = quantise(graph(), feeds)
    operations = [node.op_type for node in made.graph.node]
    assert operations.count("QuantizeLinear") >= 3 and "Conv" in operations
    assert {t.data_type for t in made.graph.initializer if len(t.dims) == 4} == {TensorProto.INT8}
    weights = [numpy_helper.to_array(t) for t in made.graph.initializer if len(t.dims) == 4]
    assert max(int(np.abs(w.astype(int)).max()) for w in weights) <= 64, "CPUs without VNNI saturate with more"
    expected, got = run(graph(), feeds[0]["x"]), run(made, feeds[0]["x"])
    assert 0 < np.abs(expected - got).max() < 0.1
    with pytest.raises(ExportError, match="no images"):
        quantise(graph(), [])


def test_arrays_are_cut_and_padded_at_the_end() -> None:
    made = fitted(np.ones((1, 3, 4, 6), np.float32), (1, 3, 5, 2))
    assert made.shape == (1, 3, 5, 2) and made[:, :, :4].min() == 1 and made[:, :, 4].max() == 0
    assert fitted(np.ones((1, 2), np.float32), (2, 3, 5, 2)).tolist() == [[1, 1], [0, 0]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    model = graph()
    helper.set_model_props(model, {"other": "kept"})
    (made / "inference.onnx").write_bytes(model.SerializeToString())
    spec = {
        "Global": {"model_name": NAME},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"DetResizeForTest": {"resize_long": 64}},
                {"NormalizeImage": {"mean": [0.5] * 3, "std": [0.5] * 3, "scale": "1./255.", "order": "hwc"}},
            ]
        },
        "PostProcess": {
            "name": "DBPostProcess",
            "thresh": 0.3,
            "box_thresh": 0.6,
            "max_candidates": 9,
            "unclip_ratio": 1,
        },
        "Sealkit": {"module": "seal_text_detection"},
    }
    (made / "inference.yml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    pages = tmp_path / "images"
    pages.mkdir()
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8)
        cv2.imwrite(str(pages / f"{seed}.png"), pixels)
    return made


def test_the_folder_says_what_was_done_and_what_it_cost(folder: Path, tmp_path: Path) -> None:
    asked = []

    def measure(model: Path) -> tuple[str, float, int]:
        asked.append(model)
        return "hmean", 0.5 if model == folder else 0.375, 7

    output = tmp_path / "small"
    report = reduce_model(folder, output, Reduction("int8", None, tmp_path / "images", 2), measure)
    assert {p.name for p in output.iterdir()} == {"inference.onnx", "inference.yml", "export_report.json"}
    assert report == json.loads((output / "export_report.json").read_text(encoding="utf-8"))
    said = {"precision": "int8", "images": 2, "metric": "hmean", "value": 0.375, "fp32": 0.5, "metric_images": 7}
    assert report["reduced"] == said and len(asked) == 2
    files = ModelFiles.find(output)
    meta = files.read_meta()
    assert dict(meta.own("reduced")) == said and meta.data["Sealkit"]["module"] == "seal_text_detection"
    assert meta.onnx["other"] == "kept" and yaml.safe_load(meta.onnx["inference_yml"]) == meta.data
    assert reduced_note(meta) == "reduced: int8; when reduced hmean 0.375, FP32 0.5 on 7 images"
    assert report["bytes"]["int8"] == files.onnx.stat().st_size and report["cpu_seconds"]["fp32"] >= 0
    assert 0 < report["differences"][0]["mean"] < 0.05
    assert next(iter(api.create_model(NAME, output, engine="onnxruntime").predict(str(tmp_path / "images")))).ok
    assert reduced_note(ModelFiles.find(folder).read_meta()) is None


def test_a_fixed_size_is_compared_but_not_measured(folder: Path, tmp_path: Path) -> None:
    def measure(model: Path) -> tuple[str, float, int]:
        raise AssertionError("an evaluation set has other sizes")

    reduction = Reduction("fp16", (1, 3, 32, 32), tmp_path / "images")
    report = reduce_model(folder, tmp_path / "fixed", reduction, measure)
    assert reduction.name == "fp16_1x3x32x32" and report["reduced"]["shape"] == [1, 3, 32, 32]
    assert report["differences"][0]["p99"] < 1e-2 and "metric" not in report["reduced"]


def test_what_stops_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ExportError, match="no image in this folder"):
        reduce_model(folder, tmp_path / "out", Reduction("int8", None, tmp_path / "empty"))
    with pytest.raises(ExportError, match="holds other files"):
        reduce_model(folder, tmp_path / "images", Reduction("int8", None, tmp_path / "images"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--int8"], "give a run folder or --model-dir, and --calibrate"),
        (["RUN", "--int8", "--fp16", "--calibrate", "x"], "does not go with"),
        (["RUN", "--int8", "--pdparams", "--calibrate", "x"], "does not go with"),
        (["RUN", "--shape", "1x3", "--calibrate", "x"], "not a size of four"),
        (["RUN", "--int8", "--calibrate", "x"], "not exported yet"),
        (["RUN", "--calibrate", "x"], "is for --int8"),
        (["--model-dir", "RUN", "--fp16", "--calibrate", "x"], "--output"),
    ],
)
def test_flags(flags: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", *(str(tmp_path) if flag == "RUN" else flag for flag in flags)]) == 2
    assert words in capsys.readouterr().err


def test_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "half"
    line = ["export", "--model-dir", str(folder), "--fp16", "--calibrate", str(tmp_path / "images"), "--output"]
    assert main([*line, str(target)]) == 0
    out = capsys.readouterr().out
    assert "compared on 3 inputs" in out and "metric not measured" in out and (target / "inference.onnx").is_file()


@pytest.mark.slow
def test_the_shipped_recogniser_in_int8_on_the_toy_strips(tmp_path: Path) -> None:
    source = Path(api.__file__).parent / "assets" / "PP-OCRv6_small_rec.onnx"
    sets = {"data.val": [{"root": "datasets/toy_strips", "labels": "val.txt"}]}

    def measure(model: Path) -> tuple[str, float, int]:
        found = api.evaluate("rec_v6_small_seal", model_dir=model, overrides=sets, engine="onnxruntime", progress=False)
        return found.main, found.metrics["acc"], len(found.records)

    images = Path("datasets/toy_strips/images")
    report = reduce_model(source, tmp_path / "int8", Reduction("int8", None, images, 24), measure)
    said = report["reduced"]
    assert said["metric_images"] == 18 and said["value"] > said["fp32"] - 0.12  # two strips
    again = api.evaluate("rec_v6_small_seal", model_dir=tmp_path / "int8", overrides=sets, progress=False)
    assert again.metrics["acc"] == pytest.approx(said["value"], abs=1e-3)
    assert f"reduced: int8; when reduced acc {said['value']}, FP32 {said['fp32']} on 18 images" in again.table()
    assert report["bytes"]["int8"] < 0.3 * report["bytes"]["fp32"]
