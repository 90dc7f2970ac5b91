"""The layout model on its own: what its folder says, what a call overrides, graphs of both kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sealkit.errors import ConfigError, EngineError
from sealkit.modules.layout_detection.predictor import LayoutDetector
from sealkit.runtime.files import ModelMeta
from sealkit.runtime.model import TensorSpec
from tests.fake_models import FakeInference

OFFICIAL: dict[str, Any] = {  # as PaddleX's exporter writes it
    "mode": "paddle",
    "draw_threshold": 0.5,
    "metric": "COCO",
    "use_dynamic_shape": False,
    "Global": {"model_name": "PicoDet-S_layout_3cls"},
    "arch": "GFL",
    "min_subgraph_size": 3,
    "Preprocess": [
        {"type": "Resize", "interp": 2, "keep_ratio": False, "target_size": [64, 96]},
        {"type": "NormalizeImage", "is_scale": True, "mean": [0.5] * 3, "norm_type": "mean_std", "std": [1, 1, 1]},
        {"type": "Permute"},
    ],
    "label_list": ["image", "table", "seal"],
    "Hpi": {"backend_config": {}},
}  # fmt: skip
PAGE = np.full((100, 200, 3), (10, 20, 30), np.uint8)


class Graph(FakeInference):
    """A graph that finds, on every page, two seals and a table, and keeps what it was fed."""

    def __init__(self, names: tuple[str, ...], batch: int | None = None, **said: Any) -> None:
        shapes = {"image": (batch, 3, 64, 96), "im_shape": (batch, 2), "scale_factor": (batch, 2)}
        super().__init__(ModelMeta("inference.yml", {**OFFICIAL, **said}), "folder")
        self.batch_limit = batch
        self.inputs = [TensorSpec(name, np.dtype(np.float32), shapes[name]) for name in names]
        self.fed: list[list[np.ndarray]] = []

    def run(self, arrays: Any) -> list[np.ndarray]:
        self.fed.append(arrays)
        rows = [[2, 0.9, 10, 10, 50, 50], [2, 0.4, 100, 10, 150, 60], [1, 0.6, 0, 0, 60, 60]]
        pages = len(arrays[0])
        return [np.array(rows * pages, np.float32), np.full(pages, 3, np.int32)]


def labels(result: dict[str, Any]) -> list[str]:
    return [box["label"] for box in result["boxes"]]


@pytest.mark.parametrize("names", [("image", "scale_factor"), ("im_shape", "image", "scale_factor")])
def test_graphs_are_fed_by_the_rank_of_their_names(names: tuple[str, ...]) -> None:
    graph = Graph(names)
    (result,) = LayoutDetector.create(graph).predict(PAGE)
    assert labels(result) == ["seal", "table"]
    assert set(result["boxes"][0]) == {"cls_id", "label", "score", "coordinate"}
    fed = dict(zip(names, graph.fed[0]))
    assert fed["image"].shape == (1, 3, 64, 96)
    np.testing.assert_allclose(fed["image"][0, :, 0, 0], np.array([30, 20, 10]) / 255 - 0.5, rtol=1e-5)  # RGB
    np.testing.assert_allclose(fed["scale_factor"], [[0.64, 0.48]], rtol=1e-6)
    if "im_shape" in fed:
        assert fed["im_shape"].tolist() == [[64, 96]]


def test_the_order_of_boxes_does_not_depend_on_the_engine() -> None:
    """OpenVINO leaves the rows of a class unsorted; seals are numbered in this order."""
    rows = Graph(("image", "scale_factor"), NMS={"name": "MultiClassNMS"})
    (found,) = LayoutDetector.create(rows).detections([PAGE])
    assert found[:, 0].tolist() == [1, 2, 2]
    assert found[:, 1].tolist() == pytest.approx([0.6, 0.9, 0.4])


def test_the_call_overrides_the_folder() -> None:
    detector = LayoutDetector.create(Graph(("image", "scale_factor"), draw_threshold=0.3, layout_nms=True))
    assert detector.options.threshold == 0.3 and detector.options.layout_nms is True
    assert labels(next(detector.predict(PAGE))) == ["seal", "table", "seal"]
    assert labels(next(detector.predict(PAGE, threshold={"seal": 0.5}))) == ["seal", "table"]  # others keep 0.3
    assert labels(next(detector.predict(PAGE, threshold=0.7))) == ["seal"]
    (box, *_) = next(detector.predict(PAGE, layout_unclip_ratio=(1.5, 1.0)))["boxes"]
    assert box["coordinate"] == [0.0, 10.0, 60.0, 50.0]
    made = LayoutDetector.create(Graph(("image", "scale_factor")), threshold=0.2, layout_merge_bboxes_mode="large")
    assert labels(next(made.predict(PAGE))) == ["seal", "table"]  # the first seal lies in the table
    with pytest.raises(TypeError, match="treshold"):
        LayoutDetector.create(Graph(("image", "scale_factor")), treshold=0.2)
    with pytest.raises(ConfigError, match="unknown mode"):
        next(detector.predict(PAGE, layout_merge_bboxes_mode="wide"))


@pytest.mark.parametrize(("fixed", "runs"), [(None, [2, 1]), (1, [1, 1, 1])])
def test_pages_go_in_batches_where_the_graph_takes_them(fixed: int | None, runs: list[int], tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    graph = Graph(("image", "scale_factor"), fixed)
    pages = [PAGE, str(tmp_path / "broken.png"), PAGE, PAGE]
    results = list(LayoutDetector.create(graph).predict(pages, batch_size=3))
    assert [result.ok for result in results] == [True, False, True, True]
    assert [len(arrays[0]) for arrays in graph.fed] == runs


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"label_list": None}, "no label_list"),
        ({"Preprocess": []}, "no Resize"),
        ({"Preprocess": [{"type": "Resize", "target_size": [64, 64], "keep_ratio": True}]}, "one size"),
        ({"Preprocess": [{"type": "WarpAffine"}]}, "unknown operation"),
    ],
)
def test_folders_that_cannot_be_used(said: dict[str, Any], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        LayoutDetector.create(Graph(("image", "scale_factor"), **said))


def test_other_graphs_are_refused() -> None:
    graph = Graph(("image", "scale_factor"))
    graph.inputs = graph.inputs[:1]
    with pytest.raises(EngineError, match="not a layout detector"):
        LayoutDetector.create(graph)
