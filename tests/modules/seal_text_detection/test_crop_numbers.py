"""What a fine-tuned detector's export says about crops of single seals."""

from __future__ import annotations

import pytest

from sealkit.modules.recipe import load_recipe
from sealkit.modules.seal_text_detection.spec import DetectorSpec
from sealkit.pipeline.locate import locate_model
from sealkit.runtime.devices import CPU
from sealkit.runtime.model import open_model


@pytest.mark.parametrize("recipe", ["seal_det_cpu_small", "seal_det_demo"])
def test_short_fine_tunings_of_the_shipped_detector_keep_its_crop(recipe: str) -> None:
    shipped = open_model(locate_model("PP-OCRv6_small_det"), "onnxruntime", CPU)
    assert load_recipe(recipe).settings.crop_settings == DetectorSpec.of_pipeline(shipped.meta).crop


def test_contrast_is_what_was_trained_with_unless_stated() -> None:
    seal_crop = {"augment": [{"op": "seal_crop", "background_contrast": 0.5}]}
    none = {"crop.background_contrast": None}
    assert load_recipe("seal_det_mobile").settings.crop_settings.background_contrast == 1.0
    assert load_recipe("seal_det_cpu_small", {**seal_crop, **none}).settings.crop_settings.background_contrast == 0.5
    assert load_recipe("seal_det_cpu_small", seal_crop).settings.crop_settings.background_contrast == 0.35
