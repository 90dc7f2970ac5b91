"""The text line classifier as the training loop sees it."""

from __future__ import annotations

from typing import Any

from sealkit.modules.doc_text_orientation.task import OrientationTask
from sealkit.modules.textline_orientation.models import MODELS, MODULE
from sealkit.modules.textline_orientation.orientations import LINES
from sealkit.modules.textline_orientation.settings import TextlineOrientationRecipe


class TextlineOrientationTask(OrientationTask[TextlineOrientationRecipe]):
    """Text lines."""

    name = MODULE
    models = MODELS
    about = LINES

    def resize_ops(self) -> list[dict[str, Any]]:
        """One size for all."""
        return [{"ResizeImage": {"size": list(self.recipe.resize.size)}}]


__all__ = ["TextlineOrientationTask"]
