"""Recipe settings of the module textline_orientation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sealkit.config.augment import Perspective, Photometric, Rotate
from sealkit.config.base import Settings
from sealkit.modules.doc_text_orientation.settings import OrientationRecipe, RandomResizedCrop
from sealkit.modules.textline_orientation.models import HEIGHT, WIDTH


class HalfTurn(Settings):
    """A turn by 0 or 180 degrees that updates the label."""

    op: Literal["rot180"]
    p: float = Field(1.0, ge=0, le=1)


LineAugment = Annotated[RandomResizedCrop | HalfTurn | Rotate | Perspective | Photometric, Field(discriminator="op")]


class LineResizeSettings(Settings):
    """Input of evaluation and export: a line is stretched to it, whatever its own ratio."""

    width: int = Field(WIDTH, ge=16)
    """Pixels."""
    height: int = Field(HEIGHT, ge=16)
    """Pixels."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the network's input."""
        return self.width, self.height


class TextlineOrientationRecipe(OrientationRecipe):
    """A recipe of the module."""

    module: Literal["textline_orientation"]
    augment: tuple[LineAugment, ...] = ()
    """In this order. Where no step gives the images a size, evaluation's resize follows."""
    resize: LineResizeSettings = LineResizeSettings()
