"""What a fine-tuned detector's export says about crops of single seals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sealkit.modules.recipe import load_recipe
from sealkit.modules.seal_text_detection.settings import DetCropSettings, SealTextDetectionRecipe
from sealkit.modules.seal_text_detection.spec import DetectorSpec
from sealkit.pipeline.locate import locate_model
from sealkit.runtime.devices import CPU
from sealkit.runtime.model import open_model


def crop_of(recipe: str, overrides: Mapping[str, Any] | None = None) -> DetCropSettings:
    settings = load_recipe(recipe, overrides or ()).settings
    assert isinstance(settings, SealTextDetectionRecipe)
    return settings.crop_settings


@pytest.mark.parametrize("recipe", ["seal_det_cpu_small", "seal_det_demo"])
def test_short_fine_tunings_of_the_shipped_detector_keep_its_crop(recipe: str) -> None:
    shipped = open_model(locate_model("PP-OCRv6_small_det"), "onnxruntime", CPU)
    assert crop_of(recipe) == DetectorSpec.of_pipeline(shipped.meta).crop


def test_contrast_is_what_was_trained_with_unless_stated() -> None:
    seal_crop = {"augment": [{"op": "seal_crop", "background_contrast": 0.5}]}
    none = {"crop.background_contrast": None}
    assert crop_of("seal_det_mobile").background_contrast == 1.0
    assert crop_of("seal_det_cpu_small", {**seal_crop, **none}).background_contrast == 0.5
    assert crop_of("seal_det_cpu_small", seal_crop).background_contrast == 0.35
