"""Numbers that belong to a trained detector come from its folder; a config overrides what it names, aloud."""

import logging
from typing import Any

import numpy as np
import pytest

from sealkit.config.load import load_settings
from sealkit.modules.layout_detection.predictor import file_options, laid_over
from sealkit.modules.seal_text_detection.settings import SealTextDetectionRecipe
from sealkit.modules.seal_text_detection.spec import DetectorSpec
from sealkit.modules.seal_text_detection.task import SealTextDetectionTask
from sealkit.modules.text_recognition.predictor import rec_resize
from sealkit.modules.text_recognition.settings import RecResizeSettings
from sealkit.pipeline.build import pipeline_detector
from sealkit.pipeline.flows import flow_of
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from sealkit.pipeline.settings import SealRecognitionSettings
from sealkit.runtime.files import ModelMeta
from tests.pipeline.conftest import InkModel, LengthRecogniser, lengths

DATA = {"train": [{"root": "a", "labels": "train.txt"}], "val": [{"root": "a", "labels": "val.txt"}]}
SIZE = {"limit_side_len": 320, "limit_type": "resize_long"}
CROP = {"op": "seal_crop", "background_contrast": 0.35}


def exported(**recipe: Any) -> ModelMeta:
    """inference.yml of a detector of such a recipe."""
    made = SealTextDetectionRecipe(
        module="seal_text_detection", model="PP-OCRv6_small_det", name="x", data=DATA, **recipe
    )  # fmt: skip
    return ModelMeta("inference.yml", dict(SealTextDetectionTask(made).inference_spec()))


class Watching(InkModel):
    """Keeps its inputs."""

    def __init__(self, meta: ModelMeta) -> None:
        super().__init__()
        self.meta = meta
        self.seen: list[np.ndarray] = []

    def run(self, x: Any) -> list[np.ndarray]:
        self.seen.append(x[0])
        return super().run(x)


def seen(pipeline: SealRecognitionPipeline) -> list[np.ndarray]:
    """What the detector was fed, (3, h, w) each."""
    assert isinstance(pipeline.detector.model, Watching)
    return pipeline.detector.model.seen


def pipeline_of(meta: ModelMeta, config: Any, **changes: Any) -> SealRecognitionPipeline:
    settings = load_settings("configs", config, SealRecognitionSettings, changes).settings
    detector = pipeline_detector(Watching(meta), settings, flow_of(settings))
    return SealRecognitionPipeline(settings, detector, LengthRecogniser())


LIGHTWEIGHT = "seal_recognition-nopp-nolayout-lightweight"


def test_a_detector_runs_at_the_size_it_was_evaluated_with(seal_image: np.ndarray) -> None:
    pipeline = pipeline_of(exported(resize=SIZE, postprocess={"box_thresh": 0.7}), LIGHTWEIGHT)
    image = np.pad(seal_image, ((0, 160), (0, 160), (0, 0)), constant_values=255)
    (result,) = pipeline.predict(image)
    assert [x.shape[1:] for x in seen(pipeline)] == [(320, 320)]
    shown = result["seal_res_list"][0]["text_det_params"]
    assert (shown["limit_side_len"], shown["limit_type"], shown["box_thresh"]) == (320, "resize_long", 0.7)


def test_official_folders_keep_paddlex_s_numbers(seal_image: np.ndarray) -> None:
    said = {"PostProcess": {"name": "DBPostProcess", "thresh": 0.3, "unclip_ratio": 1.5, "box_type": "poly"}}
    pipeline = pipeline_of(ModelMeta("inference.yml", said), LIGHTWEIGHT)
    (result,) = pipeline.predict(seal_image)
    assert [x.shape[1:] for x in seen(pipeline)] == [(736, 736)]
    assert result["seal_res_list"][0]["text_det_params"] == {
        "limit_side_len": 736, "limit_type": "min", "thresh": 0.2, "max_side_limit": 4000, "box_thresh": 0.6,
        "unclip_ratio": 0.5,
    }  # fmt: skip


def test_a_config_overrides_what_it_names_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    det = "SubPipelines.SealOCR.SubModules.TextDetection"
    with caplog.at_level(logging.WARNING):
        spec = pipeline_of(exported(resize=SIZE), LIGHTWEIGHT, **{f"{det}.limit_side_len": 640}).detector.spec
    assert (spec.resize.limit_side_len, spec.resize.limit_type) == (640, "resize_long")
    assert "overrides" in caplog.text and "limit_side_len: 320 → 640" in caplog.text and "limit_type" not in caplog.text


@pytest.mark.parametrize(("augment", "contrast"), [((), 1.0), ((CROP,), 0.35)])
def test_crops_are_dimmed_only_for_detectors_that_were_trained_so(
    page: np.ndarray, augment: tuple[dict[str, Any], ...], contrast: float
) -> None:
    meta = exported(augment=augment, crop={"margin": 0.15})
    assert DetectorSpec.of_pipeline(meta).crop.background_contrast == contrast
    page[335:365, 64:76] = 0  # dark, beside the first seal, in its crop
    pipeline = pipeline_of(meta, "embedded", **{"Refine.views": 1})
    list(pipeline.predict(page[:, :420].copy()))
    darkest = [x[:, :, :40].min() for x in seen(pipeline)[-2:]]  # that of the box, then that of the texts
    plain = pipeline_of(meta, "embedded", **{"Refine.views": 1, "Refine.background_contrast": 1.0})
    list(plain.predict(page[:, :420].copy()))
    undimmed = [x[:, :, :40].min() for x in seen(plain)[-2:]]
    assert (darkest == undimmed) is (contrast == 1.0)


def test_the_shipped_detector_carries_its_crops() -> None:
    from sealkit.pipeline.locate import locate_model

    crop = DetectorSpec.of_pipeline(locate_model("PP-OCRv6_small_det", weights="sealkit").read_meta()).crop
    assert (crop.side, crop.margin, crop.background_contrast) == (288, 0.15, 0.35)


def test_the_recogniser_s_height_and_widest_strip_come_from_its_folder() -> None:
    ops = [{"DecodeImage": {"img_mode": "BGR"}}, {"RecResizeImg": {"image_shape": [3, 32, 320]}}]
    meta = ModelMeta("x", {"PreProcess": {"transform_ops": ops}, "Sealkit": {"resize": {"max_width": 640}}})
    assert rec_resize(meta).image_shape == (3, 32, 320) and rec_resize(meta).max_width == 640
    official = ModelMeta("x", {"PreProcess": {"transform_ops": ops}})
    assert rec_resize(official).max_width == RecResizeSettings().max_width


def test_strips_have_the_height_of_the_recogniser_s_input(page: np.ndarray) -> None:
    pipeline = pipeline_of(exported(), "embedded", **{"Refine.views": 1, "Reading.squeeze": []})
    lengths(pipeline).height = 32
    list(pipeline.predict(page))
    assert {strip.shape[0] for strip in lengths(pipeline).strips} == {32}


def test_the_shipped_config_leaves_the_layout_s_threshold_to_its_folder() -> None:
    settings = load_settings("configs", "seal_recognition-nopp", SealRecognitionSettings).settings
    numbers = settings.SubModules.LayoutDetection.numbers
    said = ModelMeta("inference.yml", {"draw_threshold": 0.3})
    given = {name: number for name, number in numbers.items() if number is not None}
    assert laid_over(file_options(said), given).threshold == 0.3
    assert laid_over(file_options(ModelMeta("inference.yml", {})), given).threshold == 0.5  # PaddleX's
