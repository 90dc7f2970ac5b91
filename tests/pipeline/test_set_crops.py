"""`data crop` on toy seals: along the detector's outlines, in processes, and started again after a kill."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from sealkit import cli
from sealkit.cli import data_crop
from sealkit.data import crops
from sealkit.data.labels.detection import read_det_labels, write_det_labels
from sealkit.data.labels.recognition import read_rec_labels
from sealkit.images import read_image
from sealkit.pipeline.create import create_model
from sealkit.text import comparable, similarity
from tests.synth.test_sets import contents

TOY = Path(__file__).resolve().parents[2] / "datasets" / "toy"


def part(folder: Path, count: int) -> Path:
    """The first toy seals without the key `direction`, as labelling tools write them."""
    samples = read_det_labels(TOY, "train.txt")[0][:count]
    for sample in samples:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        sample.image_path = Path(shutil.copy(sample.image_path, folder / "images"))
        for line in sample.lines:
            line.direction = None
    write_det_labels(folder / "train.txt", samples, folder)
    return folder


def crop(folder: Path, out: Path, *flags: str) -> None:
    assert cli.main(["data", "crop", str(folder), str(out), "--workers", "1", *flags]) == 0


def test_strips_along_the_detectors_outlines_hold_the_labels_texts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = part(tmp_path / "set", 4)
    crop(root, tmp_path / "drawn")
    crop(root, tmp_path / "found", "--outlines", "detector")
    assert "the detector found" in capsys.readouterr().out
    drawn, found = (read_rec_labels(tmp_path / name, "train.txt")[0] for name in ("drawn", "found"))
    names = {one.image_path.name for one in drawn}
    assert len(drawn) >= len(found) >= 0.7 * len(drawn) and {one.image_path.name for one in found} <= names
    strips = [read_image(one.image_path) for one in found]
    assert any(
        not np.array_equal(strip, read_image(tmp_path / "drawn" / "images" / one.image_path.name))
        for strip, one in zip(strips, found)
    ), "the outlines are the detector's"
    read = create_model("PP-OCRv6_small_rec", threads=1).read(strips, 8)
    alike = [similarity(comparable(result.text), comparable(one.text)) for result, one in zip(read, found)]
    assert np.mean(alike) >= 0.8


@pytest.mark.slow
def test_strips_are_the_same_for_any_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = part(tmp_path / "set", 6)
    monkeypatch.setattr(data_crop, "_IMAGES_PER_WORKER", 2)
    for workers in ("1", "2"):
        crop(root, tmp_path / workers, "--outlines", "detector", "--workers", workers)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_a_killed_crop_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = part(tmp_path / "set", 4)
    write_det_labels(root / "val.txt", read_det_labels(root, "train.txt")[0][2:], root)
    crop(root, tmp_path / "whole")
    cut = crops._cut
    calls: list[str] = []

    def stop(height: int, quality: int | None, job: crops.Cut) -> dict:
        calls.append(f"{job.labels} {job.number}")
        if len(calls) == 6:  # in the middle of the second part
            raise KeyboardInterrupt
        return cut(height, quality, job)

    monkeypatch.setattr(crops, "_cut", stop)
    with pytest.raises(KeyboardInterrupt):
        data_crop.run(cli._parse(["data", "crop", str(root), str(tmp_path / "out"), "--workers", "1"])[1])
    monkeypatch.setattr(data_crop, "_reader", lambda *_: pytest.fail("what was read before is read again"))
    monkeypatch.setattr(data_crop, "_reads", lambda *_: True)
    capsys.readouterr()
    crop(root, tmp_path / "out")
    assert "train.txt: was cut before" in capsys.readouterr().out
    assert calls[5:] == ["val.txt 1", "val.txt 1"]
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
