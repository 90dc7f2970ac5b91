"""Polygons and text on images."""

import numpy as np
import pytest

from sealkit.drawing.polygons import (
    boxes_to_polygons,
    fill_polygons,
    line_width,
    mark_starts,
    outline_polygons,
    palette,
)
from sealkit.drawing.text import draw_text, draw_text_along, font_for, text_width

SQUARE = np.array([[10, 10], [40, 10], [40, 40], [10, 40]], np.float32)


@pytest.fixture
def white() -> np.ndarray:
    return np.full((60, 80, 3), 255, np.uint8)


def test_nothing_is_changed_in_place(white: np.ndarray) -> None:
    before = white.copy()
    fill_polygons(white, [SQUARE], palette(1))
    outline_polygons(white, [SQUARE], palette(1))
    mark_starts(white, [SQUARE], palette(1))
    draw_text(white, "12", (0, 0, 40, 20))
    np.testing.assert_array_equal(white, before)


def test_polygons_are_drawn_where_they_are(white: np.ndarray) -> None:
    filled = fill_polygons(white, [SQUARE], [(0, 0, 255)], opacity=0.5)
    assert filled[25, 25].tolist() == pytest.approx([128, 128, 255], abs=1) and (filled[50, 60] == 255).all()
    outlined = outline_polygons(white, [SQUARE], [(0, 0, 0)], width=1)
    assert (outlined[10, 20] < 50).all() and (outlined[25, 25] == 255).all()


def test_slivers_are_left_out(white: np.ndarray) -> None:
    assert (fill_polygons(white, [SQUARE[:2]], palette(1)) == 255).all()
    assert (mark_starts(white, [SQUARE[:2]], palette(1)) == 255).all()


def test_palette_is_stable_and_distinct() -> None:
    assert palette(6)[:3] == palette(3) and len(set(palette(12))) == 12
    assert line_width(np.zeros((10, 10, 3))) == 1 and line_width(np.zeros((2000, 10, 3))) == 5
    np.testing.assert_array_equal(boxes_to_polygons([(1, 2, 3, 4)])[0], [[1, 2], [3, 2], [3, 4], [1, 4]])


@pytest.mark.parametrize("vertical", [False, True])
def test_text_fits_its_box(white: np.ndarray, vertical: bool) -> None:
    drawn = draw_text(white, "印章12", (20, 5, 70, 55) if not vertical else (30, 2, 50, 58), vertical=vertical)
    ys, xs = np.nonzero(drawn.min(axis=2) < 200)
    assert len(xs) and (ys.max() - ys.min() > xs.max() - xs.min()) == vertical
    assert xs.min() >= (20 if not vertical else 28) - 1 and xs.max() <= (70 if not vertical else 52) + 1


def test_characters_stand_as_the_line_says() -> None:
    white = np.full((160, 160, 3), 255, np.uint8)
    line = np.array([[20, 60], [80, 60], [140, 60], [140, 100], [80, 100], [20, 100]], np.float32)
    level = draw_text_along(white, "章12", line)
    ys, xs = np.nonzero(level.min(axis=2) < 200)
    assert 20 <= xs.min() < 45 and 115 < xs.max() <= 140 and ys.min() >= 60 and ys.max() <= 100
    # the same line with its tops to the right reads downwards: the same image turned clockwise
    turned = draw_text_along(white, "章12", np.stack([159 - line[:, 1], line[:, 0]], axis=1))
    assert np.abs(turned.astype(int) - np.rot90(level, -1)).mean() < 6
    upside_down = draw_text_along(white, "章12", np.roll(line, 3, axis=0))
    assert np.abs(upside_down.astype(int) - np.rot90(level, 2)).mean() < 6


def test_characters_of_a_column_stay_upright() -> None:
    white = np.full((160, 100, 3), 255, np.uint8)
    column = np.array([[30, 20], [70, 20], [70, 140], [30, 140]], np.float32)  # first edge: the top
    drawn = draw_text_along(white, "一一一", column, vertical=True)
    rows = np.nonzero(drawn.min(axis=2).min(axis=1) < 128)[0]
    assert 3 <= len(rows) < 40  # three lying strokes, not one standing
    assert rows[0] > 20 and rows[-1] < 140 and rows[-1] - rows[0] > 60


def test_no_room_and_no_fonts(white: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (draw_text(white, "12", (5, 5, 5, 50)) == 255).all() and (draw_text(white, "", (0, 0, 50, 50)) == 255).all()
    monkeypatch.setattr("sealkit.drawing.text._face", lambda text: None)
    assert font_for("1", 10) is None and text_width("1", 10) == 0
    assert (draw_text(white, "12", (5, 5, 50, 50)) == 255).all()
    assert (draw_text_along(white, "12", SQUARE) == 255).all()
