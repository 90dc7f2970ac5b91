"""The page benchmarks on models that hold no network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import orientation, unwarping
from sealkit.errors import ConfigError, DataError
from sealkit.modules.doc_text_orientation.postprocess import TopClasses


class FakeClassifier:
    """Knows a page by its dark head, but takes 270 for 90."""

    def classify(self, images: Sequence[np.ndarray], topk: int = 1) -> list[TopClasses]:
        found = []
        for image in images:
            edges = [image[:5].mean(), image[:, -5:].mean(), image[-5:].mean(), image[:, :5].mean()]
            label = int(np.argmin(edges)) if np.argmin(edges) != 3 else 1
            found.append(TopClasses(np.array([label], np.int32), np.array([0.9], np.float32), [str(90 * label)]))
        return found


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        image = np.full((60, 40, 3), 240, np.uint8)
        image[:8] = 10
        cv2.imwrite(str(tmp_path / name), image)
    labels = [{"file": "a.png", "kind": "page", "texts": []}, {"file": "b.png", "kind": "circle", "texts": []}]
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    return tmp_path


def test_each_page_is_judged_at_four_angles(pages: Path) -> None:
    found = orientation.find_pages([str(pages)], None, ())
    metrics, records = orientation.judge(FakeClassifier(), found)
    assert metrics["images"] == 8 and metrics["top1"] == 0.75 and metrics["top1/angle=270"] == 0
    assert [r["angle"] for r in records if r["said"] != r["angle"]] == [270, 270]
    assert [p.name for p in orientation.find_pages([], str(pages / "labels.json"), ["page"])] == ["a.png"]
    with pytest.raises(ConfigError, match="no images"):
        orientation.find_pages([], None, ())


def test_character_error_rate() -> None:
    assert unwarping.cer("a b\nc", "abc") == 0
    assert unwarping.cer("axc", "abc") == pytest.approx(1 / 3)
    assert unwarping.cer("abcdefgh", "ab") == 3
    with pytest.raises(DataError, match="without any character"):
        unwarping.cer("a", " \n")


def test_pages_are_read_before_and_after(pages: Path) -> None:
    (pages / "truth.txt").write_text("dark")
    (pages / "list.tsv").write_text("a.png\ttruth.txt\na.png\tb.png\n")

    class Flattener:
        def unwarp(self, image: np.ndarray) -> np.ndarray:
            return image * 0

    def reader(image: np.ndarray) -> str:
        return "dark" if image.mean() < 50 else "dusk"

    rows = unwarping.judge_pages(unwarping.read_pairs(pages / "list.tsv"), reader, Flattener())
    assert rows[0] == {"page": "a.png", "before": 0.5, "after": 0.0}
    assert rows[1] == {"page": "a.png", "before": 0.0, "after": 0.5}


def test_texts_read_elsewhere_are_compared(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pages / "read.txt").write_text("印章")
    (pages / "true.txt").write_text("公章")
    (pages / "list.tsv").write_text("read.txt\ttrue.txt\n")
    assert unwarping.main(["--texts", str(pages / "list.tsv")]) == 0
    assert "CER 0.5000 over 1 texts" in capsys.readouterr().out
    (pages / "list.tsv").write_text("read.txt true.txt\n")
    with pytest.raises(DataError, match=r"list\.tsv:1: not two paths"):
        unwarping.main(["--texts", str(pages / "list.tsv")])
