"""Are two lists of detections the same? What parity of an export asks."""

from __future__ import annotations

import numpy as np

from sealkit.modules.layout_detection.postprocess import split_pages

LEAST_SCORE = 0.1
"""Detections below are left out unless there are no others: fresh or half-trained networks give hundreds of near ties,
and which of two ties is suppressed is decided by the last bit."""
NEAR = 0.05  # of the page: detections further apart are not the same one


def detection_differences(
    boxes: np.ndarray, counts: np.ndarray, other_boxes: np.ndarray, other_counts: np.ndarray
) -> dict[str, float]:
    """Largest differences of paired detections, and the share of score that found no partner.

    Args:
        boxes: (K, 6) class, score, x1, y1, x2, y2, pages one after another. counts: detections of each page.
        other_boxes, other_counts: the same of the other network.

    Returns:
        "score": largest difference of two scores; "box": of two coordinates, as a share of the page's detected extent;
        "unpaired": scores of detections without partner (of its class, near it), as a share of all scores.
    """
    worst = {"score": 0.0, "box": 0.0}
    lost = total = 0.0
    for one, two in zip(split_pages(boxes, counts), split_pages(other_boxes, other_counts)):
        first, second = _counted(one), _counted(two)
        extent = max(float(np.abs(rows[:, 2:6]).max(initial=1.0)) for rows in (one, two))
        total += float(first[:, 1].sum() + second[:, 1].sum())
        for rows, partners in ((first, two), (second, one)):
            for row in rows:
                found = _partner(row, partners, extent)
                if found is None:
                    lost += float(row[1])
                    continue
                worst["score"] = max(worst["score"], abs(float(row[1] - found[1])))
                worst["box"] = max(worst["box"], float(np.abs(row[2:6] - found[2:6]).max()) / extent)
    return {**worst, "unpaired": lost / total if total else 0.0}


def _counted(rows: np.ndarray) -> np.ndarray:
    sure = rows[rows[:, 1] >= LEAST_SCORE]
    return sure if len(sure) else rows


def _partner(row: np.ndarray, others: np.ndarray, extent: float) -> np.ndarray | None:
    """The detection of the same class that agrees best in place and score."""
    same = others[others[:, 0] == row[0]]
    if not len(same):
        return None
    away = np.abs(same[:, 2:6] - row[2:6]).max(axis=1) / extent
    best = int(np.argmin(away + np.abs(same[:, 1] - row[1])))
    return same[best] if away[best] <= NEAR else None


__all__ = ["detection_differences"]
