"""Is a model folder the one that was asked for? What it says of itself against the name and place it was given."""

from __future__ import annotations

import re

from sealkit.errors import ConfigError, EngineError
from sealkit.runtime.files import ModelMeta
from sealkit.runtime.model import InferenceModel

_NAMES = (
    ("seal_text_detection", re.compile(r"_det$")),
    ("text_recognition", re.compile(r"_rec(_|$)")),
    ("doc_text_orientation", re.compile(r"_doc_ori$")),
    ("image_unwarping", re.compile(r"^UVDoc$")),
    ("layout_detection", re.compile(r"^(PicoDet|RT-DETR|PP-DocLayout|PP-DocBlockLayout)")),
)
"""How PaddleX makes the names of each module's models."""
_POSTPROCESS = {"DBPostProcess": "seal_text_detection", "CTCLabelDecode": "text_recognition"}


def module_of(model_name: str) -> str:
    """PaddleX's module of a model name.

    Raises:
        ConfigError: a name of no kind.
    """
    for module, pattern in _NAMES:
        if pattern.search(model_name):
            return module
    raise ConfigError(
        "no model of this pipeline", where="model_name", value=model_name, hint="`sealkit models` lists the names"
    )


def module_said(meta: ModelMeta) -> str | None:
    """The module an inference.yml is written for; None where it does not tell."""
    if "label_list" in meta.data and "Preprocess" in meta.data:
        return "layout_detection"
    if "Topk" in meta.post_process:
        return "doc_text_orientation"
    return _POSTPROCESS.get(str(meta.post_process.get("name")))


def check_folder(model: InferenceModel, model_name: str, module: str) -> None:
    """Refuse a folder of another module or of another model. One that says nothing is taken for what was asked for.

    Raises:
        EngineError: the folder is another's.
    """
    said = module_said(model.meta)
    if said is not None and said != module:
        raise EngineError(
            f"the folder is a model of {said}, not of {module}",
            where=model.meta.where,
            value=model.meta.model_name,
            hint="check which model_dir belongs to which module",
        )
    name = model.meta.model_name
    if name is not None and name != model_name:
        raise EngineError(
            f"the folder is a {name}, not a {model_name}",
            where=model.meta.where,
            hint=f"set model_name: {name}, or give the folder of a {model_name}",
        )
    if module == "seal_text_detection" and model.outputs[0].shape and len(model.outputs[0].shape) != 4:
        raise EngineError(
            "the graph is not a text detector: its output must be (N, 1 or 4, H, W)",
            where=str(model.path),
            value=model.outputs[0].shape,
            hint="check which model_dir belongs to which module",
        )
