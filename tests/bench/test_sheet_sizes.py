"""`benchmark.py sheet-sizes`: what is drawn, and how it is counted."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks import sheet_sizes
from benchmarks.sheet_sizes import Case, markdown, measure


def test_stacked_pages_repeat_their_seals() -> None:
    (down, below), (across, beside) = sheet_sizes.stacked(3)
    assert down.shape == (2700, 675, 3) and across.shape == (900, 2025, 3)
    assert len(below) == len(beside) == 3 * len(sheet_sizes.PAGE_SEALS)
    assert below[-1] == (435, 2470, 517, 2515) and beside[-1] == (1785, 670, 1867, 715)
    assert len(list(sheet_sizes.stacked(1))) == 1


def test_seals_stand_in_the_middle_at_their_size() -> None:
    drawn = list(sheet_sizes.alone(np.full((900, 1200, 3), 255, np.uint8), 200))
    assert len(drawn) == len(sheet_sizes.TOY_SEALS)
    for image, (box,) in drawn:
        inked = np.argwhere(image.min(axis=2) < 200)
        assert max(box[2] - box[0], box[3] - box[1]) == 200
        assert (inked.min(axis=0) >= (box[1], box[0])).all() and (inked.max(axis=0) < (box[3], box[2])).all()
        assert (np.abs(inked.min(axis=0) - (box[1], box[0])) < 8).all()


def test_sheets_have_their_size_at_200_dpi() -> None:
    assert sheet_sizes.pixels("A4") == (2339, 1654) and sheet_sizes.dots(20) == 157
    ((sheet, boxes),) = sheet_sizes.bare(sheet_sizes.drawing, "A4")
    assert sheet.shape == (2339, 1654, 3) and boxes == [] and sheet.min() < 100


def test_a_box_beside_every_seal_is_false() -> None:
    images: list[Any] = [(np.zeros((100, 200, 3), np.uint8), [(0, 0, 50, 50), (100, 0, 150, 50)])] * 2
    seals = [SimpleNamespace(box=box) for box in ((2, 2, 50, 50), (0, 60, 30, 90))]
    row = measure(
        Case("group", "name", lambda: iter(images)), lambda image: SimpleNamespace(seals=seals, larger_scales=None)
    )
    assert (row["seals"], row["found"], row["false"]) == (4, 2, 2) and row["megapixels"] == 0.02
    assert "| group | name | 0.0 | 2 of 4 | 2 |" in markdown([row])
    nothing = measure(
        Case("group", "name", lambda: iter(images)), lambda image: SimpleNamespace(seals=[], larger_scales="why")
    )
    assert (nothing["found"], nothing["false"], nothing["larger_scales"]) == (0, 0, "why")


def test_every_row_has_a_name_of_its_own() -> None:
    names = [f"{case.group} {case.name}" for case in sheet_sizes.cases()]
    assert len(set(names)) == len(names) and "drawing A0, no seal" in names
