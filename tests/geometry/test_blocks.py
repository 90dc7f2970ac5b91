"""Blocks of columns or lines: cut where the detector doubts, and nothing else is cut."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sealkit.geometry.blocks import split_block


def block(columns: int, letters: int, angle: float, doubt: float = 0.4, up: bool = True) -> tuple[np.ndarray, list]:
    """Maps (3 or 1, 200, 200) of columns that have run together, and the columns' corners (4, 2)."""
    maps = np.zeros((3, 200, 200), np.float32)
    side, gap = 120.0, 10.0
    width = (side - (columns - 1) * gap) / columns
    height = (side - (letters - 1) * 4) / letters
    turn = cv2.getRotationMatrix2D((100, 100), -angle, 1)  # clockwise on screen
    whole = np.array([[40, 40], [160, 40], [160, 160], [40, 160]], np.float32)
    cv2.fillPoly(maps[0], [np.int32(cv2.transform(whole[None], turn)[0])], doubt)
    corners = []
    for column in range(columns):
        x = 40 + column * (width + gap)
        corners.append(cv2.transform(np.float32([[[x, 40], [x + width, 40], [x + width, 160], [x, 160]]]), turn)[0])
        for letter in range(letters):
            y = 40 + letter * (height + 4)
            quad = np.float32([[[x, y], [x + width, y], [x + width, y + height], [x, y + height]]])
            cv2.fillPoly(maps[0], [np.int32(cv2.transform(quad, turn)[0])], 0.95)
    if not up:
        return maps[:1], corners
    maps[1], maps[2] = np.sin(np.radians(angle)), -np.cos(np.radians(angle))
    return maps, corners


def iou(mask: np.ndarray, corners: np.ndarray) -> float:
    other = np.zeros_like(mask)
    cv2.fillPoly(other, [np.int32(corners)], 1)
    return float((mask & other).sum() / (mask | other).sum())


@pytest.mark.parametrize("angle", [0, 37, 90, 200, 311])
@pytest.mark.parametrize(("columns", "letters"), [(2, 3), (3, 3), (3, 2), (4, 4)])
def test_columns_come_apart_at_any_angle(columns: int, letters: int, angle: float) -> None:
    maps, corners = block(columns, letters, angle)
    pieces = split_block((maps[0] > 0.2).astype(np.uint8), maps)
    assert len(pieces) == columns
    for place in corners:
        assert max(iou(piece, place) for piece in pieces) > 0.8


@pytest.mark.parametrize("angle", [0, 37])
def test_without_an_up_field_the_deepest_valleys_decide(angle: float) -> None:
    maps, _ = block(3, 3, angle, up=False)
    assert len(split_block((maps[0] > 0.2).astype(np.uint8), maps)) == 3


@pytest.mark.parametrize("wide", [60, 120, 190])
def test_a_region_without_valleys_stays_whole(wide: int) -> None:
    maps = np.zeros((3, 200, 200), np.float32)
    maps[0, 80:130, 5 : 5 + wide] = 0.9
    maps[2] = -1
    inside = (maps[0] > 0.2).astype(np.uint8)
    (piece,) = split_block(inside, maps)
    assert (piece == inside).all()


def test_a_long_line_with_gaps_between_its_letters_stays_whole() -> None:
    maps = np.zeros((3, 80, 200), np.float32)
    maps[0, 20:60, 10:190] = 0.3
    for x in range(10, 190, 45):
        maps[0, 20:60, x : x + 30] = 0.95
    maps[2] = -1
    assert len(split_block((maps[0] > 0.2).astype(np.uint8), maps)) == 1


def test_a_ring_stays_whole() -> None:
    maps = np.zeros((1, 200, 200), np.float32)
    cv2.circle(maps[0], (100, 100), 70, 0.9, 24)
    assert len(split_block((maps[0] > 0.2).astype(np.uint8), maps)) == 1
