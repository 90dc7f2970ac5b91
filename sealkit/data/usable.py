"""Decides whether a label file with faults is usable for training, and what the run logs about it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from sealkit.data.fingerprint import fingerprint
from sealkit.data.labels.files import find_label_file
from sealkit.data.records import DetSample
from sealkit.errors import DataError, Problem, summarise

_log = logging.getLogger(__name__)
Sample = TypeVar("Sample")
_ABOUT_TEXTS = ("texts", "ignored", "without_text")


def usable(
    read: tuple[list[Sample], Sequence[Problem]],
    root: str,
    labels: str,
    module: str,
    max_broken_share: float,
    parts: int | None = None,
) -> list[Sample]:
    """Samples of a label file. Faults are logged, and refused where they are more than the share.

    Args:
        read: samples and problems, as the label readers return them.
        root: of the set, for messages.
        labels: of the set, for messages.
        module: whose labels they are, for messages.
        max_broken_share: of the file's parts.
        parts: images and annotations in a JSON file, each of which may have faults; None: a file of lines, one each.

    Raises:
        DataError: nothing usable, or too many faults.
    """
    samples, problems = read
    errors = [problem for problem in problems if problem.severity == "error"]
    bad = len({problem.where for problem in errors}) if parts is None else len(errors)
    total = bad + (len(samples) if parts is None else parts)
    one, many = ("line", "lines") if parts is None else ("image", "images and annotations")
    where = str(Path(root) / labels)
    hint = f"sealkit data check {root} --module {module} lists all of them"
    if not samples:
        raise DataError(f"no usable {one} in the label file\n{summarise(problems)}", where=where, hint=hint)
    useless = next((problem for problem in errors if problem.code == "nothing-to-learn"), None)
    if useless is not None:
        raise DataError(useless.message, where=where, hint=useless.hint)
    if bad > max_broken_share * total:
        raise DataError(
            f"{bad} of {total} {many} have faults, more than train.max_broken_share"
            f" = {max_broken_share}\n{summarise(errors)}",
            where=where,
            hint=hint,
        )
    if errors:
        _log.warning("%s: %d %s with faults\n%s", where, bad, many, summarise(errors))
    return samples


def refuse_nothing(found: int, images: int, what: str, where: str) -> None:
    """Refuse training sets that have nothing to learn from.

    Args:
        found: texts or boxes of all sets together.
        images: of the sets.
        what: was looked for, such as "text".
        where: the sets are.

    Raises:
        DataError: nothing was found.
    """
    if not found:
        hint = "label some; images without any are worth adding only to others"
        raise DataError(f"none of the {images} training images has a {what}: nothing to learn", where=where, hint=hint)


def set_facts(
    root: str, labels: str | None, samples: Sequence[Any], *, texts: bool = True, suffix: str = ".txt"
) -> dict[str, Any]:
    """What a run notes about a set: names, counts, and a fingerprint (sha256) over its label file and images.

    Args:
        root: of the set.
        labels: its label file, None where it has none.
        samples: as read, with `image_path`.
        texts: whether the labels are of texts, to be counted.
        suffix: of the label file, for the message where it is missing.
    """
    file = find_label_file(root, labels, suffix) if labels else ""
    found = fingerprint(root, file, samples if texts else [DetSample(sample.image_path) for sample in samples])
    kept = found if texts else {key: value for key, value in found.items() if key not in _ABOUT_TEXTS}
    return {**kept, "labels": labels}
