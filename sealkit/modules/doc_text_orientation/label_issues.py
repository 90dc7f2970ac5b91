"""Pages and text lines that a classifier sees lying at another angle than their label says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sealkit.data.label_issue import LabelIssue, info
from sealkit.data.labels.orientation import PageSample
from sealkit.errors import ConfigError
from sealkit.images import read_image
from sealkit.modules.doc_text_orientation.orientations import PAGES, Orientations
from sealkit.modules.doc_text_orientation.predictor import OrientationClassifier
from sealkit.runtime.model import InferenceModel

_TOGETHER = 8  # images of a batch


@dataclass(frozen=True)
class IssueRules:
    """From where a classifier speaks against a label."""

    min_score: float = 0.8
    """Score from which another angle is worth a look: the published classifier is above it for nearly all pages."""


RULES = IssueRules()


def classifier_issues(
    samples: Sequence[PageSample], model: InferenceModel, progress: Callable[[int, int], object]
) -> list[LabelIssue]:
    """Classify every page; what differs from its label.

    Args:
        samples: of readable images.
        model: of an orientation classifier.
        progress: called with (images done since the last call, images in all).

    Raises:
        ConfigError: the classifier's classes are not the four angles.
    """
    return issues_of(samples, OrientationClassifier.create(model), PAGES, progress)


def issues_of(
    samples: Sequence[PageSample],
    classifier: OrientationClassifier,
    about: Orientations,
    progress: Callable[[int, int], object],
) -> list[LabelIssue]:
    """`classifier_issues` of a classifier of any orientations."""
    if sorted(classifier.labels) != sorted(about.labels):
        hint = f"give an orientation classifier of {about.things}"
        labels = list(classifier.labels)
        raise ConfigError("the model's classes are other ones", where="--model-dir", value=labels, hint=hint)
    found = []
    for start in range(0, len(samples), _TOGETHER):
        group = samples[start : start + _TOGETHER]
        best = classifier.classify([read_image(sample.image_path) for sample in group])
        for sample, classes in zip(group, best):
            angle = about.angles[about.labels.index(classes.label_names[0])]
            issue = label_issue_of(sample, angle, float(classes.scores[0]), about)
            found += [issue] if issue is not None else []
        progress(len(group), len(samples))
    return found


def label_issue_of(sample: PageSample, angle: int, score: float, about: Orientations = PAGES) -> LabelIssue | None:
    """Disagreement of an image's label with the angle a classifier is sure of; None where there is none."""
    if angle == about.angles[sample.label] or score < RULES.min_score:
        return None
    reason = f"labelled {about.angles[sample.label]} degrees, the classifier sees {angle} with score {score:.2f}"
    other = about.angles.index(angle)
    fix = f"turned counter-clockwise by the label, does the {about.thing} stand upright? else write {other}"
    return LabelIssue(info("lies-otherwise", sample.where, sample.image_path, reason, fix), sample, None, score)


__all__ = ["classifier_issues", "issues_of", "label_issue_of"]
