"""The page stages: classes, angles, flattened pages, and both together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sealkit.errors import ConfigError, EngineError
from sealkit.images import read_image
from sealkit.modules.doc_text_orientation.postprocess import turn
from sealkit.modules.doc_text_orientation.predictor import OrientationClassifier
from sealkit.modules.image_unwarping.predictor import Unwarper
from sealkit.pipeline.doc_preprocessor import DocPreprocessor
from sealkit.pipeline.reference.rotate import rotate_image
from tests.pipeline.fake_pages import orientation_model, page, unwarping_model


def lying(angle: int) -> np.ndarray:
    return turn(page(), -angle)


def test_classifier_tells_the_angle_in_paddlex_fields(tmp_path: Path) -> None:
    model = orientation_model()
    results = list(OrientationClassifier(model).predict([lying(a) for a in (0, 90, 180, 270)], batch_size=3))
    assert [r["label_names"] for r in results] == [["0"], ["90"], ["180"], ["270"]]
    assert [r["class_ids"].tolist() for r in results] == [[0], [1], [2], [3]]
    assert results[0]["class_ids"].dtype == np.int32 and results[0]["scores"].dtype == np.float32
    assert list(results[0]) == ["input_path", "page_index", "input_img", "class_ids", "scores", "label_names"]
    assert model.batches == [(3, 3, 64, 64), (1, 3, 64, 64)]
    best = next(OrientationClassifier(model).predict(lying(90), topk=2))
    assert len(best["class_ids"]) == 2 and best["scores"][0] > best["scores"][1]
    best.save_to_json(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["label_names"][0] == "90"
    best.save_to_img(tmp_path)
    assert read_image(next(tmp_path.glob("*_res.png"))).shape == (70, 90, 3)


def test_unreadable_images_do_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    results = list(OrientationClassifier(orientation_model()).predict([str(tmp_path / "bad.png"), lying(180)], 2))
    assert not results[0].ok and results[1]["label_names"] == ["180"]


def test_folders_of_other_modules_are_named() -> None:
    with pytest.raises(EngineError, match="no ResizeImage"):
        OrientationClassifier(orientation_model(PreProcess={"transform_ops": [{"DetResizeForTest": None}]}))
    with pytest.raises(EngineError, match="not an orientation classifier"):
        model = orientation_model()
        model.outputs = unwarping_model().outputs
        OrientationClassifier(model)
    with pytest.raises(EngineError, match="not an unwarping network"):
        Unwarper(orientation_model())
    cats = OrientationClassifier(orientation_model(PostProcess={"Topk": {"label_list": ["a", "b", "c", "d"]}}))
    with pytest.raises(EngineError, match="not angles"):
        cats.angle(page())


def test_a_file_without_labels_means_the_angles() -> None:
    found = OrientationClassifier(orientation_model(PostProcess={"Topk": {"topk": 1}}))
    assert found.angle(lying(270)) == 270
    assert found.input.resize.crop == 64


def test_unwarped_page_is_rgb_alone_and_clipped() -> None:
    (result,) = Unwarper(unwarping_model()).predict(page())
    flat = result["doctr_img"]
    assert flat.dtype == np.uint8 and flat.shape == (90, 70, 3)
    assert flat[50, -1].tolist() == [204, 30, 30]  # red margin, mirrored; 1.02 times as bright
    assert flat.max() <= 255 and result.json["res"]["doctr_img"] == "..."
    assert list(result) == ["input_path", "page_index", "input_img", "doctr_img"]


def test_unwarped_page_is_saved_with_its_colours(tmp_path: Path) -> None:
    (result,) = Unwarper(unwarping_model()).predict(page())
    result.save_to_img(tmp_path / "flat.png")
    assert read_image(tmp_path / "flat.png")[50, -1].tolist() == [30, 30, 204]


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_both_steps(angle: int) -> None:
    stage = DocPreprocessor(OrientationClassifier(orientation_model()), Unwarper(unwarping_model()))
    assert stage.has_orientation and stage.has_unwarping
    assert set(stage.models) == {"DocOrientationClassify", "DocUnwarping"}
    image = lying(angle)
    found = stage.process(image)
    assert list(found) == [
        "input_path", "page_index", "input_img", "model_settings", "angle", "rot_img", "output_img",
    ]  # fmt: skip
    assert found["input_img"] is image and found["angle"] == angle
    np.testing.assert_array_equal(found["rot_img"], page())
    assert found["output_img"][50, -1].tolist() == [30, 30, 204]  # BGR here
    assert found["model_settings"] == {"use_doc_orientation_classify": True, "use_doc_unwarping": True}


def test_steps_that_are_off_hand_the_same_image_on() -> None:
    stage = DocPreprocessor(OrientationClassifier(orientation_model()), None)
    image = lying(180)
    found = stage.process(image, orientation=False, unwarping=False)
    assert found["angle"] == -1 and found["rot_img"] is image and found["output_img"] is image
    with pytest.raises(ConfigError, match="use_doc_unwarping"):
        stage.process(image, orientation=True, unwarping=True)


def test_reference_reading_shifts_by_a_pixel() -> None:
    model = OrientationClassifier(orientation_model())
    exact = DocPreprocessor(model).process(lying(90), unwarping=False)["rot_img"]
    shifted = DocPreprocessor(model, turn=rotate_image).process(lying(90), unwarping=False)["rot_img"]
    assert exact.shape == shifted.shape and not np.array_equal(exact, shifted)
    np.testing.assert_array_equal(exact[:-1], shifted[1:])
    assert not shifted[0].any()
