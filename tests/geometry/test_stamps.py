"""Stamps among print: by ink, by a frame of their own, or because the image shows nothing else."""

import numpy as np
import pytest

from sealkit.geometry.stamps import StampBlock, frame_of, ink_colour, stamp_blocks
from tests.geometry.stamp_pages import BLACK, BLUE, GREEN, RED, VIOLET, Sheet


def found(sheet: Sheet) -> list[StampBlock]:
    return stamp_blocks(sheet.image, sheet.lines)


@pytest.mark.parametrize(
    ("colour", "paper", "stamp"),
    [
        (RED, (250, 250, 250), True),
        (BLUE, (250, 250, 250), True),
        (VIOLET, (250, 250, 250), True),
        (BLACK, (250, 250, 250), False),
        (GREEN, (250, 250, 250), False),
        (BLACK, (150, 210, 240), False),  # yellow paper
        (BLACK, (240, 200, 190), False),  # blue light
        (RED, (150, 210, 240), True),
    ],
)
def test_the_colour_of_ink_is_told_from_that_of_paper(
    colour: tuple[int, int, int], paper: tuple[int, int, int], stamp: bool
) -> None:
    sheet = Sheet(paper=paper).write("RECEIVED", 100, 100, colour)
    assert (ink_colour(sheet.image, sheet.lines[0]) > 0.2) == stamp


def test_bright_characters_on_a_dark_ground_are_no_ink() -> None:
    sheet = Sheet(paper=(170, 70, 40)).write("RECEIVED", 100, 100, (250, 250, 250))
    assert ink_colour(sheet.image, sheet.lines[0]) == 0


@pytest.mark.parametrize("degrees", [0, 4, 37, 90, 180, 250])
def test_a_frame_is_found_at_any_angle(degrees: int) -> None:
    sheet = Sheet(800, 800).write("GREEN RIVER LTD", 260, 400).write("12 Mill Lane", 290, 450)
    sheet.frame(230, 350, 580, 480).turned(degrees)
    frame = frame_of(sheet.image, sheet.lines)
    assert frame is not None
    sides = np.hypot(*(frame - np.roll(frame, 1, axis=0)).T)
    assert sorted(sides) == pytest.approx([130, 130, 350, 350], abs=8)
    assert frame.mean(axis=0) == pytest.approx(
        Sheet(800, 800).write("", 405, 415).turned(degrees).lines[0].points.mean(axis=0), abs=12
    )


def test_three_sides_and_cells_of_a_table_are_no_frame() -> None:
    sheet = Sheet().write("PAID", 200, 200)
    open_box = sheet.frame(180, 160, 330, 220)
    open_box.image[155:170, 150:360] = 250
    assert frame_of(open_box.image, open_box.lines) is None
    table = Sheet().write("PAID", 200, 200)
    for column in range(4):
        table.frame(30 + 150 * column, 100, 180 + 150 * column, 160).frame(
            30 + 150 * column, 160, 180 + 150 * column, 220
        )
    assert frame_of(table.image, table.lines) is None


def test_a_page_of_print_has_no_stamp_whatever_its_colour() -> None:
    assert not found(Sheet().body())
    assert not found(Sheet().body(colour=BLUE))
    assert not found(Sheet().body().write("ANNUAL REPORT", 200, 150, RED, 1.5))  # a heading
    assert not found(Sheet().body().write("Note", 200, 150).frame(180, 110, 300, 170))  # black, framed, on a page


def test_coloured_stamps_on_a_page_are_found_by_frame_or_slant() -> None:
    (framed,) = found(Sheet().body().write("PAID", 200, 200, RED).frame(180, 160, 330, 220, RED))
    assert framed.evidence == "ink" and framed.members == (10,)
    assert framed.corners.min(axis=0) == pytest.approx([180, 160], abs=4)
    stamp = Sheet().write("PAID 28 NOV 2026", 250, 520, BLUE).turned(5)
    (askew,) = found(stamp.over(Sheet().body(4)))
    assert askew.members == (4,)


def test_a_framed_stamp_on_a_form_in_its_colour_is_found_and_the_form_is_not() -> None:
    sheet = Sheet().body(12, colour=RED).write("COPY", 500, 200, RED).frame(480, 160, 620, 215, RED)
    (block,) = found(sheet)
    assert block.members == (12,)


@pytest.mark.parametrize("colour", [BLACK, BLUE])
def test_an_image_that_shows_one_block_is_a_stamp(colour: tuple[int, int, int]) -> None:
    bare = Sheet(420, 200).write("GREEN RIVER LTD", 60, 90, colour).write("12 Mill Lane", 90, 140, colour)
    (block,) = found(bare)
    assert block.members == (0, 1) and block.evidence == ("crop" if colour == BLACK else "ink")
    (block,) = found(bare.frame(30, 40, 390, 170, colour))
    assert block.evidence == ("frame" if colour == BLACK else "ink")


def test_a_column_of_print_is_no_stamp() -> None:
    sheet = Sheet(700, 420)
    for n in range(7):
        sheet.write("the quick brown fox jumps", 60, 60 + 50 * n)
    assert not found(sheet)
    assert not found(Sheet(2000, 1400).write("a note", 100, 100))  # one small line on an empty page


def test_ink_that_fades_within_a_stamp_stays_one_stamp() -> None:
    sheet = Sheet(420, 240).write("GREEN RIVER LTD", 60, 90, BLUE)
    faint = Sheet(420, 240).write("12 Mill Lane", 90, 150, (170, 140, 125))
    assert 0.1 < ink_colour(faint.image, faint.lines[0]) < 0.2
    (block,) = found(sheet.over(faint))
    assert block.members == (0, 1)
    assert not found(Sheet().body().write("12 Mill Lane", 90, 150, (170, 140, 125)))  # alone it is none


def test_a_stamp_that_fills_the_image_may_have_print_about_it() -> None:
    sheet = Sheet(420, 240).write("the quick brown fox jumps", 5, 30, size=0.9).write("over the lazy dog", 5, 230)
    (block,) = found(sheet.write("VOID", 100, 150, RED, 3.0))
    assert block.members == (2,) and block.evidence == "ink"
