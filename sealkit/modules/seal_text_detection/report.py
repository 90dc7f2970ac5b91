"""The detector's part of a run's report: metrics by shape, direction and angle, and the worst images drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from sealkit.errors import DataError
from sealkit.images import read_image
from sealkit.modules.seal_text_detection.metric import DetMetric, Matching, group_names, match_record

WORST = 12
SIDE = 480  # pixels of the long side of a drawn image
_FOUND, _MISSED, _WRONG, _IGNORED = (60, 160, 0), (30, 30, 220), (0, 140, 255), (150, 150, 150)  # BGR


def report_parts(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sections for report.html, see `sealkit.engine.task.Task.report_parts`."""
    matchings = [match_record(record) for record in records]
    parts: list[dict[str, Any]] = [{"title": "Text detection, IoU 0.5", "rows": [_overall(records)]}]
    rows = _by_group(records, matchings)
    if rows:
        parts.append({"title": "Recall by what the labels say", "rows": rows})
    order = sorted(range(len(records)), key=lambda i: (matchings[i].hmean, -_errors(matchings[i])))
    images = []
    for i in [i for i in order if _errors(matchings[i])][:WORST]:
        drawn = _draw(records[i], matchings[i])
        if drawn is not None:
            found, missed, wrong = len(matchings[i].pairs), _missed(matchings[i]), _wrong(matchings[i])
            images.append((f"{records[i]['name']}: {found} found, {missed} missed, {wrong} wrong", drawn))
    if images:
        title = "Worst images (green found, red missed, orange wrong, grey ignored)"
        parts.append({"title": title, "images": images})
    return parts


def _overall(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    metric = DetMetric()
    metric.add(records)
    metrics = metric.compute()
    keys = ("hmean", "precision", "recall", "gt", "pred", "invalid_gt", "invalid_pred")
    return {"images": len(records), **{key: round(metrics[key], 4) for key in keys}}


def _by_group(records: Sequence[dict[str, Any]], matchings: Sequence[Matching]) -> list[dict[str, Any]]:
    counts: dict[str, list[float]] = {}  # texts, found, sum of IoU
    for record, matching in zip(records, matchings):
        iou = {g: value for g, _, value in matching.pairs}
        for g in matching.counted_gt:
            for name in group_names(record["gt"][g]):
                entry = counts.setdefault(name, [0, 0, 0.0])
                entry[0] += 1
                entry[1] += g in iou
                entry[2] += iou.get(g, 0.0)
    return [
        {
            "group": name,
            "texts": int(n),
            "recall": round(found / n, 4),
            "mean IoU of found": round(total / max(found, 1), 4),
        }
        for name, (n, found, total) in sorted(counts.items())
    ]


def _missed(matching: Matching) -> int:
    return len(matching.counted_gt) - len(matching.pairs)


def _wrong(matching: Matching) -> int:
    return len(matching.counted_pred) - len(matching.pairs)


def _errors(matching: Matching) -> int:
    return _missed(matching) + _wrong(matching)


def _draw(record: dict[str, Any], matching: Matching) -> np.ndarray | None:
    """The image with labels thin and predictions thick, long side at most SIDE; None where it is gone."""
    try:
        image = read_image(record["path"])
    except DataError:
        return None
    scale = min(SIDE / max(image.shape[:2]), 1.0)
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    else:
        image = image.copy()
    found_gt = {g for g, _, _ in matching.pairs}
    found_pred = {p for _, p, _ in matching.pairs}
    counted = set(matching.counted_pred)
    for p, outline in enumerate(record["pred"]):
        color = _FOUND if p in found_pred else _WRONG if p in counted else _IGNORED
        for ring in [outline, *record.get("holes", [()] * len(record["pred"]))[p]]:
            _polyline(image, ring, scale, color, 2)
    for g, label in enumerate(record["gt"]):
        color = _IGNORED if label["ignore"] else _FOUND if g in found_gt else _MISSED
        _polyline(image, label["points"], scale, color, 1)
    return image


def _polyline(image: np.ndarray, points: np.ndarray, scale: float, color: tuple[int, int, int], width: int) -> None:
    fixed = np.round(np.asarray(points, np.float64) * scale).astype(np.int32)
    cv2.polylines(image, [fixed], True, color, width, cv2.LINE_AA)


__all__ = ["report_parts"]
