"""Outlines of one image are read and checked together: each costs little more than its JSON."""

from __future__ import annotations

import json
import math
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sealkit.data.check_outlines import outline_problems
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.labels.outlines import compact, explain_outline, sound_outlines

COUNT = 10_000


def entries(count: int) -> str:
    """Boxes of 40 x 20 pixels on a grid, as JSON."""
    rows = []
    for n in range(count):
        x, y = n % 100 * 50.5, n // 100 * 30.5
        rows.append({"transcription": f"章{n}", "points": [[x, y], [x + 40, y], [x + 40, y + 20], [x, y + 20]]})
    return json.dumps(rows)


def test_ten_thousand_texts_cost_little_more_than_their_json(tmp_path: Path) -> None:
    """In CPU time of this process, the best of three: 80 times before, 10 since, 40 beside busy neighbours."""
    text = entries(COUNT)
    (tmp_path / "train.txt").write_text(f"a.png\t{text}\n")
    parsing, checking = math.inf, math.inf
    for _ in range(3):
        started = time.process_time()
        json.loads(text)
        parsing = min(parsing, time.process_time() - started)
        started = time.process_time()
        (sample,), problems = read_det_labels(tmp_path, "train.txt")
        problems += outline_problems(sample.lines, (6000, 4000), "train.txt:1")
        checking = min(checking, time.process_time() - started)
        assert len(sample.lines) == COUNT and problems == []
    assert checking < 60 * parsing


BOX = [[0, 0], [90, 0], [90, 30], [0, 30]]
ODD: dict[str, list[Any]] = {
    "few-points": [[], [[1, 2], [3, 4]], [[1, 2], [3, 4], [1, 2]]],
    "no-area": [[[0, 0], [5, 5], [9, 9]], [[0, 0], [5, 1e-5], [9, 0]]],
    "not-finite": [[[0, 0], [math.nan, 5], [9, 9]], [[0, 0], [10**400, 5], [9, 9]], [[-1e8, 0], [0, 5], [9, 9]]],
    "bad-points": [None, 3, "abc", {}, [1, 2, 3], [[1, 2, 3]] * 3, [[True, 1], [5, 0], [0, 9]], [["1", 2]] * 3],
}


@pytest.mark.parametrize("code", ODD)
def test_an_outline_is_judged_alone_as_among_others(code: str) -> None:
    for value in ODD[code]:
        said: list[str] = []
        assert sound_outlines([value]) == [None]
        first, odd, last = sound_outlines([BOX, value, BOX[::-1]])
        assert odd is None and first is not None and last is not None
        assert (first.clockwise, last.clockwise) == (True, False)
        np.testing.assert_array_equal(last.points, BOX[::-1])
        explain_outline(value, lambda kind, reason, fix, said=said: said.append(kind))  # type: ignore[misc]
        assert said == [code], value
        small = compact({"points": value})["points"]
        assert sound_outlines([small]) == [None]
        explain_outline(small, lambda kind, reason, fix, said=said: said.append(kind))  # type: ignore[misc]
        assert said == [code, code], value


def test_numbers_of_points_may_differ() -> None:
    star = [[50 + 40 * math.cos(n), 50 + 40 * math.sin(n)] for n in range(6)]
    found = sound_outlines([BOX, star, BOX[:3]])
    assert [len(outline.points) for outline in found if outline] == [4, 6, 3]
    assert all(outline is not None and outline.points.dtype == np.float32 for outline in found)


def test_points_are_kept_small_from_the_parser_on() -> None:
    """200,000 texts of 14 points on one image took 1 GB; an array takes 8 bytes a number."""
    text = json.dumps([{"points": [[n + 0.5, n * n * 1.5] for n in range(14)]} for _ in range(2000)])
    tracemalloc.start()
    try:
        found = json.loads(text, object_hook=compact)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 2000 * (14 * 2 * 8 + 500)
    assert len(found) == 2000 and sound_outlines([entry["points"] for entry in found])[0] is not None
