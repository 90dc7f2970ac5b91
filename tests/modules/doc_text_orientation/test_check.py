"""`sealkit data check --module doc_text_orientation`: every fault with its line."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from sealkit.cli import main
from sealkit.data.converters.page_classes import convert_pages
from sealkit.errors import DataError
from sealkit.modules.doc_text_orientation.check import check_dataset

from .conftest import page


def test_a_sound_set_passes(labelled_set: Path, tmp_path: Path) -> None:
    shutil.copytree(labelled_set, tmp_path / "set")
    (tmp_path / "set" / "val.txt").unlink()
    report = check_dataset(tmp_path / "set", workers=1)
    assert report.passed and [p.code for p in report.problems] == ["no-validation-set"]
    assert report.sets[0].histograms["angle"] == {"0°": 2, "90°": 2, "180°": 2, "270°": 2}
    ((_, _, images),) = report.galleries() if report.galleries else ()
    assert all(image.shape[0] > image.shape[1] for _, image in images)  # all righted


def test_labels_without_a_single_image_are_no_set(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("images/a.png 0\nimages/b.png 1\n")
    with pytest.raises(DataError, match="none of the 2 labelled images exists") as caught:
        check_dataset(tmp_path, workers=1)
    assert "images/a.png" in str(caught.value) and "relative to" in str(caught.value)


def test_faults_are_named_with_their_lines(labelled_set: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(labelled_set, root)
    cv2.imwrite(str(root / "images" / "copy.png"), page(0))
    (root / "images" / "empty.png").touch()
    lines = ["images/0 x.png 0", "images/0 x.png 1", "images/copy.png 2", "images/gone.png 1", "images/empty.png 1",
             "images/1 x.png 9"]  # fmt: skip
    (root / "train.txt").write_text("\n".join(lines) + "\n")
    cv2.imwrite(str(root / "images" / "leak.png"), np.rot90(page(0)))
    (root / "val.txt").write_text("images/0 x.png 0\nimages/leak.png 3\n")
    report = check_dataset(root, workers=1)
    found = {(p.code, p.where) for p in report.problems}
    assert found >= {
        ("label-conflict", "train.txt:2"),
        ("label-conflict", "train.txt:3"),
        ("missing-image", "train.txt:4"),
        ("empty-image", "train.txt:5"),
        ("bad-label", "train.txt:6"),
        ("leak", "val.txt:1"),
        ("missing-class", "train.txt"),
        ("missing-class", "val.txt"),
    }, found
    assert not report.passed


def test_labels_of_another_module_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text('a.png\t[{"transcription": "x", "points": []}]\n')
    with pytest.raises(DataError, match="text detection") as caught:
        check_dataset(tmp_path)
    assert "upright: true" in str(caught.value)


def test_the_command_knows_the_module(labelled_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["data", "check", str(labelled_set), "--module", "doc_text_orientation", "--workers", "1"])
    shown = capsys.readouterr().out
    assert code == 3 and "leak" in shown  # the fixture's validation part is a part of its training part


def test_folders_by_angle_become_a_set(tmp_path: Path) -> None:
    for part, count in (("train", 2), ("val", 1)):
        for label, angle in enumerate((0, 90, 180, 270)):
            folder = tmp_path / "scans" / part / f"{angle}_degree"
            folder.mkdir(parents=True)
            for number in range(count):
                image = np.rot90(page(10 * number + (part == "val")), -label)
                cv2.imwrite(str(folder / f"a {number}.png"), image)
    out = tmp_path / "set"
    assert main(["data", "convert", str(tmp_path / "scans"), str(out), "--from", "page_classes"]) == 0
    assert (out / "label.txt").read_text() == "0 0\n1 90\n2 180\n3 270\n"
    report = check_dataset(out, workers=1, compare=False)
    assert report.passed and [c.counts["images"] for c in report.sets] == [8, 4]
    assert report.sets[1].histograms["angle"] == {"0°": 1, "90°": 1, "180°": 1, "270°": 1}
    assert (out / "images" / "train_90_degree_a_0.png").is_file()


def test_other_numberings_are_translated_on_the_way(labelled_set: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(labelled_set, source)
    (source / "label.txt").write_text("0 270\n1 180\n2 90\n3 0\n")
    (source / "val.txt").write_text("images/0 x.png 0\nimages/nowhere.png 1\n")
    counts, problems = convert_pages(source, tmp_path / "set")
    assert counts == {"train.txt": 8, "val.txt": 1}
    assert {p.code for p in problems} == {"class-order", "missing-image"}
    assert (tmp_path / "set" / "train.txt").read_text().splitlines()[0] == "images/0_x.png 3"
    with pytest.raises(DataError, match="nothing could be converted"):
        convert_pages(tmp_path / "set" / "images", tmp_path / "other")
