"""Boxes that a layout detector does not find, finds elsewhere or of another class, and regions without a box."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sealkit.data.label_issue import LabelIssue, info
from sealkit.data.records import LayoutSample
from sealkit.errors import ConfigError
from sealkit.geometry.boxes import box_iou
from sealkit.modules.layout_detection.predictor import LayoutDetector
from sealkit.runtime.model import InferenceModel


@dataclass(frozen=True)
class IssueRules:
    """From where a detector speaks against a label."""

    min_score: float = 0.7
    """Score from which a region without box, or of another class, is worth a look."""
    confirming_score: float = 0.3
    """Score from which a region confirms a box."""
    confirming_iou: float = 0.5
    """Intersection over union from which a box counts as confirmed (that of mAP(0.5))."""
    apart_iou: float = 0.1
    """Intersection over union below which two boxes have nothing to do with each other."""


RULES = IssueRules()


def detector_issues(
    samples: Sequence[LayoutSample], model: InferenceModel, progress: Callable[[int, int], object]
) -> list[LabelIssue]:
    """Run a layout detector over every page; what it disagrees with.

    Args:
        samples: of readable images.
        model: of a layout detector.
        progress: called with (pages done since the last call, pages in all).

    Raises:
        ConfigError: it knows none of the labels' classes.
    """
    detector = LayoutDetector.create(model)
    classes = {box.label for sample in samples for box in sample.boxes}
    shared = classes & set(detector.labels)
    if not shared:
        raise ConfigError(
            "the model knows none of the classes of the labels",
            where="--model-dir",
            value=sorted(classes),
            hint=f"it knows {', '.join(detector.labels)}",
        )
    found = []
    for sample in samples:
        for result in detector.predict(str(sample.image_path), threshold=RULES.confirming_score):
            found += label_issues_of(sample, result["boxes"], shared)
        progress(1, len(samples))
    return found


def label_issues_of(sample: LayoutSample, regions: Sequence[Mapping[str, Any]], classes: set[str]) -> list[LabelIssue]:
    """Disagreements of one page.

    Args:
        sample: labels; crowds excuse what is found on them.
        regions: what a detector found: label, score, coordinate (x1, y1, x2, y2).
        classes: that labels and detector share; others are not judged.
    """
    own = [region for region in regions if region["label"] in classes]
    corners = np.array([region["coordinate"] for region in own], np.float64).reshape(-1, 4)
    boxes = np.array([box.box for box in sample.boxes], np.float64).reshape(-1, 4)
    shared = box_iou(boxes, corners)
    found: list[LabelIssue] = []

    def add(kind: str, where: str, reason: str, fix: str, box: np.ndarray, weight: float) -> None:
        x1, y1, x2, y2 = box
        outline = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)
        found.append(LabelIssue(info(kind, where, sample.image_path, reason, fix), sample, outline, weight))

    for box, row in zip(sample.boxes, shared):
        if box.crowd or box.label not in classes:
            continue
        best = {region["label"]: 0.0 for region in own}
        for region, common in zip(own, row):
            best[region["label"]] = max(best[region["label"]], float(common))
        sure = [
            r["label"]
            for r, common in zip(own, row)
            if common >= RULES.confirming_iou and r["score"] >= RULES.min_score
        ]
        place = f"{box.label} at {', '.join(f'{float(v):.0f}' for v in box.box)}"
        if best.get(box.label, 0.0) >= RULES.confirming_iou:
            continue
        if sure:
            reason, fix = f"{place}: the detector finds {sure[0]}", "which class is right?"
            add("other-class", box.where, reason, fix, box.box, 0.9)
        elif max(best.values(), default=0.0) < RULES.apart_iou:
            reason, fix = f"{place}: the detector finds nothing there", "is the box where the region is?"
            add("box-not-found", box.where, reason, fix, box.box, 0.7)
        else:
            reason = f"{place}: the detector finds it elsewhere (intersection over union {max(best.values()):.2f})"
            add("box-disagrees", box.where, reason, "is the box tight and whole?", box.box, 0.5)
    for region, column in zip(own, shared.T):
        if region["score"] >= RULES.min_score and column.max(initial=0.0) < RULES.apart_iou:
            place = ", ".join(f"{float(v):.0f}" for v in region["coordinate"])
            reason = f"the detector finds an unlabelled {region['label']} at {place} with score {region['score']:.2f}"
            corner = np.asarray(region["coordinate"], np.float64)
            add("box-missing", sample.where, reason, "draw a box around it", corner, float(region["score"]))
    return sorted(found, key=lambda issue: -issue.weight)


__all__ = ["detector_issues", "label_issues_of"]
