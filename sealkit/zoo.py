"""All models of all modules in one table, and what is known of each: recipes, weights, published metrics."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from sealkit.config.find import shipped
from sealkit.config.training import RecipeBase
from sealkit.engine.task import Task
from sealkit.errors import ConfigError
from sealkit.modules import table
from sealkit.modules.base import ModelSpec
from sealkit.modules.recipe import load_recipe
from sealkit.text import did_you_mean


def all_models() -> dict[str, ModelSpec]:
    """Model name → its spec, over all modules. Imports no network and no paddle."""
    return {name: spec for row in table.MODULES.values() for name, spec in row.model_specs().items()}


def models_by_module() -> dict[str, list[str]]:
    """Module → names of its models."""
    return table.models_by_module()


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
    hint = did_you_mean(str(name), table, otherwise="`sealkit models` lists all", limit=3)
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
    return table.info(str(getattr(recipe, "module", None))).task_class()(recipe)


def recipes_by_model() -> dict[str, list[str]]:
    """Model → names of the shipped recipes that train it, read from the recipes themselves."""
    found: dict[str, list[str]] = {}
    for name, path in shipped("recipes").items():
        found.setdefault(load_recipe(path).settings.model, []).append(name)
    return found


def weights_tags(spec: ModelSpec) -> list[str]:
    """Weights tags that have this model: what its table says, and `sealkit` where the package ships weights of it."""
    assets = Path(__file__).resolve().parent / "assets"
    own = any((assets / f"{spec.name}{suffix}").exists() for suffix in ("", ".safetensors", ".onnx"))
    return list(dict.fromkeys([*(("sealkit",) if own else ()), *spec.weights]))
