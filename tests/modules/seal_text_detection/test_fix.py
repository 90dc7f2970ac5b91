"""The corrected copy: repaired where no guess is needed, the rest left out and reported; it passes the check."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sealkit.data.labels.detection import read_det_labels
from sealkit.errors import DataError
from sealkit.images import inspect_image, read_image
from sealkit.modules.seal_text_detection.check import check_dataset
from sealkit.modules.seal_text_detection.fix import write_fixed_copy
from tests.data.sets import box, draw_image, small_set


def add(root: Path, name: str, entries: object) -> None:
    with (root / "train.txt").open("a", encoding="utf-8") as file:
        file.write(f"{name}\t{json.dumps(entries)}\n")


def rgb(seed: int) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(draw_image(seed)[:, :, ::-1]))


def test_a_sound_set_is_copied_unchanged(tmp_path: Path) -> None:
    root = small_set(tmp_path / "set")
    report = write_fixed_copy(root, check_dataset(root).sets, tmp_path / "out")
    assert report.written == {"train.txt": 4, "val.txt": 2} and report.left_out == [] and report.done == {}
    assert (tmp_path / "out/images/train_0.png").read_bytes() == (root / "images/train_0.png").read_bytes()
    for name in ("train.txt", "val.txt"):
        before, after = (read_det_labels(folder, name)[0] for folder in (root, tmp_path / "out"))
        assert [s.image_path.name for s in before] == [s.image_path.name for s in after]
        for old, new in zip(before, after):
            assert [(o.text, o.direction, o.shape, o.angle, o.seal) for o in old.lines] == [
                (n.text, n.direction, n.shape, n.angle, n.seal) for n in new.lines
            ]
            assert all(np.array_equal(o.points, n.points) for o, n in zip(old.lines, new.lines))


def test_everything_repairable_is_repaired_and_the_copy_passes(tmp_path: Path) -> None:
    root, out = small_set(tmp_path / "set"), tmp_path / "out"
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb(20).save(root / "turned.jpg", exif=exif)
    rgb(21).convert("CMYK").save(root / "cmyk.jpg")
    rgb(22).convert("RGBA").save(root / "alpha.png")
    rgb(23).save(root / "named_wrong.jpg", "PNG")
    (root / "empty.jpg").write_bytes(b"")
    shutil.copy(root / "images/train_0.png", root / "images/copy.png")
    shutil.copy(root / "images/val_4.png", root / "leaked.png")
    repeated = box(10, 10, 60, 40, "乙")
    repeated["points"].insert(1, repeated["points"][0])
    loop = {"transcription": "丙", "points": [[0, 0], [100, 0], [100, 50], [40, 50], [40, 64], [56, 44], [0, 50]]}
    hopeless = {"transcription": "丁", "points": [[10, 10], [90, 60], [90, 10], [10, 60]]}
    backwards = {"transcription": "戊", "points": box(10, 60, 60, 90)["points"][::-1]}
    add(root, "turned.jpg", [box(10, 10, 110, 40, "甲")])
    add(root, "cmyk.jpg", [repeated, backwards])
    add(root, "alpha.png", [loop])
    add(root, "named_wrong.jpg", [hopeless])
    add(root, "empty.jpg", [])
    add(root, "images/copy.png", [])
    add(root, "leaked.png", [])
    add(root, "images/train_1.png", [box(130, 10, 170, 40, "己")])
    before = check_dataset(root)
    assert not before.passed
    report = write_fixed_copy(root, before.sets, out)
    assert report.written == {"train.txt": 7, "val.txt": 2}
    why = dict(report.left_out)
    text = report.text()
    for word in ("named_wrong.jpg", "empty.jpg", "copy.png", "leaked.png", "train_1.png", "self-crossing"):
        assert word in text
    assert len(why) == 5
    assert set(report.done) == {
        "image stored upright as 8-bit PNG on white",
        "repeated points dropped",
        "loop of an outline cut away",
    }
    for name in ("turned.png", "cmyk.png", "alpha.png"):
        info = inspect_image(out / name)
        assert (info.format, info.orientation, info.channels, info.bits, info.alpha) == ("PNG", 1, 3, 8, False)
    assert np.array_equal(read_image(out / "turned.png"), read_image(root / "turned.jpg"))
    after = check_dataset(out)
    assert [p for p in after.problems if p.severity != "info"] == [] and after.passed


def test_outlines_are_cut_at_the_border_and_line_polys_keep_their_count(tmp_path: Path) -> None:
    root = small_set(tmp_path / "set")
    rgb(30).save(root / "one.png")
    add(root, "one.png", [box(120, 10, 166, 40, "甲乙", direction="line")])
    report = write_fixed_copy(root, check_dataset(root).sets, tmp_path / "out")
    assert report.done == {"outline cut at the image's border": 1}
    samples, _ = read_det_labels(tmp_path / "out", "train.txt")
    line = samples[-1].lines[0]
    assert line.direction == "line" and line.points.tolist() == [[120, 10], [160, 10], [160, 40], [120, 40]]


def test_absolute_paths_become_relative(tmp_path: Path) -> None:
    root = small_set(tmp_path / "set")
    elsewhere = tmp_path / "elsewhere" / "train_0.png"
    elsewhere.parent.mkdir()
    rgb(40).save(elsewhere)
    add(root, str(elsewhere), [box(10, 10, 60, 40)])
    add(root, str(root / "images" / "train_1.png"), [box(10, 10, 60, 40)])
    write_fixed_copy(root, check_dataset(root).sets, tmp_path / "out")
    names = [line.split("\t")[0] for line in (tmp_path / "out/train.txt").read_text(encoding="utf-8").splitlines()]
    assert "images/train_0.png" in names and "images/train_0_2.png" in names
    assert np.array_equal(read_image(tmp_path / "out/images/train_0_2.png"), draw_image(40))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    root = small_set(tmp_path / "set")
    with pytest.raises(DataError, match="not empty"):
        write_fixed_copy(root, check_dataset(root).sets, root)
