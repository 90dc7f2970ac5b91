"""The detection metric, rule by rule."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.modules.seal_text_detection.metric import DetMetric, group_names, match


def box(x: float, y: float, w: float, h: float) -> np.ndarray:
    return np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], float)


def record(
    gt: list[np.ndarray], pred: list[np.ndarray], ignore: list[bool] | None = None, **keys: Any
) -> dict[str, Any]:
    ignore = ignore or [False] * len(gt)
    return {
        "gt": [{"points": p, "ignore": i, **keys} for p, i in zip(gt, ignore)],
        "pred": pred,
        "name": "x",
        "index": 0,
    }


def metrics(*records: dict[str, Any]) -> dict[str, float]:
    metric = DetMetric()
    metric.add(records)
    return metric.compute()


def test_iou_must_exceed_a_half() -> None:
    assert metrics(record([box(0, 0, 100, 100)], [box(0, 0, 100, 50)]))["hmean"] == 0
    assert metrics(record([box(0, 0, 100, 100)], [box(0, 0, 100, 51)]))["hmean"] == 1


def test_totals_are_summed_before_dividing() -> None:
    good, bad = record([box(0, 0, 9, 9)], [box(0, 0, 9, 9)]), record([box(0, 0, 9, 9)], [box(50, 0, 9, 9)] * 2)
    result = metrics(good, bad)
    assert (result["precision"], result["recall"]) == (pytest.approx(1 / 3), pytest.approx(1 / 2))
    assert (result["gt"], result["pred"]) == (2, 3)


def test_ignored_labels_excuse_what_lies_on_them() -> None:
    gt, ignored = box(0, 0, 20, 20), box(40, 0, 20, 20)
    assert metrics(record([gt, ignored], [gt, box(42, 2, 10, 10)], [False, True]))["precision"] == 1
    assert metrics(record([gt, ignored], [gt, box(52, 0, 20, 20)], [False, True]))["precision"] == 0.5


def test_a_label_is_matched_once_and_greedily() -> None:
    result = match([box(0, 0, 20, 20)], [False], [box(0, 0, 20, 15), box(0, 0, 20, 20)])
    assert [(g, p) for g, p, _ in result.pairs] == [(0, 0)] and result.hmean == pytest.approx(2 / 3)


def test_crossing_polygons_are_left_out_and_counted() -> None:
    bow = np.array([[0, 0], [20, 20], [20, 0], [0, 20]], float)
    metric = DetMetric()
    metric.add([record([bow, box(50, 0, 9, 9)], [bow, box(50, 0, 9, 9), np.array([[0, 0], [1, np.nan], [2, 2]])])])
    result = metric.compute()
    assert result["hmean"] == 1 and (result["invalid_gt"], result["invalid_pred"]) == (1, 2)
    assert metric.invalid_gt == ["x text 0"]


def ring(start: float, end: float) -> np.ndarray:
    t = np.deg2rad(np.linspace(start, end, 60))
    ray = np.stack([np.cos(t), np.sin(t)], axis=1)
    return np.concatenate([100 + ray * 90, (100 + ray * 60)[::-1]])


def test_the_hole_of_a_closed_ring_counts() -> None:
    outer, inner = ring(0, 360)[:59], ring(0, 360)[60:-1]
    label = ring(-90, 260)
    with_hole = match([label], [False], [outer], [[inner]])
    without = match([label], [False], [outer])
    assert with_hole.pairs[0][2] > 0.9 and (not without.pairs or without.pairs[0][2] < 0.6)


def test_a_closed_line_poly_counts_although_it_touches_itself() -> None:
    label = ring(-90, 274)
    gt = {"points": label, "ignore": False, "direction": "arc"}
    result = metrics({"gt": [gt], "pred": [ring(-90, 262)], "name": "x"})
    assert result["hmean"] == 1 and result["invalid_gt"] == 0
    assert metrics({"gt": [{**gt, "direction": None}], "pred": [], "name": "x"})["invalid_gt"] == 1


def test_recall_by_shape_and_angle() -> None:
    oval = record([box(0, 0, 9, 9), box(50, 0, 9, 9)], [box(0, 0, 9, 9)], shape="oval", angle=-10.0, direction="arc")
    result = metrics(oval, record([box(0, 0, 9, 9)], [box(0, 0, 9, 9)], shape="circle", angle=350.0))
    assert result["recall/shape=oval"] == 0.5 and result["recall/shape=circle"] == 1
    assert result["recall/angle=-45..0"] == pytest.approx(2 / 3) and result["recall/direction=arc"] == 0.5


@pytest.mark.parametrize(
    ("angle", "name"), [(0, "0..45"), (-180, "-180..-135"), (180, "-180..-135"), (359.9, "-45..0")]
)
def test_angle_bins(angle: float, name: str) -> None:
    assert group_names({"angle": angle}) == [f"angle={name}"]


def test_nothing_to_find() -> None:
    assert metrics(record([], []))["hmean"] == 0 and match([], [], []).hmean == 1


def test_many_texts_are_fast_and_right() -> None:
    """STRtree and plain pairwise intersection agree on a few hundred turned boxes."""
    rng = np.random.default_rng(0)
    gt = [
        cv2.boxPoints(((rng.uniform(0, 2000), rng.uniform(0, 2000)), (80, 30), rng.uniform(0, 90))) for _ in range(200)
    ]
    pred = [p + rng.normal(0, 4, 2) for p in gt]
    result = match(gt, [False] * 200, pred)
    assert len(result.pairs) > 150 and all(g == p or abs(gt[g] - pred[p]).max() < 80 for g, p, _ in result.pairs)
