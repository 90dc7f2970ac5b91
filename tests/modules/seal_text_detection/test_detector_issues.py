"""Label issues that a detector finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sealkit.data.records import DetSample, TextLine
from sealkit.geometry.regions import TextRegion
from sealkit.modules.seal_text_detection.label_issues import label_issues_of


def rectangle(x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)


def kinds(labels: list[TextLine], regions: list[TextRegion]) -> list[str]:
    return [s.problem.code for s in label_issues_of(DetSample(Path("a.png"), labels, "train.txt:4"), regions)]


def test_agreement_is_silent() -> None:
    label = TextLine(rectangle(10, 10, 90, 30), "天津")
    assert kinds([label], [TextRegion(rectangle(12, 11, 92, 31), 0.9)]) == []
    assert kinds([], []) == []


def test_each_kind_of_issue() -> None:
    label = TextLine(rectangle(10, 10, 90, 30), "天津")
    assert kinds([label], []) == ["detector-finds-nothing"]
    assert kinds([label], [TextRegion(rectangle(10, 10, 40, 30), 0.9)]) == ["detector-disagrees"]
    assert kinds([], [TextRegion(rectangle(10, 10, 90, 30), 0.9)]) == ["detector-finds-more"]
    assert kinds([], [TextRegion(rectangle(10, 10, 90, 30), 0.6)]) == [], "not sure enough"


def test_ignored_texts_excuse_and_are_no_issue() -> None:
    label = TextLine(rectangle(10, 10, 90, 30), "", ignore=True)
    assert kinds([label], []) == []
    assert kinds([label], [TextRegion(rectangle(12, 10, 80, 30), 0.9)]) == []


def test_the_hole_of_a_ring_is_not_its_text() -> None:
    ring = TextRegion(rectangle(0, 0, 200, 200), 0.9, holes=[rectangle(30, 30, 170, 170)])
    inside = TextLine(rectangle(60, 90, 140, 110), "专用章")
    assert kinds([inside], [ring]) == ["detector-finds-nothing", "detector-finds-more"]


def test_the_most_promising_comes_first_and_places_are_named() -> None:
    labels = [TextLine(rectangle(10, 10, 90, 30), "半"), TextLine(rectangle(10, 110, 90, 130), "无")]
    regions = [TextRegion(rectangle(10, 10, 40, 30), 0.9), TextRegion(rectangle(200, 10, 260, 30), 0.8)]
    found = label_issues_of(DetSample(Path("a.png"), labels, "train.txt:4"), regions)
    assert [s.problem.code for s in found] == ["detector-finds-nothing", "detector-finds-more", "detector-disagrees"]
    assert all(s.problem.where == "train.txt:4" and s.problem.severity == "info" for s in found)
    assert "(230, 20)" in found[1].problem.message and "0.80" in found[1].problem.message
