"""Function golden end_to_end: the whole pipeline with `reading: reference` on recorded network outputs.

Layout boxes and probability maps are paddlex's; everything between and after them, the recogniser included, is ours.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.pipeline.build import pipeline_detector
from sealkit.pipeline.create import load_config, make_runner
from sealkit.pipeline.flows import flow_of
from sealkit.pipeline.locate import locate_model
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from sealkit.pipeline.settings import SealRecognitionSettings
from sealkit.runtime.files import ModelMeta
from sealkit.runtime.model import TensorSpec, load_model
from tests.fake_models import FakeInference

LABELS = (
    "paragraph_title", "image", "text", "number", "abstract", "content", "figure_title", "formula", "table",
    "table_title", "reference", "doc_title", "footnote", "header", "algorithm", "footer", "seal", "chart_title",
    "chart", "formula_number", "header_image", "footer_image", "aside_text",
)  # fmt: skip
LAYOUT_YML = {
    "draw_threshold": 0.5,
    "label_list": list(LABELS),
    "Preprocess": [
        {"type": "Resize", "target_size": [640, 640], "keep_ratio": False, "interp": 2},
        {"type": "NormalizeImage", "norm_type": "none", "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]},
        {"type": "Permute"},
    ],
}
DET_YML = {
    "PreProcess": {"transform_ops": [{"DecodeImage": {"img_mode": "BGR"}}, {"DetResizeForTest": {"resize_long": 736}}]},
    "PostProcess": {"name": "DBPostProcess", "box_type": "poly"},
}
OPTIONS = {
    "threshold": 0.5, "layout_nms": True, "layout_unclip_ratio": 1.0, "layout_merge_bboxes_mode": "large",
    "rules": "reference",
}  # fmt: skip


class Recorded(FakeInference):
    """In place of an inference model: gives recorded outputs in the order of the calls and keeps the inputs."""

    def __init__(self, data: dict[str, Any], outputs: list[list[np.ndarray]], inputs: int = 1) -> None:
        super().__init__(ModelMeta("recorded", data), "recorded")
        self.left = list(outputs)
        self.given: list[Any] = []
        self.inputs = [TensorSpec(f"x{i}", np.dtype("float32"), ()) for i in range(inputs)]

    def run(self, inputs: Any) -> list[np.ndarray]:
        self.given.append(inputs)
        return self.left.pop(0)


class Counted:
    """A model whose input shapes are kept."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.shapes: list[list[int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def run(self, x: np.ndarray) -> list[np.ndarray]:
        self.shapes.append(list(x.shape))
        return self.model.run(x)


def check_folder(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    settings = load_config("seal_recognition-nopp", {"reading": "reference"}).settings
    recogniser = Counted(load_model(locate_model("PP-OCRv6_small_rec", weights="rapidocr"), "onnxruntime", "cpu"))
    assert manifest["cases"], "a manifest without cases checks nothing"
    for case in manifest["cases"]:
        recogniser.shapes = []
        _check_case(folder / case, folder / manifest["image"], settings, recogniser)


def _check_case(folder: Path, image: Path, settings: SealRecognitionSettings, recogniser: Any) -> None:
    info = json.loads((folder / "info.json").read_text(encoding="utf-8"))
    expected = json.loads((folder / "expected_res.json").read_text(encoding="utf-8"))
    with np.load(folder / "network_outputs.npz") as recorded:
        maps = [[recorded[name].astype(np.float32)] for name in sorted(recorded.files) if name.startswith("det_map_")]
        rows = [[recorded["layout_boxes"], recorded["layout_num"]]] if "layout_boxes" in recorded else []
    layout, detector = Recorded(LAYOUT_YML, rows, 3), Recorded(DET_YML, maps)
    pipeline = SealRecognitionPipeline(
        settings,
        pipeline_detector(detector, settings, flow_of(settings)),
        TextRecogniser(recogniser),
        make_runner(layout, "layout_detection", **OPTIONS),
    )
    (result,) = pipeline.predict(str(image), **info["predict_parameters"])

    assert [list(x.shape) for x in detector.given] == info["det_network_input_shapes"]
    assert recogniser.shapes == info["rec_network_input_shapes_in_call_order"]
    assert [[list(x.shape) for x in call] for call in layout.given] == info["layout_network_inputs"]
    small = [[np.asarray(x).tolist() for x in call if np.ndim(x) == 2] for call in layout.given]
    assert small == info["layout_network_small_inputs"]
    assert list(result) == info["result_keys_in_order"]
    orders = [list(seal) for seal in result["seal_res_list"]]
    assert [order for i, order in enumerate(orders) if order not in orders[:i]] == info["seal_result_keys_in_order"]
    assert list(result.str["res"]) == info["str_keys_in_order"]
    assert {name: list(drawn.size) for name, drawn in result.img.items()} == info["img_sizes"]
    assert list(result.img) == info["img_keys"]
    found = result.json["res"]
    assert found["input_path"] == str(image)
    _compare({**found, "input_path": "demo.png"}, expected, folder.name)


def _compare(found: Any, expected: Any, where: str) -> None:
    """Keys and their order, texts and counts exactly; numbers within the manifest's tolerance."""
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key, value in expected.items():
            _compare(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for i, value in enumerate(expected):
            _compare(found[i], value, f"{where}[{i}]")
    elif isinstance(expected, (int, float)) and not isinstance(expected, bool):
        room = 1 if "_polys" in where else 0.005 if "rec_scores" in where else 0.01 if "coordinate" in where else 0
        assert isinstance(found, int) == isinstance(expected, int) or "coordinate" in where, where
        assert abs(found - expected) <= max(room, 1e-9), f"{where}: {found}, golden {expected}"
    else:
        assert found == expected, where
