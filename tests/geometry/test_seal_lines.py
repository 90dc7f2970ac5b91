"""Lines of one seal: grouping, up direction, order, roles, voting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sealkit.geometry.lines import LinePoly, lines_from_region
from sealkit.geometry.order import order_lines
from sealkit.geometry.seals import choose_orientations, group_seals, resolve_directions, seal_frame
from tests.geometry.shapes import arc_band, box, turn

CENTRE = (200.0, 200.0)


def _seal(degrees: float, shift: tuple[float, float] = (0, 0)) -> list[LinePoly]:
    """Title ring, two rows and a code on the lower arc, turned and moved."""
    shapes = [
        arc_band(90, 60, radius=105, height=12),  # code
        box(90, 20, 0, (200, 240)),
        box(110, 20, 0, (200, 210)),
        arc_band(-90, 230, radius=110, height=28, points=40),
    ]
    outlines = [turn(shape, degrees, CENTRE) + np.array(shift) for shape in shapes]
    return [line for outline in outlines for line in lines_from_region(outline.astype(np.float32))]


@pytest.mark.parametrize("degrees", [0, 40, 90, 135, 180, 250, 315])
def test_seal_is_understood_at_any_angle(degrees: float) -> None:
    frame = seal_frame(_seal(degrees))
    assert frame.sure
    assert (frame.angle - degrees + 180) % 360 - 180 == pytest.approx(0, abs=6)
    lines = order_lines(resolve_directions(_seal(degrees), frame), frame)
    assert [line.direction for line in lines] == ["arc", "line", "line", "arc-bottom"]
    assert [line.role for line in lines] == ["title", "purpose", "purpose", "code"]
    up = turn(np.array([[0.0, -1.0]]), degrees)[0]
    assert all(np.dot(line.up, up) > 0.9 for line in lines)
    tops = [float(np.dot(line.points.mean(axis=0), up)) for line in lines[1:3]]
    assert tops[0] > tops[1]


def test_seals_of_a_image_are_grouped() -> None:
    groups = group_seals([*_seal(30, (400, 20)), *_seal(200), *_seal(0, (100, 500))])
    assert [len(group) for group in groups] == [4, 4, 4]
    assert [group[0].seal for group in groups] == [0, 1, 2]


def test_columns_from_right_to_left() -> None:
    columns = [box(100, 30, 90, (x, 100)) for x in (40, 120, 80)]
    lines = [lines_from_region(column.astype(np.float32))[0] for column in columns]
    (group,) = group_seals(lines)
    ordered = order_lines(resolve_directions(group))
    assert [round(float(line.points[:, 0].mean())) for line in ordered] == [120, 80, 40]
    assert {line.role for line in ordered} == {"name"}


def test_rows_side_by_side_from_left_to_right() -> None:
    lines = [LinePoly(box(60, 20, 0, spot).astype(np.float32)) for spot in ((200, 52), (80, 50), (120, 100))]
    assert [line.points[:, 0].mean() for line in order_lines(lines)] == [80, 200, 120]


def test_known_direction_settles_the_others() -> None:
    lines = _seal(180)
    known = [replace(line, ambiguous=False, up_known=True) if abs(line.turn) > 180 else line for line in lines]
    resolved = resolve_directions(known)
    rows = [line for line in resolved if line.direction == "line"]
    assert all(not row.ambiguous and row.up[1] > 0.9 for row in rows)


def test_clear_readings_vote_for_unclear_ones() -> None:
    row = LinePoly(box(100, 20, 0).astype(np.float32))
    other = LinePoly(box(60, 20, 0, (200, 240)).astype(np.float32))
    ways = [[(row, 0.2), (row.turned(), 0.95)], [(other, 0.80), (other.turned(), 0.75)]]
    assert choose_orientations(ways) == [1, 1]
    assert choose_orientations([[(other, 0.80), (other.turned(), 0.75)]]) == [0]


def test_without_lines_the_image_stands_upright() -> None:
    frame = seal_frame([])
    assert not frame.sure and frame.angle == 0
    assert order_lines([]) == [] and group_seals([]) == []
