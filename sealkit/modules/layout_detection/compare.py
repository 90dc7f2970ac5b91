"""Compares two lists of detections, for the parity check of an export."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sealkit.geometry.boxes import box_areas, box_common
from sealkit.modules.layout_detection.postprocess import split_pages


@dataclass(frozen=True)
class PairRules:
    """Which detections of two networks are the same, and which may lack a partner."""

    near: float = 0.01
    """Share of the page: detections further apart are not the same one."""
    same: float = 1e-3
    """Share of the page: what rounding moves a detection by is far less; one further apart may be its neighbour."""
    tie: float = 1e-4
    """Scores that differ less may change places in the last bits of other arithmetic."""
    rival_iou: float = 0.5
    """IoU of two detections of which suppression may have kept the other one."""
    paired_share: float = 0.1
    """Of the score of a page: where less is found again, nothing is excused."""


RULES = PairRules()


def detection_differences(
    boxes: np.ndarray, counts: np.ndarray, other_boxes: np.ndarray, other_counts: np.ndarray
) -> dict[str, float]:
    """Largest differences of paired detections, and the share of score that found no partner.

    Suppression lets one of two neighbours live, and a page has room for so many: where scores tie, as those of a fresh
    network do everywhere, the last bit decides which. A detection without partner is therefore excused where the other
    list has one of its class on the same place that scores no less, or where it scores no more than the other list's
    last one. That holds only where a tenth of a page is found again: boxes that are all wrong are no tie.

    Args:
        boxes: (K, 6) class, score, x1, y1, x2, y2, pages one after another.
        counts: detections of each page.
        other_boxes, other_counts: the same of the other network.

    Returns:
        "score": largest difference of two scores; "box": of two coordinates, as a share of the page's detected extent;
        "unpaired": scores of detections without partner (of its class, in its place), as a share of all scores.
    """
    worst = {"score": 0.0, "box": 0.0, "unpaired": 0.0}
    for first, second in zip(split_pages(boxes, counts), split_pages(other_boxes, other_counts)):
        extent = max(float(np.abs(rows[:, 2:6]).max(initial=1.0)) for rows in (first, second))
        total = max(float(first[:, 1].sum() + second[:, 1].sum()), 1e-9)
        pairs = [(first, second), (second, first)]
        lonely = [rows[[not _pair(row, others, extent, worst) for row in rows]] for rows, others in pairs]
        lost = sum(float(rows[:, 1].sum()) for rows in lonely) / total
        if lost <= 1 - RULES.paired_share:
            left = [float(row[1]) for rows, (_, others) in zip(lonely, pairs) for row in rows if not _tied(row, others)]
            lost = sum(left) / total
        worst["unpaired"] = max(worst["unpaired"], lost)
    return worst


def _tied(row: np.ndarray, others: np.ndarray) -> bool:
    """Whether the other list may have lost this detection by a tie."""
    if not len(others) or _is_last(row, others):
        return bool(len(others))
    rivals = others[(others[:, 0] == row[0]) & (others[:, 1] >= row[1] - RULES.tie)]
    common = box_common(rivals[:, 2:6], row[None, 2:6])[:, 0]
    areas = box_areas(rivals[:, 2:6]) + box_areas(row[None, 2:6])
    return bool((common > RULES.rival_iou * (areas - common)).any())


def _is_last(row: np.ndarray, others: np.ndarray) -> bool:
    """Whether a detection scores no more than the other page's last one: of those that tie there, any may be left."""
    return bool(row[1] <= others[:, 1].min() + RULES.tie)


def _pair(row: np.ndarray, others: np.ndarray, extent: float, worst: dict[str, float]) -> bool:
    """Whether `others` has this detection; enters the differences where it has."""
    same = others[others[:, 0] == row[0]]
    if not len(same):
        return False
    away = np.abs(same[:, 2:6] - row[2:6]).max(axis=1) / extent
    apart = np.abs(same[:, 1] - row[1])
    best = int(np.argmin(away + apart))
    if away[best] > RULES.near or (away[best] > RULES.same and _is_last(row, others)):
        return False
    worst["score"] = max(worst["score"], float(apart[best]))
    worst["box"] = max(worst["box"], float(away[best]))
    return True


__all__ = ["detection_differences"]
