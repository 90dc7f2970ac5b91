"""Blocks of columns or lines: cut where the detector doubts, and nothing else is cut."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sealkit.geometry.blocks import arrange_block, broken_lines, character_groups, joined


def block(columns: int, characters: int, angle: float, doubt: float = 0.4, up: bool = True) -> tuple[np.ndarray, list]:
    """Maps (3 or 1, 200, 200) of columns that have run together, and the columns' corners (4, 2)."""
    maps = np.zeros((3, 200, 200), np.float32)
    side, gap = 120.0, 10.0
    width = (side - (columns - 1) * gap) / columns
    height = (side - (characters - 1) * 4) / characters
    turn = cv2.getRotationMatrix2D((100, 100), -angle, 1)  # clockwise on screen
    whole = np.array([[40, 40], [160, 40], [160, 160], [40, 160]], np.float32)
    cv2.fillPoly(maps[0], [np.int32(cv2.transform(whole[None], turn)[0])], doubt)
    corners = []
    for column in range(columns):
        x = 40 + column * (width + gap)
        corners.append(
            cv2.transform(np.array([[[x, 40], [x + width, 40], [x + width, 160], [x, 160]]], np.float32), turn)[0]
        )
        for character in range(characters):
            y = 40 + character * (height + 4)
            quad = np.array([[[x, y], [x + width, y], [x + width, y + height], [x, y + height]]], np.float32)
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
@pytest.mark.parametrize(("columns", "characters"), [(2, 3), (3, 3), (3, 2), (4, 4)])
def test_columns_come_apart_at_any_angle(columns: int, characters: int, angle: float) -> None:
    maps, corners = block(columns, characters, angle)
    pieces = arrange_block([(maps[0] > 0.2).astype(np.uint8)], maps)
    assert len(pieces) == columns
    for place in corners:
        assert max(iou(piece, place) for piece in pieces) > 0.8


@pytest.mark.parametrize("angle", [0, 37])
def test_without_an_up_field_the_deepest_valleys_decide(angle: float) -> None:
    maps, _ = block(3, 3, angle, up=False)
    assert len(arrange_block([(maps[0] > 0.2).astype(np.uint8)], maps)) == 3


@pytest.mark.parametrize("wide", [60, 120, 190])
def test_a_region_without_valleys_stays_whole(wide: int) -> None:
    maps = np.zeros((3, 200, 200), np.float32)
    maps[0, 80:130, 5 : 5 + wide] = 0.9
    maps[2] = -1
    inside = (maps[0] > 0.2).astype(np.uint8)
    (piece,) = arrange_block([inside], maps)
    assert (piece == inside).all()


def test_a_long_line_with_gaps_between_its_characters_stays_whole() -> None:
    maps = np.zeros((3, 80, 200), np.float32)
    maps[0, 20:60, 10:190] = 0.3
    for x in range(10, 190, 45):
        maps[0, 20:60, x : x + 30] = 0.95
    maps[2] = -1
    assert len(arrange_block([(maps[0] > 0.2).astype(np.uint8)], maps)) == 1


def characters(rows: int, columns: int, angle: float, up: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """Maps (3, 240, 240) of characters that stand apart, and their contours."""
    maps = np.zeros((3, 240, 240), np.float32)
    turn = cv2.getRotationMatrix2D((120, 120), -angle, 1)
    for row in range(rows):
        for column in range(columns):
            x, y = 120 + (column - columns / 2) * 44 + 6, 120 + (row - rows / 2) * 44 + 6
            quad = np.array([[[x, y], [x + 32, y], [x + 32, y + 32], [x, y + 32]]], np.float32)
            cv2.fillPoly(maps[0], [np.int32(cv2.transform(quad, turn)[0])], 0.95)
    maps[1], maps[2] = np.sin(np.radians(up)), -np.cos(np.radians(up))
    contours, _ = cv2.findContours((maps[0] > 0.2).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return maps, list(contours)


def members_of(maps: np.ndarray, contours: list[np.ndarray], group: list[int]) -> list[np.ndarray]:
    masks = []
    for index in group:
        mask = np.zeros(maps.shape[1:], np.uint8)
        cv2.drawContours(mask, contours, index, 1, cv2.FILLED)
        masks.append(mask)
    return masks


@pytest.mark.parametrize("angle", [0, 25, 90, 160])
@pytest.mark.parametrize("flip", [0, 180])
def test_characters_apart_become_columns_also_where_up_is_taken_for_down(angle: int, flip: int) -> None:
    maps, contours = characters(3, 2, angle, angle + flip)
    (group,) = character_groups(contours)
    assert len(group) == 6
    pieces = arrange_block(members_of(maps, contours, group), maps)
    assert len(pieces) == 2
    for piece in pieces:
        (_, sides, _) = cv2.minAreaRect(cv2.findNonZero(piece))
        assert max(sides) > 3 * min(sides)  # three characters one below the other


def test_a_row_of_characters_becomes_one_line() -> None:
    maps, contours = characters(1, 4, 0, 0)
    (group,) = character_groups(contours)
    (piece,) = arrange_block(members_of(maps, contours, group), maps)
    assert cv2.boundingRect(piece)[2] > 4 * cv2.boundingRect(piece)[3]


def test_characters_along_a_ring_are_no_block() -> None:
    maps = np.zeros((3, 240, 240), np.float32)
    for angle in np.radians(np.arange(0, 360, 30)):
        centre = (round(120 + 85 * np.cos(angle)), round(120 + 85 * np.sin(angle)))
        cv2.circle(maps[0], centre, 16, 0.95, -1)
        maps[1:, centre[1] - 16 : centre[1] + 17, centre[0] - 16 : centre[0] + 17] = np.reshape(
            [np.cos(angle), np.sin(angle)], (2, 1, 1)
        )
    contours, _ = cv2.findContours((maps[0] > 0.2).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for group in character_groups(contours):
        members = members_of(maps, list(contours), group)
        assert len(arrange_block(members, maps)) == len(members)


def test_lines_and_far_regions_are_no_characters_of_a_block() -> None:
    mask = np.zeros((240, 240), np.uint8)
    mask[20:40, 10:200] = mask[60:80, 10:200] = mask[120:150, 20:50] = mask[120:150, 150:180] = 1
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    assert character_groups(contours) == []


def test_a_ring_stays_whole() -> None:
    maps = np.zeros((1, 200, 200), np.float32)
    cv2.circle(maps[0], (100, 100), 70, 0.9, 24)
    assert len(arrange_block([(maps[0] > 0.2).astype(np.uint8)], maps)) == 1


@pytest.mark.parametrize("angle", [0, 20, 75, 130])
def test_a_line_that_broke_is_found_again(angle: float) -> None:
    mask = np.zeros((240, 240), np.uint8)
    turn = cv2.getRotationMatrix2D((120, 120), angle, 1)
    for x0, x1, y in ((40, 130, 120), (137, 170, 121), (60, 150, 170)):  # the last is a line of its own
        quad = np.array([[[x0, y - 12], [x1, y - 12], [x1, y + 12], [x0, y + 12]]], np.float32)
        cv2.fillPoly(mask, [np.int32(cv2.transform(quad, turn)[0])], 1)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    assert len(contours) == 3
    (group,) = broken_lines(contours)
    assert sorted(cv2.minAreaRect(contours[i])[1][0] * cv2.minAreaRect(contours[i])[1][1] > 1200 for i in group) == [
        False,
        True,
    ]
    whole = joined(members_of(np.zeros((1, 240, 240)), list(contours), group))
    assert max(cv2.minAreaRect(cv2.findNonZero(whole))[1]) == pytest.approx(130, abs=4)


def test_lines_beside_each_other_are_not_one_broken_line() -> None:
    mask = np.zeros((240, 240), np.uint8)
    mask[40:60, 20:200] = mask[66:86, 20:200] = mask[100:120, 20:60] = mask[100:120, 90:130] = 1
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    assert broken_lines(contours) == []
