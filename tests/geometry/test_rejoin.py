"""Pieces of one ring text are put together, two texts are left apart."""

import numpy as np
import pytest

from sealkit.geometry.lines import lines_from_region
from sealkit.geometry.regions import TextRegion
from sealkit.geometry.rejoin import join_pieces

RADIUS, HEIGHT = 100.0, 24.0


def piece(
    start: float, end: float, radius: float = RADIUS, height: float = HEIGHT, inward: bool = False, turned: float = 0.0
) -> TextRegion:
    """A band of characters from one angle to another, degrees clockwise from the right, with its up field."""
    angles = np.radians(np.linspace(start, end, 60) + turned)
    ray = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outline = 200 + np.concatenate([ray * (radius + height / 2), (ray * (radius - height / 2))[::-1]])
    places = np.concatenate([200 + ray * (radius + at) for at in (-height / 4, 0, height / 4)])
    ups = np.tile(-ray if inward else ray, (3, 1))
    return TextRegion(outline.astype(np.float32), 0.9, up=np.concatenate([places, ups], axis=1).astype(np.float32))


def degrees(heights: float) -> float:
    """Angle of a gap that is so many character heights wide."""
    return float(np.degrees(heights * HEIGHT / RADIUS))


@pytest.mark.parametrize("turned", [0.0, 77.0, 180.0, 251.0])
@pytest.mark.parametrize("inward", [False, True])
def test_pieces_on_either_side_of_a_hidden_character_are_one_text(turned: float, inward: bool) -> None:
    gap = degrees(0.8)
    halves = [piece(180, 260, inward=inward, turned=turned), piece(260 + gap, 345, inward=inward, turned=turned)]
    for given in (halves, halves[::-1]):
        (whole,) = join_pieces(given)
        (line,) = lines_from_region(whole)
        assert abs(line.turn) == pytest.approx(165, abs=6)
        assert line.direction == ("arc-bottom" if inward else "arc")
        assert whole.score == pytest.approx(0.9)
        assert whole.area == pytest.approx(np.radians(165) * RADIUS * HEIGHT, rel=0.03), "the gap is filled"


def test_three_pieces_and_a_single_character() -> None:
    gap = degrees(0.5)
    parts = [piece(150, 220), piece(220 + gap, 232 + gap), piece(232 + 2 * gap, 300)]
    purpose = piece(60, 110, inward=True)
    found = join_pieces([purpose, *parts])
    assert len(found) == 2
    assert max(abs(lines_from_region(r)[0].turn) for r in found) == pytest.approx(150, abs=6)
    assert any(r is purpose for r in found), "what is left alone stays as it is"


@pytest.mark.parametrize(
    "second",
    [
        piece(260 + degrees(1.4), 345),
        piece(260 + degrees(0.6), 345, height=0.7 * HEIGHT),
        piece(260 + degrees(0.6), 345, inward=True),
        piece(260 + degrees(0.6), 345, radius=RADIUS + 0.5 * HEIGHT),
        piece(200, 250, radius=RADIUS - 1.2 * HEIGHT),
    ],
    ids=["far", "smaller characters", "other side up", "other circle", "inner ring"],
)
def test_two_texts_stay_two(second: TextRegion) -> None:
    first = piece(180, 260)
    assert [id(r) for r in join_pieces([first, second])] == [id(first), id(second)]


def test_pieces_of_a_flat_oval_are_one_text() -> None:
    def flat(region: TextRegion) -> TextRegion:
        """Across, 0.6 of what it was, with characters as high as before."""
        squeezed = np.array([1.0, 0.6])
        angles = np.arctan2(*(region.outline - 200)[:, ::-1].T)
        middle, out = np.stack([np.cos(angles), np.sin(angles)], 1) * RADIUS * squeezed, len(angles) // 2
        away = middle / squeezed**2
        away /= np.hypot(*away.T)[:, None]
        side = np.where(np.arange(len(angles)) < out, 1, -1)[:, None] * HEIGHT / 2
        place = middle[:out]
        ups = np.concatenate([200 + place, away[:out]], axis=1)
        return TextRegion((200 + middle + side * away).astype(np.float32), 0.9, up=ups.astype(np.float32))

    gap = degrees(0.7)
    halves = [flat(piece(165, 240)), flat(piece(240 + gap, 375))]
    (whole,) = join_pieces(halves)
    assert abs(lines_from_region(whole)[0].turn) > 180
    assert whole.area > sum(half.area for half in halves)


def test_without_the_characters_direction_nothing_is_joined() -> None:
    halves = [piece(180, 260), piece(260 + degrees(0.5), 345)]
    for half in halves:
        half.up = None
    assert len(join_pieces(halves)) == 2
    assert join_pieces([]) == []


def test_a_ring_closed_by_joining_keeps_its_middle() -> None:
    gap = degrees(0.6)
    halves = [piece(0, 180 - gap), piece(180, 360 - gap)]
    found = join_pieces(halves)
    assert len(found) == 1
    assert found[0].area < 1.05 * 2 * np.pi * RADIUS * HEIGHT
