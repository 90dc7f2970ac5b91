"""Label files with odd values: problems are reported, or one error says that the file is none; no traceback."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealkit.data.labels.coco import read_coco
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.labels.orientation import read_page_labels
from sealkit.data.labels.recognition import read_rec_labels
from sealkit.errors import DataError, SealkitError

POINTS = [[0, 0], [90, 0], [90, 30], [0, 30]]
ENTRY = {"transcription": "印", "points": POINTS, "shape": "circle", "angle": 30.5, "direction": "arc", "seal": POINTS}
COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 80}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40], "area": 1200, "iscrowd": 0}],
    "categories": [{"id": 1, "name": "seal"}],
}
STRIP = {"path": "a.jpg", "shape": "circle", "angle": 3, "direction": "arc"}
LONG, DEEP = "9" * 5000, "[" * 100_000
ODD: list[Any] = [None, True, 0, -1, 10**400, -(10**400), 1e308, math.nan, math.inf, "", "abc", [], {}, [[]]]
ODD += [
    [None, None],
    [[0, 0]] * 4,
    [[1e9, 0], [0, 1], [2, 2]],
    [["1", "2"]] * 4,
    [[10**400, 1]] * 4,
    "\ud800",
    {"a": 1},
]


def places(tree: Any, path: tuple = ()) -> list[tuple]:
    """The path of every value."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place for key, value in items for place in [(*path, key), *places(value, (*path, key))]]


def changed(tree: Any, path: tuple, value: Any) -> Any:
    made = {"": copy.deepcopy(tree)}
    target: Any = made
    path = ("", *path)
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return made[""]


def read_detection(folder: Path, text: str) -> int:
    (folder / "train.txt").write_text(f"a.jpg\t{text}\n", encoding="utf-8")
    samples, problems = read_det_labels(folder, "train.txt")
    return len(samples) + len(problems)


def read_layout(folder: Path, text: str) -> int:
    (folder / "train.json").write_text(text, encoding="utf-8")
    found = read_coco(folder, "train.json")
    return len(found.samples) + len(found.problems)


def read_strips(folder: Path, text: str) -> int:
    (folder / "train.txt").write_text("a.jpg\t印\n", encoding="utf-8")
    (folder / "train.jsonl").write_text(text + "\n", encoding="utf-8")
    samples, problems = read_rec_labels(folder, "train.txt")
    return len(samples) + len(problems)


READERS = {
    "detection": (read_detection, [ENTRY, copy.deepcopy(ENTRY)]),
    "layout": (read_layout, COCO),
    "strips": (read_strips, STRIP),
}


def check(folder: Path, kind: str, text: str) -> None:
    try:
        assert READERS[kind][0](folder, text), "neither a sample nor a problem"
    except SealkitError as error:
        assert len(str(error)) < 1000


@pytest.mark.parametrize("kind", READERS)
def test_every_odd_value_in_every_place(tmp_path: Path, kind: str) -> None:
    tree = READERS[kind][1]
    for path in [(), *places(tree)]:
        for value in ODD:
            check(tmp_path, kind, json.dumps(changed(tree, path, value)))


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("odd", [LONG, f"1.{LONG}", f"1e{LONG}", f"-{LONG}", DEEP, '{"a":' * 100_000, "NaN"])
def test_long_numbers_and_deep_lists(tmp_path: Path, kind: str, odd: str) -> None:
    tree = READERS[kind][1]
    for path in places(tree):
        check(tmp_path, kind, json.dumps(changed(tree, path, "@")).replace('"@"', odd))


@pytest.mark.parametrize("file", ["train.txt", "label.txt"])
def test_long_numbers_among_page_labels(tmp_path: Path, file: str) -> None:
    (tmp_path / "train.txt").write_text("a.jpg 0\n")
    (tmp_path / file).write_text(f"a.jpg {LONG}\n" if file == "train.txt" else f"{LONG} {LONG}\n")
    try:
        _, problems = read_page_labels(tmp_path, "train.txt")
        assert [p.code for p in problems] == ["bad-label"] and len(problems[0].message) < 200
    except DataError as error:
        assert file == "label.txt" and "label.txt:1" in str(error)


def test_the_reason_is_told(tmp_path: Path) -> None:
    for odd, reason in ((LONG, "a number of thousands of digits"), (DEEP, "nested too deeply")):
        (tmp_path / "train.txt").write_text(f'a.jpg\t[{{"transcription": "a", "points": [[{odd}, 1]]}}]\n')
        samples, problems = read_det_labels(tmp_path, "train.txt")
        assert not samples and [p.code for p in problems] == ["bad-json"] and reason in problems[0].message


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=8,
)
CASES = st.sampled_from([(kind, path) for kind, (_, tree) in READERS.items() for path in [(), *places(tree)]])


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CASES, VALUES)
def test_ten_thousand_values(tmp_path: Path, case: tuple, value: Any) -> None:
    kind, path = case
    check(tmp_path, kind, json.dumps(changed(READERS[kind][1], path, value)))
