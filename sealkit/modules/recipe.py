"""Reading a recipe of any module of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sealkit.config import load
from sealkit.config.load import Loaded, Overrides
from sealkit.config.training import RecipeBase
from sealkit.modules.table import recipe_kinds


def load_recipe(
    recipe: str | Path | Mapping[str, Any] | RecipeBase,
    overrides: Overrides = (),
    models: Mapping[str, Sequence[str]] | None = None,
) -> Loaded[RecipeBase]:
    """Read and check a recipe of any module; see `sealkit.config.load.load_recipe`.

    Args:
        recipe: a path, the name of a shipped recipe, or from Python a mapping or settings object.
        overrides: `["train.batch_size=2"]` or `{"train.batch_size": 2}`.
        models: module → names of its models; given, an unknown `model` is a finding like any other.

    Raises:
        SettingsError: everything that is wrong, at once.
        ConfigError: the file is missing, unreadable or not YAML.
    """
    return load.load_recipe(recipe, overrides, recipe_kinds(), models)
