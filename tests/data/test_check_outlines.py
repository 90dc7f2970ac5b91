"""Every message about an outline: found where it is true, silent where it is not."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from sealkit.data.check_outlines import clip_to_image, drop_repeats, outline_problems, untangle
from sealkit.data.records import TextLine
from tests.data.sets import arc, box

SIZE = (160, 120)


def line(entry: dict[str, Any]) -> TextLine:
    return TextLine(
        np.asarray(entry["points"], np.float32),
        entry["transcription"],
        entry["transcription"] == "###",
        entry.get("shape"),
        entry.get("angle"),
        entry.get("direction"),
        entry.get("seal"),
    )


def kinds(
    *entries: dict[str, Any], size: tuple[int, int] | None = SIZE, stored: tuple[int, int] | None = None
) -> list[str]:
    problems = outline_problems([line(entry) for entry in entries], size, "train.txt:3", stored)
    assert all(problem.where == "train.txt:3" and problem.message and problem.hint for problem in problems)
    return [problem.code for problem in problems]


def shifted(entry: dict[str, Any], dx: float, dy: float) -> dict[str, Any]:
    return {**entry, "points": [[x + dx, y + dy] for x, y in entry["points"]]}


def rotated(entry: dict[str, Any], by: int) -> dict[str, Any]:
    return {**entry, "points": entry["points"][by:] + entry["points"][:by]}


def test_sound_outlines_are_silent() -> None:
    assert kinds(arc(), box(60, 50, 100, 66, direction="line", angle=0)) == []
    assert kinds(box(0, 0, 160, 120, text="一页")) == []


@pytest.mark.parametrize("span", [30, 120, 240, 330, 359])
@pytest.mark.parametrize("start", [0, 90, 200])
def test_ring_texts_of_any_span_are_silent(span: float, start: float) -> None:
    assert kinds(arc(start=start, span=span, count=30, text="公司")) == []


def test_a_closed_ring_only_touches_itself() -> None:
    assert kinds(arc(span=360, count=40)) == []


def test_outside_and_over_the_edge() -> None:
    assert kinds(shifted(box(60, 50, 100, 66), 80, 0)) == ["outside"]
    assert kinds(shifted(box(60, 50, 100, 66), 300, 0)) == ["outside"]
    assert kinds(shifted(box(60, 50, 100, 66), 65, 0)) == ["over-the-edge"]
    assert kinds(shifted(box(60, 50, 100, 66), 61, 0)) == [], "tools round outwards"
    assert kinds(shifted(box(60, 50, 100, 66), 300, 0), size=None) == [], (
        "size unknown: the image's own error is enough"
    )


def test_many_outlines_outside_ask_whether_the_image_was_resized() -> None:
    entries = [shifted(box(60, 50, 100, 66), 300, 40 * i) for i in range(3)]
    problems = outline_problems([line(e) for e in entries], SIZE, "a:1")
    assert {p.code for p in problems} == {"outside"}
    assert all("resized" in p.hint for p in problems)


def test_labels_drawn_on_the_unturned_image() -> None:
    tall = box(10, 90, 100, 150)  # fits 120x160, not 160x120
    assert kinds(tall, size=(160, 120), stored=(120, 160)) == ["labelled-sideways"]
    assert kinds(tall, size=(120, 160), stored=(160, 120)) == []


def test_normalised_coordinates_are_one_message() -> None:
    assert kinds(box(0.1, 0.1, 0.9, 0.3), box(0.2, 0.5, 0.8, 0.9)) == ["normalised-points"]


def test_self_crossing() -> None:
    bow_tie = {"transcription": "天津", "points": [[10, 10], [90, 60], [90, 10], [10, 60]]}
    assert kinds(bow_tie) == ["self-crossing"]
    problem = outline_problems([line(bow_tie)], SIZE, "a:1")[0]
    assert "near (" in problem.message and problem.severity == "error"


def test_repeated_points() -> None:
    square = box(10, 10, 60, 40)
    square["points"].insert(1, square["points"][0])
    assert kinds(square) == ["repeated-points"]
    closed = box(10, 10, 60, 40)
    closed["points"].append(closed["points"][0])
    assert kinds(closed) == ["repeated-points"]


def test_tiny() -> None:
    assert kinds(box(10, 10, 60, 12)) == ["tiny"]
    assert kinds(box(10, 10, 60, 12, text="###")) == [], "ignored texts may be small"


def test_line_poly_that_is_none() -> None:
    rectangle = box(10, 10, 90, 30)
    assert kinds({**rectangle, "direction": "line"}) == []
    scrambled = {**arc(count=10), "direction": "arc"}
    assert kinds(rotated(scrambled, 5)) == ["unordered-line-poly"]
    zigzag = {"transcription": "天津", "points": [[10, 10], [10, 40], [90, 40], [90, 10]], "direction": "line"}
    assert "unordered-line-poly" in kinds(zigzag), "counter-clockwise"


def test_line_that_starts_on_its_short_side() -> None:
    column_like = rotated(box(10, 10, 140, 30, text="天津市财务专用章", direction="line"), 1)
    assert kinds(column_like) == ["strip-shape"]
    assert kinds(rotated(box(10, 10, 30, 110, text="天津市财务专用章", direction="vertical"), 0)) == []


def test_of_an_ignored_text_only_the_area_matters() -> None:
    scrambled = rotated({**arc(count=10), "direction": "arc"}, 5)
    assert kinds({**scrambled, "transcription": "###"}) == []


def test_direction_that_contradicts_the_edges() -> None:
    outward = arc()
    assert kinds({**outward, "direction": "arc-bottom"}) == ["direction-mismatch"]
    inward = arc(start=30, span=120)  # clockwise along the lower arc, tops towards the centre: start at its right end
    points = np.asarray(inward["points"])
    half = len(points) // 2
    tops, bottom = points[half:], points[:half][::-1]  # inner edge read from left to right, back along the outer one
    inward = {**inward, "points": [*tops.tolist(), *bottom[::-1].tolist()]}
    assert kinds({**inward, "direction": "arc-bottom"}) == []
    assert kinds({**inward, "direction": "arc"}) == ["direction-mismatch"]


def test_angle_that_contradicts_the_line() -> None:
    assert kinds(box(10, 10, 90, 30, direction="line", angle=10)) == []
    assert kinds(box(10, 10, 90, 30, direction="line", angle=350)) == []
    assert kinds(box(10, 10, 90, 30, direction="line", angle=180)) == ["angle-mismatch"]


def test_empty_text_is_a_note() -> None:
    problems = outline_problems([line(box(10, 10, 90, 30, text=" "))], SIZE, "a:1")
    assert [(p.code, p.severity) for p in problems] == [("empty-text", "info")]


def test_overlaps() -> None:
    assert kinds(box(10, 10, 90, 30), box(11, 10, 91, 30)) == ["double-outline"]
    assert kinds(box(10, 10, 90, 30), box(10, 18, 90, 38)) == ["overlap"]
    assert kinds(box(10, 10, 90, 30), box(10, 28, 90, 48)) == []
    over = [line(box(10, 10, 90, 30, seal=0)), line(box(10, 18, 90, 38, seal=1))]
    assert [p.severity for p in outline_problems(over, SIZE, "a:1")] == ["info"], "two seals over each other"
    assert kinds(box(10, 10, 90, 30), box(11, 10, 91, 30, text="###")) == [], "an ignored region may cover texts"


def test_several_faults_of_one_image_are_all_said() -> None:
    found = kinds(box(10, 10, 60, 12), shifted(box(60, 50, 100, 66), 300, 0), box(10, 60, 50, 80, text=""))
    assert sorted(found) == ["empty-text", "outside", "tiny"]


def test_clip_keeps_the_count_and_drop_repeats_does_not() -> None:
    points = np.array([[-5, 3], [200, 3], [200, 50], [-5, 50]], np.float32)
    clipped = clip_to_image(points, SIZE)
    assert clipped.tolist() == [[0, 3], [160, 3], [160, 50], [0, 50]]
    assert len(drop_repeats(np.array([[0, 0], [9, 0], [9, 0], [9, 9], [0, 0]], np.float32))) == 3


def test_untangle_keeps_the_larger_lobe_or_refuses() -> None:
    with_loop = np.array([[0, 0], [100, 0], [100, 50], [95, 56], [95, 50], [100, 56], [0, 50]], np.float32)
    simple = untangle(with_loop)
    assert simple is not None
    assert kinds({"transcription": "天", "points": simple.tolist()}) == []
    area = 0.5 * np.sum(simple[:, 0] * np.roll(simple[:, 1], -1) - np.roll(simple[:, 0], -1) * simple[:, 1])
    assert area > 4000, "clockwise on screen"
    assert untangle(np.array([[10, 10], [90, 60], [90, 10], [10, 60]], np.float32)) is None


def seconds_for(count: int, spread: int) -> tuple[float, list[str]]:
    """Time of the check of `count` texts of 8 x 8 pixels, whose places repeat after `spread`."""
    places = [(i % spread % 100 * 9, i % spread // 100 * 9) for i in range(count)]
    lines = [line(box(x, y, x + 8, y + 8, text=str(i))) for i, (x, y) in enumerate(places)]
    began = time.process_time()
    found = outline_problems(lines, (1000, 1000), "train.txt:3")
    return time.process_time() - began, [problem.code for problem in found if problem.code != "over-the-edge"]


@pytest.mark.parametrize("spread", [1, 11_000])
def test_many_texts_on_one_image_take_time_in_proportion(spread: int) -> None:
    """All on one place every pair overlaps: what is left out is reported."""
    few, _ = seconds_for(5_000, spread)
    many, codes = seconds_for(20_000, spread)
    assert many < 9 * few + 0.5  # 4 times in proportion, 16 with the square; a busy machine adds some
    assert codes.count("double-outline") == 1000 and codes.count("overlaps-not-counted") == 1


def test_a_place_labelled_some_times_is_compared_whole() -> None:
    _, codes = seconds_for(40, 1)
    assert codes == ["double-outline"] * (40 * 39 // 2)
