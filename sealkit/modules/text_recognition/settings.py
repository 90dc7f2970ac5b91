"""Settings of the module text_recognition."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sealkit.config.base import Settings
from sealkit.config.training import ModuleRecipe, SetsSettings
from sealkit.synth.seals.settings import StripSettings


class RecResizeSettings(Settings):
    """Input size of a strip."""

    image_shape: tuple[int, int, int] = (3, 48, 320)
    """Channels, height and least width of the network's input; height is fixed, wider strips get wider inputs."""
    max_width: int = Field(3200, gt=0)
    """Strips that would be wider are squeezed to this width."""
    width_step: int = Field(1, gt=0)
    """Batch widths are rounded up to a multiple of this; more than 1 gives engines fewer shapes to prepare for."""


class RecMetricSettings(Settings):
    """How texts are compared."""

    ignore_space: bool = False
    """Drop spaces on both sides before comparing. The published metrics of most models do; users want them right."""
    ascii_only: bool = False
    """Keep only ASCII characters and digits, in lower case."""


class RecNetworkSettings(Settings):
    """The network's form and auxiliary head."""

    form: Literal["official", "fused"] = "official"
    """`official`: the multi-branch training form of the published checkpoints; `fused`: branches and BatchNorm folded,
    faster on CPU."""
    auxiliary_head: Literal["official", "none"] = "official"
    """The auxiliary head (NRTR or SAR, as published) that helps training; `none` suits small fine-tunes: half the
    time, and no new layers to train first."""
    steps: Literal["official", "width"] = "official"
    """Time steps in training: `official` makes 40 of any width where the published training does; `width`: width / 8,
    as when the network runs."""
    dropout: Literal["official", "none"] = "official"
    """What training leaves out at random: as published, or nothing. `none` suits long runs over drawn strips, where
    none comes twice."""
    freeze_bn: bool = False
    """BatchNorm uses and keeps its stored statistics, affine parameters are not trained."""


class RecSetSettings(Settings):
    """One labelled set of strips."""

    root: str
    """Folder that image paths are relative to."""
    labels: str
    """Label file, relative to root: `path<TAB>text`."""
    ratio: float = Field(1.0, gt=0)
    """Samples of this set per epoch, as a share of its size."""


class RecTrainSetSettings(RecSetSettings):
    """A training set: labelled strips, or strips drawn on the fly."""

    root: str = ""
    labels: str = ""
    synth: StripSettings | None = None
    """Instead of root and labels: strips drawn on the fly, new ones in every epoch."""

    @model_validator(mode="after")
    def _one_source(self) -> RecTrainSetSettings:
        if self.synth is not None and (self.root or self.labels):
            raise ValueError("a set has root and labels, or synth, not both")
        if self.synth is None and not (self.root and self.labels):
            raise ValueError("is incomplete: give root and labels, or synth for strips drawn on the fly")
        return self


class RecDataSettings(SetsSettings):
    """Sets of training and validation."""

    train: tuple[RecTrainSetSettings, ...] = Field(min_length=1)
    val: tuple[RecSetSettings, ...] = Field(min_length=1)


class RecLabelSettings(Settings):
    """How texts become training labels."""

    max_text_length: int = Field(25, gt=2)
    """Places of a label; an auxiliary head takes two of them. Longer texts are left out of training, and counted."""
    unknown: Literal["fail", "line", "character"] = "fail"
    """Where a character of the training labels has no class: `fail` lists all of them and stops; `line` leaves the line
    out; `character` leaves the character out of the line, as published training does, which teaches the network not to
    see it."""
    order: Literal["reading", "image"] = "reading"
    """For right-to-left scripts: labels are in reading order, or written down from the image's left side, as
    published training expects."""


class RecInputSettings(Settings):
    """Shape of training batches."""

    scales: tuple[tuple[int, int], ...] = Field(((320, 48),), min_length=1)
    """(width, height) in pixels; one is drawn for each batch."""
    by_ratio: bool = False
    """Strips of similar width/height meet in a batch, which is as wide as its widest strip: at least the scale's
    width, at most `max_width`. Without it every batch has the scale's width and longer strips are squeezed."""
    max_width: int = Field(1280, gt=0)
    """Of batches by ratio, at a height of 48; longer strips are squeezed."""


class RecAug(Settings):
    """The published augmentation: distortion, crop, blur, brightness, jitter, noise, negative, each with `p`."""

    op: Literal["rec_aug"]
    p: float = Field(0.4, ge=0, le=1)


class Concat(Settings):
    """The published joining of strips: up to `count` others are appended while text and width allow it."""

    op: Literal["concat"]
    count: int = Field(2, gt=0)
    max_ratio: float = Field(320 / 48, gt=0)
    """Largest width/height of the joined strip."""
    p: float = Field(0.5, ge=0, le=1)


class StripBlur(Settings):
    """Gaussian blur."""

    op: Literal["blur"]
    sigma: tuple[float, float] = (0.4, 1.4)
    """Pixels, for a strip 48 pixels high."""
    p: float = Field(0.3, ge=0, le=1)


class StripNoise(Settings):
    """Gaussian noise."""

    op: Literal["noise"]
    sigma: tuple[float, float] = (2.0, 14.0)
    """Grey levels."""
    p: float = Field(0.3, ge=0, le=1)


class StripPerspective(Settings):
    """Move the corners at random."""

    op: Literal["perspective"]
    strength: float = Field(0.1, ge=0, le=0.4)
    """Largest shift of a corner as a share of the height."""
    p: float = Field(0.4, ge=0, le=1)


class Elastic(Settings):
    """Vary character spacing and baseline, as after straightening a ring that is not quite
    round."""

    op: Literal["elastic"]
    along: float = Field(0.12, ge=0, le=0.3)
    """Change of character spacing."""
    across: float = Field(0.06, ge=0, le=0.3)
    """Shift off the line as a share of the height."""
    p: float = Field(0.5, ge=0, le=1)


class Ends(Settings):
    """What a detector gives: margin at the ends and edges, or a little cut away."""

    op: Literal["ends"]
    grow: float = Field(0.4, ge=0, le=2)
    """Largest margin at either end, as a share of the height."""
    cut: float = Field(0.04, ge=0, le=0.3)
    """Largest cut, as a share of the height."""
    p: float = Field(0.5, ge=0, le=1)


class StripInk(Settings):
    """Too much or too little ink, gaps where the stamp did not touch the paper, dirt."""

    op: Literal["ink"]
    strength: float = Field(1.0, gt=0, le=2)
    p: float = Field(0.4, ge=0, le=1)


class Background(Settings):
    """Printed text under or over the strip's: another strip, mixed in as ink is."""

    op: Literal["background"]
    strength: float = Field(0.5, gt=0, le=1)
    """Greatest darkness of the other text."""
    p: float = Field(0.25, ge=0, le=1)


class StripPhotometric(Settings):
    """Colour and light: brightness, contrast, hue, channels, grey, blur, noise and JPEG of a phone or scanner."""

    op: Literal["photometric"]
    p: float = Field(0.5, ge=0, le=1)
    strength: float = Field(1.0, gt=0, le=2)


RecAugment = Annotated[
    RecAug
    | Concat
    | StripBlur
    | StripNoise
    | StripPerspective
    | Elastic
    | Ends
    | StripInk
    | Background
    | StripPhotometric,
    Field(discriminator="op"),
]


class RecLossSettings(Settings):
    """The loss and the weights of its terms."""

    name: str | None = None
    """Which loss the output that is read is trained with: one of those that `modules/text_recognition/kinds.py` lists
    for the model's kind; null: the first, the published one."""
    auxiliary_head: float = Field(1.0, ge=0)
    """Weight of the auxiliary head's loss; that of the output that is read is 1."""


class TextRecognitionRecipe(ModuleRecipe):
    """A recipe of the module."""

    module: Literal["text_recognition"]
    dictionary: str | None = None
    """The charset: a dictionary file, a model folder, inference.yml or ONNX file, `labels` (those of the
    training labels), `official` (of the official inference model, see `sealkit download`), `rapidocr` (of that wheel),
    `codec:gb2312` (a code table); null: those of the starting weights."""
    charset: Literal["fail", "union", "new"] = "fail"
    """Where the starting weights have other characters than `dictionary` (null: than the training labels need):
    `fail` stops with a message; `union` keeps theirs and adds the new ones; `new` has only the dictionary's. Rows of
    known characters are copied by character, for every head."""
    keep_known: bool = False
    """The heads' rows of characters that the starting weights know stay as they are, only those of new characters are
    trained. Adam moves every row of a head by about the learning rate a step, also those of characters that never
    occur: without this a small set makes the network forget the others."""
    network: RecNetworkSettings = RecNetworkSettings()
    data: RecDataSettings
    labels: RecLabelSettings = RecLabelSettings()
    input: RecInputSettings = RecInputSettings()
    augment: tuple[RecAugment, ...] = ()
    loss: RecLossSettings = RecLossSettings()
    metric: RecMetricSettings = RecMetricSettings()
    resize: RecResizeSettings = RecResizeSettings()
    """Pre-processing of evaluation, export and pipeline."""
