"""Target maps against slow, plain arithmetic, and the fields against what a circle is known to have."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sealkit.modules.seal_text_detection.settings import DetTargetSettings
from sealkit.modules.seal_text_detection.targets import FieldLine, db_targets, field_targets, offset_distance

SETTINGS = DetTargetSettings()
SQUARE = np.array([[20, 20], [80, 20], [80, 60], [20, 60]], float)


def arc(cx: float, cy: float, inner: float, outer: float, start: float, end: float, count: int = 24) -> np.ndarray:
    t = np.deg2rad(np.linspace(start, end, count))
    ray = np.stack([np.cos(t), np.sin(t)], axis=1)
    return np.concatenate([(cx, cy) + ray * outer, ((cx, cy) + ray * inner)[::-1]])


def slow_border(outline: np.ndarray, hw: tuple[int, int], ratio: float) -> np.ndarray:
    """1 - distance / d: perpendicular where the edge is seen under an obtuse angle, else to its nearer end."""
    d = offset_distance(outline, ratio)
    y, x = np.mgrid[: hw[0], : hw[1]].astype(float)
    best = np.full(hw, np.inf)
    for a, b in zip(outline, np.roll(outline, -1, axis=0)):
        to_a, to_b = np.hypot(x - a[0], y - a[1]), np.hypot(x - b[0], y - b[1])
        across = np.abs((x - a[0]) * (b[1] - a[1]) - (y - a[1]) * (b[0] - a[0])) / np.hypot(*(b - a))
        obtuse = (x - a[0]) * (x - b[0]) + (y - a[1]) * (y - b[1]) <= 0
        best = np.minimum(best, np.where(obtuse, across, np.minimum(to_a, to_b)))
    return np.clip(1 - best / d, 0, 1)


def right_angles(outline: np.ndarray, hw: tuple[int, int]) -> np.ndarray:
    """Pixels that see an edge under a right angle: the distance jumps there, and rounding decides its side."""
    y, x = np.mgrid[: hw[0], : hw[1]].astype(float)
    pairs = zip(outline, np.roll(outline, -1, axis=0))
    return np.any([np.abs((x - a[0]) * (x - b[0]) + (y - a[1]) * (y - b[1])) < 1e-3 for a, b in pairs], axis=0)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(0.4, 0.85),
    st.floats(20, 140),
    st.floats(20, 140),
    st.floats(0, 6.3),
    st.integers(4, 30),
    st.floats(20, 70),
)
@example(0.84765625, 132.0, 20.5, 0.0, 5, 36.0)
def test_threshold_map_equals_plain_arithmetic(
    ratio: float, cx: float, cy: float, turn: float, count: int, size: float
) -> None:
    t = np.linspace(0, 2 * np.pi, count, endpoint=False) + turn
    outline = np.stack([cx + size * np.cos(t), cy + 0.5 * size * np.sin(t)], axis=1)
    maps = db_targets([outline], [False], (160, 160), SETTINGS, shrink_ratio=ratio)
    expected = slow_border(outline, (160, 160), ratio) * 0.4 + 0.3
    wrong = (np.abs(maps.threshold_map - expected) > 1e-3) & ~right_angles(outline, (160, 160))
    # The box of the widened outline is cut to whole pixels, so its outermost rows may stay empty.
    assert wrong.sum() <= 2 * size and np.all(expected[wrong] < 0.3 + 0.4 * 1.5 / offset_distance(outline, ratio))
    # so is the mask's border: more than a pixel and a half within it nothing is left out
    within = 0.3 + 0.4 * max(0.375, 1.5 / offset_distance(outline, ratio))
    assert maps.threshold_mask[maps.threshold_map > within].all()


def test_square_by_hand() -> None:
    maps = db_targets([SQUARE], [False], (100, 100), SETTINGS)
    d = offset_distance(SQUARE, 0.8)
    assert d == pytest.approx(60 * 40 * (1 - 0.64) / 200)
    ys, xs = np.nonzero(maps.shrink_map)
    assert (xs.min(), ys.min()) == (24, 24) and (xs.max(), ys.max()) == (76, 56)
    assert maps.shrink_mask.all() and maps.threshold_map[20, 50] == pytest.approx(0.7)
    assert maps.threshold_map[18, 50] == pytest.approx(0.3 + 0.4 * (1 - 2 / d), abs=1e-5)
    assert maps.threshold_map[40, 50] == pytest.approx(0.3)
    assert maps.threshold_mask[16, 50] == 1 and maps.threshold_mask[14, 50] == 0
    assert all(m.dtype == np.float32 for m in (maps.threshold_map, maps.shrink_map, maps.shrink_mask))


def test_ignored_and_tiny_outlines_leave_the_mask() -> None:
    tiny = np.array([[5, 5], [40, 5], [40, 10], [5, 10]], float)
    maps = db_targets([SQUARE, tiny], [True, False], (100, 100), SETTINGS)
    assert maps.ignore.tolist() == [True, True] and not maps.shrink_map.any()
    assert maps.shrink_mask[40, 50] == 0 and maps.shrink_mask[7, 20] == 0 and maps.shrink_mask[90, 90] == 1
    assert (
        maps.threshold_mask[40, 50] == 0 and maps.threshold_mask[7, 20] == 1
    )  # borders are drawn before sizes are looked at


def test_orientation_and_repeated_points_do_not_matter() -> None:
    plain = db_targets([SQUARE + 0.25], [False], (100, 100), SETTINGS)
    padded = np.concatenate([SQUARE, SQUARE[-1:], SQUARE[-1:]]) + 0.25
    for other in (padded, SQUARE[::-1] + 0.25):
        maps = db_targets([other], [False], (100, 100), SETTINGS)
        assert np.allclose(maps.threshold_map, plain.threshold_map, atol=1e-6)
        assert np.array_equal(maps.shrink_map, plain.shrink_map)


def test_outlines_beyond_the_frame() -> None:
    maps = db_targets([SQUARE - 40, SQUARE + 500], [False, False], (100, 100), SETTINGS)
    assert (
        maps.shrink_map[5, 10] == 1 and maps.ignore.tolist() == [False, True] and maps.shrink_mask[50:, 50:].sum() > 0
    )


def test_no_outline_is_all_background() -> None:
    maps = db_targets([], [], (32, 64), SETTINGS)
    assert not maps.shrink_map.any() and maps.shrink_mask.all() and not maps.threshold_mask.any()
    assert maps.threshold_map == pytest.approx(0.3)


def test_closed_ring_keeps_its_middle_empty() -> None:
    ring = arc(80, 80, 40, 64, -90, 268, 60)
    maps = db_targets([ring], [False], (160, 160), SETTINGS)
    assert maps.shrink_map[80, 80] == 0 and maps.shrink_map[80, 80 + 52] == 1 and not maps.ignore[0]


def test_up_points_away_from_the_centre_of_a_ring_text() -> None:
    ring = arc(160, 160, 100, 140, -230, 50)
    fields = field_targets([FieldLine(ring, True, 0)], (320, 320))
    up, mask = fields["up"], fields["up_mask"] > 0
    assert up.shape == (2, 80, 80) and 1750 > mask.sum() > 1400  # 1466 cells and the border ones
    y, x = np.nonzero(mask)
    radial = np.stack([x * 4 + 1.5 - 160, y * 4 + 1.5 - 160]) / np.hypot(x * 4 + 1.5 - 160, y * 4 + 1.5 - 160)
    cosine = (up[:, y, x] * radial).sum(axis=0)
    assert cosine.min() > 0.99 and np.allclose(np.hypot(*up[:, y, x]), 1, atol=1e-5) and not up[:, ~mask].any()


def test_up_of_a_text_inside_out_points_inwards() -> None:
    ring = arc(160, 160, 100, 140, 140, 40)  # read counter-clockwise along the lower arc, tops inside
    inwards = np.concatenate([ring[24:][::-1], ring[:24][::-1]])
    up = field_targets([FieldLine(inwards, True, 0)], (320, 320))["up"]
    assert up[1, 70, 40] == pytest.approx(-1, abs=0.02)  # at the bottom, towards the centre is up the image


def test_area_is_the_hull_per_seal() -> None:
    lines = [
        FieldLine(SQUARE, True, 0),
        FieldLine(SQUARE + np.array([0, 60]), True, 0),
        FieldLine(SQUARE + np.array([140, 0]), False, 1),
    ]
    fields = field_targets(lines, (160, 320))
    area = cv2.resize(fields["area"], (320, 160), interpolation=cv2.INTER_NEAREST)
    assert area[70, 50] == 1 and area[40, 190] == 1 and area[40, 120] == 0 and fields["area_mask"].all()
    assert fields["up_mask"][10, 48] == 0  # the third line's direction is unknown


def test_area_of_unknown_seals_and_of_images_without_text() -> None:
    unknown = field_targets([FieldLine(SQUARE, True, 0), FieldLine(SQUARE, True, None)], (128, 128))
    assert not unknown["area_mask"].any()
    empty = field_targets([], (128, 128))
    assert empty["area_mask"].all() and not empty["area"].any() and not empty["up_mask"].any()
