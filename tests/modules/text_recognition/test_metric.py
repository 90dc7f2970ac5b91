"""Metrics, their name and what errors are made of."""

from __future__ import annotations

from typing import Any

import pytest

from sealkit.charset import Charset
from sealkit.modules.text_recognition.metric import RecMetric, as_encoded, confusions, worst
from sealkit.modules.text_recognition.settings import RecMetricSettings

RECORDS: list[dict[str, Any]] = [
    {"pred": "北京市 公司", "gt": "北京市公司", "shape": "circle", "angle": 10},
    {"pred": "合同专用章", "gt": "合同专用章", "shape": "circle", "angle": -100},
    {"pred": "NO 123", "gt": "NO 124", "shape": "oval"},
]


def test_spaces_count_unless_dropped_and_the_name_says_so() -> None:
    kept, dropped = RecMetric(), RecMetric(RecMetricSettings(ignore_space=True))
    for metric in (kept, dropped):
        metric.add(RECORDS)
    assert kept.name == "acc (spaces kept)" and dropped.name == "acc (spaces dropped)"
    assert kept.compute()["acc"] == pytest.approx(1 / 3, abs=1e-5)
    assert dropped.compute()["acc"] == pytest.approx(2 / 3, abs=1e-5)
    both = RecMetric(RecMetricSettings(ignore_space=True, ascii_only=True))
    assert both.name == "acc (spaces dropped, ASCII characters and digits only)"


def test_groups() -> None:
    metric = RecMetric()
    metric.add(RECORDS)
    metrics = metric.compute()
    assert metrics["acc/shape=circle"] == pytest.approx(0.5, abs=1e-5) and metrics["lines"] == 3
    assert metrics["acc/shape=oval"] == 0
    assert {"acc/angle=0..45", "acc/angle=-135..-90", "acc/length=1..5", "acc/length=6..10"} <= set(metrics)
    assert {"acc/script=han", "acc/script=mixed"} <= set(metrics)


def test_empty_set() -> None:
    metrics = RecMetric().compute()
    assert metrics == {"acc": 0.0, "norm_edit_dis": 1.0, "lines": 0.0}


def test_confusions_name_what_was_read_for_what() -> None:
    found = confusions([("合同专甪章", "合同专用章"), ("甪", "用"), ("ab", "abc"), ("xab", "ab")])
    assert found == {("用", "甪"): 2, ("c", ""): 1, ("", "x"): 1}


def test_worst_first_and_right_ones_never() -> None:
    found = worst([{"pred": "abcd", "gt": "abce"}, {"pred": "", "gt": "abc"}, {"pred": "a", "gt": "a"}])
    assert [record["pred"] for record in found] == ["", "abcd"]


def test_the_published_target_loses_unknown_characters() -> None:
    assert as_encoded("a甪b c", Charset.from_list(["a", "b", "c"])) == "ab c"
