"""Settings of the seal renderer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sealkit.config.base import Settings

Shape = Literal["circle", "oval", "square", "rectangle", "triangle"]


class SynthSettings(Settings):
    """What is drawn. Shares need not add up to one: they are weights."""

    style: Literal["default", "laser"] = "default"
    """`laser`: hollow, hatched letters burnt into wood or kraft paper, dashed borders: nothing that `default` draws,
    to show what fine-tuning on a new kind of seal gains."""
    size: tuple[int, int] = (300, 480)
    """Shortest and longest long side of pictures that one seal fills, pixels."""
    page_size: tuple[int, int] = (400, 640)
    """The same for page-like pictures and pictures without a seal."""
    crops: float = Field(0.7, ge=0)
    """Weight of pictures that one seal fills."""
    pages: float = Field(0.22, ge=0)
    """Weight of document parts with one to four small seals."""
    negatives: float = Field(0.08, ge=0)
    """Weight of pictures without seal text."""
    circle: float = Field(0.72, ge=0)
    oval: float = Field(0.11, ge=0)
    square: float = Field(0.1, ge=0)
    rectangle: float = Field(0.05, ge=0)
    triangle: float = Field(0.02, ge=0)
    uniform_angle: float = Field(0.6, ge=0, le=1)
    """Share of seals turned by any angle of 0 to 360 degrees; the others stand within about 15 degrees of upright."""
    min_seal: int = Field(80, ge=32)
    """Smallest diameter of a seal on a page, pixels."""
    fonts: str | None = None
    """Folder of fonts to use beside the system's."""

    def shape_weights(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in ("circle", "oval", "square", "rectangle", "triangle")}
