"""A conversion takes images inside the source only, and only images."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sealkit.cli import main
from sealkit.data.converters.convert import convert
from sealkit.images import write_image
from tests.data.sets import box, draw_image, write_labels

BOX = [10, 10, 60, 12]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """`tmp_path` with an image and a text outside of the folder `in`, an image inside."""
    write_image(tmp_path / "far.png", draw_image(1))
    (tmp_path / "secret.txt").write_text("root:x:0:0", encoding="utf-8")
    write_image(tmp_path / "in" / "a.png", draw_image(2))
    return tmp_path


def problems(done: Any) -> list[tuple[str, str]]:
    return [(p.code, p.where) for p in done.problems if p.severity == "error"]


@pytest.mark.parametrize("named", ["../far.png", "absolute", "link.png", "folder/far.png"])
def test_images_elsewhere_are_reported_unless_asked_for(place: Path, named: str) -> None:
    os.symlink(place / "far.png", place / "in" / "link.png")
    os.symlink(place, place / "in" / "folder", target_is_directory=True)
    named = str(place / "far.png") if named == "absolute" else named
    write_labels(place / "in" / "labels.txt", {"a.png": [box(1, 2, 60, 40)], named: [box(1, 2, 60, 40)]})
    done = convert(place / "in")
    assert [sample.image_path.name for sample in done.samples] == ["a.png"]
    assert problems(done) == [("outside-image", "labels.txt:2")]
    assert str(place / "far.png") in next(p.message for p in done.problems if p.code == "outside-image")
    assert len(convert(place / "in", outside=True).samples) == 2


def test_only_images_are_copied(place: Path) -> None:
    os.symlink(place / "secret.txt", place / "in" / "l.jpg")
    (place / "in" / "b.png").write_text("no image", encoding="utf-8")
    rows = {name: [box(1, 2, 60, 40)] for name in ("a.png", "l.jpg", "b.png")}
    write_labels(place / "in" / "labels.txt", rows)
    assert problems(convert(place / "in")) == [("outside-image", "labels.txt:2"), ("broken-image", "labels.txt:3")]
    assert main(["data", "convert", str(place / "in"), str(place / "out"), "--outside"]) == 0
    assert [path.name for path in (place / "out" / "images").iterdir()] == ["a.png"]


def test_a_file_may_speak_of_images_beside_its_folder(place: Path) -> None:
    (place / "in" / "annotations").mkdir()
    (place / "in" / "images").mkdir()
    (place / "in" / "a.png").rename(place / "in" / "images" / "a.png")
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 160, "height": 120}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 2, 60, 2, 60, 40, 1, 40]]}],
        "categories": [{"id": 1, "name": "章"}],
    }
    (place / "in" / "annotations" / "train.json").write_text(json.dumps(content), encoding="utf-8")
    assert len(convert(place / "in" / "annotations" / "train.json", text="none").samples) == 1


def strips(folder: Path) -> None:
    (folder / "gt.txt").write_text("a.png\t专用章\n../far.png\t合同\n", encoding="utf-8")


def pages(folder: Path) -> None:
    (folder / "train.txt").write_text("a.png 0\n../far.png 1\n", encoding="utf-8")


def boxes(folder: Path) -> None:
    images = [{"id": i, "file_name": name} for i, name in enumerate(("a.png", "../far.png"))]
    entries = [{"id": i, "image_id": i, "category_id": 1, "bbox": BOX} for i in range(2)]
    content = {"images": images, "annotations": entries, "categories": [{"id": 1, "name": "seal"}]}
    (folder / "instances.json").write_text(json.dumps(content), encoding="utf-8")


def texts(folder: Path) -> None:
    os.symlink(folder.parent / "far.png", folder / "b.png")
    for stem in "ab":
        (folder / f"{stem}.txt").write_text("天津公司#专用章\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "make"), [("gt_txt", strips), ("page_classes", pages), ("page_boxes", boxes), ("seal_texts", texts)]
)
def test_the_other_kinds_of_sets_are_held_to_it(
    place: Path, name: str, make: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    make(place / "in")
    for number, more in enumerate(([], ["--outside"])):
        out = place / f"out{number}"
        assert main(["data", "convert", str(place / "in"), str(out), "--from", name, *more]) == 0
        assert len(list(out.rglob("*.png"))) == 1 + number
        assert ("outside-image" in capsys.readouterr().out) == (not more)
