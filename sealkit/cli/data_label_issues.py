"""Label issues found by trained models, for `data check --model-dir` and `--read`."""

from __future__ import annotations

from typing import Any

from sealkit.cli.progress import Progress

RECOGNISER = "PP-OCRv6_small_rec"
"""Reads the strips of `--read` without a folder: the one that needs no download."""


def model_issues(report: Any, model_dir: str, find: Any) -> None:
    """Run a module's trained model over every readable image and add what it disagrees with.

    Args:
        report: CheckReport with facts.
        model_dir: exported folder or .onnx file of a model of the report's module.
        find: function (samples, model, progress) → label issues.
    """
    from sealkit.runtime.model import load_model

    model = load_model(model_dir)
    with Progress("running the model") as progress:
        _add(report, find(_readable(report), model, progress))


def reading_issues(report: Any, model_dir: str, find: Any) -> None:
    """Read every label and add what differs.

    Args:
        report: CheckReport with facts.
        model_dir: exported folder or .onnx file of a recogniser, "" for the embedded one.
        find: function (samples, recogniser, progress) → label issues.
    """
    from sealkit.modules.text_recognition.predictor import TextRecogniser
    from sealkit.pipeline.create import create_model
    from sealkit.runtime.model import load_model

    recogniser: Any = TextRecogniser(load_model(model_dir)) if model_dir else create_model(RECOGNISER)
    with Progress("reading the labels") as progress:
        _add(report, find(_readable(report), recogniser, progress))


def _readable(report: Any) -> list[Any]:
    return [s for checked in report.sets for s, facts in zip(checked.samples, checked.facts) if facts.error is None]


def _add(report: Any, found: list[Any]) -> None:
    """The most promising first."""
    found.sort(key=lambda label_issue: -label_issue.weight)
    report.problems += [label_issue.problem for label_issue in found]
    report.label_issues += found
