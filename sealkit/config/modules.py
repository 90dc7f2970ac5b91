"""Which settings class a recipe has, by its key `module`. A literal table: a new module is a new line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from sealkit.config.training import RecipeBase

RECIPE_CLASSES: Mapping[str, tuple[str, str]] = {
    "seal_text_detection": ("sealkit.modules.seal_text_detection.settings", "SealTextDetectionRecipe"),
    "text_recognition": ("sealkit.modules.text_recognition.settings", "TextRecognitionRecipe"),
    "layout_detection": ("sealkit.modules.layout_detection.settings", "LayoutDetectionRecipe"),
    "doc_text_orientation": ("sealkit.modules.doc_text_orientation.settings", "DocTextOrientationRecipe"),
}

# Modules whose models run but are not trained here → why, and what to do instead.
NOT_TRAINABLE: Mapping[str, str] = {
    "image_unwarping": (
        "UVDoc learns from images with the page's shape in space (Doc3D, the UVDoc set), which no user has of his own"
        " pages, and the reference publishes no training for it; take the official weights: sealkit export"
        " --model UVDoc --checkpoint UVDoc_pretrained.pdparams --output DIR"
    ),
}


def recipe_class(module: str) -> type[RecipeBase]:
    """The settings class of a module; KeyError where `RECIPE_CLASSES` has none."""
    file, name = RECIPE_CLASSES[module]
    found: type[RecipeBase] = getattr(import_module(file), name)
    return found
