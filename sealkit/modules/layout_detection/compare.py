"""Are two lists of detections the same? What parity of an export asks."""

from __future__ import annotations

import numpy as np

from sealkit.modules.layout_detection.postprocess import split_pages

NEAR = 0.01  # of the page: detections further apart are not the same one
TIE = 1e-4  # scores that differ less may change places in the last bits of other arithmetic
TIED_SHARE = 0.5  # of the score at most may be ties that went the other way


def detection_differences(
    boxes: np.ndarray, counts: np.ndarray, other_boxes: np.ndarray, other_counts: np.ndarray
) -> dict[str, float]:
    """Largest differences of paired detections, and the share of score that found no partner.

    Suppression lets one of two neighbours live, and a page has room for so many: where scores tie, as those of a fresh
    network do everywhere, the last bit decides which. A detection without partner is therefore excused where its own
    list has another one with its score and the other list has one with that score without partner, too; but not where
    that happens to more than half of a page.

    Args:
        boxes: (K, 6) class, score, x1, y1, x2, y2, pages one after another. counts: detections of each page.
        other_boxes, other_counts: the same of the other network.

    Returns:
        "score": largest difference of two scores; "box": of two coordinates, as a share of the page's detected extent;
        "unpaired": scores of detections without partner (of its class, in its place), as a share of all scores.
    """
    worst = {"score": 0.0, "box": 0.0, "unpaired": 0.0}
    for first, second in zip(split_pages(boxes, counts), split_pages(other_boxes, other_counts)):
        extent = max(float(np.abs(rows[:, 2:6]).max(initial=1.0)) for rows in (first, second))
        lonely: list[np.ndarray] = []
        for rows, others in ((first, second), (second, first)):
            paired = np.array([_pair(row, others, extent, worst) for row in rows], bool)
            lonely.append(rows[~paired])
        total = max(float(first[:, 1].sum() + second[:, 1].sum()), 1e-9)
        lost = sum(float(rows[:, 1].sum()) for rows in lonely) / total
        if lost <= TIED_SHARE:
            lonely = [_not_tied(lonely[0], first, lonely[1]), _not_tied(lonely[1], second, lonely[0])]
            lost = sum(float(rows[:, 1].sum()) for rows in lonely) / total
        worst["unpaired"] = max(worst["unpaired"], lost)
    return worst


def _pair(row: np.ndarray, others: np.ndarray, extent: float, worst: dict[str, float]) -> bool:
    """Whether `others` has this detection; enters the differences where it has."""
    same = others[others[:, 0] == row[0]]
    if not len(same):
        return False
    away = np.abs(same[:, 2:6] - row[2:6]).max(axis=1) / extent
    apart = np.abs(same[:, 1] - row[1])
    best = int(np.argmin(away + apart))
    if away[best] > NEAR:
        return False
    worst["score"] = max(worst["score"], float(apart[best]))
    worst["box"] = max(worst["box"], float(away[best]))
    return True


def _not_tied(lonely: np.ndarray, own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Those of `lonely` whose score is no tie that went the other way."""
    in_own = (np.abs(lonely[:, 1:2] - own[None, :, 1]) <= TIE).sum(axis=1) > 1  # itself and another
    in_others = (np.abs(lonely[:, 1:2] - others[None, :, 1]) <= TIE).any(axis=1)
    return lonely[~(in_own & in_others)]


__all__ = ["detection_differences"]
