"""Outline → line polygon: the same line whatever the outline's start, density and turn; ends not cut, not overshot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealkit.geometry.lines import LinePoly, lines_from_region, orientations
from sealkit.geometry.polyline import resample
from sealkit.geometry.regions import TextRegion, polygon_area
from tests.geometry.shapes import arc_band, box, densified, turn

SPANS = st.floats(60, 330)
TURNS = st.floats(0, 360)


def _single(outline: np.ndarray, **region: object) -> LinePoly:
    lines = lines_from_region(TextRegion(outline.astype(np.float32), **region))  # type: ignore[arg-type]
    assert len(lines) == 1
    return lines[0]


def _same_place(one: LinePoly, two: LinePoly, tolerance: float) -> None:
    """Same ends and middle, in either direction."""
    a, b = resample(one.middle, 5), resample(two.middle, 5)
    assert min(np.abs(a - b).max(), np.abs(a - b[::-1]).max()) < tolerance
    assert one.height == pytest.approx(two.height, abs=tolerance)


@settings(max_examples=15, deadline=None)
@given(span=SPANS, middle=TURNS)
def test_arc_ends_and_height(span: float, middle: float) -> None:
    line = _single(arc_band(middle, span, points=40))
    assert abs(line.turn) == pytest.approx(span, abs=5)
    assert line.height == pytest.approx(25, abs=1.5)
    expected = np.radians(span) * 100
    assert line.length == pytest.approx(expected, abs=4)  # ends within two pixels of a 25 px character
    assert polygon_area(line.points) > 0


@settings(max_examples=12, deadline=None)
@given(span=SPANS, start=st.integers(0, 200), density=st.integers(1, 12), reverse=st.booleans())
def test_start_density_and_orientation_do_not_matter(span: float, start: int, density: int, reverse: bool) -> None:
    plain = arc_band(-90, span)
    changed = np.roll(densified(plain, density), start, axis=0)
    _same_place(_single(plain), _single(changed[::-1] if reverse else changed), 2.0)


@settings(max_examples=12, deadline=None)
@given(span=SPANS, degrees=TURNS)
def test_turned_outline_gives_turned_line(span: float, degrees: float) -> None:
    plain = _single(arc_band(-90, span))
    turned = _single(turn(arc_band(-90, span), degrees, (200, 200)))
    moved = LinePoly(turn(plain.points, degrees, (200, 200)).astype(np.float32))
    _same_place(moved, turned, 2.0)


@settings(max_examples=15, deadline=None)
@given(length=st.floats(60, 300), degrees=TURNS, density=st.integers(1, 20))
def test_straight_lines(length: float, degrees: float, density: int) -> None:
    line = _single(densified(box(length, 30, degrees), density))
    assert line.length == pytest.approx(length, abs=2.5)
    assert line.height == pytest.approx(30, abs=1.5)
    assert line.direction in ("line", "vertical")


@pytest.mark.parametrize("middle", [-90, 0, 90, 180, 45, 200])
@pytest.mark.parametrize("span", [120, 250])
def test_ovals(span: float, middle: float) -> None:
    line = _single(arc_band(middle, span, radius=150, height=30, points=60, flat=0.7))
    band = arc_band(middle, span, radius=150, height=30, points=60, flat=0.7)
    area = abs(polygon_area(band))
    assert abs(polygon_area(line.points)) == pytest.approx(area, rel=0.1)
    ends = (band[0] + band[-1]) / 2, (band[59] + band[60]) / 2
    found = line.middle[[0, -1]]
    assert min(np.abs(found - ends).max(), np.abs(found[::-1] - ends).max()) < 8


def test_s_curve() -> None:
    t = np.linspace(0, 2 * np.pi, 60)
    middle = np.stack([t * 60, 40 * np.sin(t)], axis=1) + 100
    step = np.gradient(middle, axis=0)
    normal = np.stack([step[:, 1], -step[:, 0]], axis=1) / np.hypot(*step.T)[:, None]
    line = _single(np.concatenate([middle + 12 * normal, (middle - 12 * normal)[::-1]]))
    nearest = np.hypot(*(line.middle[:, None] - middle[None]).transpose(2, 0, 1)).min(axis=1)
    assert nearest.max() < 4
    assert line.length == pytest.approx(np.hypot(*np.diff(middle, axis=0).T).sum(), rel=0.03)


def test_upper_arc_reads_clockwise_with_tops_outward() -> None:
    line = _single(arc_band(-90, 200))
    assert line.direction == "arc" and line.turn > 0
    assert line.middle[0][0] < line.middle[-1][0]
    assert np.dot(line.up, [0, -1]) > 0.9


def test_long_arc_begins_behind_its_opening_at_any_angle() -> None:
    for middle in range(0, 360, 30):
        line = _single(arc_band(middle, 300))
        assert line.direction == "arc"
        start = np.degrees(np.arctan2(*(line.middle[0] - 200)[::-1]))
        assert (start - (middle - 150) + 180) % 360 - 180 == pytest.approx(0, abs=3)


def test_short_lower_arc_reads_with_tops_inward() -> None:
    line = _single(arc_band(90, 80))
    assert line.direction == "arc-bottom"
    assert line.middle[0][0] < line.middle[-1][0]
    assert np.dot(line.up, [0, -1]) > 0.9
    assert [way.direction for way in orientations(line)] == ["arc-bottom", "arc"]


def test_tall_box_is_a_column_first() -> None:
    line = _single(box(150, 40, 90))
    assert line.direction == "vertical"
    assert line.top[:, 1].max() < line.bottom[:, 1].min() and line.top[0, 0] < line.top[1, 0]
    ways = orientations(line)
    assert [way.direction for way in ways] == ["vertical", "line", "line"]


def test_compact_region_is_read_in_four_ways() -> None:
    line = _single(box(44, 40, 20))
    assert line.compact and len(orientations(line)) == 4
    ups = [way.up for way in orientations(line)]
    assert len({tuple(np.round(up, 2)) for up in ups}) == 4


def test_quad_keeps_its_own_corners() -> None:
    quad = np.array([[10, 20], [210, 5], [215, 60], [12, 55]], dtype=np.float32)
    line = _single(np.roll(quad, 2, axis=0))
    assert np.allclose(line.points, quad, atol=0.5)


def test_up_field_decides_the_direction() -> None:
    outline = arc_band(90, 120, points=40)
    inside = arc_band(90, 110, height=10, points=30)
    for sign in (1, -1):
        ups = sign * (inside - 200) / np.hypot(*(inside - 200).T)[:, None]
        line = _single(outline, up=np.concatenate([inside, ups], axis=1).astype(np.float32))
        assert not line.ambiguous and line.up_known
        assert line.direction == ("arc" if sign > 0 else "arc-bottom")


def test_up_field_along_the_axis_makes_a_column() -> None:
    grid = np.stack(np.meshgrid(np.arange(150, 250, 8), np.arange(190, 210, 8)), axis=2).reshape(-1, 2)
    ups = np.tile([-1.0, 0.0], (len(grid), 1))
    line = _single(box(120, 40, 0), up=np.concatenate([grid, ups], axis=1).astype(np.float32))
    assert line.direction == "vertical" and not line.ambiguous
    assert line.top[:, 0].max() < 150 and np.dot(line.up, [-1, 0]) > 0.99


def test_ring_and_row_that_ran_together_are_parted_by_their_up_field() -> None:
    # the ring's ends have met the row's: one closed band, no junction, rounded corners
    ring = arc_band(-90, 260, radius=120, height=40, points=60)
    outer, inner = ring[:60], ring[60:]
    up = np.concatenate(
        [
            np.concatenate([spots, (spots - 200) / np.hypot(*(spots - 200).T)[:, None]], axis=1)
            for spots in (arc_band(-90, 240, radius=120, height=16, points=40),)
        ]
        + [np.stack([x := np.arange(130.0, 271.0, 6), 277 + 0 * x, 0 * x, -1 + 0 * x], axis=1)]
    )
    lines = lines_from_region(TextRegion(outer.astype(np.float32), holes=[inner.astype(np.float32)], up=up))
    assert sorted(line.direction for line in lines) == ["arc", "line"]
    row = next(line for line in lines if line.direction == "line")
    assert np.dot(row.up, [0, -1]) > 0.95 and row.middle[0][0] < row.middle[-1][0]
    assert all(not line.ambiguous for line in lines)


def test_junction_splits() -> None:
    # a row that runs into the side of another
    outline = np.array([[0, 0], [300, 0], [300, 30], [165, 30], [165, 200], [135, 200], [135, 30], [0, 30]])
    lines = lines_from_region(outline)
    assert len(lines) == 2
    assert lines[0].length == pytest.approx(300, abs=6) and lines[0].height == pytest.approx(30, abs=3)
    assert lines[1].length == pytest.approx(175, abs=20)


def test_corner_splits() -> None:
    outline = np.array([[0, 0], [300, 0], [300, 300], [270, 300], [270, 30], [0, 30]], dtype=np.float32)
    lines = lines_from_region(outline)
    assert len(lines) == 2
    assert all(abs(line.turn) < 10 for line in lines)
    assert sum(line.length for line in lines) == pytest.approx(570, abs=40)


@pytest.mark.parametrize("outline", [np.zeros((4, 2)), np.array([[0, 0], [10, 0]]), np.array([[0, 0], [9, 0], [5, 0]])])
def test_nothing_from_no_area(outline: np.ndarray) -> None:
    assert lines_from_region(outline.astype(np.float32)) == []
