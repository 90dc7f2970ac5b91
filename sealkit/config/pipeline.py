"""Settings of the pipeline `seal_recognition`: the keys of PaddleX's YAML, spelled as there, plus sealkit's own.

A config of PaddleX loads unchanged (its key `max_side_len` has no effect there and none here: `max_side_limit` is the
one that is read). PaddleX ignores keys it does not know; here they are refused: a misspelt threshold must not pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from sealkit.config.base import Settings
from sealkit.config.load import Loaded, Overrides, load_settings

MergeMode = Literal["large", "small", "union"]


class EngineKeys(Settings):
    """Keys understood at every level; a level that names an engine stops inheriting the upper one's."""

    engine: str | None = None
    """paddle, onnxruntime, openvino, tensorrt; null: the level above, at last what suits the model folder."""
    engine_config: dict[str, Any] | None = None
    use_hpip: bool | None = None
    hpi_config: dict[str, Any] | None = None


class ModuleKeys(EngineKeys):
    """Keys of every module."""

    module_name: str = ""
    model_name: str
    model_dir: str | None = None
    """An inference model's folder or ONNX file, or a weights tag; null: the weights that belong to `model_name`."""
    batch_size: int = Field(1, gt=0)


class LayoutDetectionKeys(ModuleKeys):
    module_name: str = "layout_detection"
    model_name: str = "PP-DocLayout-L"
    threshold: float | dict[int, float] | None = None
    layout_nms: bool | None = None
    layout_unclip_ratio: float | tuple[float, float] | dict[int, tuple[float, float]] | None = None
    layout_merge_bboxes_mode: MergeMode | dict[int, MergeMode] | None = None
    img_size: int | tuple[int, int] | None = None


class DocOrientationKeys(ModuleKeys):
    module_name: str = "doc_text_orientation"
    model_name: str = "PP-LCNet_x1_0_doc_ori"


class DocUnwarpingKeys(ModuleKeys):
    module_name: str = "image_unwarping"
    model_name: str = "UVDoc"


class TextDetectionKeys(ModuleKeys):
    module_name: str = "seal_text_detection"
    model_name: str = "PP-OCRv4_server_seal_det"
    # null throughout: what the model folder says
    limit_side_len: int | None = Field(None, gt=0)
    limit_type: Literal["min", "max", "resize_long"] | None = None
    max_side_limit: int | None = Field(None, gt=0)
    max_side_len: int | None = None
    """In PaddleX's packaged file, without effect there and here; `max_side_limit` is the key that is read."""
    thresh: float | None = Field(None, ge=0, lt=1)
    box_thresh: float | None = Field(None, ge=0, le=1)
    unclip_ratio: float | None = Field(None, ge=0)
    input_shape: tuple[int, int, int] | None = None


class TextRecognitionKeys(ModuleKeys):
    module_name: str = "text_recognition"
    model_name: str = "PP-OCRv4_server_rec"
    score_thresh: float = Field(0.0, ge=0, le=1)
    input_shape: tuple[int, int, int] | None = None
    return_word_box: bool = False


class LayoutModules(Settings):
    LayoutDetection: LayoutDetectionKeys | None = None


class DocPreprocessorModules(Settings):
    DocOrientationClassify: DocOrientationKeys | None = None
    DocUnwarping: DocUnwarpingKeys | None = None


class DocPreprocessorKeys(EngineKeys):
    pipeline_name: str = "doc_preprocessor"
    batch_size: int = Field(1, gt=0)
    use_doc_orientation_classify: bool = True
    use_doc_unwarping: bool = True
    SubModules: DocPreprocessorModules = DocPreprocessorModules()


class SealOCRModules(Settings):
    TextDetection: TextDetectionKeys = TextDetectionKeys()
    TextRecognition: TextRecognitionKeys = TextRecognitionKeys()


class SealOCRKeys(EngineKeys):
    pipeline_name: str = "OCR"
    text_type: Literal["seal"] = "seal"
    batch_size: int = Field(1, gt=0)
    use_doc_preprocessor: Literal[False] = False
    use_textline_orientation: Literal[False] = False
    SubModules: SealOCRModules = SealOCRModules()


class SealPipelines(Settings):
    DocPreprocessor: DocPreprocessorKeys | None = None
    SealOCR: SealOCRKeys = SealOCRKeys()


class PipelineSettings(EngineKeys):
    """A whole pipeline config."""

    pipeline_name: Literal["seal_recognition"]
    batch_size: int = Field(1, gt=0)
    use_doc_preprocessor: bool = True
    use_layout_detection: bool = True
    SubModules: LayoutModules = LayoutModules()
    SubPipelines: SealPipelines = SealPipelines()
    Serving: dict[str, Any] | None = None
    reading: Literal["sealkit", "reference"] = "sealkit"
    """`sealkit`: our straightening, independent of the seal's angle; `reference`: paddlex 3.7.2, quirks included."""
    whole_page_fallback: bool = False
    """Where layout finds no seal, run text detection on the whole page and say so in the result."""


def load_pipeline(config: str | Path | Mapping[str, Any], overrides: Overrides = ()) -> Loaded[PipelineSettings]:
    """Read and check a pipeline config.

    Args:
        config: path, name of a shipped config, or mapping with PaddleX's keys.

    Raises:
        SettingsError: everything that is wrong, at once.
        ConfigError: no such file, not YAML.
    """
    return load_settings("configs", config, PipelineSettings, overrides, literals=True)
