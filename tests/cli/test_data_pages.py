"""`sealkit data check`, `split` and `show` on pages in COCO json."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sealkit.data.labels.coco import TRAIN, VAL, read_coco, write_coco
from sealkit.data.records import LayoutBox, LayoutSample
from tests.cli.conftest import CommandLine


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Ten pages with noise; every second one has a seal, all have a table. One file of labels for all of them."""
    root, rng, samples = tmp_path / "pages", np.random.default_rng(0), []
    (root / "images").mkdir(parents=True)
    for number in range(10):
        page = rng.integers(200, 255, (90, 70, 3), np.uint8)
        boxes = [LayoutBox(np.array([5, 5, 60, 30], np.float32), "table")]
        if number % 2:
            cv2.circle(page, (35, 60), 14, (0, 0, 220), 2)
            boxes += [LayoutBox(np.array([20, 45, 50, 75], np.float32), "seal")]
            boxes += [LayoutBox(np.array([2, 76, 12, 88], np.float32), "seal")]
        path = root / "images" / f"{number}.png"
        cv2.imwrite(str(path), page)
        samples.append(LayoutSample(path, boxes, "", (70, 90)))
    write_coco(root / "annotations" / "all.json", samples, ("table", "seal"), root)
    return root


def test_split_then_check_then_show(pages: Path, tmp_path: Path, sealkit: CommandLine) -> None:
    code, out, _ = sealkit("data", "split", pages, "--labels", "annotations/all.json", "--shares", 0.6, 0.4)
    assert code == 0 and "6 pages, 60.0% (requested: 60.0%)" in out
    parts = [read_coco(pages, file) for file in (TRAIN, VAL)]
    assert [len(part.samples) for part in parts] == [6, 4]
    with_seal = [sum(any(box.label == "seal" for box in s.boxes) for s in part.samples) for part in parts]
    assert with_seal == [3, 2]  # every class is dealt out
    paths = [{sample.image_path for sample in part.samples} for part in parts]
    assert not paths[0] & paths[1]
    assert sealkit("data", "split", pages, "--labels", "annotations/all.json")[0] == 3  # files are not overwritten

    verdict, page = tmp_path / "v.json", tmp_path / "page.html"
    code, out, _ = sealkit("data", "check", pages, "--module", "layout_detection", "--json", verdict, "--html", page)
    assert code == 0 and "check passed: 0 errors" in out
    found = json.loads(verdict.read_text(encoding="utf-8"))
    assert (found["check_pass"], found["dataset_type"]) == (True, "COCODetDataset")
    assert found["attributes"]["train_samples"] == 6 and page.stat().st_size > 10_000

    sheet = tmp_path / "sheet.png"
    code, out, _ = sealkit("data", "show", pages / VAL, "--shape", "seal", "--out", sheet)
    assert code == 0 and "2 of 2 images" in out and cv2.imread(str(sheet)) is not None


def test_damage_is_named_with_file_and_annotation(pages: Path, sealkit: CommandLine) -> None:
    content = json.loads((pages / "annotations" / "all.json").read_text(encoding="utf-8"))
    content["annotations"][4]["bbox"] = [5, 5, -3, 9]
    (pages / TRAIN).write_text(json.dumps(content), encoding="utf-8")
    code, out, _ = sealkit("data", "check", pages, "--module", "layout_detection")
    assert code == 3 and "instance_train.json annotation 5" in out and "zero-area" in out
    code, _, err = sealkit("data", "check", pages, "--module", "layout_detection", "--train", "train.json")
    assert code == 3 and "annotations/all.json" in err
