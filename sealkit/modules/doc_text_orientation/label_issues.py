"""Pages that a classifier sees lying at another angle than their label says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sealkit.data.label_issue import LabelIssue, info
from sealkit.data.labels.orientation import ANGLES, PageSample
from sealkit.errors import ConfigError
from sealkit.images import read_image
from sealkit.modules.doc_text_orientation.predictor import OrientationClassifier
from sealkit.runtime.model import InferenceModel

SURE = 0.8
"""Score from which another angle is worth a look: the published classifier is above it for nearly all pages."""
_TOGETHER = 8  # pages of a batch


def classifier_issues(
    samples: Sequence[PageSample], model: InferenceModel, tell: Callable[[int, int], object]
) -> list[LabelIssue]:
    """Classify every page; what differs from its label.

    Args:
        samples: of readable images.
        model: of an orientation classifier.
        tell: called with (pages done since the last call, pages in all).

    Raises:
        ConfigError: the classifier's classes are not the four angles.
    """
    classifier = OrientationClassifier.create(model)
    known = [str(angle) for angle in ANGLES]
    if sorted(classifier.input.labels) != sorted(known):
        hint = "give an orientation classifier of whole pages"
        labels = list(classifier.input.labels)
        raise ConfigError("the model's classes are not the four angles", where="--model-dir", value=labels, hint=hint)
    found = []
    for start in range(0, len(samples), _TOGETHER):
        group = samples[start : start + _TOGETHER]
        best = classifier.classify([read_image(sample.image_path) for sample in group])
        for sample, classes in zip(group, best):
            issue = label_issue_of(sample, int(classes.label_names[0]), float(classes.scores[0]))
            found += [issue] if issue is not None else []
        tell(len(group), len(samples))
    return found


def label_issue_of(sample: PageSample, angle: int, score: float) -> LabelIssue | None:
    """Disagreement of a page's label with the angle a classifier is sure of; None where there is none."""
    if angle == ANGLES[sample.label] or score < SURE:
        return None
    reason = f"labelled {ANGLES[sample.label]} degrees, the classifier sees {angle} with score {score:.2f}"
    fix = f"turned counter-clockwise by the label, does the page stand upright? else write {ANGLES.index(angle)}"
    return LabelIssue(info("lies-otherwise", sample.where, sample.image_path, reason, fix), sample, None, score)


__all__ = ["classifier_issues", "label_issue_of"]
