"""Areas in which seals overlap or touch, taken apart."""

import cv2
import numpy as np
import pytest

from sealkit.geometry.parts import convex_parts


def area(*circles: tuple[int, int, int], hw: tuple[int, int] = (300, 400)) -> np.ndarray:
    mask = np.zeros(hw, np.uint8)
    for x, y, radius in circles:
        cv2.circle(mask, (x, y), radius, 1, cv2.FILLED)
    return mask


def cut(mask: np.ndarray) -> np.ndarray:
    x, y, w, h = cv2.boundingRect(mask)
    return mask[y : y + h, x : x + w]


def near(box: tuple[float, ...], expected: tuple[float, ...], within: float = 8) -> bool:
    return bool(np.abs(np.subtract(box, expected)).max() <= within)


@pytest.mark.parametrize("apart", [100, 130, 155])
def test_two_circles_are_two(apart: int) -> None:
    mask = cut(area((100, 150, 80), (100 + apart, 150, 80)))
    boxes = sorted(convex_parts(mask))
    assert len(boxes) == 2
    left, right = boxes
    assert left[0] <= 3 and right[2] >= mask.shape[1] - 3
    # each reaches to the neck at least and no further than its own circle
    assert apart / 2 + 72 <= left[2] <= 166 and apart - 6 <= right[0] <= apart / 2 + 88


def test_small_beside_large() -> None:
    boxes = convex_parts(cut(area((120, 120, 100), (250, 120, 40), hw=(260, 400))))
    assert len(boxes) == 2
    assert near(boxes[0], (0, 0, 201, 201), 14), "widest first"
    assert boxes[1][0] >= 180 and near(boxes[1][1:], (60, 271, 141), 6)


def test_chain_of_three() -> None:
    boxes = convex_parts(cut(area((80, 80, 60), (180, 80, 60), (280, 140, 60))))
    assert len(boxes) == 3


def shape(kind: str) -> np.ndarray:
    mask = np.zeros((260, 360), np.uint8)
    if kind == "circle":
        cv2.circle(mask, (150, 130), 110, 1, cv2.FILLED)
    elif kind == "oval":
        cv2.ellipse(mask, (180, 130), (150, 90), 25, 0, 360, 1, cv2.FILLED)
    elif kind == "triangle":
        cv2.fillPoly(mask, [np.array([[30, 220], [330, 200], [170, 20]])], 1)
    else:
        w, h = {"square": (160, 160), "rectangle": (280, 100), "strip": (300, 60)}[kind]
        box = cv2.boxPoints(((180, 130), (w, h), 17)).astype(np.int32)
        cv2.fillPoly(mask, [box], 1)
    return cut(mask)


@pytest.mark.parametrize("kind", ["circle", "oval", "triangle", "square", "rectangle", "strip"])
@pytest.mark.parametrize("worn", [False, True])
def test_one_seal_stays_one(kind: str, worn: bool) -> None:
    mask = shape(kind)
    if worn:  # nibbled at the rim and with holes, as the area of a faint seal is
        rng = np.random.default_rng(5)
        for _ in range(30):
            ys, xs = np.nonzero(mask)
            i = int(rng.integers(len(ys)))
            cv2.circle(mask, (int(xs[i]), int(ys[i])), 2, 0, cv2.FILLED)
    h, w = mask.shape
    assert convex_parts(mask) == [(0.0, 0.0, float(w), float(h))]


def test_ring_is_filled_before_it_is_measured() -> None:
    mask = area((150, 150, 120))
    cv2.circle(mask, (150, 150), 90, 0, cv2.FILLED)
    assert len(convex_parts(cut(mask))) == 1


@pytest.mark.parametrize("hw", [(1, 1), (1, 9), (2, 3), (9, 1)])
def test_specks(hw: tuple[int, int]) -> None:
    assert convex_parts(np.ones(hw, bool)) == [(0.0, 0.0, float(hw[1]), float(hw[0]))]


def test_same_at_any_size() -> None:
    mask = cut(area((100, 150, 80), (220, 150, 80)))
    large = cv2.resize(mask, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    for small_box, large_box in zip(convex_parts(mask), convex_parts(large)):
        assert near(tuple(side / 4 for side in large_box), small_box, 4)
