"""Strips: size, continuity, direction, the way back to the image, columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealkit.errors import DataError
from sealkit.geometry.columns import column_cuts
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.straighten import RULES, sample, straighten, strip_map
from tests.geometry.shapes import arc_band, box, densified, turn


def _coordinates() -> np.ndarray:
    """An image whose pixels say where they are."""
    y, x = np.mgrid[0:400, 0:400].astype(np.float32)
    return np.stack([x / 2, y / 2, np.zeros_like(x)], axis=2).astype(np.uint8)


@settings(max_examples=30, deadline=None)
@given(middle=st.floats(0, 360), span=st.floats(20, 345), height=st.sampled_from([32, 48, 64]))
def test_width_follows_the_arc_and_strips_are_never_tall(middle: float, span: float, height: int) -> None:
    line = LinePoly(arc_band(middle, span).astype(np.float32), "arc")
    strip = straighten(np.zeros((400, 400, 3), np.uint8), line, height, end_margin=0, side_margin=0)
    assert strip.shape[0] == height
    assert strip.shape[1] == pytest.approx(np.radians(span) * 100 * height / 25, rel=0.02, abs=1)
    assert strip.shape[1] > strip.shape[0]


@settings(max_examples=20, deadline=None)
@given(middle=st.floats(0, 360), span=st.floats(60, 300), points=st.integers(12, 60))
def test_map_is_the_polar_unrolling(middle: float, span: float, points: int) -> None:
    found = strip_map(arc_band(middle, span, points=points), end_margin=0, side_margin=0)
    h, w = found.shape
    radius = np.hypot(found.x - 200, found.y - 200)
    expected = 112.5 - (np.arange(h) + 0.5) / h * 25
    assert np.abs(radius - expected[:, None]).max() < 0.8
    angle = np.unwrap(np.arctan2(found.y[h // 2] - 200, found.x[h // 2] - 200))
    even = np.radians(middle + ((np.arange(w) + 0.5) / w - 0.5) * span)
    assert np.abs(np.degrees((angle - even + np.pi) % (2 * np.pi) - np.pi)).max() < 1.0


def test_density_of_the_polygon_does_not_matter() -> None:
    top, bottom = np.split(arc_band(-60, 200, points=15), 2)
    sparse = strip_map(np.concatenate([top, bottom]))
    dense = strip_map(arc_band(-60, 200, points=90))
    assert abs(sparse.shape[1] - dense.shape[1]) <= 2
    w = min(sparse.shape[1], dense.shape[1])
    assert np.abs(sparse.x[:, :w] - dense.x[:, :w]).max() < 1.5


def test_straight_strip_is_a_copy() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (100, 200, 3), np.uint8)
    quad = np.array([[9.5, 19.5], [109.5, 19.5], [109.5, 67.5], [9.5, 67.5]], dtype=np.float32)
    assert np.array_equal(straighten(image, quad, end_margin=0, side_margin=0), image[20:68, 10:110])


def test_turned_strip_is_the_strip_turned() -> None:
    image = _coordinates()
    line = LinePoly(arc_band(30, 150, points=30).astype(np.float32), "arc")
    assert line.turned().direction == "arc-bottom" and line.turned().turned().direction == "arc"
    one, two = straighten(image, line), straighten(image, line.turned())
    assert np.abs(one.astype(int) - two[::-1, ::-1].astype(int)).max() <= 1


@settings(max_examples=20, deadline=None)
@given(middle=st.floats(0, 360), span=st.floats(40, 330))
def test_neighbours_in_the_strip_are_neighbours_in_the_image(middle: float, span: float) -> None:
    found = strip_map(arc_band(middle, span, points=50), end_margin=0.1)
    for axis in (0, 1):
        step = np.hypot(np.diff(found.x, axis=axis), np.diff(found.y, axis=axis))
        assert step.min() > 0 and step.max() < 3


def test_margins_widen_and_squeeze_narrows() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    plain = straighten(image, box(200, 40, 0), end_margin=0, side_margin=0)
    assert straighten(image, box(200, 40, 0), end_margin=0.5, side_margin=0).shape[1] == plain.shape[1] + 48
    assert straighten(image, box(200, 40, 0), end_margin=0, side_margin=0, squeeze=0.5).shape[1] == plain.shape[1] // 2
    assert strip_map(box(100000, 10, 0)).shape[1] == RULES.max_width_px


def test_large_characters_are_averaged_not_skipped() -> None:
    image = np.zeros((480, 960, 3), np.uint8)
    image[::2] = 255
    strip = straighten(image, np.array([[0, 0], [959, 0], [959, 479], [0, 479]], np.float32), end_margin=0)
    assert np.abs(strip[4:-4].astype(int) - 127).max() < 30


def test_grey_images_and_repeated_points() -> None:
    points = np.array([[10, 10], [10, 10], [110, 10], [110, 40], [10, 40], [10, 40]], np.float32)
    assert straighten(np.zeros((60, 130), np.uint8), points).shape[0] == 48


@pytest.mark.parametrize("points", [np.zeros((3, 2)), np.zeros((5, 2)), np.zeros((4, 2))])
def test_what_is_no_line_is_refused(points: np.ndarray) -> None:
    with pytest.raises(DataError) as error:
        straighten(np.zeros((50, 50, 3), np.uint8), points)
    assert error.value.hint


def _column_image(characters: list[int], width: int = 40, gap: int = 6) -> np.ndarray:
    """White column (H, W, 3) with one cross per character of the given heights."""
    parts = []
    for height in characters:
        tile = np.full((height, width, 3), 255, np.uint8)
        tile[2 : height - 2, width // 2 - 3 : width // 2 + 3] = 0
        tile[height // 2 - 3 : height // 2 + 3, 3:-3] = 0
        tile[4:8, 6:-6] = tile[-8:-4, 6:-6] = 0
        parts += [tile, np.full((gap, width, 3), 255, np.uint8)]
    return np.concatenate(parts[:-1])


@pytest.mark.parametrize("characters", [[40], [40, 40], [38, 42, 40], [26, 26, 26, 26], [56, 56]])
@pytest.mark.parametrize("degrees", [0, 90, 180, 35])
def test_column_characters_stand_side_by_side(characters: list[int], degrees: float) -> None:
    import cv2

    column = _column_image(characters)
    h, w = column.shape[:2]
    canvas = np.full((500, 500, 3), 255, np.uint8)
    canvas[250 - h // 2 : 250 - h // 2 + h, 230 : 230 + w] = column
    top = 250 - h // 2
    points = np.array([[230, top], [230 + w, top], [230 + w, top + h], [230, top + h]], np.float32)
    matrix = cv2.getRotationMatrix2D((250, 250), -degrees, 1)
    turned = cv2.warpAffine(canvas, matrix, (500, 500), borderValue=(255, 255, 255))
    moved = turn(points, degrees, (250, 250)).astype(np.float32)
    strip = straighten(turned, LinePoly(moved, "vertical"), end_margin=0.05)
    ink = (strip[10:-10].min(axis=2) < 128).any(axis=0).astype(int)
    pieces = int((np.diff(np.concatenate([[0], ink, [0]])) == 1).sum())
    assert pieces == len(characters)
    assert strip.shape[0] == 48


def test_column_without_a_image_is_cut_into_squares() -> None:
    assert column_cuts(None, 200, 4.1) == [0, 50, 100, 150, 200]
    assert len(column_cuts(np.full((48, 150, 3), 255, np.uint8), 150, 3.0)) == 4
    found = strip_map(LinePoly(box(120, 40, 90).astype(np.float32)).as_column())
    assert found.shape[0] == 48 and found.shape[1] > 100


def test_sample_uses_the_map() -> None:
    image = _coordinates()
    found = strip_map(densified(box(200, 48, 0), 1), end_margin=0, side_margin=0)
    assert np.abs(sample(image, found)[..., 0].astype(float) - found.x / 2).max() < 1.5
