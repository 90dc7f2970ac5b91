"""report.html of a training run, from the files of its run folder.

Read from the folder alone, so that a run that was killed, resumed or copied to another machine can be reported too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sealkit.errors import TrainingError
from sealkit.reports.curves import line_chart, read_metrics
from sealkit.reports.page import write_page


def write_run_report(run_dir: str | Path, parts: Sequence[Mapping[str, Any]] = ()) -> Path:
    """Write `report.html` into a run folder and return its path.

    Args:
        run_dir: folder with metrics.jsonl; recipe.yaml, summary.json, environment.json, data.json, weights_report.json
            and inference/export_report.json are used where they are there.
        parts: the module's sections about the best checkpoint (`Task.report_parts`).

    Raises:
        TrainingError: no metrics.jsonl: not a run folder.
    """
    folder = Path(run_dir)
    if not (folder / "metrics.jsonl").is_file():
        raise TrainingError(
            "not a run folder: metrics.jsonl is missing",
            where=str(folder),
            hint="name the folder that `sealkit train` wrote",
        )
    metrics = read_metrics(folder / "metrics.jsonl")
    summary = _json(folder / "summary.json")
    sections: list[Mapping[str, Any]] = [*_metrics(summary), *_curves(metrics), *parts, *_facts(folder)]
    recipe = folder / "recipe.yaml"
    if recipe.is_file():
        sections.append({"title": "Recipe", "code": recipe.read_text(encoding="utf-8")})
    return write_page(
        folder / "report.html", f"Training run {folder.name}", sections, warnings=summary.get("warnings", [])
    )


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _metrics(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the run gained: initial weights beside the last evaluation, and the best one."""
    if not summary:
        return []
    best = summary.get("best") or {}
    text = f"{summary.get('stopped', '')} at step {summary.get('step')}, epoch {summary.get('epoch', 0):.2f}"
    if best:
        name = next(key for key in best if key != "step")
        text += f"; best {name} {best[name]:.4f} at step {best['step']}"
    baseline, last = summary.get("baseline") or {}, summary.get("last") or {}
    rows = []
    for name in last or baseline:
        row: dict[str, Any] = {
            "metric": name,
            "initial weights": baseline.get(name),
            "last evaluation": last.get(name),
        }
        if name in baseline and name in last:
            row["change"] = last[name] - baseline[name]
        rows.append(row)
    return [{"title": "Result", "text": text, "rows": rows}]


def _curves(metrics: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    train = [m for m in metrics if m.get("kind") == "train"]
    evals = [m for m in metrics if m.get("kind") == "eval"]
    sections = []
    if train:
        losses = sorted({key for m in train for key in m if key == "loss" or key.startswith("loss/")})
        svg = line_chart(
            {k: [(m["step"], m[k]) for m in train if k in m] for k in losses},
            x_label="step",
            title="Losses",
            log_y=True,
        )
        svg += line_chart({"lr": [(m["step"], m["lr"]) for m in train]}, x_label="step", title="Learning rate")
        sections.append({"title": "Training", "svg": svg})
    if len(evals) > 1:
        # groups (recall/shape=…) would fill the chart; they have their table
        names = [
            k for k, v in evals[0].items() if isinstance(v, float) and "/" not in k and k != "epoch" and 0 <= v <= 1
        ]
        svg = line_chart(
            {k: [(m["step"], m[k]) for m in evals if k in m] for k in names}, x_label="step", title="Evaluation"
        )
        sections.append({"title": "Evaluations", "svg": svg})
    return sections


def _facts(folder: Path) -> list[dict[str, Any]]:
    """Where the weights came from, what the data and the machine were, whether the export proved parity."""
    sections = []
    for title, name in (
        ("Weights", "weights_report.json"),
        ("Data", "data.json"),
        ("Export", "inference/export_report.json"),
        ("Machine", "environment.json"),
    ):
        content = _json(folder / name)
        if content:
            sections.append({"title": title, "rows": [{"what": k, "value": _short(v)} for k, v in content.items()]})
    return sections


def _short(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 300 else text[:297] + "…"
    return value
