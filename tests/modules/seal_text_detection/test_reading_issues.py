"""Label issues that a recogniser finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sealkit.data.records import DetSample, TextLine
from sealkit.modules.seal_text_detection.reading_issues import Readings, label_issues_of, similarity_of_words

POINTS = np.array([[0, 0], [90, 0], [90, 20], [0, 20]], np.float32)


def kinds(label: str, read: str, score: float = 0.95, turned: str = "", turned_score: float = 0.3) -> list[str]:
    sample = DetSample(Path("a.png"), [TextLine(POINTS, label, direction="line")], "train.txt:4")
    found = label_issues_of(sample, [Readings(0, read, score, turned, turned_score)])
    assert all(s.problem.where == "train.txt:4" and s.problem.severity == "info" for s in found)
    return [s.problem.code for s in found]


def test_agreement_is_silent() -> None:
    assert kinds("天津公司", "天津公司") == []
    assert kinds("（天津）公司", "(天津)公司", turned="去") == [], "width and punctuation do not count"
    assert kinds("天津君和缘商贸有限公司", "天津君和绿商贸有限公司") == [], (
        "one character may be the recogniser's fault"
    )


def test_issues() -> None:
    assert kinds("天津公司", "上海银行") == ["reads-differently"]
    assert kinds("天津公司", "上海银行", score=0.5) == [], "not sure enough"
    assert kinds("章", "童") == [], "single characters are too hard"
    assert kinds("天津公司", "旧之", turned="天津公司", turned_score=0.9) == ["reads-turned"]
    assert kinds("天津公司", "旧之", score=0.1, turned="天津公司") == ["reads-turned"]


@pytest.mark.parametrize(
    ("a", "b", "value"), [("ab", "AB", 1.0), ("", "", 1.0), ("天津", "", 0.0), ("天津", "天去", 0.5)]
)
def test_similarity(a: str, b: str, value: float) -> None:
    assert similarity_of_words(a, b) == pytest.approx(value)
