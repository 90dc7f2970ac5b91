"""Reading a recipe of any module of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sealkit.config import load
from sealkit.config.load import Loaded, Overrides
from sealkit.config.training import RecipeBase
from sealkit.download.places import find_inference
from sealkit.download.progress import fetch_official as fetch
from sealkit.modules.table import recipe_kinds
from sealkit.weights.sources import fetch_missing


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


def fetch_official(settings: RecipeBase, weights: str) -> None:
    """Download the official weights and characters that a recipe starts from, where they are missing.

    Args:
        settings: of the recipe.
        weights: what it starts from; nothing happens where that is not `official`.

    Raises:
        DownloadError: they cannot be had.
    """
    fetch_missing(weights, settings.model)
    if settings.model_dump().get("dictionary") == "official" and find_inference(settings.model) is None:
        fetch(settings.model)
