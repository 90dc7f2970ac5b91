"""`data check --fix` of strips, page angles and page boxes: repaired or left out, and the copy passes the check."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sealkit import cli
from sealkit.data.labels.coco import read_coco
from sealkit.data.labels.orientation import read_page_labels
from sealkit.data.labels.recognition import read_rec_labels
from sealkit.images import read_image, write_image
from sealkit.modules.table import info
from tests.data.sets import draw_image

TOY = Path(__file__).parents[2] / "datasets"


def _fix(root: Path, out: Path, module: str, capsys: pytest.CaptureFixture[str]) -> str:
    cli.main(["data", "check", str(root), "--module", module, "--fix", str(out), "--workers", "1"])
    told = capsys.readouterr().out
    assert info(module).load("check").check(out, workers=1).count("error") == 0
    return told


@pytest.mark.parametrize(
    ("module", "toy"),
    [
        ("text_recognition", "toy_strips"),
        ("layout_detection", "toy_layout"),
        ("doc_text_orientation", "toy_orientation"),
        ("textline_orientation", "toy_textlines"),
    ],
)
def test_a_sound_set_is_copied_byte_for_byte(
    module: str, toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = _fix(TOY / toy, tmp_path / "out", module, capsys).partition("corrected copy")[2]
    assert "left out: " not in told and " × " not in told and told.count(" lines") == 2
    check = info(module).load("check")
    for part in ("train", "val"):
        before = check.check(TOY / toy, workers=1, compare=False).sets
        after = check.check(tmp_path / "out", workers=1, compare=False).sets
        for old, new in zip(before, after):
            assert [one.image_path.name for one in old.samples] == [one.image_path.name for one in new.samples]
            for one, other in zip(old.samples, new.samples):
                assert one.image_path.read_bytes() == other.image_path.read_bytes()
            assert old.counts == new.counts and old.histograms == new.histograms, part


def _images(root: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        write_image(root / name, draw_image(seed)[:40, :100])


def test_strips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = tmp_path / "set", tmp_path / "out"
    _images(root, "a.png", "b.png", "c.png", "e.png", "v.png")
    shutil.copy(root / "b.png", root / "b_again.png")
    shutil.copy(root / "c.png", root / "c_again.png")
    shutil.copy(root / "v.png", root / "leak.png")
    (root / "broken.png").write_bytes(b"no image")
    rows = {
        "a.png": " 合同章 ",
        "b.png": "财务",
        "b_again.png": "财务",  # kept once
        "c.png": "公章",
        "c_again.png": "印章",  # one of them is wrong: neither is kept
        "leak.png": "发票",
        "broken.png": "丙",
        "e.png": "待识别",
    }
    (root / "train.txt").write_text("".join(f"{name}\t{text}\n" for name, text in rows.items()), encoding="utf-8")
    (root / "val.txt").write_text("v.png\t发票\n", encoding="utf-8")
    told = _fix(root, out, "text_recognition", capsys)
    kept = {one.image_path.name: one.text for one in read_rec_labels(out, "train.txt")[0]}
    assert kept == {"a.png": "合同章", "b.png": "财务"}
    assert [one.text for one in read_rec_labels(out, "val.txt")[0]] == ["发票"]
    assert told.count("with another label") == 2 and "also held out in another set" in told


def test_pages_at_their_angles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    root, out = tmp_path / "set", tmp_path / "out"
    _images(root, "a.png", "b.png", "c.png")
    shutil.copy(root / "b.png", root / "b_again.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(draw_image(9)).save(root / "turned.jpg", exif=exif)
    labels = {"a.png": 0, "b.png": 1, "b_again.png": 3, "turned.jpg": 2}
    (root / "label.txt").write_text("0 180\n1 90\n2 0\n3 270\n", encoding="utf-8")  # ids in another order
    (root / "train.txt").write_text("".join(f"{name} {label}\n" for name, label in labels.items()), encoding="utf-8")
    (root / "val.txt").write_text("c.png 2\n", encoding="utf-8")
    told = _fix(root, out, "doc_text_orientation", capsys)
    assert {one.image_path.name: one.label for one in read_page_labels(out, "train.txt")[0]} == {"a.png": 2}
    assert (out / "label.txt").read_text(encoding="utf-8") == "0 0\n1 90\n2 180\n3 270\n"
    assert told.count("with another label") == 2 and "EXIF orientation 6" in told


def test_boxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = tmp_path / "set", tmp_path / "out"
    _images(root / "images", "a.png", "b.png", "c.png", "v.png")
    write_image(root / "images/alpha.png", np.dstack([draw_image(7)[:40, :100], np.full((40, 100), 255, np.uint8)]))

    def page(number: int, name: str, width: int = 100) -> dict[str, object]:
        return {"id": number, "file_name": name, "width": width, "height": 40}

    def box(number: int, page: int, *place: float) -> dict[str, object]:
        return {"id": number, "image_id": page, "category_id": 1, "bbox": list(place), "area": 1, "iscrowd": 0}

    categories = [{"id": 1, "name": "seal"}]
    train = {
        "images": [page(1, "a.png"), page(2, "b.png", width=900), page(3, "c.png"), page(4, "alpha.png")],
        "annotations": [
            box(1, 1, 10, 5, 30, 30),
            box(2, 1, 10.5, 5, 30, 30),  # the same again
            box(3, 1, 60, 5, 2, 20),  # a slip of the mouse
            box(4, 2, 10, 5, 30, 30),  # of a page of another size
            box(5, 3, 90, 5, 11, 30),  # over the edge
            box(6, 4, 10, 5, 30, 30),
        ],
        "categories": categories,
    }
    val = {"images": [page(1, "v.png")], "annotations": [box(1, 1, 10, 5, 30, 30)], "categories": categories}
    (root / "annotations").mkdir()
    for part, content in (("train", train), ("val", val)):
        (root / f"annotations/instance_{part}.json").write_text(json.dumps(content), encoding="utf-8")
    told = _fix(root, out, "layout_detection", capsys)
    found = read_coco(out, "annotations/instance_train.json")
    assert {one.image_path.name: len(one.boxes) for one in found.samples} == {"a.png": 1, "c.png": 1, "alpha.png": 1}
    assert found.categories == ("seal",) and found.samples[1].boxes[0].box.tolist() == [90, 5, 100, 35]
    assert "1 × box of a few pixels dropped" in told and "1 × second box at one place dropped" in told
    assert "900x40" in told and read_image(out / "images/alpha.png").shape == (40, 100, 3)
