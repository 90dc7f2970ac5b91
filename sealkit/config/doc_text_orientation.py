"""Recipe settings of the module doc_text_orientation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sealkit.config.base import Settings
from sealkit.config.training import RecipeBase

Fill = Literal["white", "paper", "constant"]
"""What is shown outside the page: white, the median colour of its edge, or black."""


class OriNetworkSettings(Settings):
    form: Literal["official", "fused"] = "official"
    """`official`: as the published checkpoints; `fused`: BatchNorm folded, for pretrained weights on a CPU."""


class OriSetSettings(Settings):
    """A labelled set, or upright pages that are turned on the fly."""

    root: str
    """Folder that picture paths are relative to."""
    labels: str | None = None
    """Label file, relative to root: lines `path label`, label 0..3 for a page turned clockwise by 0, 90, 180, 270
    degrees. With `upright` only its paths are read (a file of another module's labels will do); null: every picture
    below root."""
    upright: bool = False
    """The pages stand upright: training turns each by one of the four angles, evaluation by all four."""
    ratio: float = Field(1.0, gt=0)
    """Samples of this set per epoch, as a share of its size (upright pages count once in training)."""

    @model_validator(mode="after")
    def _labelled(self) -> OriSetSettings:
        if self.labels is None and not self.upright:
            raise ValueError("a set without a label file holds upright pages: say upright: true, or name labels")
        return self


class OriDataSettings(Settings):
    train: tuple[OriSetSettings, ...] = Field(min_length=1)
    val: tuple[OriSetSettings, ...] = Field(min_length=1)


class RandomResizedCrop(Settings):
    """A window of random area and aspect ratio, scaled to `size`: the published training."""

    op: Literal["random_resized_crop"]
    size: int = Field(224, ge=32)
    scale: tuple[float, float] = (0.08, 1.0)
    """Share of the picture's area."""
    ratio: tuple[float, float] = (0.75, 1.3333333)
    """Width by height of the window, log-uniform."""


class Tilt(Settings):
    """A turn by a few degrees: scans lie crooked."""

    op: Literal["tilt"]
    degrees: float = Field(5.0, gt=0, le=30)
    """Largest turn in either direction."""
    border: Fill = "paper"
    p: float = Field(0.5, ge=0, le=1)


class PagePhotometric(Settings):
    """Brightness, contrast, hue, blur, noise and JPEG of a phone or scanner."""

    op: Literal["photometric"]
    p: float = Field(0.5, ge=0, le=1)
    strength: float = Field(1.0, gt=0, le=2)


OriAugment = Annotated[RandomResizedCrop | Tilt | PagePhotometric, Field(discriminator="op")]


class OriLossSettings(Settings):
    label_smoothing: float = Field(0.1, ge=0, lt=1)


class OriResizeSettings(Settings):
    """Input of evaluation, export and pipeline."""

    resize_short: int = Field(256, ge=32)
    """Short side in pixels before the crop."""
    crop: int = Field(224, ge=32)
    """Side of the centre crop, the network's input."""

    @model_validator(mode="after")
    def _fits(self) -> OriResizeSettings:
        if self.crop > self.resize_short:
            raise ValueError(f"crop {self.crop} is larger than resize_short {self.resize_short}")
        return self


class DocTextOrientationRecipe(RecipeBase):
    module: Literal["doc_text_orientation"]
    network: OriNetworkSettings = OriNetworkSettings()
    data: OriDataSettings
    augment: tuple[OriAugment, ...] = ()
    """In this order. A list that leaves pictures of another size than `resize.crop` ends in the evaluation's resize."""
    loss: OriLossSettings = OriLossSettings()
    resize: OriResizeSettings = OriResizeSettings()
