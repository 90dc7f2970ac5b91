"""Every text a pipeline got wrong on a labelled set, and the stage of the pipeline that is at fault.

A miss is a labelled text that was not read exactly, or a text that was read where the labels have none: texts are
matched as in the score, and where that finds nothing alike, by place. Which stage is at fault shows in what was
detected where the label lies, and in what the pipeline's recogniser reads from the strip of the labelled outline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from sealkit.bench.real_seals import Found, PipelineReader, TextMatches, match_texts
from sealkit.data.directions import find_directions
from sealkit.data.label_issue import RULES as READING_RULES
from sealkit.data.label_issue import Readings, disagreement_with, similarity_of_words
from sealkit.data.records import DetSample, TextLine
from sealkit.errors import DataError
from sealkit.geometry.boxes import share_in
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.straighten import straighten
from sealkit.images import read_image
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.pipeline.page import ReadLine
from sealkit.text import comparable

NO_SEAL = "seal not found"
NO_TEXT = "text not detected"
OUTLINE = "outline wrong"
CHOICE = "reading not chosen"
DROPPED = "dropped by its score"
RECOGNISER = "recogniser"
LABEL_ISSUE = "label issue"
EXTRA = "extra text"
UNKNOWN = "undetermined"
STAGES = {
    NO_SEAL: "no seal that was found covers the text",
    NO_TEXT: "the seal was found, but no text where the label lies",
    OUTLINE: "the strip of the labelled outline is read right, that of the found one is not",
    CHOICE: "one of the readings that were tried is right, another one won",
    DROPPED: "read right, with a score below the pipeline's threshold",
    RECOGNISER: "the strip of the labelled outline is read wrong as well",
    LABEL_ISSUE: "the labelled strip clearly reads otherwise, or reads well from the other end: look at the label",
    EXTRA: "read where the labels have no text",
    UNKNOWN: "the label has no outline, or the page was turned or flattened before it was read",
}
"""Stage at fault → what was seen, in the order of the pipeline."""


@dataclass(frozen=True)
class MissRules:
    """Thresholds of `find_misses`."""

    least_common: float = 0.1
    """A found line lies on a label when it covers this share of it."""
    seal_cover: float = 0.5
    """A found seal holds a label when this share of the label's box lies in its box."""
    swallowed: float = 0.5
    """A found line runs over another label when it covers this share of it."""


RULES = MissRules()


@dataclass
class Miss:
    """One text that was got wrong.

    Attributes:
        file: the image, as the labels name it.
        stage: at fault, a key of `STAGES`.
        truth: as labelled; "" for an extra text.
        text: what was read in its place; "" where nothing was.
        groups: kind, shape and direction of the text, as far as the labels say.
        notes: what was seen, for people.
        outline: (N, 2) labelled outline, image pixels.
        label_line: the labelled outline in reading direction.
        label_reading: what the recogniser reads from its strip.
        line: the line that was read there, with all readings that were tried.
        seal_box: x1, y1, x2, y2 of the labelled or found seal around it.
        moved: places that were found are not the image's.
    """

    file: str
    stage: str
    truth: str
    text: str
    groups: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    outline: np.ndarray | None = None
    label_line: LinePoly | None = None
    label_reading: RecResult | None = None
    line: ReadLine | None = None
    seal_box: tuple[float, ...] | None = None
    moved: bool = False

    @property
    def lost(self) -> int:
        """Characters that are missing, wrong or too many."""
        return int(Levenshtein.distance(comparable(self.truth), comparable(self.text)))


def find_misses(
    folder: Path, items: Sequence[Mapping[str, Any]], found: Mapping[str, Found], reader: PipelineReader
) -> list[Miss]:
    """All misses, the ones that cost the most characters first.

    Args:
        folder: of the images.
        items: the labels, see `sealkit.bench.labelled` and `own_pipeline.own_labels`.
        found: what `reader` found, by file.
        reader: reads the strips of labelled outlines.
    """
    misses: list[Miss] = []
    for item in items:
        matches = match_texts(item, found[item["file"]].texts)
        missed = [
            i for i, text in enumerate(item["texts"]) if not text.get("ignore") and matches.best.get(i, (0, 0.0))[1] < 1
        ]
        if missed or matches.extra:
            misses += _ImageMisses(folder, item, found[item["file"]], matches, reader).all(missed)
    return sorted(misses, key=lambda miss: (-miss.lost, list(STAGES).index(miss.stage), miss.file))


def winner(line: ReadLine) -> float:
    """Squeeze of the strip from which a line's text was read."""
    won = [one for one in line.hypotheses if one.line is line.line and one.result.text == line.text]
    return max(won, key=lambda one: one.result.score).squeeze if won else 1.0


class _ImageMisses:
    """The misses of one image."""

    def __init__(
        self, folder: Path, item: Mapping[str, Any], found: Found, matches: TextMatches, reader: PipelineReader
    ) -> None:
        self.item, self.found, self.matches, self.reader = item, found, matches, reader
        self.path = folder / item["file"]
        self.image = read_image(self.path)
        lines = [] if found.moved else [one for seal in found.seals for one in seal.read]
        self.lines = [(one, _area(one.line.points)) for one in lines]
        self.kept = [one for seal in found.seals for one in seal.read if one.reaches(found.score_thresh)]
        self.labels = [_area(t["poly"]) if t.get("poly") is not None else None for t in item["texts"]]
        self.labels = [area if area is not None and area.area > 0 else None for area in self.labels]

    def all(self, missed: Sequence[int]) -> list[Miss]:
        directed = self._directed(missed)
        misses = [self._missed(i, directed.get(i)) for i in missed]
        for extra in self._extra():
            here = [miss for miss in misses if not miss.text and miss.line is not None and miss.line is extra.line]
            if here:  # so unlike the label that the score did not match it: one miss, not two
                here[0].text = extra.text
            else:
                misses.append(extra)
        return misses

    def _directed(self, missed: Sequence[int]) -> dict[int, LinePoly]:
        """The labelled outlines in reading direction: the label's, else the one that reads most like the text."""
        indices = [i for i in missed if self.item["texts"][i].get("poly") is not None]
        texts = [self.item["texts"][i] for i in indices]
        lines = [TextLine(np.asarray(t["poly"], np.float32), t["text"], direction=t.get("direction")) for t in texts]

        def read(strips: list[np.ndarray]) -> list[tuple[str, float]]:
            return [(one.text, one.score) for one in self.reader.read_strips(strips)]

        (found,) = find_directions([DetSample(self.path, lines)], read, height=self.reader.strip_height)
        return {indices[i]: one.line for i, one in found.items()}

    def _missed(self, index: int, label_line: LinePoly | None) -> Miss:
        label = self.item["texts"][index]
        matched = self.matches.best.get(index)
        text = self.found.texts[matched[0]] if matched else ""
        miss = Miss(self.item["file"], UNKNOWN, label["text"], text, self._groups(index), moved=self.found.moved)
        miss.seal_box, area = self._seal_box(index), self.labels[index]
        if label.get("poly") is not None:
            miss.outline = np.asarray(label["poly"], np.float32)
        disagreement = None
        if label_line is not None and (pair := self._both_ways(label_line)):
            miss.label_line, (miss.label_reading, turned) = label_line, pair
            straight = miss.label_reading
            disagreement = disagreement_with(
                label["text"], Readings(index, straight.text, straight.score, turned.text, turned.score)
            )
        if area is None or self.found.moved:
            return miss
        parts = [(one, shape.intersection(area).area / area.area) for one, shape in self.lines]
        parts = [part for part in parts if part[1] >= RULES.least_common]
        if not parts:
            held = any(share_in(area.bounds, seal.found.box) >= RULES.seal_cover for seal in self.found.seals)
            miss.stage = NO_TEXT if held else NO_SEAL
            return miss
        mine = [part for part in parts if matched and part[0] is self.kept[matched[0]]]
        miss.line = (mine or [max(parts, key=lambda part: part[1])])[0][0]
        miss.notes = self._notes(miss.line, index, len(parts))
        if disagreement is not None and disagreement[0] == "reads-differently":
            # a pipeline that read nearly what the label says speaks for the label
            disagreement = (
                disagreement if similarity_of_words(label["text"], miss.line.text) < READING_RULES.alike else None
            )
        miss.stage = self._stage(miss, disagreement is not None)
        if disagreement is not None:
            miss.notes.append(f"label: {disagreement[1]}")
        return miss

    def _stage(self, miss: Miss, label_issue: bool) -> str:
        """Of a text where something was detected."""
        assert miss.line is not None
        truth, line = comparable(miss.truth), miss.line
        if comparable(line.text) == truth:  # where it was kept, it stands for another label of the same text
            return OUTLINE if line.reaches(self.found.score_thresh) else DROPPED
        if any(comparable(one.result.text) == truth for one in line.hypotheses):
            return CHOICE
        if miss.label_reading is not None and comparable(miss.label_reading.text) == truth:
            return OUTLINE
        return LABEL_ISSUE if label_issue else RECOGNISER

    def _notes(self, line: ReadLine, index: int, parts: int) -> list[str]:
        area, shape = self.labels[index], _area(line.line.points)
        assert area is not None
        notes = [f"IoU of the outlines {shape.intersection(area).area / shape.union(area).area:.2f}"]
        if parts > 1:
            notes.append(f"{parts} found lines lie on it")
        others = [
            text["text"] or "an ignored text"
            for i, text in enumerate(self.item["texts"])
            if i != index
            and (other := self.labels[i]) is not None
            and shape.intersection(other).area >= RULES.swallowed * other.area
        ]
        notes += [f"the found line also covers {text}" for text in others]
        if not line.reaches(self.found.score_thresh):
            notes.append(f"score {line.score:.2f} is below the threshold of {self.found.score_thresh:.2f}")
        return notes

    def _both_ways(self, line: LinePoly) -> list[RecResult] | None:
        """Readings of a labelled strip as it is and from the other end; None of an outline without extent."""
        try:
            strips = [straighten(self.image, way, self.reader.strip_height) for way in (line, line.turned())]
        except DataError:
            return None
        return self.reader.read_strips(strips)

    def _extra(self) -> list[Miss]:
        """The unmatched texts that the labels do not excuse: those on ignored lines are excused first."""

        def on_ignored(number: int) -> float:
            if number >= len(self.kept) or self.found.moved:
                return 0.0
            shape = _area(self.kept[number].line.points)
            shares = [shape.intersection(area).area for _, area in self._areas(ignored=True)]
            return max(shares, default=0.0) / max(shape.area, 1e-6)

        ordered = sorted(self.matches.unmatched, key=lambda number: -on_ignored(number))
        misses = []
        for number in ordered[self.matches.forgiven :]:
            line = self.kept[number]
            miss = Miss(self.item["file"], EXTRA, "", self.found.texts[number], {"kind": str(self.item["kind"])})
            miss.line, miss.moved = line, self.found.moved
            owner = next(seal for seal in self.found.seals if any(one is line for one in seal.read))
            miss.seal_box = owner.found.box
            if not self.found.moved:
                shape = _area(line.line.points)
                on = [text for text, area in self._areas() if shape.intersection(area).area >= 0.5 * shape.area]
                miss.notes = [f"lies on the labelled text {text}" for text in on if text]
            misses.append(miss)
        return misses

    def _areas(self, ignored: bool = False) -> list[tuple[str, BaseGeometry]]:
        """Text and area of the labels that are scored, or of those that are ignored."""
        pairs = zip(self.item["texts"], self.labels)
        return [(t["text"], area) for t, area in pairs if area is not None and bool(t.get("ignore")) == ignored]

    def _groups(self, index: int) -> dict[str, str]:
        text = self.item["texts"][index]
        return text_groups(self.item, text)

    def _seal_box(self, index: int) -> tuple[float, ...] | None:
        """The labelled seal's box, else the smallest found one around the label."""
        label = labelled_seal(self.item, self.item["texts"][index])
        if "box" in label:
            return tuple(float(v) for v in label["box"])
        area = self.labels[index]
        if area is None or self.found.moved:
            return None
        boxes = [s.found.box for s in self.found.seals if share_in(area.bounds, s.found.box) >= RULES.seal_cover]
        return min(boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]), default=None)


def labelled_seal(item: Mapping[str, Any], text: Mapping[str, Any]) -> Mapping[str, Any]:
    """The label of the seal a text belongs to; {} where the labels do not say."""
    number = text.get("seal")
    seals: Sequence[Mapping[str, Any]] = item["seals"]
    return seals[number] if isinstance(number, int) and 0 <= number < len(seals) else {}


def text_groups(item: Mapping[str, Any], text: Mapping[str, Any]) -> dict[str, str]:
    """`shape` of the seal, `kind` of the image and `direction` of a labelled text, as far as the labels say."""
    shape = text.get("shape") or labelled_seal(item, text).get("shape")
    known = {"shape": shape, "kind": item["kind"], "direction": text.get("direction")}
    return {key: str(value) for key, value in known.items() if value}


def _area(points: Any) -> BaseGeometry:
    """Of an outline, also of one that crosses itself."""
    return Polygon(np.asarray(points, np.float64)).buffer(0)


__all__ = ["STAGES", "Miss", "find_misses", "text_groups", "winner"]
