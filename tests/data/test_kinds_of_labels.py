"""Commands that take a set find out themselves what its labels are: check, split and show, for all modules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealkit.cli import main
from sealkit.data.labels.coco import write_coco
from sealkit.data.labels.kinds import kind_of
from sealkit.data.labels.orientation import LINE_ANGLES, read_page_labels
from sealkit.data.labels.recognition import read_rec_labels
from sealkit.data.records import LayoutBox, LayoutSample
from sealkit.images import iter_images, list_images, read_image, write_image
from tests.data.sets import draw_image, small_set

MODULES = {
    "outlines": "seal_text_detection",
    "strips": "text_recognition",
    "classes": "doc_text_orientation",
    "line classes": "textline_orientation",
    "boxes": "layout_detection",
}


def make(kind: str, root: Path, count: int = 12) -> Path:
    """A set of one part, of any kind."""
    import numpy as np

    if kind == "outlines":
        return small_set(root)
    for n in range(count):
        write_image(root / "images" / f"{n}.png", draw_image(n, 160, 48 if kind in ("strips", "line classes") else 120))
    names = "甲乙丙丁"
    if kind == "strips":
        rows = [f"images/{n}.png\t{names[n % 4]}号器材有限公司\n" for n in range(count)]
        (root / "train.txt").write_text("".join(rows), encoding="utf-8")
    elif kind == "classes":
        (root / "train.txt").write_text("".join(f"images/{n}.png {n % 4}\n" for n in range(count)), encoding="utf-8")
    elif kind == "line classes":
        (root / "train.txt").write_text("".join(f"images/{n}.png {n % 2}\n" for n in range(count)), encoding="utf-8")
        (root / "label.txt").write_text("0 0_degree\n1 180_degree\n", encoding="utf-8")
    else:
        box = LayoutBox(np.array([10, 10, 60, 60], np.float32), "seal")
        pages = [LayoutSample(root / "images" / f"{n}.png", [box], "", (160, 120)) for n in range(count)]
        (root / "annotations").mkdir()
        write_coco(root / "annotations" / "instance_train.json", pages, ["seal", "table"], root)
    return root


@pytest.mark.parametrize("kind", list(MODULES))
def test_check_finds_the_module_and_writes_a_whole_verdict(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make(kind, tmp_path / "set")
    assert main(["data", "check", str(root), "--json", str(tmp_path / "v.json")]) == 0
    assert capsys.readouterr().out.startswith(f"{MODULES[kind]}: ")
    verdict = json.loads((tmp_path / "v.json").read_text(encoding="utf-8"))
    assert verdict["module"] == MODULES[kind] and verdict["analysis"]["histogram"]["train"]
    classes = {"outlines": 1, "strips": len(set("甲乙丙丁号器材有限公司")), "classes": 4, "line classes": 2, "boxes": 2}
    assert verdict["attributes"]["num_classes"] == classes[kind]
    assert Path(verdict["attributes"]["label_file"]).is_file()


def test_a_set_that_is_not_split_yet_is_checked_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make("strips", tmp_path / "set")
    (root / "train.txt").rename(root / "labels.txt")
    assert main(["data", "check", str(root)]) == 0
    assert "train labels.txt: 12 images" in capsys.readouterr().out


@pytest.mark.parametrize("kind", list(MODULES))
def test_show_takes_a_folder_of_any_kind(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = make(kind, tmp_path / "set")
    sheet = tmp_path / "sheet.png"
    assert main(["data", "show", str(root), "--out", str(sheet), "--columns", "2", "--tile", "100"]) == 0
    shown = 4 if kind == "outlines" else 12
    assert read_image(sheet).shape == (shown // 2 * 118, 200, 3)
    words = {"outlines": "专用章", "strips": "甲号器材有限公司", "classes": "90°", "boxes": "seal"}
    assert words.get(kind, "180°") in capsys.readouterr().out


def test_strips_of_one_owner_stay_together(tmp_path: Path) -> None:
    root = make("strips", tmp_path / "set", 24)
    (root / "train.txt").rename(root / "labels.txt")
    assert main(["data", "split", str(root), "--shares", "0.5", "0.5"]) == 0
    parts = [read_rec_labels(root, name) for name in ("train.txt", "val.txt")]
    assert [problems for _, problems in parts] == [[], []]
    texts = [{sample.text for sample in samples} for samples, _ in parts]
    assert not texts[0] & texts[1] and [len(samples) for samples, _ in parts] == [12, 12]


def test_classes_of_lines_are_split_and_stay_theirs(tmp_path: Path) -> None:
    root = make("line classes", tmp_path / "set", 16)
    (root / "train.txt").rename(root / "labels.txt")
    assert main(["data", "split", str(root), "--shares", "0.75", "0.25"]) == 0
    for name, each in (("train.txt", 6), ("val.txt", 2)):
        samples, problems = read_page_labels(root, name, LINE_ANGLES)
        assert problems == [] and [sum(s.label == label for s in samples) for label in range(2)] == [each] * 2
        assert kind_of(root / name) == "line classes"


def test_page_classes_are_split_by_angle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make("classes", tmp_path / "set", 16)
    (root / "train.txt").rename(root / "all.txt")
    assert main(["data", "split", str(root), "--labels", "all.txt", "--shares", "0.75", "0.25"]) == 0
    for name, each in (("train.txt", 3), ("val.txt", 1)):
        samples, problems = read_page_labels(root, name)
        assert problems == [] and [sum(s.label == label for s in samples) for label in range(4)] == [each] * 4
    (root / "label.txt").write_text("0 90\n1 0\n2 180\n3 270\n", encoding="utf-8")
    assert main(["data", "split", str(root), "--labels", "all.txt", "--force"]) == 3
    assert "--from page_classes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ("a.png\t[]\n", "outlines"),
        ("a.png\t12\nb.png\t3\n", "strips"),
        ("a.png 2\nb c.png 0\n", "classes"),
        ("a.png\t专用章\nb.png\t2\n", "strips"),
        ("", None),
        ("nothing\n", None),
    ],
)
def test_kind_of_a_label_file(tmp_path: Path, lines: str, kind: str | None) -> None:
    (tmp_path / "train.txt").write_text(lines, encoding="utf-8")
    assert kind_of(tmp_path / "train.txt") == kind
    assert kind_of(tmp_path / "none.txt") is None


def test_images_that_cannot_be_read_are_named_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = small_set(tmp_path / "set")
    for name in ("x.heic", "y.AVIF"):
        (root / "images" / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    assert main(["data", "check", str(root)]) == 0
    assert "2 images have formats that cannot be read" in capsys.readouterr().out
    records = list(iter_images(root / "images"))
    assert sum(r.image is not None for r in records) == 6
    assert [Path(str(r.input_path)).name for r in records if r.error is not None] == ["x.heic", "y.AVIF"]
    assert "HEIC" in str(next(r.error for r in records if r.error is not None))
    assert len(list_images(root)) == 6
