"""What is allowed where OpenCV fills otherwise lets no fault pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.modules.seal_text_detection import postprocess
from tests.golden import check_db_postprocess, check_targets
from tests.golden.filling import assert_same_filling, fills_as

GOLDEN = Path(__file__).parent / "data" / "golden" / "ops_ocr.npz"


def filled(shift: int = 0) -> np.ndarray:
    mask = np.zeros((160, 160), np.uint8)
    corners = np.array([[30, 40], [120, 25], [135, 90], [50, 130]], np.int32) + shift
    cv2.fillPoly(mask, [corners], 1)
    return mask


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """The stored operations, checked as by an OpenCV that fills otherwise."""
    for module in (check_db_postprocess, check_targets):
        monkeypatch.setattr(module, "fills_as", lambda made_with: False)
    with np.load(GOLDEN) as golden:
        return {key: golden[key] for key in golden.files}


def test_versions_that_fill_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "__version__", "4.10.0")
    assert fills_as("4.10.0") and not fills_as("4.11.0") and not fills_as("5.0.0")
    monkeypatch.setattr(cv2, "__version__", "5.1.0-dev")
    assert fills_as("4.11.0") and fills_as("5.0.0") and not fills_as("4.10.0")


def test_a_few_edge_pixels_may_differ_and_no_others() -> None:
    mask, edge = filled(), filled()
    edge[30, np.flatnonzero(mask[30])[0]] = 0
    assert_same_filling(edge, mask, "one edge pixel")
    inside = filled()
    inside[70, 80] = 0
    with pytest.raises(AssertionError, match="off the edge"):
        assert_same_filling(inside, mask, "hole")
    with pytest.raises(AssertionError, match="moved"):
        assert_same_filling(filled(shift=1), mask, "moved")
    with pytest.raises(AssertionError, match="edge pixels differ"):
        assert_same_filling(cv2.erode(mask, np.ones((1, 2), np.uint8)), mask, "eroded")


@pytest.mark.parametrize("change", [cv2.erode, cv2.dilate])
def test_a_mean_over_other_pixels_fails(
    stored: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    check_db_postprocess.check_arrays(stored)

    def mean_inside(probability: np.ndarray, points: np.ndarray) -> float:
        inside = np.zeros(probability.shape, np.uint8)
        cv2.fillPoly(inside, [points.astype(np.int32)], 1)
        return cv2.mean(probability, change(inside, np.ones((2, 2), np.uint8)))[0]

    monkeypatch.setattr(postprocess, "_mean_inside", mean_inside)
    with pytest.raises(AssertionError, match=r"seal|v6"):  # another number of texts, or another score
        check_db_postprocess.check_arrays(stored)


def test_targets_moved_by_a_pixel_fail(stored: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    check_targets.check_arrays(stored)
    moved = {**stored, "targets/polys": stored["targets/polys"] + np.float32(1)}
    monkeypatch.setattr(check_targets, "_MAPS", check_targets._MAPS[1:])  # the threshold map is compared as ever
    with pytest.raises(AssertionError, match=r"seal/threshold_mask"):
        check_targets.check_arrays(moved)
