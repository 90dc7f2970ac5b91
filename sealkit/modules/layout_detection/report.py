"""The layout detector's part of a run's report: how much it finds, pages where it fails and where it does not,
precision over recall, and metrics by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from sealkit.errors import DataError
from sealkit.geometry.boxes import iou, share_in
from sealkit.images import read_image
from sealkit.modules.layout_detection.metric import LayoutMetric

WORST = 12
GOOD = 6
SIDE = 480  # pixels of the long side of a drawn page
IOU = 0.5
_FOUND, _MISSED, _WRONG, _CROWD = (60, 160, 0), (30, 30, 220), (0, 140, 255), (150, 150, 150)  # BGR


@dataclass(frozen=True)
class PageMatch:
    """What of one page was found, at the threshold boxes are shown with.

    Attributes:
        pairs: (label, prediction) numbers.
        missed: labels without prediction.
        wrong: predictions without label.
        shown: predictions above the threshold.
    """

    pairs: list[tuple[int, int]]
    missed: list[int]
    wrong: list[int]
    shown: list[int]

    @property
    def errors(self) -> int:
        return len(self.missed) + len(self.wrong)


def match_page(record: dict[str, Any], threshold: float) -> PageMatch:
    """Predictions above the threshold, the best first, each with the free label of its class it overlaps most
    (IoU 0.5 at least). Predictions half of which lie on a crowd are neither right nor wrong."""
    rows = np.asarray(record["pred"], np.float64).reshape(-1, 6)
    shown = [int(i) for i in np.argsort(-rows[:, 1], kind="stable") if rows[i, 1] > threshold]
    free = {i for i, label in enumerate(record["gt"]) if not label["crowd"]}
    pairs, wrong = [], []
    for p in shown:
        same = {g: iou(record["gt"][g]["box"], rows[p, 2:]) for g in free if record["gt"][g]["label"] == rows[p, 0]}
        best = max(same, key=lambda g: same[g], default=None)
        if best is not None and same[best] >= IOU:
            pairs.append((best, p))
            free.discard(best)
        elif not any(label["crowd"] and share_in(rows[p, 2:], label["box"]) > 0.5 for label in record["gt"]):
            wrong.append(p)
    return PageMatch(pairs, sorted(free), wrong, shown)


def report_parts(records: Sequence[dict[str, Any]], classes: Sequence[str], threshold: float) -> list[dict[str, Any]]:
    """Sections for report.html, see `sealkit.engine.task.Task.report_parts`."""
    metric = LayoutMetric(classes)
    metric.add(records)
    metrics = metric.compute()
    matches = [match_page(record, threshold) for record in records]
    overall = {name: round(metrics[name], 4) for name in ("map", "map50", "map75", "recall")}
    counts = {name: int(metrics[name]) for name in ("gt", "pred")}
    parts: list[dict[str, Any]] = [
        {"title": "Layout detection, COCO", "text": _verdict(matches, threshold, overall["map"])},
    ]
    order = sorted(range(len(records)), key=lambda i: (-matches[i].errors, i))
    worst = _images(records, matches, classes, [i for i in order if matches[i].errors][:WORST])
    if worst:
        text = "Green found, red missed, orange wrong, grey crowds."
        parts.append({"title": "Worst pages", "text": text, "images": worst})
    right = [i for i in range(len(records)) if matches[i].pairs and not matches[i].errors]
    good = _images(records, matches, classes, sorted(right, key=lambda i: -len(matches[i].pairs))[:GOOD])
    if good:
        text = f"{len(right)} of {len(records)} pages are without an error; those with the most boxes."
        parts.append({"title": "Good pages", "text": text, "images": good})
    curves = _curves(metric, classes)
    if curves:
        chart = {"series": curves, "x_label": "recall", "title": f"Precision at IoU {IOU}", "rates": True}
        parts.append({"title": "Precision over recall", "chart": chart})
    rows = [row for n, name in enumerate(classes) if (row := _class_row(n, name, records, matches, metrics))]
    text = f"Precision and recall at IoU {IOU} for boxes with a score above {threshold}."
    numbers = [{"pages": len(records), **overall, **counts}]
    parts.append({"title": "Layout detection in numbers", "rows": numbers, "fold": True})
    parts.append({"title": "By class", "text": text, "rows": rows, "fold": True})
    return parts


def _verdict(matches: Sequence[PageMatch], threshold: float, average: float) -> str:
    """`19 of 20 boxes were found on 18 pages, and 5 that are none (score above 0.5); mAP 0.6104.`."""
    found, missed = sum(len(match.pairs) for match in matches), sum(len(match.missed) for match in matches)
    wrong = sum(len(match.wrong) for match in matches)
    return (
        f"{found} of {found + missed} boxes were found on {len(matches)} pages, and {wrong} that are none (score above "
        f"{threshold:g}); mAP {average:.4f}."
    )


def _images(
    records: Sequence[dict[str, Any]], matches: Sequence[PageMatch], classes: Sequence[str], chosen: Sequence[int]
) -> list[tuple[str, np.ndarray]]:
    images = []
    for i in chosen:
        drawn = _draw(records[i], matches[i], classes)
        if drawn is not None:
            counts = f"{len(matches[i].pairs)} found, {len(matches[i].missed)} missed, {len(matches[i].wrong)} wrong"
            images.append((f"{records[i]['name']}: {counts}", drawn))
    return images


def _class_row(
    number: int, name: str, records: Sequence[dict[str, Any]], matches: Sequence[PageMatch], metrics: dict[str, float]
) -> dict[str, Any] | None:
    """None for a class that is neither labelled nor found."""
    labels = found = wrong = 0
    for record, match in zip(records, matches):
        labels += sum(label["label"] == number and not label["crowd"] for label in record["gt"])
        found += sum(record["gt"][g]["label"] == number for g, _ in match.pairs)
        wrong += sum(int(record["pred"][p][0]) == number for p in match.wrong)
    if not labels and not wrong:
        return None
    return {
        "class": name,
        "boxes": labels,
        "AP": metrics.get(f"ap/{name}"),
        "AP(0.5)": metrics.get(f"ap50/{name}"),
        "recall": round(found / labels, 4) if labels else None,
        "precision": round(found / (found + wrong), 4) if found + wrong else None,
        "wrong per page": round(wrong / max(len(records), 1), 4),
    }


def _curves(metric: LayoutMetric, classes: Sequence[str]) -> dict[str, list[tuple[float, float]]]:
    """Class → points (recall, precision) at IoU 0.5."""
    at_50 = metric.accumulate().precision[0]  # (101 recalls, classes)
    recalls = np.linspace(0, 1, len(at_50))
    return {
        name: list(zip(recalls.tolist(), at_50[:, number].tolist()))
        for number, name in enumerate(classes)
        if (at_50[:, number] > -1).all()
    }


def _draw(record: dict[str, Any], match: PageMatch, classes: Sequence[str]) -> np.ndarray | None:
    """The page with labels thin and predictions thick, long side at most SIDE; None where it is gone."""
    try:
        image = read_image(record["path"])
    except DataError:
        return None
    scale = min(SIDE / max(image.shape[:2]), 1.0)
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image.copy()
    found = {p for _, p in match.pairs}
    missed, wrong = set(match.missed), set(match.wrong)
    for p in match.shown:
        row = record["pred"][p]
        color = _FOUND if p in found else _WRONG if p in wrong else _CROWD
        name = classes[int(row[0])] if int(row[0]) < len(classes) else "?"
        _box(image, row[2:6], scale, color, 2, "" if p in found else f"{name} {row[1]:.2f}")
    for g, label in enumerate(record["gt"]):
        color = _CROWD if label["crowd"] else _MISSED if g in missed else _FOUND
        name = classes[label["label"]]
        _box(image, label["box"], scale, color, 1, name if g in missed else "")
    return image


def _box(
    image: np.ndarray, box: Sequence[float], scale: float, color: tuple[int, int, int], width: int, text: str
) -> None:
    x1, y1, x2, y2 = (round(float(v) * scale) for v in box)
    cv2.rectangle(image, (x1, y1), (x2, y2), color, width, cv2.LINE_AA)
    if text:
        cv2.putText(image, text, (x1 + 2, max(y1 - 3, 9)), cv2.FONT_HERSHEY_SIMPLEX, 0.35, color, 1, cv2.LINE_AA)


__all__ = ["match_page", "report_parts"]
