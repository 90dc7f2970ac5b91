"""First steps of every dataset check: the label files of a folder, and a survey of all images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sealkit.data.check_report import CheckedSet, CheckReport
from sealkit.data.images import survey
from sealkit.errors import DataError, Problem
from sealkit.images import UNREAD_SUFFIXES, list_images, suffix_of
from sealkit.workers.pool import Workers

NOTHING = "nothing-to-learn"
"""Code of the problem that makes a part useless; training refuses it."""


def dataset_folder(root: str | Path) -> Path:
    """The folder; DataError where it is none."""
    root = Path(root)
    if root.is_file():
        raise DataError("this is a file, not a dataset's folder", where=str(root), hint=f"give {root.parent}")
    if not root.is_dir():
        raise DataError("no such folder", where=str(root), hint="check the path of the dataset")
    return root


def read_sets(
    report: CheckReport,
    read: Callable[[str, str], CheckedSet],
    files: tuple[str, str | None, str | None],
    val_required: bool,
    keep: str,
) -> None:
    """Read the label files into the report.

    Args:
        read: name of a part and its label file → what it holds.
        files: label files for training, validation and test; None: there is no such part.
        val_required: read the validation file also where the folder has none: else that is a warning.
        keep: what to hold out for validation, in words.
    """
    train, val, test = files
    report.sets.append(read("train", train))
    if val is not None and not val_required and not (report.root / val).is_file():
        reason = f"there is no validation file {val}"
        report.problems.append(Problem("no-validation-set", str(report.root), reason, keep, "warning"))
    elif val is not None:
        report.sets.append(read("val", val))
    if test is not None:
        report.sets.append(read("test", test))


def survey_sets(
    report: CheckReport, workers: int | Workers, progress: Callable[[int, int], object] | None, compare: bool
) -> None:
    """Read and decode every image of the sets: fills their `facts`. Arguments as those of `check_dataset`."""
    total = sum(len(checked.samples) for checked in report.sets)
    for checked in report.sets:
        advance = (lambda done: progress(done, total)) if progress is not None else None
        checked.facts = survey(
            [s.image_path for s in checked.samples], workers=workers, progress=advance, compare=compare
        )


def refuse_when_no_image_exists(report: CheckReport, hint: Callable[[Path], str]) -> None:
    """After `survey_sets`: labels of which not one image is there are not a set with many problems, but none.

    Args:
        hint: the path of one of the images → what to do.

    Raises:
        DataError: there are labelled images, and none of them exists.
    """
    facts = [fact for checked in report.sets for fact in checked.facts]
    if facts and all(fact.error is not None and fact.error.what == "no such image" for fact in facts):
        raise DataError(
            f"none of the {len(facts)} labelled images exists",
            where=str(report.root),
            value=str(facts[0].path),
            hint=hint(facts[0].path),
        )


def nothing_to_learn(report: CheckReport, count: Callable[[CheckedSet], int], what: str) -> None:
    """Report each part whose images have nothing to learn from, or to score against.

    Args:
        count: of a part, how much it has.
        what: that is counted, such as "text".
    """
    told = {problem.where for problem in report.problems if problem.code == NOTHING}
    for checked in report.sets:
        if checked.samples and not count(checked) and checked.label_file not in told:
            use = "learn from" if checked.name == "train" else "score against"
            reason = f"none of the {len(checked.samples)} images has a {what}: nothing to {use}"
            fix = "label some; images without any are worth adding only to others"
            report.problems.append(Problem(NOTHING, checked.label_file, reason, fix, "error"))


def unread_images(root: Path) -> list[Problem]:
    """One warning on the images of a folder that no decoder here reads, such as HEIC."""
    try:
        files = list_images(root, unread=True)
    except DataError:
        return []
    unread = [file for file in files if suffix_of(file) in UNREAD_SUFFIXES]
    if not unread:
        return []
    reason = f"{len(unread)} images have formats that cannot be read, such as {unread[0]}"
    return [Problem("unread-images", str(root), reason, "convert them to JPEG or PNG, and label those", "warning")]


__all__ = [
    "NOTHING",
    "dataset_folder",
    "nothing_to_learn",
    "read_sets",
    "refuse_when_no_image_exists",
    "survey_sets",
    "unread_images",
]
