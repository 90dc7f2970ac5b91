"""Areas that boxes have in common."""

from __future__ import annotations

import numpy as np
import pytest

from sealkit.geometry.boxes import box_areas, box_common, box_iou, iou, overlap_of_smaller, share_in

A, B, FAR, LINE = (0.0, 0.0, 4.0, 4.0), (2.0, 2.0, 10.0, 4.0), (20.0, 20.0, 22.0, 22.0), (1.0, 1.0, 1.0, 3.0)


def test_common_areas_of_all_pairs() -> None:
    boxes, others = np.array([A, FAR]), np.array([B, A, LINE])
    assert box_common(boxes, others).tolist() == [[4, 16, 0], [0, 0, 0]]
    assert box_areas(others).tolist() == [16, 16, 0]
    assert box_iou(boxes, others) == pytest.approx(np.array([[4 / 28, 1, 0], [0, 0, 0]]))
    assert box_iou(np.array([LINE]), np.array([LINE])).tolist() == [[0]]
    assert box_common(np.zeros((0, 4)), others).shape == (0, 3)


def test_shares_of_a_pair() -> None:
    assert iou(A, B) == iou(B, A) == pytest.approx(4 / 28)
    assert share_in(A, B) == 4 / 16 and share_in(A, (-1, -1, 9, 9)) == 1 and share_in(LINE, A) == 0
    small = (0.0, 0.0, 2.0, 2.0)
    assert overlap_of_smaller(A, small) == overlap_of_smaller(small, A) == 1 and overlap_of_smaller(A, FAR) == 0
