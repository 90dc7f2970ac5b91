"""Recipe settings of the module seal_text_detection."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sealkit.config.augment import Border, Flip, Perspective, Photometric, Rotate
from sealkit.config.base import Settings
from sealkit.config.training import ModuleRecipe, SetsSettings


class DetNetworkSettings(Settings):
    """The network's form and its extra outputs."""

    form: Literal["official", "fused"] = "official"
    """`official`: the multi-branch training form of the published checkpoints; `fused`: branches and BatchNorm folded,
    faster on CPU."""
    fields: bool = False
    """Add a branch that predicts the characters' up direction and the seal's area beside the text probability."""
    freeze_bn: bool = False
    """BatchNorm uses and keeps its stored statistics, affine parameters are not trained."""


class DetSetSettings(Settings):
    """One labelled set of images."""

    root: str
    """Folder that image paths are relative to."""
    labels: str
    """Label file, relative to root: `path<TAB>[{"transcription": …, "points": …}, …]`."""
    ratio: float = Field(1.0, gt=0)
    """Samples of this set per epoch, as a share of its size."""


class DetDataSettings(SetsSettings):
    """Sets of training and validation."""

    train: tuple[DetSetSettings, ...] = Field(min_length=1)
    val: tuple[DetSetSettings, ...] = Field(min_length=1)


class Scale(Settings):
    """Resize the image by a random factor."""

    op: Literal["scale"]
    factor: tuple[float, float] = (0.5, 2.0)
    characters: tuple[float, float] | None = None
    """Log-uniform range of the median character height in pixels, in place of `factor` where an image has texts."""
    seals: tuple[float, float] | None = None
    """Log-uniform range of the long side of a seal in pixels (box of its texts; one of the image's seals, at random),
    in place of `factor` and `characters` where the labels say which seal a text belongs to."""
    p: float = Field(1.0, ge=0, le=1)


class EastCrop(Settings):
    """The published random crop around texts, scaled to `size` = (width, height)."""

    op: Literal["east_crop"]
    size: tuple[int, int] = (640, 640)
    max_tries: int = Field(50, gt=0)
    min_side_ratio: float = Field(0.1, gt=0, le=1)


class RandomCrop(Settings):
    """PP-OCRv6's crop: clips polygons at the border, never scales up."""

    op: Literal["random_crop"]
    size: tuple[int, int] = (640, 640)
    max_tries: int = Field(50, gt=0)


class WindowCrop(Settings):
    """A window at the present scale that shows some text; what small crops of large images want."""

    op: Literal["window_crop"]
    size: tuple[int, int] = (320, 320)
    background: float = Field(0.1, ge=0, le=1)
    """Share of windows laid anywhere, with text or without."""
    border: Border = "white"


class SealCrop(Settings):
    """One seal of the image, as the pipeline's crops show it; a `window_crop` where there is none."""

    op: Literal["seal_crop"]
    size: tuple[int, int] = (320, 320)
    side: tuple[float, float] = (230.0, 310.0)
    """Log-uniform range of the seal's long side in pixels (box of its texts); less where it would not fit."""
    margin: tuple[float, float] = (0.0, 0.2)
    """Range of the border around the box, as a share of its long side."""
    jitter: float = Field(0.04, ge=0, le=0.5)
    """Each edge of the box is moved by Laplace(0, jitter), as a share of its long side: found boxes are not exact."""
    others: Literal["keep", "drop"] = "drop"
    """`drop`: texts of other seals are background, and the network learns to show the seal the crop is about; `keep`:
    they are texts as well."""
    background_contrast: float = Field(1.0, ge=0, le=1)
    """Contrast factor outside the box, which shows the network the seal of the crop. Export writes it beside the
    weights, and the pipeline dims its crops by it."""
    stamped_over: float = Field(0.0, ge=0, le=1)
    """Share of crops over which a seal of another sample is stamped, with `others: drop`."""
    empty: float = Field(0.0, ge=0, le=1)
    """Share of crops of a place without a seal, with `others: drop`: crops that are to show nothing."""
    border: Border = "white"
    p: float = Field(1.0, ge=0, le=1)


class Fit(Settings):
    """Scale the long side to `size` and pad; what a set of images cropped to their seals wants."""

    op: Literal["fit"]
    size: tuple[int, int] = (640, 640)
    border: Border = "white"


class CopyPaste(Settings):
    """Paste text instances of another sample; polygons of any number of points."""

    op: Literal["copy_paste"]
    ratio: float = Field(0.2, gt=0, le=1)
    max_objects: int = Field(30, gt=0)
    p: float = Field(1.0, ge=0, le=1)


DetAugment = Annotated[
    Flip | Rotate | Scale | Perspective | EastCrop | RandomCrop | WindowCrop | SealCrop | Fit | CopyPaste | Photometric,
    Field(discriminator="op"),
]


class DetTargetSettings(Settings):
    """How DB's target maps are drawn from outlines."""

    shrink_ratio: float = Field(0.8, gt=0, lt=1)
    thresh_min: float = Field(0.3, ge=0, lt=1)
    thresh_max: float = Field(0.7, gt=0, le=1)
    min_text_size: int = Field(8, ge=1)
    """Texts whose box is smaller (pixels of the network's input) are ignored."""
    gap_weight: float = Field(0.0, ge=0)
    """Weight added in the shrink map's losses to pixels between two texts; 0: all weigh the same (published)."""
    gap_width: float = Field(32.0, gt=0)
    """Pixels: gaps much wider than this get no extra weight."""


class DetLossSettings(Settings):
    """Weights of the loss terms."""

    main: Literal["dice", "dice_focal"] = "dice"
    alpha: float = Field(5.0, gt=0)
    """Weight of the shrink map."""
    beta: float = Field(10.0, gt=0)
    """Weight of the threshold map."""
    focal_alpha: float = 0.25
    focal_gamma: float = 2.5
    aux_weights: tuple[float, float, float] = (0.2, 0.3, 0.4)
    """Weights of the auxiliary heads p4, p3, p2 where the network has them."""
    up: float = Field(1.0, ge=0)
    """Weight of the up-direction field."""
    area: float = Field(1.0, ge=0)
    """Weight of the seal-area field."""


class DetPostprocessSettings(Settings):
    """Thresholds that turn the probability map into outlines."""

    thresh: float = Field(0.2, ge=0, lt=1)
    box_thresh: float = Field(0.6, ge=0, le=1)
    unclip_ratio: float = Field(0.5, ge=0)
    max_candidates: int = Field(1000, gt=0)
    box_type: Literal["poly", "quad"] = "poly"
    score_mode: Literal["fast", "slow"] = "fast"
    use_dilation: bool = False
    rings: Literal["keep", "reference"] = "keep"
    """`keep`: closed and narrow-gapped rings survive; `reference`: they are lost as in paddlex 3.7.2."""


class DetResizeSettings(Settings):
    """Input size of an image."""

    limit_side_len: int = Field(736, gt=0)
    limit_type: Literal["min", "max", "resize_long"] = "min"
    max_side_limit: int = Field(4000, gt=0)


class DetCropSizeSettings(Settings):
    """How the pipeline crops a single seal for this detector; export writes it beside the weights."""

    side: int = Field(288, gt=0)
    """The seal's long side is scaled to this many pixels."""
    margin: float = Field(0.08, ge=0, le=1)
    """Border around the seal, as a share of its long side."""


class DetCropRecipeSettings(DetCropSizeSettings):
    """The crop of a recipe."""

    background_contrast: float | None = Field(None, ge=0, le=1)
    """Contrast left outside the seal's box; null: what `seal_crop` trains with, 1 without that augmentation. A short
    fine-tuning of the shipped detector states that detector's, since it keeps what those weights learnt."""


class DetCropSettings(DetCropSizeSettings):
    """Size and background of the crops."""

    background_contrast: float = Field(1.0, ge=0, le=1)
    """Contrast factor outside the seal's box, which shows the network the seal of the crop; 1 where training
    did not dim it."""


class SealTextDetectionRecipe(ModuleRecipe):
    """A recipe of the module."""

    module: Literal["seal_text_detection"]
    network: DetNetworkSettings = DetNetworkSettings()
    data: DetDataSettings
    augment: tuple[DetAugment, ...] = ()
    targets: DetTargetSettings = DetTargetSettings()
    loss: DetLossSettings = DetLossSettings()
    postprocess: DetPostprocessSettings = DetPostprocessSettings()
    resize: DetResizeSettings = DetResizeSettings()
    """Pre-processing of evaluation, export and pipeline."""
    crop: DetCropRecipeSettings = DetCropRecipeSettings()

    @property
    def crop_settings(self) -> DetCropSettings:
        """`crop`, its background contrast decided: stated, else what `seal_crop` trains with, 1 without it."""
        stated = self.crop.background_contrast
        contrasts = [entry.background_contrast for entry in self.augment if isinstance(entry, SealCrop)]
        contrast = stated if stated is not None else min(contrasts, default=1.0)
        return DetCropSettings(side=self.crop.side, margin=self.crop.margin, background_contrast=contrast)
