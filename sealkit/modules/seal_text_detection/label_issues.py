"""Label issues: labels that a trained detector disagrees with, the likeliest mistakes first.

A label issue is no verdict: it may be the detector that is wrong. They come sorted, the most promising first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from sealkit.data.label_issue import LabelIssue, info
from sealkit.data.records import DetSample
from sealkit.errors import Problem
from sealkit.geometry.regions import TextRegion
from sealkit.images import read_image
from sealkit.modules.seal_text_detection.predictor import TextDetector
from sealkit.runtime.model import InferenceModel


@dataclass(frozen=True)
class IssueRules:
    """From where a detector speaks against a label."""

    min_score: float = 0.75
    """Score from which a detected region without label is worth a look."""
    confirming_iou: float = 0.5
    """Intersection over union from which a label counts as confirmed (the metric's own rule)."""
    apart_share: float = 0.1
    """Share of a region or label below which two areas have nothing to do with each other."""


RULES = IssueRules()


def detector_issues(
    samples: Sequence[DetSample], model: InferenceModel, progress: Callable[[int, int], object]
) -> list[LabelIssue]:
    """Run a detector over every image; what it disagrees with.

    Args:
        samples: of readable images.
        model: of a text detector.
        progress: called with (images done since the last call, images in all).
    """
    detector = TextDetector.create(model)
    found = []
    for sample in samples:
        found += label_issues_of(sample, detector.regions(detector.maps(read_image(sample.image_path))))
        progress(1, len(samples))
    return found


def label_issues_of(sample: DetSample, regions: Sequence[TextRegion]) -> list[LabelIssue]:
    """Disagreements of one image.

    Args:
        sample: labels; ignored texts excuse what is found on them.
        regions: what a detector found in the same image, source pixels.
    """
    labels = [_valid(line.points) for line in sample.lines]
    found = [_valid(region.outline, region.holes) for region in regions]
    result: list[LabelIssue] = []
    for index, (line, label) in enumerate(zip(sample.lines, labels)):
        if line.ignore or label.area <= 0:
            continue
        common = [label.intersection(area).area for area in found]
        overlap = max((c / label.union(a).area for c, a in zip(common, found) if c > 0), default=0.0)
        covered = sum(common) / label.area
        name = f"text {index} ({line.text!r})"
        if covered < RULES.apart_share:
            result.append(_finds_nothing(sample, line.points, name, covered))
        elif overlap < RULES.confirming_iou:
            result.append(_disagrees(sample, line.points, name, overlap))
    for region, area in zip(regions, found):
        if region.score >= RULES.min_score and area.area > 0:
            covered = sum(area.intersection(label).area for label in labels) / area.area
            if covered < RULES.apart_share:
                result.append(_finds_more(sample, region))
    return sorted(result, key=lambda label_issue: -label_issue.weight)


def _valid(points: np.ndarray, holes: Sequence[np.ndarray] = ()) -> BaseGeometry:
    inner = [np.asarray(hole, np.float64) for hole in holes if len(hole) >= 3]
    polygon = Polygon(np.asarray(points, np.float64), inner)
    return polygon if polygon.is_valid else shapely.make_valid(polygon)


def _finds_nothing(sample: DetSample, points: np.ndarray, name: str, covered: float) -> LabelIssue:
    reason = f"{name}: the detector finds no text there"
    fix = "is the outline where the text is? does the text exist?"
    return LabelIssue(_info("detector-finds-nothing", sample, reason, fix), sample, points, 1.0 - covered)


def _disagrees(sample: DetSample, points: np.ndarray, name: str, overlap: float) -> LabelIssue:
    reason = f"{name}: the detector outlines it differently (intersection over union {overlap:.2f})"
    fix = "is the outline tight and whole? are two texts labelled as one, or one as two?"
    weight = 0.8 * (1 - overlap / RULES.confirming_iou)
    return LabelIssue(_info("detector-disagrees", sample, reason, fix), sample, points, weight)


def _finds_more(sample: DetSample, region: TextRegion) -> LabelIssue:
    x, y = region.outline.mean(axis=0)
    reason = f"the detector finds an unlabelled text around ({x:.0f}, {y:.0f}) with score {region.score:.2f}"
    fix = 'label it, as "###" if it cannot be read'
    return LabelIssue(_info("detector-finds-more", sample, reason, fix), sample, region.outline, region.score)


def _info(kind: str, sample: DetSample, reason: str, fix: str) -> Problem:
    return info(kind, sample.where, sample.image_path, reason, fix)


__all__ = ["LabelIssue", "detector_issues", "label_issues_of"]
