"""All models of all modules in one table, and what is known of each: recipes, weights, published metrics."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any

from sealkit.config.find import shipped
from sealkit.config.load import load_recipe
from sealkit.config.problems import nearest
from sealkit.config.training import RecipeBase
from sealkit.engine.task import Task
from sealkit.errors import ConfigError
from sealkit.modules.model_spec import ModelSpec

# Modules in the order they are listed, and the file of each that holds its literal table MODELS.
TABLES: Mapping[str, str] = {
    "seal_text_detection": "sealkit.modules.seal_text_detection.models",
    "text_recognition": "sealkit.modules.text_recognition.models",
    "layout_detection": "sealkit.modules.layout_detection.models",
    "doc_text_orientation": "sealkit.modules.doc_text_orientation.models",
    "image_unwarping": "sealkit.modules.image_unwarping.models",
}

# The class that answers the questions of training, evaluation and export for each module (engine.task.Task).
TASKS: Mapping[str, tuple[str, str]] = {
    "seal_text_detection": ("sealkit.modules.seal_text_detection.task", "SealTextDetectionTask"),
    "text_recognition": ("sealkit.modules.text_recognition.task", "TextRecognitionTask"),
    "layout_detection": ("sealkit.modules.layout_detection.task", "LayoutDetectionTask"),
    "doc_text_orientation": ("sealkit.modules.doc_text_orientation.task", "DocTextOrientationTask"),
}


def all_models() -> dict[str, ModelSpec]:
    """Model name → its spec, over all modules. Imports no network and no paddle."""
    return {name: spec for file in TABLES.values() for name, spec in import_module(file).MODELS.items()}


def models_by_module() -> dict[str, list[str]]:
    """Module → names of its models."""
    return {module: list(import_module(file).MODELS) for module, file in TABLES.items()}


def list_models(pattern: str = "*", module: str | None = None) -> list[str]:
    """Names of models that fit a shell pattern such as `PP-OCRv6*`, upper and lower case alike.

    Args:
        pattern: with `*`, `?` or `[…]`; a word without them fits anywhere in the name.
        module: only models of this module.
    """
    if not any(sign in pattern for sign in "*?["):
        pattern = f"*{pattern}*"
    wanted = pattern.lower()
    return [
        name
        for name, spec in all_models().items()
        if fnmatchcase(name.lower(), wanted) and (module is None or spec.module == module)
    ]


def get(name: str) -> ModelSpec:
    """The spec of a model.

    Raises:
        ConfigError: no such model; names the nearest ones.
    """
    table = all_models()
    if name in table:
        return table[name]
    close = nearest(str(name), table, limit=3, cutoff=50)
    hint = "did you mean " + " or ".join(close) + "?" if close else "`sealkit models` lists all"
    raise ConfigError("unknown model", value=name, hint=hint)


def build_network(model_name: str, **options: Any) -> Any:
    """The training network of a model, freshly initialised.

    Args:
        options: `form="official"` (default; `state_dict()` has the keys of the published checkpoint) or "fused", and
            what the module's builder takes besides (`fields=True` for seal detectors).

    Returns:
        a paddle.nn.Layer.

    Raises:
        ConfigError: no such model, no such form.
    """
    return get(model_name).build(**options)


def make_task(recipe: RecipeBase) -> Task:
    """The Task of a recipe.

    Raises:
        ConfigError: settings of no module (a bare RecipeBase).
    """
    module = str(getattr(recipe, "module", None))
    if module not in TASKS:
        raise ConfigError("no such module", where="module", value=module, hint="modules: " + ", ".join(TASKS))
    file, name = TASKS[module]
    task: Task = getattr(import_module(file), name)(recipe)
    return task


def recipes_by_model() -> dict[str, list[str]]:
    """Model → names of the shipped recipes that train it, read from the recipes themselves."""
    found: dict[str, list[str]] = {}
    for name, path in shipped("recipes").items():
        found.setdefault(load_recipe(path).settings.model, []).append(name)
    return found


def weights_tags(spec: ModelSpec) -> list[str]:
    """Weights tags that have this model: what its table says, and `sealkit` where the package ships weights of it."""
    assets = Path(__file__).resolve().parent / "assets"
    own = (assets / spec.name).exists() or (assets / f"{spec.name}.safetensors").exists()
    return list(dict.fromkeys([*(("sealkit",) if own else ()), *spec.weights]))
