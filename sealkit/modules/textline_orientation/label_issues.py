"""Text lines that a classifier sees lying the other way than their label says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sealkit.data.label_issue import LabelIssue
from sealkit.data.labels.orientation import PageSample
from sealkit.modules.doc_text_orientation.label_issues import issues_of
from sealkit.modules.textline_orientation.orientations import LINES
from sealkit.modules.textline_orientation.predictor import TextLineClassifier
from sealkit.runtime.model import InferenceModel


def line_issues(
    samples: Sequence[PageSample], model: InferenceModel, progress: Callable[[int, int], object]
) -> list[LabelIssue]:
    """Classify every text line; what differs from its label.

    Args:
        samples: of readable images.
        model: of a text line classifier.
        progress: called with (lines done since the last call, lines in all).

    Raises:
        ConfigError: the classifier's classes are not the two angles.
    """
    return issues_of(samples, TextLineClassifier.create(model), LINES, progress)


__all__ = ["line_issues"]
