"""Latin seals after the first reading: rings of two texts, cut and broken ones; image, lines and reader are drawn."""

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
from sealkit.geometry.sections import track_of
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.pipeline.latin_lines import completed, is_latin, parted_rings, text_of, widened, without_marks
from sealkit.pipeline.page import ReadLine, SealLine
from sealkit.pipeline.settings import ReadingSettings
from sealkit.pipeline.stages.read import read_seals
from sealkit.synth.common.fontbook import FontBook
from sealkit.synth.seals.design import Border, Design, Mark, ring_text, straight
from sealkit.synth.seals.render import render_design, scale_matrix, transform, turn_matrix

UPPER, LOWER, MIDDLE = "HARBOUR OFFICE OF MARLOW", "PILOTS DIVISION", "ADMITTED 14 JUN 2021"


class Drawn:
    """A drawn Latin seal, where its characters stand, and a reader that reads what lies in a line.

    A character reads surely where it stands upright in the line, else as another one, badly; a star reads as a star.
    """

    def __init__(self, angle: float = 0.0, upper_span: float = 200.0, stars: bool = False) -> None:
        rng, book = np.random.default_rng(2), FontBook()
        design = Design("circle", 1.0, borders=[Border("circle", 1, 1, 0.03), Border("circle", 0.66, 0.66, 0.02)])
        design.lines = [
            ring_text(rng, book, UPPER, 1, 1, 0.92, 0.16, upper_span, max_gap=0.2),
            ring_text(rng, book, LOWER, 1, 1, 0.92, 0.16, 130, inward=True, max_gap=0.2),
            straight(rng, book, MIDDLE, 0.0, 0.12, 1.1, role="other", max_gap=0.15),
        ]
        if stars:
            design.marks = [Mark("star", 0.06, side * 0.84 * np.sin(2.02), -0.84 * np.cos(2.02)) for side in (-1, 1)]
        self.pose = scale_matrix(300, 300, 260, 260) @ turn_matrix(angle)
        self.image, labels = render_design(design, self.pose, (600, 600))
        self.labels = [
            LinePoly(label.points, cast(Direction, label.direction or "line"), ambiguous=False) for label in labels
        ]
        self.glyphs: list[tuple[str, np.ndarray, np.ndarray]] = []
        for line in design.lines:
            places, ups = line.path.at(np.array([character.x for character in line.characters]))
            tips = transform(self.pose, places + 0.05 * ups)
            here = transform(self.pose, places)
            for character, place, tip in zip(line.characters, here, tips, strict=True):
                self.glyphs.append((character.char, place, (tip - place) / np.hypot(*(tip - place))))
        for mark in design.marks:
            place = transform(self.pose, np.array([[mark.x, mark.y]]))[0]
            self.glyphs.append(("★", place, np.zeros(2)))

    def read(self, lines: Sequence[LinePoly], width: float = 1.0) -> list[RecResult]:
        return [self._read(line) for line in lines]

    def _read(self, line: LinePoly) -> RecResult:
        middle, top, bottom = (resample(side, 200) for side in (line.middle, line.top, line.bottom))
        found = []
        for char, place, up in self.glyphs:
            if cv2.pointPolygonTest(line.points.astype(np.float32), (float(place[0]), float(place[1])), False) < 0:
                continue
            at = int(np.argmin(np.hypot(*(middle - place).T)))
            upright = char == "★" or float((top[at] - bottom[at]) @ up) > 0
            found.append((at, char if upright else "q", 0.99 if upright else 0.6))
        found.sort()
        scores = tuple(score for *_, score in found)
        return RecResult("".join(char for _, char, _ in found), float(np.mean(scores)) if scores else 0.0, scores)

    def line_read(self, line: LinePoly) -> ReadLine:
        [result] = self.read([line])
        return ReadLine(SealLine(line, TextRegion(line.points), True), line, result.text, result.score)

    def part(self, number: int, start: float, end: float) -> ReadLine:
        """The part of a labelled line between two shares of its length."""
        line = self.labels[number]
        return self.line_read(track_of(line, 0.0).section(start * line.length, end * line.length))

    def ring(self, start: float = 0.0, turn: float = 360.0) -> LinePoly:
        """A band around the whole ring, tops outwards, from an angle clockwise from the seal's bottom."""
        theta = np.radians(180 + start + np.linspace(0, turn, 81))
        sides = [r * np.stack([np.sin(theta), -np.cos(theta)], 1) for r in (0.935, 0.745)]
        outer, inner = (transform(self.pose, side) for side in sides)
        points = np.concatenate([outer, inner[::-1]]).astype(np.float32)
        return LinePoly(points, "arc", ambiguous=False, closed=turn == 360.0, up_known=True)


def texts(read: Sequence[ReadLine]) -> list[str]:
    return [line.text for line in read]


def bare(text: str) -> str:
    return text.replace(" ", "")


@pytest.mark.parametrize("angle", [0.0, 75.0, 200.0])
@pytest.mark.parametrize("start", [0.0, 140.0])
def test_a_ring_of_two_texts_is_parted_where_the_characters_turn(angle: float, start: float) -> None:
    drawn = Drawn(angle)
    whole = drawn.line_read(drawn.ring(start))
    [read] = parted_rings(drawn.image, [[whole]], drawn.read)
    assert texts(read) == [bare(UPPER), bare(LOWER)]
    assert [line.line.direction for line in read] == ["arc", "arc-bottom"]


def test_a_ring_that_is_not_closed_is_parted_too() -> None:
    drawn = Drawn()
    whole = drawn.line_read(drawn.ring(70.0, 354.0))  # open in the gap between both
    [read] = parted_rings(drawn.image, [[whole]], drawn.read)
    assert texts(read) == [bare(UPPER), bare(LOWER)]


def test_a_ring_of_one_text_stays_whole() -> None:
    drawn = Drawn()
    one = drawn.part(0, 0.0, 1.0)
    [read] = parted_rings(drawn.image, [[one]], drawn.read)
    assert read == [one]


@pytest.mark.parametrize("angle", [0.0, 130.0])
@pytest.mark.parametrize(("number", "whole"), list(enumerate((UPPER, LOWER, MIDDLE))))
def test_a_cut_text_is_completed_as_far_as_its_ink_goes(number: int, whole: str, angle: float) -> None:
    drawn = Drawn(angle)
    cut = drawn.part(number, 0.2, 0.8)
    assert cut.text in bare(whole) and len(cut.text) < len(bare(whole)) - 2
    others = [drawn.part(n, 0.0, 1.0) for n in range(3) if n != number]
    [read] = completed(drawn.image, [[cut, *others]], drawn.read)
    assert sorted(texts(read)) == sorted(map(bare, (UPPER, LOWER, MIDDLE)))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_pieces_of_one_text_are_joined(number: int) -> None:
    drawn = Drawn(15.0)
    pieces = [drawn.part(number, *span) for span in ((0.0, 0.3), (0.38, 0.7), (0.72, 1.0))]
    [read] = completed(drawn.image, [pieces], drawn.read)
    assert texts(read) == [bare((UPPER, LOWER, MIDDLE)[number])]


def test_texts_are_not_joined_with_those_that_stand_the_other_way_round_or_behind_a_star() -> None:
    for drawn in (Drawn(upper_span=224.0), Drawn(stars=True)):
        lines = [drawn.part(n, 0.0, 1.0) for n in range(3)]
        [read] = completed(drawn.image, [lines], drawn.read)
        assert sorted(texts(read)) == sorted(map(bare, (UPPER, LOWER, MIDDLE)))


def test_a_piece_shown_as_a_straight_line_is_completed_along_its_ring() -> None:
    drawn = Drawn(20.0)
    arc = track_of(drawn.labels[1], 0.0).section(0.0, 0.16 * drawn.labels[1].length)
    corners = np.stack([arc.top[0], arc.top[-1], arc.bottom[-1], arc.bottom[0]])
    piece = drawn.line_read(LinePoly(corners, "line", ambiguous=False))
    assert 2 <= len(piece.text) <= 4
    [read] = completed(drawn.image, [[drawn.part(0, 0.0, 1.0), piece]], drawn.read)
    assert texts(read) == [bare(UPPER), bare(LOWER)]
    assert [line.line.direction for line in read] == ["arc", "arc-bottom"]


def test_pieces_that_all_become_the_whole_text_are_one() -> None:
    drawn = Drawn()
    pieces = [drawn.part(0, 0.0, 0.55), drawn.part(0, 0.45, 1.0)]
    [read] = completed(drawn.image, [pieces], drawn.read)
    assert texts(read) == [bare(UPPER)]


def test_a_longer_text_that_reads_worse_is_not_taken() -> None:
    drawn = Drawn()
    cut = drawn.part(0, 0.2, 0.8)

    def badly(lines: Sequence[LinePoly]) -> list[RecResult]:
        return [RecResult(result.text, 0.7) for result in drawn.read(lines)]

    [read] = completed(drawn.image, [[cut]], badly)
    assert read == [cut]


def test_chinese_texts_are_left_alone() -> None:
    drawn = Drawn()
    cut = drawn.part(0, 0.2, 0.8)
    chinese = ReadLine(cut.source, cut.line, "中华人民共和国", 0.8)
    asked: list[LinePoly] = []
    assert completed(drawn.image, [[chinese]], lambda lines: asked.extend(lines) or []) == [[chinese]]
    assert parted_rings(drawn.image, [[chinese]], drawn.read) == [[chinese]]
    assert asked == []


@pytest.mark.parametrize(
    ("wide", "score", "text"),
    [
        ("HALLIII", 0.95, "HALL III"),  # more of the same, its space lost
        ("HALI III", 0.95, "HALL II"),  # not otherwise the same
        ("GATE III", 0.95, "HALL II"),
        ("HALL III", 0.5, "HALL II"),
        ("HALL I", 0.99, "HALL II"),  # runs do not become shorter
    ],
)
def test_runs_of_narrow_letters_are_counted_in_a_wider_strip(wide: str, score: float, text: str) -> None:
    line = LinePoly(np.array([[0, 0], [90, 0], [90, 20], [0, 20]], np.float32), ambiguous=False)
    read = ReadLine(SealLine(line, TextRegion(line.points), True), line, "HALL II", 0.97)
    [[found]] = widened([[read]], lambda lines: [RecResult(wide, score) for _ in lines])
    assert found.text == text


@pytest.mark.parametrize(("code", "reads"), [("4401130012345", 0), ("440113001234", 1), ("44011300 12345", 0)])
def test_a_code_with_all_its_digits_is_not_read_for_more(code: str, reads: int) -> None:
    """Neither where ink goes on beyond it nor in a wider strip."""
    image = np.full((100, 400, 3), 255, np.uint8)
    image[30:60, 20:390:8] = image[30:60, 21:390:8] = 0
    line = LinePoly(np.array([[100, 28], [300, 28], [300, 62], [100, 62]], np.float32), ambiguous=False)
    read = ReadLine(SealLine(line, TextRegion(line.points), True), line, code, 0.97)
    asked: list[LinePoly] = []

    def reader(lines: Sequence[LinePoly]) -> list[RecResult]:
        asked.extend(lines)
        return [RecResult("", 0.0) for _ in lines]

    assert completed(image, [[read]], reader) == [[read]] and len(asked) == reads
    asked.clear()
    assert widened([[read]], reader) == [[read]] and len(asked) == reads


def test_marks_at_the_ends_are_no_text() -> None:
    assert without_marks("★ DOCKS ★", "arc-bottom") == "DOCKS"
    assert without_marks("￥DOCKS·", "arc") == "DOCKS"
    assert without_marks("￥100", "line") == "￥100"
    assert without_marks("*检验*", "arc") == "*检验*"


def test_a_star_read_as_a_character_of_its_own_is_no_text() -> None:
    sure, doubtful = (0.7, 1.0, *[0.99] * 5, 1.0, 0.7), (1.0, 1.0, *[0.99] * 5, 1.0, 0.7)
    assert text_of(RecResult("A DOCKS A", 0.9, sure), "arc-bottom") == "DOCKS"
    assert text_of(RecResult("A DOCKS A", 0.9, doubtful), "arc") == "A DOCKS"
    assert text_of(RecResult("A DOCKS A", 0.9, sure), "line") == "A DOCKS A"


def test_latin_is_told_from_chinese() -> None:
    assert is_latin("No. 17") and is_latin("GÜNTHER") and not is_latin("合同专用章A") and not is_latin("A")


@pytest.mark.parametrize("angle", [0.0, 90.0])
def test_a_latin_column_is_read_as_a_line(angle: float) -> None:
    drawn = Drawn(angle)
    column = drawn.labels[2].turned().as_column()  # as a wrong up field shows it
    source = SealLine(
        LinePoly(column.points, "vertical", ambiguous=False, up_known=True), TextRegion(column.points), True
    )

    class Recogniser:
        height = 48

        def read(self, strips: Sequence[np.ndarray], batch_size: int) -> list[RecResult]:
            wide = [strip.shape[1] / strip.shape[0] for strip in strips]
            results = []
            for strip, aspect in zip(strips, wide, strict=True):
                same = [self._like(strip, line) for line in (drawn.labels[2], drawn.labels[2].turned())]
                results.append(
                    RecResult(bare(MIDDLE), 0.98) if same[0] > max(0.8, same[1]) else RecResult("4O.7", 0.92)
                )
                assert aspect > 0
            return results

        @staticmethod
        def _like(strip: np.ndarray, line: LinePoly) -> float:
            from sealkit.geometry.straighten import straighten

            shape = (200, 48)
            a, b = (
                cv2.resize(one, shape).astype(np.float32).mean(axis=2) for one in (strip, straighten(drawn.image, line))
            )
            return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])

    [[found]] = read_seals(drawn.image, [[source]], Recogniser(), ReadingSettings(), 8)  # type: ignore[arg-type]
    assert (found.text, found.line.direction) == (bare(MIDDLE), "line")
