"""Settings of the seal renderer."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import Field, model_validator

from sealkit.config.base import Settings
from sealkit.data.shapes import SHAPES


def _default_shapes() -> dict[str, float]:
    return {name: row.share for name, row in SHAPES.items()}


SPECIAL_KINDS = {"code": 0.27, "latin": 0.23, "traditional": 0.2, "rare": 0.18, "date": 0.12}
"""Kinds of text that whole seals show too rarely to be learnt from, and how often each is drawn."""


def _check_weights(weights: dict[str, float], known: Collection[str], what: str) -> None:
    unknown = sorted(weights.keys() - set(known))
    if unknown:
        raise ValueError(f"unknown {what} {unknown[0]!r}; {what}s are {', '.join(known)}")
    if min(weights.values(), default=0) < 0 or not sum(weights.values()) > 0:
        raise ValueError(f"weights of {what}s must be at least 0, and one of them more")


def _check_shapes(shapes: dict[str, float]) -> None:
    _check_weights(shapes, SHAPES, "shape")


class SynthSettings(Settings):
    """What is drawn. Shares need not add up to one: they are weights."""

    style: Literal["default", "laser", "guilloche"] = "default"
    """`laser`: hollow, hatched characters burnt into wood or kraft paper, dashed borders. `guilloche`: fine lines over
    the whole seal that are thicker where the characters are, as in security printing, without print around. Nothing
    that `default` draws, to show what fine-tuning on a new kind of seal gains."""
    layout: Literal["any", "latin", "grid"] = "any"
    """`any`: seals as documents show them, by `shapes`. `latin`: Latin text in an arc over the top and one along the
    foot, lines inside. `grid`: square seals read in rows from the left or right or in columns from the right or left,
    as many of each. It is for measuring: texts of rows from the right are in reading order, and train no recogniser."""
    size: tuple[int, int] = (300, 480)
    """Shortest and longest long side of images that one seal fills, pixels."""
    page_size: tuple[int, int] = (400, 640)
    """The same for page-like images and images without a seal."""
    crops: float = Field(0.7, ge=0)
    """Weight of images that one seal fills."""
    pages: float = Field(0.22, ge=0)
    """Weight of document parts with one to four small seals."""
    negatives: float = Field(0.08, ge=0)
    """Weight of images without seal text."""
    shapes: dict[str, float] = Field(default_factory=_default_shapes)
    """Weight of each shape of seal, by its name in `sealkit.data.shapes`; shapes that are not named are not drawn."""
    uniform_angle: float = Field(0.6, ge=0, le=1)
    """Share of seals turned by any angle of 0 to 360 degrees; the others stand within about 15 degrees of upright."""
    min_seal: int = Field(80, ge=32)
    """Smallest diameter of a seal on a page, pixels."""
    legibility: float = Field(0.14, ge=0, le=1)
    """Texts of which the finished image shows less than this share (`sealkit.synth.seals.legibility`) are labelled as
    illegible; 0: none is."""
    characters: str = ""
    """Characters that take the place of others in seal texts: what a recogniser is to be taught."""
    characters_share: float = Field(0.6, ge=0, le=1)
    """Share of Chinese lines that get some of them."""
    fonts: str | None = None
    """Folder of fonts to use beside the system's."""

    @model_validator(mode="after")
    def _known_shapes(self) -> SynthSettings:
        _check_shapes(self.shapes)
        if self.layout != "any" and "shapes" in self.model_fields_set:
            raise ValueError(f"layout: {self.layout} has shapes of its own: leave shapes out")
        if self.layout != "any" and self.characters:
            raise ValueError(f"layout: {self.layout} takes no characters: leave one of them out")
        return self

    def shape_weights(self) -> dict[str, float]:
        """Weight of every shape, in the order of the table: it decides what a seed draws."""
        return {name: self.shapes.get(name, 0.0) for name in SHAPES}


class PageSettings(Settings):
    """How whole pages are drawn. Weights need not add up to one."""

    size: tuple[int, int] = (640, 960)
    """Shortest and longest long side of the images, pixels."""
    empty: float = Field(0.25, ge=0, le=1)
    """Share of pages without any seal."""
    parts: float = Field(0.2, ge=0, le=1)
    """Share of images that show a part of a page only."""
    close_ups: float = Field(0.06, ge=0, le=1)
    """Share of images in which one seal dominates; these always have a seal."""
    seal_width: tuple[float, float] = (0.03, 0.35)
    """Narrowest and widest seal as a share of the page's short side."""
    contract: float = Field(0.19, ge=0)
    notice: float = Field(0.11, ge=0)
    character: float = Field(0.11, ge=0)
    certificate: float = Field(0.12, ge=0)
    invoice: float = Field(0.1, ge=0)
    form: float = Field(0.1, ge=0)
    statement: float = Field(0.08, ge=0)
    receipt: float = Field(0.05, ge=0)
    article: float = Field(0.06, ge=0)
    english: float = Field(0.03, ge=0)
    handwriting: float = Field(0.03, ge=0)
    specimen: float = Field(0.03, ge=0)
    fonts: str | None = None
    """Folder of fonts to use beside the system's."""

    @model_validator(mode="after")
    def _ranges(self) -> PageSettings:
        if not 64 <= self.size[0] <= self.size[1] or not 0 < self.seal_width[0] <= self.seal_width[1] <= 1:
            raise ValueError("size and seal_width are ranges: from at least 64 pixels, and from 0 to 1")
        return self

    def document_weights(self) -> dict[str, float]:
        """Weight of each kind of document, in the order of `DOCUMENTS`."""
        return {name: getattr(self, name) for name in DOCUMENTS}


DOCUMENTS = (
    "contract", "notice", "character", "certificate", "invoice", "form", "statement", "receipt", "article", "english",
    "handwriting", "specimen",
)  # fmt: skip
"""Kinds of documents, as PageSettings names them."""


class StripSettings(Settings):
    """Strips for a recogniser, drawn on the fly: no two are alike, and none is read from a file."""

    strips: int = Field(10_000, gt=0)
    """Strips per epoch."""
    printed: float = Field(0.15, ge=0, le=1)
    """Share of plain printed lines: what the network must not forget."""
    special: float = Field(0.35, ge=0, le=1)
    """Share of the seal strips with texts that whole seals show too rarely, of the kinds below."""
    special_kinds: dict[str, float] = Field(default_factory=lambda: dict(SPECIAL_KINDS))
    """Weight of each kind: `code` (13-digit codes), `latin` (words with accents, and invented ones), `traditional` and
    `rare` characters, `date` (dates, counters, short stamps)."""
    over_print: float = Field(0.38, ge=0, le=1)
    """Share of the seal strips with print, rules, handwriting or a second seal through the characters, beside what the
    drawn seal itself lies on."""
    ends: tuple[float, float] = (-0.1, 0.6)
    """Least and greatest margin beyond either end, as a share of the characters' height."""
    width: tuple[float, float] = (0.6, 1.12)
    """Least and greatest factor on the strip's width."""
    size: tuple[int, int] = (200, 480)
    """Shortest and longest long side of the seals that strips are cut from, pixels."""
    shapes: dict[str, float] = Field(default_factory=_default_shapes)
    """Weight of each shape of seal that strips are cut from, as in SynthSettings; `block` and `note`, address blocks
    and line stamps, only where they are named."""
    fonts: str | None = None
    """Folder of fonts to use beside the system's."""

    @model_validator(mode="after")
    def _ranges(self) -> StripSettings:
        if not -0.3 <= self.ends[0] <= self.ends[1] <= 1.5:
            raise ValueError("ends is a range within -0.3 to 1.5")
        if not 0.2 <= self.width[0] <= self.width[1] <= 3 or not 64 <= self.size[0] <= self.size[1]:
            raise ValueError("width is a range within 0.2 to 3, size one from at least 64 pixels")
        _check_shapes(self.shapes)
        _check_weights(self.special_kinds, SPECIAL_KINDS, "special kind")
        return self
