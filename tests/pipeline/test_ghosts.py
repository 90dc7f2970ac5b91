"""Which texts and which found boxes are none."""

from typing import Literal

import pytest

from sealkit.pipeline.page import DetectedSeal, FoundSeal, ReadLine
from sealkit.pipeline.stages.assemble import without_ghosts

Source = Literal["area", "layout", "whole"]


def seal(
    box: tuple[float, float, float, float],
    score: float | None = None,
    source: Source = "area",
) -> DetectedSeal:
    read = () if score is None else (ReadLine(None, None, "章", score),)
    return DetectedSeal(FoundSeal(box, 1.0, source), (0, 0, 10, 10), read=read)


WITH_TEXT = seal((0, 0, 100, 100), 0.9)


@pytest.mark.parametrize(
    ("other", "stays"),
    [
        (seal((10, 10, 60, 60)), False),  # a part of the seal, without text
        (seal((10, 10, 60, 60), 0.3), False),  # with what is below the threshold
        (seal((10, 10, 60, 60), 0.8), True),  # a seal inside another's box, which has text
        (seal((50, 0, 150, 100)), True),  # half outside: it may be a worn seal
        (seal((200, 0, 300, 100)), True),  # elsewhere: an unread seal must be told
        (seal((10, 10, 60, 60), source="layout"), True),  # whoever gave the boxes counts them
        (seal((0, 0, 300, 300), source="whole"), False),
        (seal((0, 0, 300, 300), 0.9, source="whole"), True),
    ],
)
def test_ghosts(other: DetectedSeal, stays: bool) -> None:
    kept = without_ghosts([WITH_TEXT, other], 0.5)
    assert [one is other for one in kept] == ([False, True] if stays else [False])


def test_a_part_of_a_seal_that_could_not_be_read_is_no_second_one() -> None:
    whole, part, twin = seal((0, 0, 100, 100)), seal((10, 10, 60, 60)), seal((0, 0, 100, 100))
    assert without_ghosts([part, whole], 0.5) == [whole]
    assert without_ghosts([whole, twin], 0.5) == [whole, twin]  # boxes of one size do not drop each other
    assert without_ghosts([part, seal((0, 0, 100, 100), source="whole")], 0.5) == [part]


@pytest.mark.parametrize(
    ("text", "score", "thresh", "stays"),
    [
        ("专用章", 0.6, 0.6, True),
        ("专用章", 0.59, 0.6, False),
        ("章", 0.6, 0.6, False),  # a single character is a piece of something more often than a text
        ("章", 0.9, 0.6, True),
        (" 章 ", 0.89, 0.6, False),
        ("章", 1.0, 0.8, True),  # 1.5 × 0.8 is more than any score
        ("章", 0.0, 0.0, True),  # whoever asks for everything gets it
        ("AB", 0.6, 0.6, True),
    ],
)
def test_a_single_character_needs_a_better_score(text: str, score: float, thresh: float, stays: bool) -> None:
    line = ReadLine(None, None, text, score)
    assert line.reaches(thresh) is stays
    found = DetectedSeal(FoundSeal((0, 0, 9, 9), 1.0, "whole"), (0, 0, 10, 10), read=(line,))
    assert without_ghosts([found], thresh) == ([found] if stays else [])
