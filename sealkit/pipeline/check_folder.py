"""Checks that a model folder belongs to the requested module and model."""

from __future__ import annotations

from sealkit.errors import EngineError
from sealkit.modules.table import MODULES, info
from sealkit.runtime.files import ModelMeta
from sealkit.runtime.model import InferenceModel


def module_said(meta: ModelMeta) -> str | None:
    """The module an inference.yml belongs to; None where it has no such entry."""
    return next((name for name, row in MODULES.items() if row.predictor_class().wrote(meta)), None)


def check_folder(model: InferenceModel, model_name: str, module: str) -> None:
    """Refuse a folder of another module or of another model. A folder without these entries is accepted.

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
    info(module).predictor_class().check_graph(model)
