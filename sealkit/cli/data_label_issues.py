"""Label issues found by trained models, for `data check --model-dir` and `--read`."""

from __future__ import annotations

from typing import Any

from sealkit.cli.progress import Progress

RECOGNISER = "PP-OCRv6_small_rec"
"""Reads the strips of `--read` without a folder: the one that needs no download."""


def detector_label_issues(report: Any, model_dir: str, label_issues_of: Any) -> None:
    """Run a detector over every readable image and add what it disagrees with, the most promising first.

    Args:
        report: CheckReport with facts.
        model_dir: exported folder or .onnx file of a detector.
        label_issues_of: function (sample, regions) → label issues.
    """
    from sealkit.images import read_image
    from sealkit.modules.seal_text_detection.predictor import TextDetector
    from sealkit.runtime.model import load_model

    detector = TextDetector.create(load_model(model_dir))
    samples = _readable(report)
    found = []
    with Progress("running the detector") as progress:
        for sample in samples:
            found += label_issues_of(sample, detector.regions(detector.maps(read_image(sample.image_path))))
            progress(1, len(samples))
    _add(report, found)


def reading_issues(report: Any, model_dir: str, label_issues_of: Any) -> None:
    """Read every label whose points have a direction, and add what differs.

    Args:
        report: CheckReport with facts.
        model_dir: exported folder or .onnx file of a recogniser, "" for the embedded one.
        label_issues_of: function (sample, readings) → label issues.
    """
    from sealkit.images import read_image
    from sealkit.modules.text_recognition.predictor import TextRecogniser
    from sealkit.pipeline.create import create_model
    from sealkit.runtime.model import load_model

    recogniser: Any = TextRecogniser(load_model(model_dir)) if model_dir else create_model(RECOGNISER)
    samples = [sample for sample in _readable(report) if any(_can_be_read(line) for line in sample.lines)]
    found = []
    with Progress("reading the labels") as progress:
        for sample in samples:
            found += label_issues_of(sample, _readings(sample, read_image(sample.image_path), recogniser))
            progress(1, len(samples))
    _add(report, found)


def _readings(sample: Any, image: Any, recogniser: Any) -> list[Any]:
    """Every label's strip read as labelled and turned by 180 degrees, in one batch."""
    from sealkit.errors import DataError
    from sealkit.geometry.lines import LinePoly
    from sealkit.geometry.straighten import straighten
    from sealkit.modules.seal_text_detection.reading_issues import Readings

    numbers, strips = [], []
    for number, line in enumerate(sample.lines):
        if not _can_be_read(line):
            continue
        try:
            line_poly = LinePoly(line.points, direction=line.direction)
            pair = [straighten(image, line_poly), straighten(image, line_poly.turned())]
        except DataError:
            continue  # a line without extent; the outline check speaks of it
        numbers.append(number)
        strips += pair
    results = recogniser.read(strips) if strips else []
    return [
        Readings(number, straight.text, straight.score, turned.text, turned.score)
        for number, straight, turned in zip(numbers, results[::2], results[1::2])
    ]


def _can_be_read(line: Any) -> bool:
    return not line.ignore and line.direction is not None and bool(line.text.strip())


def _readable(report: Any) -> list[Any]:
    return [s for checked in report.sets for s, facts in zip(checked.samples, checked.facts) if facts.error is None]


def _add(report: Any, found: list[Any]) -> None:
    found.sort(key=lambda label_issue: -label_issue.weight)
    report.problems += [label_issue.problem for label_issue in found]
    report.label_issues += found
