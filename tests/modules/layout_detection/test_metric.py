"""Average precision of what cannot be in the goldens: nothing found, nothing labelled, crowds."""

from __future__ import annotations

from typing import Any

import pytest

from sealkit.modules.layout_detection.metric import LayoutMetric
from sealkit.modules.layout_detection.report import match_page

SEAL = {"box": [10.0, 10.0, 50.0, 50.0], "label": 2, "crowd": False}
HIT = [2, 0.9, 10.0, 10.0, 50.0, 50.0]
MISS = [2, 0.95, 60.0, 60.0, 90.0, 90.0]


def metrics(*records: dict[str, Any]) -> dict[str, float]:
    metric = LayoutMetric(("image", "table", "seal"))
    metric.add(list(records))
    return metric.compute()


def test_perfect_and_half_right() -> None:
    assert metrics({"gt": [SEAL], "pred": [HIT]}) == {
        "map": pytest.approx(1.0),
        "map50": pytest.approx(1.0),
        "map75": pytest.approx(1.0),
        "recall": pytest.approx(1.0),
        "ap/seal": pytest.approx(1.0),
        "ap50/seal": pytest.approx(1.0),
        "gt": 1.0,
        "pred": 1.0,
    }
    assert metrics({"gt": [SEAL], "pred": [HIT, MISS]})["ap/seal"] == pytest.approx(0.5)


def test_nothing_found_and_nothing_labelled() -> None:
    found = metrics({"gt": [SEAL], "pred": []}, {"gt": [], "pred": []})
    assert (found["map"], found["ap/seal"], found["gt"]) == (0.0, 0.0, 1.0)
    found = metrics({"gt": [], "pred": [HIT]})
    assert found["map"] == 0.0 and "ap/seal" not in found


def test_detections_on_crowds_are_not_wrong() -> None:
    crowd = {**SEAL, "box": [60.0, 60.0, 90.0, 90.0], "crowd": True}
    assert metrics({"gt": [SEAL, crowd], "pred": [HIT, MISS]})["ap/seal"] == pytest.approx(1.0)


def test_a_pages_errors() -> None:
    match = match_page({"gt": [SEAL, {**SEAL, "label": 1}], "pred": [HIT, MISS, [1, 0.2, 10, 10, 50, 50]]}, 0.5)
    assert (match.pairs, match.missed, match.wrong, match.errors) == ([(0, 0)], [1], [1], 2)
