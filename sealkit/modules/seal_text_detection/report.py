"""The detector's part of a run's report: how much it finds, images where it fails and where it does not, precision
over recall, and recall by shape, direction and angle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from sealkit.errors import DataError
from sealkit.images import read_image
from sealkit.modules.seal_text_detection.metric import DetMetric, Matching, group_names, match_record

WORST = 12
GOOD = 6
CURVE = 200  # most points of the curve
SIDE = 480  # pixels of the long side of a drawn image
_FOUND, _MISSED, _WRONG, _IGNORED = (60, 160, 0), (30, 30, 220), (0, 140, 255), (150, 150, 150)  # BGR


def report_parts(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sections for report.html, see `sealkit.engine.task.Task.report_parts`."""
    matchings = [match_record(record) for record in records]
    overall = _overall(records)
    parts: list[dict[str, Any]] = [{"title": "Text detection, IoU 0.5", "text": _verdict(overall, matchings)}]
    order = sorted(range(len(records)), key=lambda i: (matchings[i].hmean, -_errors(matchings[i])))
    legend = "Green found, red missed, orange wrong, grey ignored."
    worst = _images(records, matchings, [i for i in order if _errors(matchings[i])][:WORST])
    if worst:
        parts.append({"title": "Worst images", "text": legend, "images": worst})
    right = [i for i in range(len(records)) if matchings[i].pairs and not _errors(matchings[i])]
    good = _images(records, matchings, sorted(right, key=lambda i: -len(matchings[i].pairs))[:GOOD])
    if good:
        text = f"{len(right)} of {len(records)} images are without an error; those with the most texts."
        parts.append({"title": "Good images", "text": text, "images": good})
    curve = precision_over_recall(records, matchings)
    if len(curve) > 1:
        chart = {"series": {"outlines by their score": curve}, "x_label": "recall", "title": "Precision at IoU 0.5"}
        text = "To the left only the surest outlines; the right end is what the model is used with."
        parts.append({"title": "Precision over recall", "text": text, "chart": {**chart, "rates": True}})
    parts.append({"title": "Text detection in numbers", "rows": [overall], "fold": True})
    rows = _by_group(records, matchings)
    if rows:
        parts.append({"title": "Recall by what the labels say", "rows": rows, "fold": True})
    return parts


def precision_over_recall(
    records: Sequence[dict[str, Any]], matchings: Sequence[Matching]
) -> list[tuple[float, float]]:
    """(recall, precision) of the outlines at or above every score there is, the highest first.

    Which outline belongs to which label is decided once, among all.
    """
    ranked = []
    for record, matching in zip(records, matchings):
        right = {p for _, p, _ in matching.pairs}
        ranked += [(record["scores"][p], p in right) for p in matching.counted_pred]
    labels = sum(len(matching.counted_gt) for matching in matchings)
    if not ranked or not labels:
        return []
    ranked.sort(key=lambda one: -one[0])
    scores, hits = np.array([score for score, _ in ranked]), np.cumsum([hit for _, hit in ranked])
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # of the outlines with one score
    if len(last) > CURVE:
        last = last[np.unique(np.linspace(0, len(last) - 1, CURVE).round().astype(int))]
    return [(float(hits[i] / labels), float(hits[i] / (i + 1))) for i in last]


def _images(
    records: Sequence[dict[str, Any]], matchings: Sequence[Matching], chosen: Sequence[int]
) -> list[tuple[str, np.ndarray]]:
    images = []
    for i in chosen:
        drawn = _draw(records[i], matchings[i])
        if drawn is not None:
            found, missed, wrong = len(matchings[i].pairs), _missed(matchings[i]), _wrong(matchings[i])
            images.append((f"{records[i]['name']}: {found} found, {missed} missed, {wrong} wrong", drawn))
    return images


def _verdict(overall: dict[str, Any], matchings: Sequence[Matching]) -> str:
    """`83 of 100 texts were found (recall 0.83), 6 of 89 outlines are wrong (precision 0.93): Hmean 0.88.`."""
    texts, wrong = int(overall["gt"]), sum(map(_wrong, matchings))
    found = texts - sum(map(_missed, matchings))
    return (
        f"{found} of {texts} texts were found (recall {overall['recall']:.4f}), {wrong} of {int(overall['pred'])} "
        f"outlines are wrong (precision {overall['precision']:.4f}): Hmean {overall['hmean']:.4f}."
    )


def _overall(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    metric = DetMetric()
    metric.add(records)
    metrics = metric.compute()
    rates = {key: round(metrics[key], 4) for key in ("hmean", "precision", "recall")}
    counts = {key: int(metrics[key]) for key in ("gt", "pred", "invalid_gt", "invalid_pred")}
    return {"images": len(records), **rates, **counts}


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


__all__ = ["precision_over_recall", "report_parts"]
