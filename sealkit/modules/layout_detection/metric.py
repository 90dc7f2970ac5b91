"""COCO average precision of boxes, by pycocotools: the official implementation."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MAX_DETECTIONS = 100
_ALL_AREAS = 0
_AT_50, _AT_75 = 0, 5  # places of the IoUs 0.5 and 0.75 in 0.5, 0.55, …, 0.95


@dataclass(frozen=True)
class Accumulated:
    """What pycocotools made of a set.

    Attributes:
        precision: (10 IoUs, 101 recalls, classes) float64; -1 where a class has no labelled box.
        recall: (10 IoUs, classes) with at most 100 detections per page; -1 likewise.
        stats: the twelve metrics of `COCOeval.summarize`; -1 = undefined.
    """

    precision: np.ndarray
    recall: np.ndarray
    stats: np.ndarray

    def average(self, number: int | None = None, iou: int | None = None) -> float | None:
        """Average precision of a class (None: of all) at an IoU (place in the list; None: mean of all); None where no
        class has a labelled box."""
        values = self.precision if iou is None else self.precision[iou : iou + 1]
        values = values if number is None else values[:, :, number]
        defined = values[values > -1]
        return float(defined.mean()) if defined.size else None


@dataclass
class LayoutMetric:
    """Gathers records {"gt": [{"box", "label", "crowd"}], "pred": (K, 6) class, score, x1, y1, x2, y2} of pages.

    `compute` gives "map" (mean over IoU 0.5 to 0.95), "map50", "map75", "recall" (of at most 100 boxes a page, mean
    over the same IoUs); "ap/seal" and "ap50/seal" per class that has labelled boxes; "gt" and "pred": how many counted.
    A set without any labelled box has a map of 0.
    """

    classes: Sequence[str]
    records: list[dict[str, Any]] = field(default_factory=list)

    def add(self, records: Sequence[dict[str, Any]]) -> None:
        """Keep records of any number of batches; boxes in source pixels."""
        self.records += records

    def compute(self) -> dict[str, float]:
        """Average precisions and recall in 0..1, and counts, by the names the class lists. Needs pycocotools."""
        found = self.accumulate()
        overall = {"map": None, "map50": _AT_50, "map75": _AT_75}
        metrics = {name: found.average(iou=iou) or 0.0 for name, iou in overall.items()}
        recalls = found.recall[found.recall > -1]
        metrics["recall"] = float(recalls.mean()) if recalls.size else 0.0
        for number, name in enumerate(self.classes):
            average = found.average(number)
            if average is not None:
                metrics[f"ap/{name}"] = average
                metrics[f"ap50/{name}"] = found.average(number, _AT_50) or 0.0
        metrics["gt"] = float(sum(not box["crowd"] for record in self.records for box in record["gt"]))
        metrics["pred"] = float(sum(len(record["pred"]) for record in self.records))
        return metrics

    def accumulate(self) -> Accumulated:
        """Everything pycocotools finds out; classes in the metric's order."""
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
            truth = COCO()
            truth.dataset = _truth(self.records, self.classes)
            truth.createIndex()
            results = _results(self.records)
            if not results or not truth.dataset["annotations"]:
                return _nothing(self.records, len(self.classes))
            run = COCOeval(truth, truth.loadRes(results), "bbox")
            run.evaluate()
            run.accumulate()
            run.summarize()
        precision = run.eval["precision"][:, :, :, _ALL_AREAS, -1]
        return Accumulated(precision, run.eval["recall"][:, :, _ALL_AREAS, -1], run.stats)


def _truth(records: Sequence[dict[str, Any]], classes: Sequence[str]) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for page, record in enumerate(records, 1):
        for box in record["gt"]:
            x1, y1, x2, y2 = (float(v) for v in box["box"])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": page,
                    "category_id": int(box["label"]) + 1,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": int(box["crowd"]),
                }
            )
    return {
        "images": [{"id": page} for page in range(1, len(records) + 1)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(classes, 1)],
        "annotations": annotations,
    }


def _results(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for page, record in enumerate(records, 1):
        for number, score, x1, y1, x2, y2 in np.asarray(record["pred"], np.float64).reshape(-1, 6).tolist():
            box = [x1, y1, x2 - x1, y2 - y1]
            found.append({"image_id": page, "category_id": int(number) + 1, "bbox": box, "score": score})
    return found


def _nothing(records: Sequence[dict[str, Any]], classes: int) -> Accumulated:
    """No detection, or no label: pycocotools cannot be asked."""
    labelled = {int(box["label"]) for record in records for box in record["gt"] if not box["crowd"]}
    value = np.array([0.0 if number in labelled else -1.0 for number in range(classes)])
    precision, recall = np.tile(value, (10, 101, 1)), np.tile(value, (10, 1))
    return Accumulated(precision, recall, np.full(12, 0.0 if labelled else -1.0))


__all__ = ["MAX_DETECTIONS", "Accumulated", "LayoutMetric"]
