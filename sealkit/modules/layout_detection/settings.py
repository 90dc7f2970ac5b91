"""Recipe settings of the module layout_detection."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from sealkit.config.augment import Flip, Photometric
from sealkit.config.base import Settings
from sealkit.config.training import ModuleRecipe, SetsSettings

Interpolation = Literal["nearest", "linear", "cubic", "area", "lanczos4"]
Size = tuple[int, int]
"""Height and width in pixels."""
SIDE_MULTIPLE = 32


def checked_size(size: Size) -> Size:
    """The size, when a network can take it; ValueError where not."""
    if any(side < SIDE_MULTIPLE or side % SIDE_MULTIPLE for side in size):
        raise ValueError(f"both sides must be multiples of {SIDE_MULTIPLE}")
    return size


class LayoutSetSettings(Settings):
    """One labelled set of pages."""

    root: str
    """Folder of the set; images are in it or in its folder `images`."""
    labels: str
    """COCO json, relative to root, such as annotations/instance_train.json."""
    ratio: float = Field(1.0, gt=0)
    """Samples of this set per epoch, as a share of its size."""


class LayoutDataSettings(SetsSettings):
    """Sets of training and validation, and the classes."""

    train: tuple[LayoutSetSettings, ...] = Field(min_length=1)
    val: tuple[LayoutSetSettings, ...] = Field(min_length=1)
    classes: tuple[str, ...] | None = Field(None, min_length=1)
    """Names of the classes in the order of their ids; boxes of other categories are left out, and counted. null: the
    model's published classes where the first training set has just these, else that set's categories as its file lists
    them."""
    empty_pages: Literal["keep", "drop"] = "keep"
    """Training pages without a box: `keep` (negative examples), or `drop` as published training does."""

    @field_validator("classes")
    @classmethod
    def _distinct(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and len(set(value)) < len(value):
            raise ValueError("a class is listed twice")
        return value


class LayoutNetworkSettings(Settings):
    """The network's form."""

    form: Literal["official", "fused"] = "official"
    """`official`: as the published checkpoints; `fused`: branches and BatchNorm folded."""
    freeze_bn: bool = False
    """BatchNorm uses and keeps its stored statistics, affine parameters are not trained."""
    denoising: int = Field(100, ge=0)
    """Denoising queries per page in training (RT-DETR); 0 trains without."""


class Distort(Settings):
    """The published colour changes: brightness, contrast, saturation and hue, each in half of the cases, in any
    order."""

    op: Literal["distort"]
    brightness: tuple[float, float] = (0.5, 1.5)
    contrast: tuple[float, float] = (0.5, 1.5)
    saturation: tuple[float, float] = (0.5, 1.5)
    hue: tuple[float, float] = (-18.0, 18.0)
    """Turn of the hue; 256 is a full circle."""
    p: float = Field(1.0, ge=0, le=1)


class Expand(Settings):
    """The page on a larger canvas, so that everything on it gets smaller."""

    op: Literal["expand"]
    ratio: float = Field(4.0, ge=1)
    """Largest side of the canvas in sides of the page."""
    fill: tuple[float, float, float] = (123.675, 116.28, 103.53)
    """Red, green and blue of the canvas."""
    p: float = Field(0.5, ge=0, le=1)


class BoxCrop(Settings):
    """The published random crop: some box overlaps it enough and some centre lies inside; boxes are cut at its border,
    those whose centre lies outside are dropped, or by `least_part` those of which little is left. A page without a box
    stays whole."""

    op: Literal["box_crop"]
    aspect_ratio: tuple[float, float] = (0.5, 2.0)
    scaling: tuple[float, float] = (0.3, 1.0)
    """Sides of the crop as shares of the page's."""
    thresholds: tuple[float, ...] = Field((0.0, 0.1, 0.3, 0.5, 0.7, 0.9), min_length=1)
    """Overlaps (IoU of box and crop) of which one is asked for, in random order; "no crop" is one more of them."""
    max_tries: int = Field(50, gt=0)
    least_part: float | None = Field(None, gt=0, le=1)
    """Boxes stay that keep this share of their area, wherever their centre: slices of seals at a page's edge are learnt
    from them. null, as published: boxes whose centre is inside, so that a slice is left in the image unlabelled."""
    p: float = Field(1.0, ge=0, le=1)


class Turn(Settings):
    """Quarter turns: pages that were scanned sideways or upside down."""

    op: Literal["turn"]
    p: float = Field(0.25, ge=0, le=1)


class PasteBoxes(Settings):
    """Seals (or other boxes) of other pages, stamped onto this one: ink darkens what is under it."""

    op: Literal["copy_paste"]
    labels: tuple[str, ...] = Field(("seal",), min_length=1)
    """Classes of the boxes that are pasted."""
    count: tuple[int, int] = (1, 3)
    scale: tuple[float, float] = (0.7, 1.4)
    """Size on this page relative to that on the other, both taken as shares of the page's longer side."""
    overlap: float = Field(0.1, ge=0, le=1)
    """Share of a pasted box that may lie on a box of the same class."""
    p: float = Field(0.5, ge=0, le=1)


LayoutAugment = Annotated[
    Distort | Expand | BoxCrop | Turn | Flip | Photometric | PasteBoxes, Field(discriminator="op")
]


class LayoutBatchSettings(Settings):
    """Size of a training batch: one is drawn for each, and one way to resize."""

    sizes: tuple[Size, ...] | None = Field(None, min_length=1)
    """(height, width) in pixels; null: always the input size."""
    interpolations: tuple[Interpolation, ...] = Field(("nearest", "linear", "area", "cubic", "lanczos4"), min_length=1)

    @field_validator("sizes")
    @classmethod
    def _multiples(cls, value: tuple[Size, ...] | None) -> tuple[Size, ...] | None:
        return None if value is None else tuple(checked_size(size) for size in value)


class LayoutLossSettings(Settings):
    """Settings of the loss."""

    static_assigner_epoch: int = Field(100, ge=0)
    """Epochs in which PicoDet's second version matches cells and boxes by ATSS, before it goes by its own scores."""


class LayoutResizeSettings(Settings):
    """Pre-processing of evaluation, export and pipeline: the page is squeezed into the input."""

    target_size: Size | None = None
    """(height, width) of the input; null: the published model's."""
    interpolation: Interpolation = "cubic"

    @field_validator("target_size")
    @classmethod
    def _multiples(cls, value: Size | None) -> Size | None:
        return None if value is None else checked_size(value)


class LayoutPostprocessSettings(Settings):
    """PicoDet's suppression, part of the exported graph; RT-DETR has none and gives its 300 best."""

    score_threshold: float = Field(0.025, ge=0, lt=1)
    nms_iou: float = Field(0.6, gt=0, le=1)
    nms_before: int = Field(1000, gt=0)
    """Best cells of each class that take part."""
    keep: int = Field(100, gt=0)
    """Boxes of a page at most."""
    draw_threshold: float = Field(0.5, ge=0, lt=1)
    """Score above which a box is shown, in the pipeline and in reports; metrics of evaluation take all boxes."""


class LayoutDetectionRecipe(ModuleRecipe):
    """A recipe of the module."""

    module: Literal["layout_detection"]
    network: LayoutNetworkSettings = LayoutNetworkSettings()
    data: LayoutDataSettings
    augment: tuple[LayoutAugment, ...] = ()
    batch: LayoutBatchSettings = LayoutBatchSettings()
    loss: LayoutLossSettings = LayoutLossSettings()
    postprocess: LayoutPostprocessSettings = LayoutPostprocessSettings()
    resize: LayoutResizeSettings = LayoutResizeSettings()
