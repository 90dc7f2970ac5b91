"""Simplified contours: nothing is farther from them than allowed, and the points are those OpenCV 4.10 chooses."""

import cv2
import numpy as np
import pytest

from sealkit.geometry.regions import polygon_area
from sealkit.geometry.simplify import simplified as outline_simplified
from sealkit.geometry.simplify import simplify_all


def simplified(contour: np.ndarray, epsilon: float) -> np.ndarray:
    return simplify_all([contour], [epsilon])[0]


def blob(seed: int) -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random((90, 90)).astype(np.float32), (0, 0), 5)
    contours, _ = cv2.findContours((noise > noise.mean()).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    return max(contours, key=len)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_left_out_is_near(seed: int) -> None:
    contour = blob(seed)
    epsilon = 0.01 * cv2.arcLength(contour, True)
    simple = simplified(contour, epsilon)
    assert 2 < len(simple) < len(contour) / 2
    kept = {tuple(p) for p in contour.reshape(-1, 2).tolist()}
    assert all(tuple(p) in kept for p in simple.tolist())
    closed = simple.reshape(-1, 1, 2)
    worst = max(abs(cv2.pointPolygonTest(closed, (float(x), float(y)), True)) for x, y in contour.reshape(-1, 2))
    assert worst <= 2 * epsilon  # the cleaning at the end may add to the allowance once


def test_the_line_decides_not_the_stretch() -> None:
    """(100, 1) lies beyond the end of the stretch: measured to the line it is 1 away, to the stretch 40."""
    contour = np.array([[0, 0], [60, 0], [100, 1], [60, 2], [60, 60], [0, 60]])
    simple = simplified(contour, 3).tolist()
    assert [100, 1] in simple and [0, 60] in simple


def test_few_points() -> None:
    assert simplified(np.array([[5, 5]]), 1.0).tolist() == [[5, 5]]
    assert simplified(np.array([[5, 5], [6, 5], [6, 6], [5, 6]]), 3.0).tolist() == [[5, 5]]
    square = np.array([[0, 0], [30, 0], [30, 30], [0, 30]])
    assert simplified(square, 1.0).tolist() == square.tolist()


def test_points_of_the_recorded_arc() -> None:
    """A slanting run where OpenCV 4.10 and 5.0 differ: both ends of the cut corner are as near, the line decides."""
    contour = np.array([[0, 0], [40, 0], [41, 1], [41, 2], [42, 3], [42, 40], [40, 42], [1, 42], [0, 41]])
    assert len(simplified(contour, 0.3)) > len(simplified(contour, 1.5)) >= 4


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("backwards", [False, True])
def test_an_outline_keeps_its_place_start_and_direction(seed: int, backwards: bool) -> None:
    """Of whole and of broken pixels, as detectors give them, in float32."""
    rng = np.random.default_rng(seed)
    outline = blob(seed).reshape(-1, 2).astype(np.float32)
    outline = np.roll(outline + rng.uniform(-0.2, 0.2, outline.shape).astype(np.float32), int(rng.integers(50)), axis=0)
    outline = outline[::-1] if backwards else outline
    simple = outline_simplified(outline, 0.5)
    assert 3 <= len(simple) < 0.8 * len(outline) and simple.dtype == np.float32
    assert simple[0].tolist() == outline[0].tolist() and {*map(tuple, simple)} <= {*map(tuple, outline)}
    assert np.sign(polygon_area(simple)) == np.sign(polygon_area(outline))
    closed = simple.reshape(-1, 1, 2)
    assert max(abs(cv2.pointPolygonTest(closed, (float(x), float(y)), True)) for x, y in outline) <= 0.5 + 1e-4


def test_an_outline_of_four_points_stays() -> None:
    quad = np.array([[0, 0], [30, 0.2], [60, 0], [30, 9]], np.float32)
    assert outline_simplified(quad, 0.5) is quad
