"""Report of a dataset check as text, JSON and sections of an HTML page.

Knows no module: a module's `check.py` fills it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.errors import Problem, Severity
from sealkit.files import write_text

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
_NAMES = {"error": "errors", "warning": "warnings", "info": "notes"}


@dataclass
class CheckedSet:
    """One label file of a dataset after the check.

    Attributes:
        name: "train", "val", …
        label_file: as the user named it, relative to the root where possible.
        samples: sound samples, module-specific records with `image_path`, `lines` and `where`.
        facts: `ImageFacts` of the samples, same order.
        counts: what there is, in the order to print ("images", "texts", …).
        histograms: title -> value -> count.
    """

    name: str
    label_file: str
    samples: list[Any] = field(default_factory=list)
    facts: list[Any] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    histograms: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass
class CheckReport:
    """Result of `check_dataset` of a module.

    Attributes:
        module: name of the module whose rules were applied.
        root: the dataset's folder.
        dataset_type: PaddleX's name of the format, "TextDetDataset".
        sets: the label files.
        problems: everything found, in file order.
        galleries: makes the page's images when asked: (title, text, [(caption, (H, W, 3) uint8 BGR)]).
        label_issues: what a trained detector disagrees with, the most promising first; empty where none was asked.
        num_classes: classes that the labels tell apart: of regions, angles or characters; 1 for outlines of texts.
        seconds: time taken.
    """

    module: str
    root: Path
    dataset_type: str
    sets: list[CheckedSet] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    galleries: Callable[[], Iterable[tuple[str, str, list[tuple[str, np.ndarray]]]]] | None = None
    label_issues: list[Any] = field(default_factory=list)
    num_classes: int = 1
    seconds: float = 0.0

    def count(self, severity: Severity) -> int:
        """Number of problems of a severity."""
        return sum(problem.severity == severity for problem in self.problems)

    @property
    def passed(self) -> bool:
        """No errors. Warnings do not fail a set."""
        return self.count("error") == 0

    def verdict(self) -> str:
        """One line: passed or failed, and the counts."""
        parts = [f"{self.count(s)} {_NAMES[s]}" for s in SEVERITIES]
        return f"check {'passed' if self.passed else 'FAILED'}: {', '.join(parts)}"


def report_text(report: CheckReport, limit: int = 5) -> str:
    """The report for a terminal; of each kind of problem the first `limit` places (0 = all)."""
    lines = [f"{report.module}: {report.root}"]
    for checked in report.sets:
        counts = ", ".join(f"{value:,} {name}" for name, value in checked.counts.items())
        lines.append(f"  {checked.name:5s} {checked.label_file}: {counts}")
        lines += [f"        {title}: {_listed(values)}" for title, values in checked.histograms.items()]
    if report.problems:
        lines += ["", *problems_text(report.problems, limit)]
    lines += ["", f"{report.verdict()} ({report.seconds:.1f} s)"]
    return "\n".join(lines)


def problems_text(problems: Sequence[Problem], limit: int = 5) -> list[str]:
    """Problems grouped by kind, the gravest first, of each kind the first `limit` places (0 = all); a fix is said
    once.
    """
    lines: list[str] = []
    for severity, kind, found in grouped(problems):
        lines += ([""] if lines else []) + [f"{severity}: {kind} ({len(found)})"]
        shown = found if limit <= 0 else found[:limit]
        fixes = list(dict.fromkeys(problem.hint for problem in shown))
        for problem in shown:
            lines.append(f"  {problem.where}: {problem.message}")
            if len(fixes) > 1:
                lines.append(f"      fix: {problem.hint}")
        if len(found) > len(shown):
            lines.append(f"  … and {len(found) - len(shown)} more (--all lists them)")
        if len(fixes) == 1:
            lines.append(f"  fix: {fixes[0]}")
    return lines


def grouped(problems: Iterable[Problem]) -> list[tuple[Severity, str, list[Problem]]]:
    """(severity, kind, problems): errors first, then the more frequent kinds first."""
    table: dict[tuple[Severity, str], list[Problem]] = {}
    for problem in problems:
        table.setdefault((problem.severity, problem.code), []).append(problem)
    order = sorted(table, key=lambda key: (SEVERITIES.index(key[0]), -len(table[key]), key[1]))
    return [(severity, kind, table[severity, kind]) for severity, kind in order]


def _listed(values: dict[str, int], limit: int = 12) -> str:
    items = [f"{name} {count:,}" for name, count in values.items()]
    return ", ".join(items[:limit]) + (f", … {len(items) - limit} more" if len(items) > limit else "")


def report_json(report: CheckReport) -> dict[str, Any]:
    """The verdict as plain values.

    `done_flag`, `check_pass`, `attributes`, `analysis` (whose histograms are numbers here), `dataset_path`, `show_type`
    and `dataset_type` mean what they mean in PaddleX's check_dataset_result.json; the rest is ours.
    """
    attributes: dict[str, Any] = {"num_classes": report.num_classes}
    if report.sets:
        attributes["label_file"] = str(report.root / report.sets[0].label_file)
    for checked in report.sets:
        attributes[f"{checked.name}_samples"] = checked.counts.get("images", len(checked.samples))
        attributes[f"{checked.name}_sample_paths"] = [str(s.image_path) for s in checked.samples[:10]]
    return {
        "done_flag": True,
        "check_pass": report.passed,
        "attributes": attributes,
        "analysis": {"histogram": {s.name: s.histograms for s in report.sets}},
        "dataset_path": str(report.root),
        "show_type": "image",
        "dataset_type": report.dataset_type,
        "module": report.module,
        "errors": report.count("error"),
        "warnings": report.count("warning"),
        "notes": report.count("info"),
        "sets": [
            {"name": s.name, "label_file": s.label_file, "counts": s.counts, "histograms": s.histograms}
            for s in report.sets
        ],
        "problems_by_kind": {kind: len(problems) for _, kind, problems in grouped(report.problems)},
        "problems": [problem.to_dict() for problem in report.problems],
        "seconds": round(report.seconds, 2),
    }


def write_report_json(report: CheckReport, path: str | Path) -> Path:
    """Write the verdict, complete or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(report_json(report), ensure_ascii=False, indent=2) + "\n")
    return path


def report_sections(report: CheckReport, limit: int = 200) -> list[dict[str, Any]]:
    """Sections for `sealkit.reports.page.write_page`; of each kind of problem at most `limit` rows."""
    sections: list[dict[str, Any]] = [
        {"title": "Verdict", "text": f"{report.verdict()}. Folder {report.root}, {report.seconds:.1f} s."},
        {
            "title": "Sets",
            "rows": [{"set": s.name, "label file": s.label_file, **s.counts} for s in report.sets],
        },
    ]
    groups = grouped(report.problems)
    if groups:
        rows = [{"severity": severity, "kind": kind, "count": len(found)} for severity, kind, found in groups]
        sections.append({"title": "Problems by kind", "rows": rows})
    for severity, kind, found in groups:
        rows_of_kind = [{"where": p.where, "what": p.message, "fix": p.hint} for p in found[:limit]]
        more = f"The first {limit} of {len(found)}; the JSON verdict has all." if len(found) > limit else None
        title = f"{severity}: {kind} ({len(found)})"
        sections.append({"title": title, "text": more, "rows": rows_of_kind, "fold": True})
    for title in dict.fromkeys(title for s in report.sets for title in s.histograms):
        sections.append({"title": title, "rows": _histogram_rows(report.sets, title), "fold": True})
    for title, text, images in report.galleries() if report.galleries is not None else ():
        if images:
            sections.append({"title": title, "text": text, "images": images})
    return sections


def _histogram_rows(sets: Sequence[CheckedSet], title: str) -> list[dict[str, Any]]:
    values = dict.fromkeys(value for s in sets for value in s.histograms.get(title, {}))
    return [{"value": value, **{s.name: s.histograms.get(title, {}).get(value, 0) for s in sets}} for value in values]


def counted(values: Iterable[Any]) -> dict[str, int]:
    """Histogram by frequency, the most frequent first."""
    return {str(value): count for value, count in Counter(values).most_common()}


def binned(values: Iterable[float], edges: Sequence[int], unit: str = "") -> dict[str, int]:
    """Histogram over bins [edge, next edge), open at both ends; empty bins at the ends are left out."""
    array = np.asarray(list(values), np.float64)
    if not array.size:
        return {}
    counts = np.bincount(np.searchsorted(np.asarray(edges), array, side="right"), minlength=len(edges) + 1)
    names = [f"< {edges[0]}{unit}"]
    names += [f"{low}{unit}" if high == low + 1 else f"{low}–{high - 1}{unit}" for low, high in pairwise(edges)]
    names.append(f"≥ {edges[-1]}{unit}")
    filled = np.flatnonzero(counts)
    return {names[i]: int(counts[i]) for i in range(filled[0], filled[-1] + 1)}


__all__ = [
    "CheckReport",
    "CheckedSet",
    "binned",
    "counted",
    "grouped",
    "problems_text",
    "report_json",
    "report_sections",
    "report_text",
    "write_report_json",
]
