"""Drawn pages for the orientation classifier: turned as their label says, all angles alike, by seed and index alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sealkit import cli
from sealkit.cli import data_synth
from sealkit.data.labels.orientation import ANGLES, read_page_labels
from sealkit.errors import ConfigError, DataError
from sealkit.images import read_image
from sealkit.modules.doc_text_orientation.postprocess import turn
from sealkit.synth.common.sets import SetPlan
from sealkit.synth.pages.scene import render_page
from sealkit.synth.pages.turned import class_at, write_turned_set
from sealkit.synth.seals.settings import DOCUMENTS, PageSettings

SMALL = PageSettings(size=(220, 300))


def test_righted_by_its_label_each_page_is_the_drawn_one(tmp_path: Path) -> None:
    summary = write_turned_set(SetPlan(tmp_path, 8, 5, val_share=0.25, quality=98), SMALL)
    assert (summary["train"], summary["val"]) == (6, 2)
    assert summary["angles"] == {"0": 2, "90": 2, "180": 2, "270": 2}
    samples = [one for part in ("train.txt", "val.txt") for one in read_page_labels(tmp_path, part)[0]]
    assert len(samples) == 8
    for sample in samples:
        index = int(sample.image_path.stem)
        drawn, _, info = render_page(5, index, SMALL)
        if not info["upright"]:
            continue  # another page was taken in its place
        righted = turn(read_image(sample.image_path), ANGLES[sample.label])
        assert righted.shape == drawn.shape
        assert np.abs(righted.astype(int) - drawn).mean() < 4


def test_any_four_from_a_multiple_of_four_on_are_the_four_angles() -> None:
    labels = [class_at(3, index) for index in range(40)]
    assert all(sorted(labels[i : i + 4]) == [0, 1, 2, 3] for i in range(0, 40, 4))
    assert labels != [class_at(4, index) for index in range(40)]
    assert len({tuple(labels[i : i + 4]) for i in range(0, 40, 4)}) > 3


def test_pages_without_text_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wordless(*_: object) -> tuple[np.ndarray, list[object], dict[str, object]]:
        return np.zeros((20, 20, 3), np.uint8), [], {"upright": False, "document": DOCUMENTS[0]}

    monkeypatch.setattr("sealkit.synth.pages.turned.render_page", wordless)
    with pytest.raises(DataError, match="no page with text enough"):
        write_turned_set(SetPlan(tmp_path, 1), SMALL)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--kind",
        "orientation",
        "--count",
        "4",
        "--seed",
        "5",
        "--workers",
        "1",
        "--size",
        "220",
        "300",
        "--val-share",
        "0.25",
    ]
    sheet = tmp_path / "sheet.png"
    assert cli.main(["data", "synth", str(tmp_path / "set"), *words, "--sheet", str(sheet)]) == 0
    assert sheet.is_file() and '"90": 1' in capsys.readouterr().out
    assert (tmp_path / "set/label.txt").read_text(encoding="utf-8") == "0 0\n1 90\n2 180\n3 270\n"
    _, args = cli._parse(["data", "synth", str(tmp_path / "other"), *words, "--classes", "seal"])
    with pytest.raises(ConfigError, match="no effect here"):
        data_synth.run(args)
