"""Tables of sealbench: one row per level of a factor, one pair of columns per reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sealkit.bench.real_seals import Score, metrics, score_image
from sealkit.text import script_of

TITLES = {"over_print": "over-print"}


def metrics_by_group(
    items: Sequence[Mapping[str, Any]], texts: Mapping[str, Mapping[str, Sequence[str]]]
) -> list[dict[str, Any]]:
    """Rows {"group", "n", column: {"exact", "sim", "f1"}}: all, then each level of each factor, script and direction.

    F1 also punishes texts that are not there; a script or a direction has none, for texts of an image that matched
    nothing belong to no line.

    Args:
        items: labels with their `case`.
        texts: column → file → texts read.
    """
    groups: dict[str, list[tuple[int, list[int] | None]]] = {"all": [(i, None) for i in range(len(items))]}
    for factor in asdict(items[0]["case"]):
        for level in dict.fromkeys(getattr(item["case"], factor) for item in items):
            members = [i for i, item in enumerate(items) if getattr(item["case"], factor) == level]
            groups[f"{TITLES.get(factor, factor)} {level}"] = [(i, None) for i in members]
    by_line: dict[str, dict[int, list[int]]] = {}
    for i, item in enumerate(items):
        for k, text in enumerate(t for t in item["texts"] if not t.get("ignore")):
            for name in (f"script {script_of(text['text'])}", f"direction {text['direction']}"):
                by_line.setdefault(name, {}).setdefault(i, []).append(k)
    groups |= {name: list(lines.items()) for name, lines in sorted(by_line.items())}
    scores = {name: [score_image(item, read[item["file"]]) for item in items] for name, read in texts.items()}
    return [_row(name, members, scores) for name, members in _in_order(groups)]


def _in_order(groups: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Levels of a factor side by side, in the order of the factors; sizes by number."""
    factors = list(dict.fromkeys(name.split()[0] for name in groups))

    def key(entry: tuple[str, Any]) -> tuple[int, int]:
        first, _, level = entry[0].partition(" ")
        return factors.index(first), int(level) if level.isdigit() else 0

    return sorted(groups.items(), key=key)


def _row(
    name: str, members: Sequence[tuple[int, list[int] | None]], scores: Mapping[str, Sequence[Score]]
) -> dict[str, Any]:
    row: dict[str, Any] = {"group": name, "n": 0}
    for column, of in scores.items():
        whole = [of[i] if lines is None else _part(of[i], lines) for i, lines in members]
        found = metrics(whole)
        row["n"] = int(found["n"])
        row[column] = {key: round(found[key], 4) for key in ("exact", "sim", "f1")}
        if members and members[0][1] is not None:
            row[column]["f1"] = None
    return row


def _part(score: Score, lines: Sequence[int]) -> Score:
    """A score of some of the image's lines."""
    return Score(score.kind, score.family, [score.sims[k] for k in lines], 0, 0, score.seals)


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a Markdown table: exact / 1-NED / F1 in each cell."""
    columns = [key for key in rows[0] if key not in ("group", "n")]
    lines = [
        "| exact / 1-NED / F1 | lines | " + " | ".join(columns) + " |",
        "|---|---|" + "---|" * len(columns),
    ]
    for row in rows:
        cells = [_cell(row[column]) for column in columns]
        lines.append(f"| {row['group']} | {row['n']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(found: Mapping[str, float | None]) -> str:
    return " / ".join(
        f"{value:.3f}".lstrip("0") if value < 1 else "1.000" for value in found.values() if value is not None
    )
