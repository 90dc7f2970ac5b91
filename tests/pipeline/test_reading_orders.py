"""Square seals are read in the order that white, words and scores speak for; the image and its lines are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import pytest

from sealkit.geometry.grids import grid_of, white_between
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.regions import TextRegion
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.pipeline.page import ReadLine, SealLine
from sealkit.pipeline.reading_orders import in_best_order, sense
from sealkit.synth.common.fontbook import FontBook
from sealkit.synth.seals.design import Design
from sealkit.synth.seals.grid_designs import ORDERS
from sealkit.synth.seals.grid_designs import grid_of as draw_grid
from sealkit.synth.seals.render import render_design, scale_matrix, transform, turn_matrix


class Drawn:
    """A drawn square seal, its characters' places, and a reader that reads what lies in a line."""

    def __init__(self, text: str, lines: int, order: str, angle: float = 0.0, between: float = 0.4) -> None:
        design = draw_grid(np.random.default_rng(5), FontBook(), text, lines, order, between)
        pose = scale_matrix(200, 200, 90, 90) @ turn_matrix(angle)
        self.image, _ = render_design(design, pose, (400, 400))
        self.places = np.concatenate([transform(pose, line.centres()) for line in design.lines])
        self.text = text
        turn = np.radians(angle)
        self.right, self.down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
        low, high = (edge for edge in self._extent(design, pose))
        self.low, self.high = low, high

    def _extent(self, design: Design, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        corners = np.concatenate([transform(pose, line.polygon()) for line in design.lines])
        own = np.stack([corners @ self.right, corners @ self.down], axis=1)
        return own.min(axis=0), own.max(axis=0)

    def box(self, left: float, top: float, right: float, bottom: float, direction: str) -> LinePoly:
        """A line whose sides are given in the seal's own frame."""
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        points = corners[:, :1] * self.right + corners[:, 1:] * self.down
        return LinePoly(points.astype(np.float32), direction, ambiguous=False, up_known=True)  # type: ignore[arg-type]

    def columns(self, count: int) -> list[LinePoly]:
        """The whole block cut into equal columns, as the detector shows it."""
        edges = np.linspace(self.low[0], self.high[0], count + 1)
        return [self.box(a, self.low[1], b, self.high[1], "vertical") for a, b in pairwise(edges)]

    def rows(self, count: int) -> list[LinePoly]:
        edges = np.linspace(self.low[1], self.high[1], count + 1)
        return [self.box(self.low[0], a, self.high[0], b, "line") for a, b in pairwise(edges)]

    def read(self, lines: Sequence[LinePoly]) -> list[RecResult]:
        found = []
        for line in lines:
            along = line.middle[-1] - line.middle[0]
            inside = [
                (float(place @ along), char)
                for place, char in zip(self.places, self.text, strict=True)
                if cv2.pointPolygonTest(line.points, tuple(map(float, place)), False) >= 0
            ]
            found.append(RecResult("".join(char for _, char in sorted(inside)), 1.0))
        return found

    def lines_read(self, lines: Sequence[LinePoly]) -> list[ReadLine]:
        return [
            ReadLine(SealLine(line, TextRegion(line.points), True), line, result.text, result.score)
            for line, result in zip(lines, self.read(lines), strict=True)
        ]


@pytest.mark.parametrize("angle", [0.0, 140.0])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("text", "lines"), [("冲压部印", 2), ("乾元貿易有限公司", 4), ("宏图投资有限公司印", 3)])
def test_each_order_is_found_where_white_and_words_show_it(text: str, lines: int, order: str, angle: float) -> None:
    drawn = Drawn(text, lines, order, angle)
    columns = lines if order.startswith("columns") else len(text) // lines
    [read] = in_best_order(drawn.image, [drawn.lines_read(drawn.columns(columns))], drawn.read)
    assert "".join(line.text for line in read) == text
    assert len(read) == lines
    assert {line.line.direction for line in read} == {"vertical" if order.startswith("columns") else "line"}


def test_rows_the_detector_shows_as_rows_become_columns_where_the_words_say_so() -> None:
    drawn = Drawn("乾元贸易有限公司", 2, "columns-right")
    [read] = in_best_order(drawn.image, [drawn.lines_read(drawn.rows(4))], drawn.read)
    assert [line.text for line in read] == ["乾元贸易", "有限公司"]


def test_columns_from_the_right_stay_where_nothing_speaks_against_them() -> None:
    drawn = Drawn("甲乙丙丁", 2, "columns-right", between=0.06)
    lines = drawn.lines_read(drawn.columns(2))
    [read] = in_best_order(drawn.image, [lines], drawn.read)
    assert [line.text for line in read] == ["甲乙", "丙丁"]
    assert {id(line.source) for line in read} == {id(line.source) for line in lines}  # as they were detected


@pytest.mark.parametrize(("text", "order"), [("王磊", "rows-right"), ("王印", "rows-right"), ("李娜", "rows-left")])
def test_two_characters_side_by_side_are_one_text(text: str, order: str) -> None:
    drawn = Drawn(text, 1, order)
    [read] = in_best_order(drawn.image, [drawn.lines_read(drawn.columns(2))], drawn.read)
    assert [line.text for line in read] == [text]


@pytest.mark.parametrize(("row", "text"), [("印王", "王印"), ("印刷", "印刷"), ("作废", "作废")])
def test_a_row_that_begins_with_yin_and_ends_with_a_surname_is_read_from_the_right(row: str, text: str) -> None:
    drawn = Drawn(row, 1, "rows-left")
    [[read]] = in_best_order(drawn.image, [drawn.lines_read(drawn.rows(1))], drawn.read)
    assert read.text == text


def test_other_seals_are_left_alone() -> None:
    drawn = Drawn("冲压部印", 2, "rows-left")
    lines = drawn.lines_read(drawn.columns(2))
    badly = [ReadLine(one.source, one.line, one.text, 0.3) for one in lines]
    latin = [ReadLine(one.source, one.line, "AB", 1.0) for one in lines]
    uneven = [lines[0]]
    asked: list[LinePoly] = []
    found = in_best_order(drawn.image, [badly, latin, uneven], lambda some: asked.extend(some) or [])
    assert found == [badly, latin, uneven]
    assert asked == []


def test_white_is_measured_in_shares_of_a_character_in_either_polarity() -> None:
    drawn = Drawn("冲压部印", 2, "rows-left", between=0.5)
    for image in (drawn.image, 255 - drawn.image):
        grid = grid_of(drawn.columns(2), 2, image)
        assert grid is not None and (grid.rows, grid.columns) == (2, 2)
        beside, below = white_between(image, grid)
        assert 0.25 < below - beside < 0.7


def test_lines_that_do_not_align_make_no_grid() -> None:
    drawn = Drawn("冲压部印", 2, "rows-left")
    first, second = drawn.columns(2)
    moved = LinePoly(second.points + np.array([0, 60], np.float32), "vertical", ambiguous=False)
    assert grid_of([first, moved], 2, drawn.image) is None
    assert grid_of([first, second.turned()], 2, drawn.image) is None


def test_texts_that_read_as_seals_do_make_more_sense() -> None:
    assert sense("王磊之印") > sense("王之磊印") > sense("印王之磊")
    assert sense("有限公司") > sense("限有司公")
