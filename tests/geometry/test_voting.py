"""Texts that several looks agree on."""

from collections.abc import Sequence

import numpy as np
import pytest

from sealkit.geometry.regions import TextRegion
from sealkit.geometry.voting import merge_views, same_texts

HW = (100, 200)


def box(x1: float, y1: float, x2: float, y2: float, score: float = 0.9, holes: Sequence[np.ndarray] = ()) -> TextRegion:
    return TextRegion(np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32), score, list(holes))


ROWS = [box(10, 10, 90, 45), box(10, 55, 90, 90)]
COLUMNS = [box(10, 10, 45, 90), box(55, 10, 90, 90)]
FAR = box(120, 10, 190, 40)


def same(found: Sequence[TextRegion], expected: Sequence[TextRegion]) -> None:
    assert [region.outline.tolist() for region in found] == [region.outline.tolist() for region in expected]


def test_one_look_is_kept_as_it_is() -> None:
    same(merge_views([ROWS], [1.0], 1.0, HW), ROWS)
    assert merge_views([[], []], [1.0, 1.0], 1.0, HW) == []


def test_the_arrangement_of_most_looks_wins() -> None:
    same(merge_views([COLUMNS, ROWS, COLUMNS], [1.0] * 3, 2.0, HW), COLUMNS)
    same(merge_views([COLUMNS, ROWS, ROWS], [1.0] * 3, 2.0, HW), ROWS)


def test_a_weighty_look_wins_against_one_other() -> None:
    same(merge_views([COLUMNS, ROWS, ROWS], [2.5, 1.0, 1.0], 1.0, HW), COLUMNS)


def test_what_too_few_show_is_dropped_and_costs_the_others_nothing() -> None:
    same(merge_views([[*ROWS, FAR], ROWS, ROWS], [1.0] * 3, 2.0, HW), ROWS)
    found = merge_views([[*ROWS, FAR], ROWS, [*ROWS, FAR]], [1.0] * 3, 2.0, HW)
    assert {tuple(region.outline[0]) for region in found} == {(10, 10), (10, 55), (120, 10)}


def test_of_one_text_the_most_typical_region_is_kept() -> None:
    wide, narrow, middle = box(10, 10, 100, 45), box(10, 10, 70, 45), box(10, 10, 85, 45)
    same(merge_views([[wide], [narrow], [middle]], [1.0] * 3, 2.0, HW), [middle])


def test_a_merged_text_is_ruled_out_by_its_parts() -> None:
    merged = box(10, 10, 90, 90)
    same(merge_views([[merged], ROWS, ROWS], [1.0] * 3, 1.0, HW), ROWS)


@pytest.mark.parametrize("scale", [1, 40], ids=["small", "large"])
def test_the_middle_of_a_ring_is_not_its_text(scale: int) -> None:
    """An inner line lies in the ring's hole, whatever the size of the image."""
    hole = np.array([[30, 30], [30, 70], [70, 70], [70, 30]], np.float32) * scale
    ring = box(10 * scale, 10 * scale, 90 * scale, 90 * scale, holes=[hole])
    inner = box(35 * scale, 40 * scale, 65 * scale, 60 * scale)
    found = merge_views([[ring, inner], [inner, ring]], [1.0, 1.0], 2.0, (100 * scale, 200 * scale))
    same(found, [ring, inner])


def test_the_same_text_is_known_by_its_overlap() -> None:
    window = (200, 100, 400, 200)  # of the page: the regions lie far from its corner
    known = [box(210, 110, 300, 145), box(210, 155, 300, 190)]
    seen = [box(210, 156, 300, 190), box(320, 110, 390, 150), box(210, 110, 280, 145)]
    assert same_texts(known, seen, window, 0.7) == [1, None, 0]
    assert same_texts(known, seen, window, 0.9) == [1, None, None]
    assert same_texts([], seen, window, 0.1) == [None] * 3 and same_texts(known, [], window, 0.1) == []
