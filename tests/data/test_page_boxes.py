"""Boxes of other tools become a set for layout detection: COCO wherever exporters put it, LabelMe with its lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.cli import main
from sealkit.data.converters.convert import convert
from sealkit.data.converters.page_boxes import WHOLE, convert_boxes
from sealkit.data.labels.coco import TEST, TRAIN, VAL, read_coco
from sealkit.errors import DataError
from sealkit.modules.layout_detection.check import check_dataset


def draw_image(path: Path, seed: int, size: tuple[int, int] = (80, 100)) -> Path:
    """A page of noise, (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(180, 255, (size[1], size[0], 3), np.uint8))
    return path


def coco(file: Path, pages: dict[str, list[tuple[int, list[float]]]], categories: list[str], **size: int) -> Path:
    images = [{"id": n, "file_name": name, **size} for n, name in enumerate(pages)]
    boxes = [(n, category, box) for n, found in enumerate(pages.values()) for category, box in found]
    content = {
        "images": images,
        "categories": [{"id": n, "name": name} for n, name in enumerate(categories)],
        "annotations": [
            {"id": k, "image_id": n, "category_id": category, "bbox": box}
            for k, (n, category, box) in enumerate(boxes)
        ],
    }  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def labelme(file: Path, shapes: list[dict[str, Any]], **more: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"shapes": shapes, "imageWidth": 80, "imageHeight": 100, **more}
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def boxes_of(root: Path, labels: str) -> dict[str, list[tuple[str, list[float]]]]:
    found = read_coco(root, labels)
    assert not found.problems
    return {s.image_path.name: [(box.label, box.box.tolist()) for box in s.boxes] for s in found.samples}


def test_parts_in_folders_of_their_own_and_categories_of_other_names(tmp_path: Path) -> None:
    """Images beside the JSON, a category for the project, no sizes; the same name in two parts."""
    source, out = tmp_path / "export", tmp_path / "set"
    for part, seed in (("train", 1), ("valid", 2)):
        draw_image(source / part / "a.png", seed)
    draw_image(source / "train" / "b.png", 3)
    names = ["objects", "stamp", "chop", "table"]
    coco(
        source / "train" / "_annotations.coco.json",
        {"a.png": [(1, [5, 5, 20, 20]), (3, [40, 5, 20, 60])], "b.png": [(2, [1, 2, 30, 30])]},
        names,
    )
    coco(source / "valid" / "_annotations.coco.json", {"a.png": [(2, [10, 10, 20, 20])]}, names)
    counts, problems = convert_boxes(source, out, {"stamp": "seal", "chop": "seal"})
    assert counts == {TRAIN: 2, VAL: 1}
    assert {p.code for p in problems} == {"no-image-size"}  # the result has them
    assert boxes_of(out, TRAIN) == {
        "a.png": [("seal", [5, 5, 25, 25]), ("table", [40, 5, 60, 65])],
        "b.png": [("seal", [1, 2, 31, 32])],
    }
    assert boxes_of(out, VAL) == {"a_2.png": [("seal", [10, 10, 30, 30])]}
    assert read_coco(out, TRAIN).categories == read_coco(out, VAL).categories == ("objects", "seal", "table")
    report = check_dataset(out, workers=1)
    assert report.passed, [str(p) for p in report.problems]


def test_a_set_in_paddlex_form_stays_what_it_is(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "set"
    for part, name in (("train", "1.png"), ("val", "2.png"), ("test", "3.png")):
        draw_image(source / "images" / name, int(name[0]))
        coco(source / "annotations" / f"instance_{part}.json", {name: []}, ["seal"], width=80, height=100)
    counts, problems = convert_boxes(source, out)
    assert counts == {TRAIN: 1, VAL: 1, TEST: 1} and not problems
    assert boxes_of(out, TEST) == {"3.png": []}  # a page without boxes is a page


def test_what_cannot_be_used_is_said_and_the_rest_converted(tmp_path: Path) -> None:
    source = tmp_path / "source"
    draw_image(source / "images" / "deep" / "er" / "1.png", 1)
    (source / "images" / "broken.png").write_bytes(b"no image")
    pages: dict[str, list[tuple[int, list[float]]]] = {
        "C:\\work\\1.png": [(0, [1, 1, 0, 5]), (0, [1, 1, 9, 9])],
        "gone.png": [(0, [1, 1, 5, 5])],
        "broken.png": [],
    }
    coco(source / "all.json", pages, ["seal"])
    (source / "other.json").write_text("{}")
    (source / "torn.json").write_text("{")
    counts, problems = convert_boxes(source, tmp_path / "set")
    assert counts == {WHOLE: 1} and boxes_of(tmp_path / "set", WHOLE) == {"1.png": [("seal", [1, 1, 10, 10])]}
    kinds = {p.code: p.where for p in problems if p.code != "no-image-size"}
    assert set(kinds) == {"zero-area", "missing-image", "broken-image", "not-coco", "bad-json"}
    assert kinds["zero-area"] == "all.json annotation 0" and "image 1 (gone.png)" in kinds["missing-image"]


@pytest.mark.parametrize("lists", [True, False])
def test_labelme(tmp_path: Path, lists: bool) -> None:
    source, out = tmp_path / "source", tmp_path / "set"
    for number in (1, 2):
        draw_image(source / "images" / f"{number}.png", number)
    rectangle = {"label": "stamp", "shape_type": "rectangle", "points": [[50, 60], [20, 10]]}
    circle = {"label": "stamp", "shape_type": "circle", "points": [[40, 40], [40, 50]]}
    polygon = {"label": "table", "shape_type": "polygon", "points": [[1, 1], [70, 2], [60, 30]]}
    labelme(source / "annotations" / "1.json", [rectangle, polygon, {"label": "stamp"}], imagePath="..\\images\\1.png")
    labelme(source / "annotations" / "2.json", [circle], imagePath="2.png")
    if lists:
        (source / "train_anno_list.txt").write_text("annotations/1.json\n")
        (source / "val_anno_list.txt").write_text("annotations/2.json\nannotations/3.json\n")
    counts, problems = convert_boxes(source, out, {"stamp": "seal"})
    assert counts == ({TRAIN: 1, VAL: 1} if lists else {WHOLE: 2})
    expected = [("bad-shape", "annotations/1.json shape 2")]
    assert [(p.code, p.where) for p in problems] == expected + [("no-file", "annotations/3.json")] * lists
    found = {**boxes_of(out, TRAIN), **boxes_of(out, VAL)} if lists else boxes_of(out, WHOLE)
    assert found == {
        "1.png": [("seal", [20, 10, 50, 60]), ("table", [1, 1, 70, 30])],
        "2.png": [("seal", [30, 30, 50, 50])],
    }


def test_faults_of_labelme_boxes_name_their_shape(tmp_path: Path) -> None:
    draw_image(tmp_path / "source" / "1.png", 1)
    line = {"label": "seal", "points": [[5, 5], [5, 30]]}
    labelme(tmp_path / "source" / "1.json", [line], imagePath="1.png")
    _, problems = convert_boxes(tmp_path / "source", tmp_path / "set")
    assert [(p.code, p.where) for p in problems] == [("zero-area", "LabelMe annotation 1.json shape 0")]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "source"
    draw_image(source / "1.png", 1)
    file = coco(source / "all.json", {"1.png": [(0, [1, 1, 9, 9])]}, ["stamp"], width=80, height=100)
    out = tmp_path / "set"
    assert main(["data", "convert", str(file), str(out), "--from", "page_boxes", "--rename", "stamp=seal"]) == 0
    said = capsys.readouterr().out
    assert f"{WHOLE}: 1 images" in said and f"sealkit data split {out} --labels {WHOLE}" in said
    assert boxes_of(out, WHOLE) == {"1.png": [("seal", [1, 1, 10, 10])]}
    assert main(["data", "convert", str(file), str(out), "--from", "page_boxes"]) == 3
    assert "not empty" in capsys.readouterr().err
    again = ["data", "convert", str(file), str(tmp_path / "x")]
    assert main([*again, "--from", "page_boxes", "--rename", "stamp"]) == 2
    assert "write OLD=NEW" in capsys.readouterr().err
    assert main([*again, "--from", "coco", "--rename", "a=b"]) == 2
    assert "only categories of page_boxes" in capsys.readouterr().err


def test_refusals(tmp_path: Path) -> None:
    source = tmp_path / "source"
    draw_image(source / "1.png", 1)
    coco(source / "all.json", {"1.png": []}, ["stamp", "table"])
    with pytest.raises(DataError, match=r"no category has this name(.|\n)*stamp, table"):
        convert_boxes(source, tmp_path / "set", {"chop": "seal"})
    assert not (tmp_path / "set").exists()
    with pytest.raises(DataError, match="no such file"):
        convert_boxes(tmp_path / "nowhere", tmp_path / "set")
    (tmp_path / "void").mkdir()
    with pytest.raises(DataError, match="nothing could be converted"):
        convert_boxes(tmp_path / "void", tmp_path / "set")
    with pytest.raises(DataError, match="from page_boxes"):
        convert(source, "page_boxes")
