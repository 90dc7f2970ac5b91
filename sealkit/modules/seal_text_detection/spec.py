"""The detector spec: input size, thresholds and crop settings that belong to trained weights.

These numbers belong to the weights. Export writes them into the model's inference.yml (section `Sealkit`), and
evaluation, `infer`, pipeline and service read them from there. A folder that sealkit did not write has no such section:
the module alone then goes by PaddleX's keys of the file, the pipeline by the values of PaddleX's seal pipeline.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sealkit.config.base import Settings
from sealkit.errors import EngineError
from sealkit.modules.seal_text_detection.preprocess import MEAN, STD
from sealkit.modules.seal_text_detection.settings import DetCropSettings, DetPostprocessSettings, DetResizeSettings
from sealkit.runtime.files import ModelMeta, finite, reads_meta, sides

_FILE_KEYS = ("thresh", "box_thresh", "max_candidates", "unclip_ratio", "box_type", "score_mode", "use_dilation")
_MODULE_DEFAULTS = {"thresh": 0.3, "box_thresh": 0.6, "unclip_ratio": 2.0, "box_type": "quad"}
"""PaddleX's module alone, for keys an inference.yml lacks; its seal pipeline has the defaults of the settings class."""
_PIPELINE_KEYS = ("thresh", "box_thresh", "unclip_ratio")
"""What PaddleX's pipeline config decides, whatever the file says."""


class DetectorSpec(Settings):
    """The numbers of one detector."""

    resize: DetResizeSettings = DetResizeSettings()
    postprocess: DetPostprocessSettings = DetPostprocessSettings()
    crop: DetCropSettings = DetCropSettings()

    @classmethod
    def of_model(cls, meta: ModelMeta) -> DetectorSpec:
        """For the module alone: what the folder was evaluated with, else PaddleX's keys of the file.

        A file that says nothing about `box_type` means quad (PaddleX); a model without any file is taken for a curved
        one. `resize_long` is PaddleX's short-side limit in a file that sealkit did not write.
        """
        return _of_model(meta)

    @classmethod
    def of_pipeline(cls, meta: ModelMeta) -> DetectorSpec:
        """In the pipeline: what the folder was evaluated with, else the values of PaddleX's seal pipeline."""
        return _of_pipeline(meta)

    def changed(self, options: Mapping[str, Any]) -> DetectorSpec:
        """With those of `options` that are not None, each by the name of the field it sets; validated.

        Raises:
            pydantic.ValidationError: a wrong value.
        """
        given = {key: value for key, value in options.items() if value is not None}
        parts = {"resize": self.resize, "postprocess": self.postprocess, "crop": self.crop}
        changed = {name: _laid_over(part, given) for name, part in parts.items()}
        return self if all(changed[name] is parts[name] for name in parts) else DetectorSpec(**changed)

    def differences(self, other: DetectorSpec) -> dict[str, tuple[Any, Any]]:
        """Fields that differ: name → (here, there)."""
        found: dict[str, tuple[Any, Any]] = {}
        for name in ("resize", "postprocess", "crop"):
            mine, theirs = getattr(self, name).model_dump(), getattr(other, name).model_dump()
            found |= {key: (value, theirs[key]) for key, value in mine.items() if value != theirs[key]}
        return found

    @classmethod
    def refuse_unknown(cls, options: Mapping[str, Any]) -> None:
        """TypeError for keywords that are no field, as Python itself raises."""
        refuse_unknown(options, DetResizeSettings, DetPostprocessSettings)


@reads_meta
def _of_model(meta: ModelMeta) -> DetectorSpec:
    post: dict[str, Any] = {key: meta.post_process[key] for key in _FILE_KEYS if key in meta.post_process}
    if meta.data:
        post = {**_MODULE_DEFAULTS, **post}
    side = meta.transform_ops.get("DetResizeForTest", {}).get("resize_long")
    resize = {} if side is None else {"limit_side_len": sides([side], 1)[0]}
    return _with_own(meta, resize, post)


@reads_meta
def _of_pipeline(meta: ModelMeta) -> DetectorSpec:
    post = {key: meta.post_process[key] for key in _FILE_KEYS if key in meta.post_process}
    if meta.data:
        post = {"box_type": _MODULE_DEFAULTS["box_type"], **post}
    return _with_own(meta, {}, {key: value for key, value in post.items() if key not in _PIPELINE_KEYS})


def _with_own(meta: ModelMeta, resize: Mapping[str, Any], post: Mapping[str, Any]) -> DetectorSpec:
    """The section `Sealkit` over other values."""
    made = DetectorSpec(
        resize=DetResizeSettings(**{**resize, **own_numbers(meta, "resize", DetResizeSettings)}),
        postprocess=DetPostprocessSettings(**{**post, **own_numbers(meta, "postprocess", DetPostprocessSettings)}),
        crop=DetCropSettings(**own_numbers(meta, "crop", DetCropSettings)),
    )
    sides([made.resize.limit_side_len, made.resize.max_side_limit, made.crop.side], 3)
    return made


def own_numbers(meta: ModelMeta, part: str, settings: type[Settings]) -> dict[str, Any]:
    """The keys of `settings` in a part of the section `Sealkit` of an inference.yml; {} where there is none."""
    return {key: value for key, value in meta.own(part).items() if key in settings.model_fields}


def _laid_over(settings: Any, given: Mapping[str, Any]) -> Any:
    mine = {key: value for key, value in given.items() if key in type(settings).model_fields}
    return type(settings)(**{**settings.model_dump(), **mine}) if mine else settings


@dataclass(frozen=True)
class DetInput:
    """What inference.yml says about the input (model-directory format §2)."""

    rgb: bool = False
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    scale: float = 1 / 255


@reads_meta
def det_input(meta: ModelMeta) -> DetInput:
    """Input rules of a detector's inference.yml; official BGR and ImageNet values where a bare ONNX file says nothing.

    Raises:
        EngineError: a scale that is no number.
    """
    if not meta.data:
        return DetInput()
    ops = meta.transform_ops
    norm = ops.get("NormalizeImage", {})
    return DetInput(
        rgb=str(ops.get("DecodeImage", {}).get("img_mode", "RGB")).upper() == "RGB",  # PaddleX: absent = RGB
        mean=finite(norm.get("mean") or MEAN),
        std=finite(norm.get("std") or STD),
        scale=_number(norm.get("scale", 1 / 255), meta.where),
    )


@reads_meta
def fixed_size(meta: ModelMeta) -> tuple[int, int] | None:
    """Height and width of a detector whose inference.yml wants inputs of one size (`DetResizeForTest.image_shape`)."""
    shape = meta.transform_ops.get("DetResizeForTest", {}).get("image_shape") if meta.data else None
    if not shape:
        return None
    height, width = sides(shape, 2)
    return height, width


def refuse_unknown(options: Mapping[str, Any], *classes: Any) -> None:
    """TypeError for keywords none of the settings classes has, as Python itself does."""
    known = {name for cls in classes for name in cls.model_fields}
    unknown = sorted(set(options) - known)
    if unknown:
        raise TypeError(
            f"predict() got unexpected keyword argument(s) {', '.join(unknown)}; known: {', '.join(sorted(known))}"
        )


_OPERATORS = {ast.Div: operator.truediv, ast.Mult: operator.mul, ast.Add: operator.add, ast.Sub: operator.sub}


def _number(value: Any, where: str) -> float:
    """A number, or an expression of numbers such as "1./255."."""
    try:
        if isinstance(value, str) and len(value) <= 60:
            value = _evaluate(ast.parse(value, mode="eval").body)
        return finite([value], 1)[0]
    except (SyntaxError, TypeError, ValueError, ArithmeticError) as error:
        raise EngineError("NormalizeImage.scale is not a number", where=where, value=value) from error


def _evaluate(node: ast.AST) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return float(_OPERATORS[type(node.op)](_evaluate(node.left), _evaluate(node.right)))
    raise ValueError("only numbers and + - * /")
