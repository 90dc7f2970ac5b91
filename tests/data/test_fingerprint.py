"""The fingerprint of a set changes with any byte of labels or images, and with nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from sealkit.data.fingerprint import file_hash, fingerprint
from sealkit.data.labels.detection import read_det_labels
from sealkit.images import write_image
from tests.data.sets import draw_image, small_set


def mark(root: Path, *, images: bool = True) -> dict[str, object]:
    samples, _ = read_det_labels(root, "train.txt")
    return fingerprint(root, "train.txt", samples, images=images)


def test_counts_and_plain_values(tmp_path: Path) -> None:
    found = mark(small_set(tmp_path))
    assert (found["images"], found["texts"], found["missing_images"]) == (4, 8, 0)
    assert len(str(found["sha256"])) == 64 and found["images_by"] == "content"
    assert json.loads(json.dumps(found)) == found


def test_it_does_not_depend_on_the_place(tmp_path: Path) -> None:
    root = small_set(tmp_path / "a")
    shutil.copytree(root, tmp_path / "b")
    assert mark(root)["sha256"] == mark(tmp_path / "b")["sha256"]


def test_it_depends_on_every_image_and_label(tmp_path: Path) -> None:
    root = small_set(tmp_path)
    first = mark(root)
    write_image(root / "images/train_2.png", draw_image(77))
    second = mark(root)
    assert first["sha256"] != second["sha256"] and first["labels_sha256"] == second["labels_sha256"]
    text = (root / "train.txt").read_text(encoding="utf-8")
    (root / "train.txt").write_text(text.replace("专用章", "财务章"), encoding="utf-8")
    third = mark(root)
    assert third["sha256"] != second["sha256"] and third["images_sha256"] == second["images_sha256"]


def test_missing_images_and_sizes_only(tmp_path: Path) -> None:
    root = small_set(tmp_path)
    (root / "images/train_1.png").unlink()
    found = mark(root, images=False)
    assert found["missing_images"] == 1 and found["images_by"] == "size"
    assert file_hash(root / "images/train_1.png") == ""
