from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sealkit.config.find import shipped
from sealkit.config.load import load_settings
from sealkit.config.problems import SettingsError
from sealkit.pipeline.settings import SealRecognitionSettings

PADDLEX = {
    "pipeline_name": "seal_recognition",
    "use_doc_preprocessor": False,
    "use_layout_detection": "True",
    "SubModules": {
        "LayoutDetection": {
            "module_name": "layout_detection",
            "model_name": "PP-DocLayout-L",
            "model_dir": None,
            "threshold": {16: 0.3},
            "layout_nms": True,
            "layout_unclip_ratio": 1.0,
            "layout_merge_bboxes_mode": "large",
        }
    },
    "SubPipelines": {
        "SealOCR": {
            "pipeline_name": "OCR",
            "text_type": "seal",
            "use_doc_preprocessor": False,
            "use_textline_orientation": False,
            "SubModules": {
                "TextDetection": {
                    "module_name": "seal_text_detection",
                    "model_name": "PP-OCRv4_server_seal_det",
                    "model_dir": None,
                    "limit_side_len": 736,
                    "limit_type": "min",
                    "max_side_len": 4000,
                    "thresh": 0.2,
                    "box_thresh": 0.6,
                    "unclip_ratio": 0.5,
                },
                "TextRecognition": {
                    "module_name": "text_recognition",
                    "model_name": "PP-OCRv4_server_rec",
                    "model_dir": None,
                    "batch_size": 1,
                    "score_thresh": 0,
                },
            },
        }
    },
}


def load(overrides: Sequence[str] | Mapping[str, Any] = ()) -> SealRecognitionSettings:
    return load_settings("configs", PADDLEX, SealRecognitionSettings, overrides, literals=True).settings


def test_keys_of_paddlex_load_with_its_literals() -> None:
    settings = load()
    assert settings.use_layout_detection is True
    assert settings.SubModules.LayoutDetection.threshold == {16: 0.3}
    assert settings.ocr.TextDetection.unclip_ratio == 0.5


@pytest.mark.parametrize(
    ("override", "key", "hint"),
    [
        ("use_layout=false", "use_layout", "did you mean use_layout_detection?"),
        (
            "SubPipelines.SealOCR.SubModules.TextDetection.treshold=0.2",
            "SubPipelines.SealOCR.SubModules.TextDetection.treshold",
            "did you mean",
        ),
        (
            "SubModules.LayoutDetection.layout_merge_bboxes_mode=larg",
            "SubModules.LayoutDetection.layout_merge_bboxes_mode",
            "did you mean large?",
        ),
        ("reading=referense", "reading", "did you mean reference?"),
    ],
)  # fmt: skip
def test_misspelt_keys_are_refused(override: str, key: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load([override])
    (problem,) = caught.value.problems
    assert problem.key == key
    assert problem.hint.startswith(hint)


@pytest.mark.parametrize("name", sorted(shipped("configs")))
def test_shipped_configs_are_valid(name: str) -> None:
    load_settings("configs", name, SealRecognitionSettings, literals=True)


def test_there_are_shipped_configs() -> None:
    assert shipped("configs")


DET, REC = (f"SubPipelines.SealOCR.SubModules.Text{name}" for name in ("Detection", "Recognition"))
PAGES = {
    "pipeline_name": "doc_preprocessor",
    "SubModules": {
        "DocOrientationClassify": {
            "module_name": "doc_text_orientation", "model_name": "PP-LCNet_x1_0_doc_ori", "batch_size": 4,
        },
        "DocUnwarping": {"module_name": "image_unwarping", "model_name": "UVDoc"},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({f"{DET}.module_name": "text_recognition"}, "module_name"),
        ({"SubModules.LayoutDetection.module_name": "seal_text_detection"}, "module_name"),
        ({f"{DET}.batch_size": 4}, "TextDetection.batch_size: 4 has no effect"),
        ({"SubPipelines.SealOCR.batch_size": 2}, "SealOCR.batch_size: 2 has no effect"),
        ({"SubPipelines.DocPreprocessor": PAGES}, "DocOrientationClassify.batch_size: 4 has no effect"),
        ({"Search.enabled": False}, "enabled"),
        ({"Search.area_thresh": 0.3, "reading": "reference"}, "set Search: null"),
        ({"Search.corrections": 0, "Search.min_score": 0.9}, "Search.min_score has no effect"),
        ({"Reading.squeeze_below": 0.9}, "Reading.squeeze_below has no effect"),
        ({"reading": "reference", f"{DET}.rings": "keep"}, "leave TextDetection.rings out"),
        ({f"{DET}.input_shape": [3, 640, 640]}, "TextDetection.limit_side_len"),
        ({f"{REC}.input_shape": [3, 48, 320], "Reading.width_step": 64}, "Reading.width_step cannot"),
    ],
)
def test_settings_without_effect_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(changes)
    assert message in str(caught.value)


def test_batch_sizes_with_an_effect_are_accepted() -> None:
    settings = load({"batch_size": 2, "SubModules.LayoutDetection.batch_size": 2, f"{REC}.batch_size": 16})
    assert settings.ocr.TextRecognition.batch_size == 16
    assert load({"reading": "reference", f"{DET}.batch_size": 4}).ocr.TextDetection.batch_size == 4
