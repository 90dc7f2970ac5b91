"""`sealkit eval --pipeline --data DIR`: the whole pipeline on own labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sealkit.bench import own_pipeline
from sealkit.bench.real_seals import Found
from sealkit.cli import main
from sealkit.errors import DataError
from tests.data.sets import small_set, write_labels


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline that reads every second text, with --det all."""

    def reader(config: object, options: dict[str, object]) -> object:
        def read(item: dict[str, object], image: np.ndarray) -> Found:
            texts = item["texts"]
            assert isinstance(texts, list)
            seen = texts if "det" in options else texts[::2]
            return Found([one["text"] for one in seen], [], [(one["poly"], []) for one in seen], 0.1)

        return read

    monkeypatch.setattr(own_pipeline, "PipelineReader", reader)


def test_before_and_after(readers: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = small_set(tmp_path / "set")
    assert main(["eval", "--pipeline", "--data", str(root), "--det", "runs/mine"]) == 0
    out = capsys.readouterr().out
    assert f"2 images, 4 texts of {root / 'val.txt'}" in out and "2 validation images: too few" in out
    rows = {line[2:22].strip(): line[22:].split() for line in out.splitlines() if line.startswith("  ")}
    assert rows["texts read exactly"] == ["0.500", "1.000", "+0.500"]
    assert rows["Hmean of lines"] == ["0.667", "1.000", "+0.333"]
    assert main(["eval", "--pipeline", "--data", str(root)]) == 0
    assert "change" not in capsys.readouterr().out


def test_what_does_not_go_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "--pipeline"]) == 2
    assert "--data is missing" in capsys.readouterr().err
    assert main(["eval", "--checkpoint", "runs/x", "--det", "runs/y"]) == 2
    assert "need --pipeline" in capsys.readouterr().err
    write_labels(tmp_path / "val.txt", {"a.png": []})
    with pytest.raises(DataError, match="no text to compare with"):
        own_pipeline.own_labels(tmp_path)
