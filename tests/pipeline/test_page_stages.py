"""Layout detection and page preprocessing: when they run, with which options, and what the result says of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sealkit.errors import ConfigError
from tests.pipeline.conftest import FakeLayout, MakePipeline, QuarterTurn

BOXES = [
    {"cls_id": 2, "label": "text", "score": 0.9, "coordinate": [60.0, 40.0, 400.0, 70.0]},
    {"cls_id": 16, "label": "seal", "score": 0.8, "coordinate": [505.7, 205.2, 695.9, 395.1]},
]
LAYOUT = {
    "use_layout_detection": True,
    "SubModules.LayoutDetection": {"module_name": "layout_detection", "model_name": "PP-DocLayout-S", "batch_size": 2},
}
PAGES = {
    "use_doc_preprocessor": True,
    "SubPipelines.DocPreprocessor": {
        "use_doc_unwarping": False,
        "SubModules": {
            "DocOrientationClassify": {"module_name": "doc_text_orientation", "model_name": "PP-LCNet_x1_0_doc_ori"}
        },
    },
}


def test_seals_are_the_boxes_of_the_layout(
    make_pipeline: MakePipeline, fake_layout: type[FakeLayout], page: np.ndarray
) -> None:
    layout = fake_layout(BOXES)
    (result,) = make_pipeline(layout=layout, **LAYOUT).predict(page, layout_threshold={16: 0.3}, layout_nms=False)
    (seal,) = result["seal_res_list"]
    assert seal["crop_box"] == [505, 205, 695, 395] and seal["coordinates"] == "crop" and len(seal["rec_texts"]) == 2
    assert result["model_settings"] == {"use_doc_preprocessor": False, "use_layout_detection": True}
    assert result.json["res"]["layout_det_res"] == {"input_path": None, "page_index": None, "boxes": BOXES}
    assert list(result.img) == ["layout_det_res", "seal_res_region1"]
    assert layout.calls == [(1, 2, {"threshold": {16: 0.3}, "layout_nms": False})]
    assert result["stages"]["layout"]["boxes"] == 2 and result["stages"]["layout"]["seals"] == 1


def test_no_seal_in_the_layout(make_pipeline: MakePipeline, fake_layout: type[FakeLayout], page: np.ndarray) -> None:
    layout = fake_layout(BOXES[:1])
    (result,) = make_pipeline(layout=layout, **LAYOUT, whole_page_fallback=False).predict(page)
    assert result["seal_res_list"] == [] and list(result.img) == ["layout_det_res"]
    assert "no box with the label seal" in result["stages"]["layout"]["note"]
    (result,) = make_pipeline(layout=layout, **LAYOUT, whole_page_fallback=True).predict(page)
    assert [seal["crop_box"] for seal in result["seal_res_list"]] == [[0, 0, 800, 600]]
    assert "whole image" in result["stages"]["fallback"]["note"]


def test_switched_off_for_one_call(
    make_pipeline: MakePipeline, fake_layout: type[FakeLayout], seal_image: np.ndarray
) -> None:
    layout = fake_layout(BOXES)
    (result,) = make_pipeline(layout=layout, **LAYOUT).predict(seal_image, use_layout_detection=False)
    assert not layout.calls and result["model_settings"]["use_layout_detection"] is False
    assert "layout_det_res" not in result.json["res"]
    with pytest.raises(ConfigError, match="also pass use_layout_detection=False"):
        make_pipeline(layout=layout, **LAYOUT).predict(seal_image, layout_det_res={"boxes": BOXES})


def test_pages_go_through_the_layout_model_together_and_one_bad_page_fails_alone(
    make_pipeline: MakePipeline, fake_layout: type[FakeLayout], page: np.ndarray
) -> None:
    layout = fake_layout(BOXES)
    bad = np.full((50, 50, 3), (0, 0, 255), np.uint8)
    pipeline = make_pipeline(layout=layout, batch_size=3, **LAYOUT)
    results = list(pipeline.predict([page, "nowhere.png", bad, page]))
    assert [r.ok for r in results] == [True, False, False, True]
    assert "nowhere.png" in results[1]["error"] and "network does not take" in results[2]["error"]
    assert [n for n, *_ in layout.calls] == [2, 1, 1, 1]  # together, then one by one to find the bad one; the last page


def test_an_error_that_names_no_image_gets_its_path_and_page(
    make_pipeline: MakePipeline, fake_layout: type[FakeLayout], tmp_path: Path
) -> None:
    red, white = (Image.new("RGB", (800, 600), colour) for colour in ("red", "white"))
    white.save(tmp_path / "two.tiff", save_all=True, append_images=[red])
    results = list(make_pipeline(layout=fake_layout(BOXES), **LAYOUT).predict(tmp_path / "two.tiff"))
    assert [r.ok for r in results] == [True, False]
    assert results[1]["error"] == f"{tmp_path / 'two.tiff'} page 2: a page the network does not take"


def test_pages_are_turned_before_seals_are_looked_for(
    make_pipeline: MakePipeline, quarter_turn: QuarterTurn, page: np.ndarray
) -> None:
    pipeline = make_pipeline(preprocessor=quarter_turn, **PAGES)
    (result,) = pipeline.predict(np.ascontiguousarray(np.rot90(page, -1)))
    assert len(result["seal_res_list"]) == 2 and next(iter(result.img)) == "preprocessed_img"
    assert list(result.json["res"]) == [
        "input_path", "page_index", "model_settings", "doc_preprocessor_res", "seal_res_list", "stages",
    ]  # fmt: skip
    assert result.json["res"]["doc_preprocessor_res"] == {
        "input_path": None,
        "page_index": None,
        "model_settings": {"use_doc_orientation_classify": True, "use_doc_unwarping": False},
        "angle": 90,
    }
    (upright,) = pipeline.predict(page, use_doc_unwarping=False)  # as in PaddleX, this alone switches both off
    assert upright["model_settings"]["use_doc_preprocessor"] is False and len(upright["seal_res_list"]) == 2
    with pytest.raises(ConfigError, match="use_doc_unwarping: this pipeline was built without"):
        pipeline.predict(page, use_doc_unwarping=True)
