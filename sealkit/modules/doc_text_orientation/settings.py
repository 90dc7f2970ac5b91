"""Recipe settings of the modules that classify orientations: pages here, text lines in their own room."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sealkit.config.augment import Perspective, Photometric, Rotate
from sealkit.config.base import Settings
from sealkit.config.training import ModuleRecipe, SetsSettings


class OriNetworkSettings(Settings):
    """The network's form."""

    form: Literal["official", "fused"] = "official"
    """`official`: as the published checkpoints; `fused`: BatchNorm folded, for pretrained weights on a CPU."""


class OriSetSettings(Settings):
    """A labelled set, or upright images that are turned on the fly."""

    root: str
    """Folder that image paths are relative to."""
    labels: str | None = None
    """Label file, relative to root: lines `path label`, label 0..3 for a page turned clockwise by 0, 90, 180, 270
    degrees, 0 or 1 for a text line turned by 0 or 180. With `upright` only its paths are read (a file of another
    module's labels will do); null: every image below root."""
    upright: bool = False
    """The images stand upright: training turns each by the angle of one class, evaluation by those of all."""
    ratio: float = Field(1.0, gt=0)
    """Samples of this set per epoch, as a share of its size (upright images count once in training)."""

    @model_validator(mode="after")
    def _labelled(self) -> OriSetSettings:
        if self.labels is None and not self.upright:
            raise ValueError("without a label file the images must be upright: set upright: true, or set labels")
        return self


class OriDataSettings(SetsSettings):
    """Sets of training and validation."""

    train: tuple[OriSetSettings, ...] = Field(min_length=1)
    val: tuple[OriSetSettings, ...] = Field(min_length=1)
    all_angles: bool = False
    """Each training sample is an image at the angles of all classes (one decoding): nothing but the angle tells them
    apart, which a network without pretrained weights learns from sooner. `batch_size` counts files."""


class RandomResizedCrop(Settings):
    """A window of random area and aspect ratio, scaled to `size`: the published training."""

    op: Literal["random_resized_crop"]
    size: tuple[int, int] = (224, 224)
    scale: tuple[float, float] = (0.08, 1.0)
    """Share of the image's area."""
    ratio: tuple[float, float] = (0.75, 1.3333333)
    """Width by height of the window, log-uniform."""

    @model_validator(mode="after")
    def _ordered(self) -> RandomResizedCrop:
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise ValueError(f"scale must be two shares 0 < low <= high <= 1, not {list(self.scale)}")
        if not 0 < self.ratio[0] <= self.ratio[1]:
            raise ValueError(f"ratio must be 0 < low <= high, not {list(self.ratio)}")
        return self


class QuarterTurn(Settings):
    """A turn by 0, 90, 180 or 270 degrees that updates the label."""

    op: Literal["rot90"]
    p: float = Field(1.0, ge=0, le=1)


OriAugment = Annotated[RandomResizedCrop | QuarterTurn | Rotate | Perspective | Photometric, Field(discriminator="op")]

LARGEST_TILT = 30.0
"""Degrees: beyond it a page may look more like one of the next class."""


class OriLossSettings(Settings):
    """The cross entropy loss."""

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

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the network's input."""
        return self.crop, self.crop


class OrientationRecipe(ModuleRecipe):
    """What recipes of both modules have."""

    network: OriNetworkSettings = OriNetworkSettings()
    data: OriDataSettings
    augment: tuple[Any, ...] = ()
    loss: OriLossSettings = OriLossSettings()
    resize: Any = None

    @model_validator(mode="after")
    def _keeps_the_class(self) -> OrientationRecipe:
        for step in self.augment:
            if isinstance(step, Rotate) and max(map(abs, step.degrees)) > LARGEST_TILT:
                raise ValueError(
                    f"augment: rotate by {list(step.degrees)} degrees would change the class; "
                    f"stay within {LARGEST_TILT:g}, turns by the angle of a class are an op of their own"
                )
        return self


class DocTextOrientationRecipe(OrientationRecipe):
    """A recipe of the module."""

    module: Literal["doc_text_orientation"]
    augment: tuple[OriAugment, ...] = ()
    """In this order. Where no step gives the images a size, evaluation's resize follows; a crop smaller than
    `resize.crop` trains faster, on the same scale if its share of the area is smaller, too."""
    resize: OriResizeSettings = OriResizeSettings()
