"""Codes under purpose lines that were detected as one text; lines are drawn, the reader reads what lies in a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
import pytest

from sealkit.geometry.directions import Direction
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.polyline import resample
from sealkit.geometry.regions import TextRegion
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.pipeline.code_arcs import parted_codes
from sealkit.pipeline.page import ReadLine, SealLine
from sealkit.synth.common.fontbook import FontBook
from sealkit.synth.seals.design import Design, ring_text, straight
from sealkit.synth.seals.render import render_design, scale_matrix, transform, turn_matrix

TITLE, PURPOSE, CODE = "山川河流研究院", "合同专用章", "6219726100873"


class Seal:
    """A title, a purpose line and a code below it, as they stand at an angle.

    The reader reads what lies in a line: upright characters surely where all of them lies in it, else as another one.
    """

    def __init__(self, angle: float = 0.0, code: str = CODE) -> None:
        rng, book = np.random.default_rng(1), FontBook()
        design = Design("circle", 1.0)
        design.lines = [
            ring_text(rng, book, TITLE, 1, 1, 0.95, 0.25, 200, max_gap=1.0),
            straight(rng, book, PURPOSE, 0.6, 0.17, 0.8, role="purpose", max_gap=0.1),
            ring_text(rng, book, code, 1, 1, 0.95, 0.13, 75, role="code", inward=True, max_gap=0.5),
        ]
        pose = scale_matrix(300, 300, 260, 260) @ turn_matrix(angle)
        _, labels = render_design(design, pose, (600, 600))
        self.title, self.purpose, self.code = (
            LinePoly(label.points, cast(Direction, label.direction or "line"), ambiguous=False) for label in labels
        )
        self.glyphs: list[tuple[str, np.ndarray, np.ndarray, float]] = []
        for line in design.lines:
            places, ups = line.path.at(np.array([character.x for character in line.characters]))
            for character, place, tip in zip(line.characters, transform(pose, places), transform(pose, places + ups)):
                up = (tip - place) / np.hypot(*(tip - place))
                self.glyphs.append((character.char, place, up, line.height * 260))
        self.asked: list[LinePoly] = []

    def reader(self, lines: Sequence[LinePoly]) -> list[RecResult]:
        self.asked += lines
        return [self.read(line) for line in lines]

    def read(self, line: LinePoly) -> RecResult:
        outline = line.points.astype(np.float32)
        middle, top, bottom = (resample(side, 200) for side in (line.middle, line.top, line.bottom))
        found = []
        for char, place, up, height in self.glyphs:
            corners = [place + 0.3 * height * side * up for side in (-1, 1)]
            inside = [cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y in (place, *corners)]
            if not inside[0]:
                continue
            at = int(np.argmin(np.hypot(*(middle - place).T)))
            upright = float((top[at] - bottom[at]) @ up) > 0
            found.append((at, char, 0.99 if all(inside) and upright else 0.4))
        found.sort()
        scores = [score for *_, score in found]
        return RecResult("".join(char for _, char, _ in found), float(np.mean(scores)) if scores else 0.0)

    def together(self) -> ReadLine:
        """Purpose and code as one text, its outline that of both and of what lies between."""
        mask = np.zeros((600, 600), np.uint8)
        for line in (self.purpose, self.code):
            cv2.fillPoly(mask, [np.round(line.points).astype(np.int32)], 1)
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((61, 61), np.uint8))
        (outline,), _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        return as_read(self.purpose, outline[:, 0].astype(np.float32), PURPOSE, 0.9)


def as_read(line: LinePoly, outline: np.ndarray, text: str, score: float) -> ReadLine:
    return ReadLine(SealLine(line, TextRegion(outline, 0.9), alone=True), line, text, score)


def texts(read: Sequence[ReadLine]) -> list[str]:
    return [line.text for line in read]


@pytest.mark.parametrize("angle", [0.0, 77.0, 180.0, 291.0])
def test_a_code_is_parted_from_the_line_above_it(angle: float) -> None:
    seal = Seal(angle)
    title = as_read(seal.title, seal.title.points, TITLE, 0.99)
    (read,) = parted_codes([[title, seal.together()]], seal.reader)
    assert texts(read) == [TITLE, PURPOSE, CODE] and read[0] is title
    for line, label in zip(read[1:], (seal.purpose, seal.code)):
        assert float(line.line.up @ label.up) > 0.98 and line.line.direction == label.direction
        assert np.hypot(*(line.line.points.mean(axis=0) - label.points.mean(axis=0))) < 0.35 * label.height
        assert not line.source.alone  # its polygon is its own, not the outline of both


def test_the_reading_of_both_stays_where_the_line_above_reads_worse() -> None:
    seal = Seal()
    both = seal.together()

    def reader(lines: Sequence[LinePoly]) -> list[RecResult]:
        found = seal.reader(lines)
        return [one if one.text.isdigit() else RecResult("合目专田音", 0.7) for one in found]

    title = as_read(seal.title, seal.title.points, TITLE, 0.99)
    (read,) = parted_codes([[title, both]], reader)
    assert texts(read) == [TITLE, PURPOSE, CODE]
    assert read[1].line is both.line and read[1].score == 0.9


@pytest.mark.parametrize("code", ["ABCDEFGHIJKLM", "62197ABCDEFGH"])
def test_what_reads_as_no_code_is_not_parted(code: str) -> None:
    seal = Seal(code=code)
    title, both = as_read(seal.title, seal.title.points, TITLE, 0.99), seal.together()
    (read,) = parted_codes([[title, both]], seal.reader)
    assert read == [title, both] and seal.asked


def test_a_code_that_was_detected_alone_is_not_read_again() -> None:
    seal = Seal()
    title = as_read(seal.title, seal.title.points, TITLE, 0.99)
    alone = [as_read(line, line.points, text, 0.9) for line, text in ((seal.code, CODE), (seal.purpose, PURPOSE))]
    (read,) = parted_codes([[title, *alone]], seal.reader)
    assert read == [title, *alone] and not seal.asked


def test_text_beside_the_title_or_over_another_line_holds_no_code() -> None:
    seal = Seal()
    title, both = as_read(seal.title, seal.title.points, TITLE, 0.99), seal.together()
    points = 2 * np.array([[300.0, 300.0]]) - both.source.region.outline  # on the title's side of the centre
    upper = as_read(both.line, points.astype(np.float32), PURPOSE, 0.9)
    code = as_read(seal.code, seal.code.points, CODE, 0.9)
    assert parted_codes([[title, upper], [title, both, code], [both]], seal.reader) == [
        [title, upper], [title, both, code], [both]
    ]  # fmt: skip
    assert not seal.asked
