"""What is wrong with a dataset, as records that every reader and checker shares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Problem:
    """One fault of a dataset.

    Attributes:
        kind: short stable key such as "bad-json"; reports group by it and tests compare it.
        where: "labels.txt:17", an image's path, or a label file's path.
        reason: what is wrong, with the offending value.
        fix: what to do about it.
        severity: "error": the line, text or image was left out; "warning": it was read, perhaps with a repair;
            "info": worth knowing, nothing to mend.
    """

    kind: str
    where: str
    reason: str
    fix: str
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.where}: {self.severity}: {self.reason} [{self.kind}]\n  fix: {self.fix}"

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


def count_by_kind(problems: Iterable[Problem]) -> dict[str, int]:
    """Number of problems per kind, the most frequent first."""
    counts: dict[str, int] = {}
    for problem in problems:
        counts[problem.kind] = counts.get(problem.kind, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def summarise(problems: Iterable[Problem], limit: int = 5) -> str:
    """The first `limit` problems as text, and how many more there are; "" where there are none."""
    listed = list(problems)
    lines = [str(problem) for problem in listed[:limit]]
    if len(listed) > limit:
        lines.append(f"… and {len(listed) - limit} more")
    return "\n".join(lines)


__all__ = ["Problem", "Severity", "count_by_kind", "summarise"]
