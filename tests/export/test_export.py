"""Export: the folder, its proof, and what stops it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import paddle
import pytest

from sealkit.config.training import RecipeBase
from sealkit.errors import ConfigError, ExportError, WeightsError
from sealkit.export import model as export
from sealkit.modules.recipe import load_recipe
from sealkit.modules.seal_text_detection.export import DetectionExport
from sealkit.runtime.files import ModelFiles
from sealkit.runtime.model import load_model
from sealkit.weights.loading import network_arrays


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> RecipeBase:
    folder = tmp_path_factory.mktemp("data")
    lines = []
    for number, size in enumerate(((96, 64), (64, 64))):
        image = np.full((*size, 3), 255, np.uint8)
        cv2.rectangle(image, (10, 20), (54, 40), (0, 0, 200), -1)
        cv2.imwrite(str(folder / f"{number}.png"), image)
        text = json.dumps([{"transcription": "a", "points": [[10, 20], [54, 20], [54, 40], [10, 40]]}])
        lines.append(f"{number}.png\t{text}\n")
    (folder / "all.txt").write_text("".join(lines), encoding="utf-8")
    sets = [{"root": str(folder), "labels": "all.txt"}]
    return load_recipe(
        {
            "name": "tiny",
            "module": "seal_text_detection",
            "model": "PP-OCRv6_tiny_det",
            "network": {"form": "official", "fields": True},
            "data": {"train": sets, "val": sets},
            "resize": {"limit_side_len": 64, "limit_type": "resize_long"},
            "postprocess": {"thresh": 0.25},
        }
    ).settings


@pytest.fixture(scope="module")
def arrays(recipe: RecipeBase) -> Mapping[str, np.ndarray]:
    paddle.seed(0)
    return network_arrays(export.task_of(recipe).build_network())


@pytest.fixture(scope="module")
def exported(
    recipe: RecipeBase, arrays: Mapping[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("export") / "model"
    return folder, export.export_model(recipe, arrays, folder)


def test_the_folder_is_complete_and_proved(exported: tuple[Path, dict[str, Any]]) -> None:
    folder, report = exported
    names = {"inference.json", "inference.pdiparams", "inference.yml", "inference.onnx", "export_report.json"}
    assert {p.name for p in folder.iterdir()} == names
    assert report == json.loads((folder / "export_report.json").read_text(encoding="utf-8"))
    assert {"paddle", "onnxruntime"} <= set(report["max_abs_difference"])
    for parts in report["max_abs_difference"].values():
        assert set(parts) == {"probability", "up", "area"} and max(parts.values()) < 1e-3
    assert set(report["metrics"]) == {"trained", *report["max_abs_difference"]}
    assert len(report["images"]) == 2 and report["graph"]["interpolation_operations"] == 0
    assert not {"Resize", "Expand"} & set(report["graph"]["operations"])
    assert report["graph"]["rewrites"] == {"enlarge_by_concat": 7}
    assert b"_interp" not in (folder / "inference.json").read_bytes()


def test_the_graph_takes_any_size_and_batch(exported: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = exported
    rng = np.random.default_rng(0)
    for engine in ("onnxruntime", "paddle"):
        model = load_model(folder, engine=engine, device="cpu", threads=1)
        for shape in ((1, 3, 32, 64), (2, 3, 64, 96)):
            (maps,) = model.run(rng.normal(size=shape).astype(np.float32))
            assert maps.shape == (shape[0], 4, *shape[2:])
            assert np.abs(np.hypot(maps[:, 1], maps[:, 2]) - 1).max() < 1e-3  # a direction, not a force


def test_inference_yml_is_paddlex_readable_and_inside_the_onnx_file(
    exported: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, _ = exported
    meta = ModelFiles.find(folder).read_meta()
    assert meta.model_name == "PP-OCRv6_tiny_det" and meta.post_process["box_type"] == "poly"
    assert meta.post_process["name"] == "DBPostProcess" and meta.post_process["thresh"] == 0.25
    alone = tmp_path / "alone.onnx"
    alone.write_bytes((folder / "inference.onnx").read_bytes())
    assert ModelFiles.find(alone).read_meta().data == meta.data


def test_a_folder_brings_its_own_sizes_and_thresholds(exported: tuple[Path, dict[str, Any]]) -> None:
    from sealkit.pipeline.create import create_model

    model = create_model("PP-OCRv6_tiny_det", exported[0], engine="onnxruntime", device="cpu")
    assert model.spec.resize.limit_type == "resize_long" and model.spec.resize.limit_side_len == 64
    assert model.spec.postprocess.thresh == 0.25 and model.spec.postprocess.unclip_ratio == 0.5
    (result,) = model.predict(np.full((64, 64, 3), 255, np.uint8))
    assert result.ok and isinstance(result["dt_polys"], list)


def test_an_export_that_differs_writes_nothing(
    recipe: RecipeBase, arrays: Mapping[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = DetectionExport.reference
    monkeypatch.setattr(
        DetectionExport, "reference", lambda self, net, task: lambda x: right(self, net, task)(x) + 0.02
    )
    with pytest.raises(ExportError, match=r"differs from the trained network on paddle: \w+ by 2"):
        export.export_model(recipe, arrays, tmp_path / "model", onnx=False)
    assert not (tmp_path / "model").exists()


def test_a_metric_that_is_not_computed_is_refused(
    recipe: RecipeBase, arrays: Mapping[str, np.ndarray], tmp_path: Path
) -> None:
    other = recipe.model_copy(update={"eval": recipe.eval.model_copy(update={"metric": "f1"})})
    with pytest.raises(
        ConfigError, match=r"eval\.metric: .*\(got 'f1'\)\n  next: it computes precision, recall, hmean"
    ):
        export.export_model(other, arrays, tmp_path / "model", onnx=False)
    assert not (tmp_path / "model").exists()


def test_interpolation_is_refused(tmp_path: Path) -> None:
    class Enlarged(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.conv = paddle.nn.Conv2D(3, 1, 1)

        def forward(self, x: paddle.Tensor) -> paddle.Tensor:
            return paddle.nn.functional.interpolate(self.conv(x), scale_factor=2, mode="nearest")

    with pytest.raises(ExportError, match="interpolation"):
        export.write_graph(Enlarged(), DetectionExport().inputs(None), tmp_path)


def test_foreign_folders_and_weights_are_refused(
    recipe: RecipeBase, arrays: Mapping[str, np.ndarray], tmp_path: Path
) -> None:
    (tmp_path / "thesis.docx").write_text("")
    with pytest.raises(ExportError, match=r"holds other files(.|\n)*thesis"):
        export.export_model(recipe, arrays, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="is a file"):
        export.export_model(recipe, arrays, tmp_path / "file")
    with pytest.raises(WeightsError):
        export.export_model(recipe, {"nothing": np.zeros(3)}, tmp_path / "new")


def test_replacing_an_earlier_export_is_fine(tmp_path: Path) -> None:
    for name in ("inference.yml", "inference.onnx", "export_report.json"):
        (tmp_path / name).write_text("")
    export.check_target(tmp_path)
