"""Post-processing beyond the goldens: what is accepted, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sealkit.errors import ConfigError, EngineError
from sealkit.modules.layout_detection.postprocess import LayoutOptions, layout_boxes, split_pages

LABELS = ("image", "table", "seal")
ROWS = np.array(
    [
        [2, 0.9, 10, 10, 50, 50],
        [2, 0.7, 12, 11, 52, 50],
        [1, 0.6, 0, 0, 90, 95],
        [0, 0.2, 60, 60, 80, 80],
    ],
    np.float32,
)


def boxes(**options: Any) -> list[tuple[str, float]]:
    found = layout_boxes(ROWS, LABELS, (100, 100), LayoutOptions(**options))
    return [(box["label"], round(box["score"], 2)) for box in found]


def test_threshold_is_a_number_whatever_its_type() -> None:
    assert boxes(threshold=1) == [] and len(boxes(threshold=0)) == 4
    assert len(boxes(threshold=1, rules="reference")) == 4  # paddlex 3.7.2 switches the filter off
    assert len(boxes(threshold=None)) == 4


def test_classes_are_named_by_id_digits_or_label() -> None:
    expected = [("seal", 0.9)]
    for key in (2, "2", "seal"):
        assert boxes(threshold={key: 0.8}, unlisted=0.65) == expected
    assert boxes(threshold={"seal": 0.8}) == [("table", 0.6), ("seal", 0.9)]  # unlisted classes: 0.5
    with pytest.raises(ConfigError, match="no such class"):
        boxes(threshold={"stamp": 0.5})


def test_nms_keeps_the_better_of_two() -> None:
    assert boxes(layout_nms=True) == [("seal", 0.9), ("table", 0.6)]


def test_merge_modes() -> None:
    assert boxes(layout_merge_bboxes_mode="large") == [("table", 0.6)]
    assert boxes(layout_merge_bboxes_mode="small") == [("seal", 0.9), ("seal", 0.7)]
    assert len(boxes(layout_merge_bboxes_mode="'union'")) == 3
    with pytest.raises(ConfigError, match="unknown mode"):
        boxes(layout_merge_bboxes_mode="biggest")


@pytest.mark.parametrize("ratio", [2, 2.0, (2.0, 2.0), [2, 2], {"seal": 2}, {2: (2.0, 2.0)}])
def test_unclip_enlarges_about_the_centre(ratio: Any) -> None:
    found = layout_boxes(ROWS[:1], LABELS, (100, 100), LayoutOptions(layout_unclip_ratio=ratio))
    assert found[0]["coordinate"] == [0.0, 0.0, 70.0, 70.0]  # cut at the page


@pytest.mark.parametrize("ratio", [(1.0,), "wide", -1.0])
def test_unclip_refuses_what_means_nothing(ratio: Any) -> None:
    with pytest.raises(ConfigError, match="layout_unclip_ratio"):
        boxes(layout_unclip_ratio=ratio)


def test_nothing_found() -> None:
    assert layout_boxes(np.zeros((0, 6)), LABELS, (10, 10), LayoutOptions(threshold={2: 0.3}, layout_nms=True)) == []


def test_a_class_without_label_is_refused() -> None:
    with pytest.raises(EngineError, match="label_list"):
        layout_boxes(np.array([[5, 0.9, 0, 0, 5, 5]]), LABELS, (10, 10))


def test_pages_are_split_by_their_counts() -> None:
    assert [len(page) for page in split_pages(ROWS, np.array([1, 0, 3], np.int32))] == [1, 0, 3]
    assert [page.shape for page in split_pages(np.zeros(0), np.array([0]))] == [(0, 6)]
    with pytest.raises(EngineError, match="not a layout detector"):
        split_pages(ROWS, np.array([9]))
