"""Reading and checking COCO json: what is damaged is named with file and annotation id, everything else is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sealkit.data.labels.coco import TRAIN, read_coco, write_coco
from sealkit.errors import DataError
from sealkit.modules.layout_detection.check import check_dataset
from sealkit.modules.layout_detection.dataset import load_set
from sealkit.modules.layout_detection.settings import LayoutSetSettings

Change = Callable[[dict[str, Any]], None]


def damaged(root: Path, page_set: Path, change: Change) -> Path:
    """A copy of the set's label file, changed; images stay where they are."""
    content = json.loads((page_set / TRAIN).read_text(encoding="utf-8"))
    for image in content["images"]:
        image["file_name"] = str(page_set / "images" / image["file_name"])
    change(content)
    (root / "annotations").mkdir(parents=True)
    (root / TRAIN).write_text(json.dumps(content), encoding="utf-8")
    return root


def set_box(*box: Any) -> Change:
    def change(content: dict[str, Any]) -> None:
        content["annotations"][3]["bbox"] = list(box)

    return change


def set_value(table: str, number: int, key: str, value: Any) -> Change:
    def change(content: dict[str, Any]) -> None:
        content[table][number][key] = value

    return change


def test_what_is_written_is_read(page_set: Path, tmp_path: Path) -> None:
    found = read_coco(page_set, TRAIN)
    assert found.categories == ("image", "table", "seal") and not found.problems
    assert [len(sample.boxes) for sample in found.samples] == [0, 3, 4, 0, 3, 4]
    write_coco(tmp_path / "again.json", found.samples, found.categories, page_set)
    again = read_coco(page_set, tmp_path / "again.json")
    for one, other in zip(found.samples, again.samples):
        assert (one.image_path, one.size) == (other.image_path, other.size)
        assert [box.label for box in one.boxes] == [box.label for box in other.boxes]
        for box, same in zip(one.boxes, other.boxes):
            np.testing.assert_allclose(box.box, same.box, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "kind", "where"),
    [
        (set_value("images", 1, "file_name", "gone.png"), "missing-image", "image 2"),
        (set_box(-300, 10, 40, 40), "outside", "annotation 4"),
        (set_box(-6, 10, 40, 40), "over-the-edge", "annotation 4"),
        (set_box(1e20, 10, 40, 40), "outside", "annotation 4"),  # of no width: 1e20 + 40 is 1e20
        (set_box(10, 10, 1e200, 1e200), "outside", "annotation 4"),
        (set_box(10, 10, 0, 40), "zero-area", "annotation 4"),
        (set_box(10, 10, 40, -3), "zero-area", "annotation 4"),
        (set_box(10, float("nan"), 40, 40), "not-finite", "annotation 4"),
        (set_box(10, 10, float("inf"), 40), "not-finite", "annotation 4"),
        (set_box(10, 10, 40), "bad-box", "annotation 4"),
        (set_box(10, "10", 40, 40), "bad-box", "annotation 4"),
        (set_box(10, 10, 2, 40), "tiny-box", "annotation 4"),
        (set_value("annotations", 3, "category_id", 9), "unknown-category", "annotation 4"),
        (set_value("annotations", 3, "image_id", 99), "orphan-annotation", "annotation 4"),
        (set_value("annotations", 3, "id", 3), "duplicate-id", "annotation 3"),
        (set_value("images", 3, "id", 3), "duplicate-image-id", "image 3"),
        (set_value("images", 3, "file_name", None), "bad-image", "image number 3"),
        (set_value("images", 2, "width", 999), "wrong-size", "image 3"),
        (set_value("images", 2, "width", None), "no-image-size", "image 3"),
        (set_value("categories", 1, "name", "image"), "duplicate-category", "category 2"),
        (set_value("categories", 1, "name", ""), "bad-category", "category 2"),
        (lambda c: c["annotations"].append("text"), "bad-annotation", "annotation number 14"),
        (lambda c: c["annotations"].append({**c["annotations"][3], "id": 77}), "double-box", "annotation 77"),
        (
            lambda c: c["annotations"].append({**c["annotations"][3], "id": 77, "category_id": 3}),
            "two-classes",
            "annotation 77",
        ),
        (lambda c: c["categories"].append({"id": 4, "name": "stamp"}), "empty-category", "instance_train.json"),
    ],
)  # fmt: skip
def test_every_fault_is_named(change: Change, kind: str, where: str, page_set: Path, tmp_path: Path) -> None:
    report = check_dataset(damaged(tmp_path / "set", page_set, change), workers=1)
    found = [problem for problem in report.problems if problem.code == kind]
    assert found, [str(problem) for problem in report.problems]
    assert "instance_train.json" in found[0].where and where in found[0].where
    assert found[0].hint and found[0].message


def test_faulty_annotations_cost_only_themselves(page_set: Path, tmp_path: Path) -> None:
    root = damaged(tmp_path / "set", page_set, set_box(10, 10, 0, 40))
    found = read_coco(root, TRAIN)
    assert sum(len(sample.boxes) for sample in found.samples) == 13


def test_a_set_with_many_faults_is_refused(page_set: Path, tmp_path: Path) -> None:
    root = damaged(tmp_path / "set", page_set, set_box(10, 10, 0, 40))
    settings = LayoutSetSettings(root=str(root), labels=TRAIN)
    assert len(load_set(settings, max_broken_share=0.1).samples) == 6
    with pytest.raises(DataError, match=r"more than train.max_broken_share(.|\n)*annotation 4"):
        load_set(settings, max_broken_share=0.01)


def test_a_sound_set_passes(page_set: Path) -> None:
    report = check_dataset(page_set, val=None, workers=1)
    assert report.passed and [s.counts["boxes"] for s in report.sets] == [14]
    assert report.galleries is not None and len(list(report.galleries())[-1][2]) == 6


def test_pages_of_both_parts_are_leaks(page_set: Path) -> None:
    kinds = [problem.code for problem in check_dataset(page_set, workers=1).problems]
    assert kinds.count("leak") == 4


@pytest.mark.parametrize("text", ["", "[]", '{"images": [], "annotations": []}', "{"])
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.json"):
        read_coco(tmp_path, "a.json")


def test_a_missing_file_names_those_there_are(page_set: Path) -> None:
    with pytest.raises(DataError, match=r"instance_val\.json"):
        read_coco(page_set, "annotations/train.json")
