"""The page object that the stages pass on, and what each stage adds to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from sealkit.errors import SealkitError
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.regions import TextRegion
from sealkit.images import ImageRecord
from sealkit.modules.seal_text_detection.predictor import DetectionMaps
from sealkit.modules.seal_text_detection.settings import DetResizeSettings
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.pipeline.result import SealRecognitionResult

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in the page's pixels."""
Window = tuple[int, int, int, int]
"""The same in whole pixels, within the page."""


@dataclass(frozen=True)
class TrustRules:
    """How far a reading is trusted."""

    loss_of_one_character: float = 0.5
    """Where orientations are compared, the share of its score that a reading of one character loses; of two characters
    the square of it, and so on."""
    single_character_factor: float = 1.5
    """What the threshold of scores is multiplied by for a text of one character: most are pieces of others, and none of
    the drawn ones that `sealkit eval --pipeline` counts right scores less than 0.9."""


TRUST = TrustRules()


@dataclass(frozen=True)
class FoundSeal:
    """Where a seal is.

    Attributes:
        box: of the seal, page pixels.
        score: mean seal-area probability, mean text score, or the layout's score.
        source: what found it.
        hull: (N, 2) the convex hull of its area in page pixels, where `refine_boxes` has shown it.
        coarse: the box is that of the whole image's search; no crop has corrected it.
    """

    box: Box
    score: float
    source: Literal["area", "texts", "whole", "layout", "lines"]
    hull: np.ndarray | None = field(default=None, compare=False)
    coarse: bool = False

    @property
    def long_side(self) -> float:
        """Longer side of the box in pixels."""
        x1, y1, x2, y2 = self.box
        return max(x2 - x1, y2 - y1)

    @classmethod
    def whole(cls, image: np.ndarray) -> FoundSeal:
        """The whole image (H, W, 3) as one seal."""
        h, w = image.shape[:2]
        return cls((0.0, 0.0, float(w), float(h)), 1.0, "whole")


Reader = Callable[[Sequence[LinePoly]], Sequence[RecResult]]
"""Reads lines; an empty text and score 0 for one without extent."""


StripKey = tuple[bytes, bool, float]
"""What a strip of an image is told by: the line's points, whether it is a column, and how far it is squeezed."""


@dataclass(frozen=True)
class SealLine:
    """One text line of a seal.

    Attributes:
        line: as geometry found it in the region.
        region: the detected text it comes from.
        alone: the region holds this line and no other.
    """

    line: LinePoly
    region: TextRegion
    alone: bool

    def polygon(self, read: LinePoly) -> np.ndarray:
        """(N, 2) float32: the detected outline where it holds just this line and no hole, else the line's as read."""
        return self.region.outline if self.alone and not self.region.holes else read.points


@dataclass(frozen=True)
class Hypothesis:
    """One orientation in which a line was read.

    Attributes:
        line: the line in that orientation.
        number: of the orientation; the likeliest by geometry is 0.
        squeeze: share of its length the strip was squeezed to.
        result: what the recogniser read.
    """

    line: LinePoly
    number: int
    squeeze: float
    result: RecResult

    @property
    def trust(self) -> float:
        """What hypotheses are compared by: the score, less for readings of few characters.

        The mean score alone prefers one character read with .99 from an upside-down strip to ten read with .95.
        """
        characters = len(self.result.text.strip())
        return self.result.score * (1.0 - TRUST.loss_of_one_character**characters)


@dataclass(frozen=True)
class ReadLine:
    """A line with the reading that won.

    Attributes:
        source: the line as it was detected.
        line: in the winning orientation, its role set.
        text: what was read.
        score: mean probability of its characters.
        turned: another orientation won than the likeliest by geometry.
        hypotheses: everything that was tried, in the order it was tried.
    """

    source: SealLine
    line: LinePoly
    text: str
    score: float
    turned: bool = False
    hypotheses: tuple[Hypothesis, ...] = field(default=(), repr=False)

    def reaches(self, score_thresh: float) -> bool:
        """Whether the reading is sure enough for the result. A single character is a piece of a text or of a drawing
        more often than a text: it needs `TRUST.single_character_factor` times the score."""
        single = len(self.text.strip()) < 2
        return self.score >= min(1.0, score_thresh * (TRUST.single_character_factor if single else 1.0))

    @property
    def worst_character(self) -> float:
        """Probability of the character that was read least surely; the score where no reading says it."""
        own = [one.result.char_scores for one in self.hypotheses if one.result.text == self.text]
        return max((min(scores) for scores in own if scores), default=self.score)

    def tried(self) -> list[dict[str, Any]]:
        """The hypotheses as plain data for reports."""
        return [
            {
                "direction": one.line.direction,
                "start": [round(float(v), 1) for v in one.line.points[0]],
                "squeeze": one.squeeze,
                "text": one.result.text,
                "score": round(one.result.score, 4),
            }
            for one in self.hypotheses
        ]


@dataclass
class DetectedSeal:
    """One seal on its way to the result; all coordinates are the page's.

    Attributes:
        found: where it is.
        window: of the crop it is detected in.
        regions: detected texts.
        lines: their lines.
        dropped: texts that were left out because they lie outside the seal.
        resize: how its crop was resized for the detector; None: not detected.
        seen: what the first views of its window show, as long as more may be needed.
        read: readings in reading order.
    """

    found: FoundSeal
    window: Window
    regions: list[TextRegion] = field(default_factory=list)
    lines: list[SealLine] = field(default_factory=list)
    dropped: int = 0
    resize: DetResizeSettings | None = None
    seen: Sequence[DetectionMaps] = field(default=(), repr=False)
    read: Sequence[ReadLine] = ()


@dataclass
class StageLog:
    """What each stage of one image found, with seconds; becomes `stages` of the result."""

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    _since: float = field(default_factory=time.perf_counter)

    def start(self) -> None:
        """The clock of the next entry starts now."""
        self._since = time.perf_counter()

    def add(self, name: str, seconds: float | None = None, **facts: Any) -> None:
        """An entry; without `seconds` it took the time since `start` or the last entry. Facts that are None are left
        out."""
        now = time.perf_counter()
        spent = now - self._since if seconds is None else seconds
        self.entries[name] = {**{k: v for k, v in facts.items() if v is not None}, "seconds": round(spent, 4)}
        self._since = now

    def add_facts(self, name: str, **facts: Any) -> None:
        """More about a stage that has an entry; its seconds stay. Facts that are None are left out."""
        entry = self.entries.setdefault(name, {"seconds": 0.0})
        seconds = entry.pop("seconds")
        entry.update({k: v for k, v in facts.items() if v is not None}, seconds=seconds)

    def no_seal(self) -> None:
        """One note in place of all: nothing was found, and the whole image, read in its place, holds no text."""
        for entry in self.entries.values():
            entry.pop("note", None)
        self.entries.setdefault("search", {})["note"] = "no seal found, and no text in the whole image"


@dataclass
class Page:
    """One image or page on its way.

    Attributes:
        record: as it was read.
        given: layout boxes the caller brought along, or None.
        log: what was found so far.
        preprocessed: fields of the document preprocessor, None where it is off.
        layout: fields of the layout stage, None where neither a model nor the caller gave boxes.
        seals: what find_seals found, detect filled and read has read.
        strips: what was read of this image so far, so that no line is read twice.
        result: what assemble made of them.
        error: why this image has no result.
    """

    record: ImageRecord
    given: dict[str, Any] | None = None
    log: StageLog = field(default_factory=StageLog)
    preprocessed: dict[str, Any] | None = None
    layout: dict[str, Any] | None = None
    seals: list[DetectedSeal] = field(default_factory=list)
    strips: dict[StripKey, RecResult] = field(default_factory=dict, repr=False)
    result: SealRecognitionResult | None = None
    error: SealkitError | None = None

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 BGR, the image seals are looked for in."""
        image = self.record.image if self.preprocessed is None else self.preprocessed["output_img"]
        if image is None:
            raise ValueError("a page without an image has come past reading")
        return image

    @property
    def pixels(self) -> int:
        """Of the image as it was read; 0 where it could not be."""
        image = self.record.image
        return 0 if image is None else int(image.shape[0] * image.shape[1])
