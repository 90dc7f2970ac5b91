"""When a label file with faults may still be trained on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from sealkit.errors import DataError, Problem, summarise

_log = logging.getLogger(__name__)
Sample = TypeVar("Sample")


def usable(
    read: tuple[list[Sample], Sequence[Problem]], root: str, labels: str, module: str, max_broken_share: float
) -> list[Sample]:
    """Samples of a label file. Bad lines are logged, and refused where they are more than the share.

    Args:
        read: samples and problems, as the label readers return them.
        root, labels: of the set, for messages.

    Raises:
        DataError: no usable line, or too many bad ones.
    """
    samples, problems = read
    errors = [problem for problem in problems if problem.severity == "error"]
    bad_lines = len({problem.where for problem in errors})
    where = str(Path(root) / labels)
    hint = f"sealkit data check {root} --module {module} lists all of them"
    if not samples:
        raise DataError(f"no usable line in the label file\n{summarise(problems)}", where=where, hint=hint)
    if bad_lines > max_broken_share * (len(samples) + bad_lines):
        raise DataError(
            f"{bad_lines} of {len(samples) + bad_lines} lines have faults, more than train.max_broken_share"
            f" = {max_broken_share}\n{summarise(errors)}",
            where=where,
            hint=hint,
        )
    if errors:
        _log.warning("%s: %d lines with faults\n%s", where, bad_lines, summarise(errors))
    return samples
