"""Which settings class a recipe has, by its key `module`. A literal table: a new module is a new line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from sealkit.config.training import RecipeBase

RECIPE_CLASSES: Mapping[str, tuple[str, str]] = {
    "seal_text_detection": ("sealkit.config.seal_text_detection", "SealTextDetectionRecipe"),
    "text_recognition": ("sealkit.config.text_recognition", "TextRecognitionRecipe"),
}


def recipe_class(module: str) -> type[RecipeBase]:
    """The settings class of a module; KeyError where `RECIPE_CLASSES` has none."""
    file, name = RECIPE_CLASSES[module]
    found: type[RecipeBase] = getattr(import_module(file), name)
    return found
