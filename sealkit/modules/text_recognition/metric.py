"""Accuracy of whole lines and 1-NED (one minus the mean normalised edit distance), and what the errors are made of.

Re-implemented from the architecture of PaddleOCR `ppocr/metrics/rec_metric.py` (Apache-2.0; no code copied).
Deviations: spaces count unless the recipe drops them; errors are also counted by kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rapidfuzz.distance import Levenshtein

from sealkit.charset import Charset
from sealkit.data.groups import group_names, group_order
from sealkit.modules.text_recognition.settings import RecMetricSettings
from sealkit.text import edit_distance, script_of


@dataclass(frozen=True)
class MetricRules:
    """Numbers of the metric that are not the user's choice."""

    epsilon: float = 1e-5
    """Added to the number of lines, as the reference does: a perfect score is a little below 1."""
    length_groups: tuple[int, ...] = (5, 10, 15, 20, 25)
    """Characters of the longest text of each group by length."""


RULES = MetricRules()


def comparable(text: str, settings: RecMetricSettings) -> str:
    """What of a text is compared."""
    if settings.ignore_space:
        text = text.replace(" ", "")
    if settings.ascii_only:
        text = "".join(c for c in text if c.isascii() and c.isalnum()).lower()
    return text


def as_encoded(text: str, charset: Charset) -> str:
    """What the published evaluation compares with: the label without the characters that have no class."""
    return charset.decode(charset.encode_known(text))


def length_group(text: str) -> str:
    """Group of a text by its length, such as "length=1..5"."""
    low = 0
    for high in RULES.length_groups:
        if len(text) <= high:
            return f"length={low + 1}..{high}"
        low = high
    return f"length={low + 1}..more"


def confusions(pairs: Sequence[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """(true, read) characters of the cheapest edits, "" where one is missing or added, with counts.

    Args:
        pairs: (read, true) texts.
    """
    found: Counter[tuple[str, str]] = Counter()
    for pred, truth in pairs:
        for edit in Levenshtein.editops(truth, pred):
            true = "" if edit.tag == "insert" else truth[edit.src_pos]
            read = "" if edit.tag == "delete" else pred[edit.dest_pos]
            found[true, read] += 1
    return found


@dataclass
class _Sum:
    lines: int = 0
    right: int = 0
    distance: float = 0.0

    def add(self, distance: float, right: bool) -> None:
        self.lines += 1
        self.right += right
        self.distance += distance

    @property
    def acc(self) -> float:
        return self.right / (self.lines + RULES.epsilon)

    @property
    def norm_edit_dis(self) -> float:
        return 1 - self.distance / (self.lines + RULES.epsilon)


@dataclass
class RecMetric:
    """Gathers records {"pred": text, "gt": text, …} and computes the metrics.

    `compute` gives "acc" (share of lines read without an error), "norm_edit_dis" (1-NED), "lines", and "acc/<group>":
    by length and script of the true text, by "shape", "direction" and "angle" where records carry them. The names and
    the formulas are the reference's; an empty set has acc 0 and norm_edit_dis 1.
    """

    settings: RecMetricSettings = field(default_factory=RecMetricSettings)
    total: _Sum = field(default_factory=_Sum)
    groups: dict[str, _Sum] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The main metric's name with what changes its value."""
        spaces = "dropped" if self.settings.ignore_space else "kept"
        return f"acc (spaces {spaces}{', ASCII characters and digits only' if self.settings.ascii_only else ''})"

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Compare and count records of any number of batches; texts in reading order."""
        for record in records:
            pred, truth = comparable(record["pred"], self.settings), comparable(record["gt"], self.settings)
            found = edit_distance(pred, truth)
            self.total.add(found, pred == truth)
            for name in (length_group(truth), f"script={script_of(truth)}", *group_names(record)):
                self.groups.setdefault(name, _Sum()).add(found, pred == truth)

    def compute(self) -> dict[str, float]:
        """Shares in 0..1, and the number of lines, by the names the class lists."""
        metrics = {"acc": self.total.acc, "norm_edit_dis": self.total.norm_edit_dis}
        for name in sorted(self.groups, key=group_order):
            metrics[f"acc/{name}"] = self.groups[name].acc
        return metrics | {"lines": float(self.total.lines)}


def worst(
    records: Sequence[Mapping[str, Any]], count: int = 100, settings: RecMetricSettings | None = None
) -> list[Mapping[str, Any]]:
    """The records read worst first, right ones left out."""
    chosen = settings or RecMetricSettings()
    pairs = [(comparable(r["pred"], chosen), comparable(r["gt"], chosen)) for r in records]
    rated = [(edit_distance(pred, truth), i) for i, (pred, truth) in enumerate(pairs)]
    return [records[i] for value, i in sorted(rated, key=lambda pair: (-pair[0], pair[1])) if value > 0][:count]
