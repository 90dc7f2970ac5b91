"""Settings of augmentations that more than one module offers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sealkit.config.base import Settings

Border = Literal["constant", "replicate", "white", "paper"]
"""What is shown outside the image: black, its smeared edge, white, or the median colour of its edge."""


class Flip(Settings):
    """Mirror the image."""

    op: Literal["flip"]
    p: float = Field(0.5, ge=0, le=1)


class Rotate(Settings):
    """Rotate by a random angle in degrees."""

    op: Literal["rotate"]
    degrees: tuple[float, float] = (-180.0, 180.0)
    fit: bool = True
    """Grow the canvas so that nothing is cut."""
    border: Border = "white"
    p: float = Field(1.0, ge=0, le=1)


class Perspective(Settings):
    """Move the corners at random."""

    op: Literal["perspective"]
    strength: float = Field(0.08, ge=0, le=0.4)
    """Largest shift of a corner as a share of the side."""
    border: Border = "white"
    p: float = Field(0.5, ge=0, le=1)


class Photometric(Settings):
    """Brightness, contrast, hue, blur, noise and JPEG of a phone or scanner."""

    op: Literal["photometric"]
    p: float = Field(0.5, ge=0, le=1)
    strength: float = Field(1.0, gt=0, le=2)
