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
            hint="give a folder written by `sealkit train`",
        )
    metrics = read_metrics(folder / "metrics.jsonl")
    summary = _json(folder / "summary.json")
    sections: list[Mapping[str, Any]] = [*_metrics(summary), *parts, *_curves(metrics, summary)]
    sections += _facts(folder)
    recipe = folder / "recipe.yaml"
    if recipe.is_file():
        sections.append({"title": "Recipe", "code": recipe.read_text(encoding="utf-8"), "fold": True})
    return write_page(
        folder / "report.html", f"Training run {folder.name}", sections, warnings=summary.get("warnings", [])
    )


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _metrics(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the run gained in one sentence; folded, the metrics of the whole set (counts are whole numbers) and of parts
    of it (`recall/shape=oval`)."""
    if not summary:
        return []
    whole = _rows(summary, [name for name in _names(summary) if "/" not in name])
    groups = _rows(summary, [name for name in _names(summary) if "/" in name])
    tables = {"Metrics before and after": whole, "Metrics by group": groups}
    folded = [{"title": title, "rows": rows, "fold": True} for title, rows in tables.items() if rows]
    return [{"title": "Result", "text": _verdict(summary)}, *folded]


def _names(summary: Mapping[str, Any]) -> list[str]:
    return list(summary.get("last") or summary.get("baseline") or {})


def _verdict(summary: Mapping[str, Any]) -> str:
    """`Better than the initial weights: best hmean 0.8023 at step 60, 0.3471 before. …`."""
    best, baseline = summary.get("best") or {}, summary.get("baseline") or {}
    ended = f"Training {summary.get('stopped', '')} at step {summary.get('step')}, epoch {summary.get('epoch', 0):.2f}."
    if not best:
        return ended
    name = next(key for key in best if key != "step")
    text = f"best {name} {best[name]:.4f} at step {best['step']}"
    if name not in baseline:
        return f"{text[0].upper()}{text[1:]}. {ended}"
    change = best[name] - baseline[name]
    kind = "Better than" if change > 0 else "No better than" if change == 0 else "Worse than"
    return f"{kind} the initial weights: {text}, {baseline[name]:.4f} before ({change:+.4f}). {ended}"


def _rows(summary: Mapping[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    baseline, last = summary.get("baseline") or {}, summary.get("last") or {}
    rows = []
    for name in names:
        values = {"initial weights": baseline.get(name), "last evaluation": last.get(name)}
        if name in baseline and name in last:
            values["change"] = last[name] - baseline[name]
        if _is_count(name, [baseline, last], summary):
            values = {key: None if value is None else round(value) for key, value in values.items()}
        rows.append({"metric": name, **values})
    return rows


def _is_count(name: str, evaluations: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> bool:
    """Whether a metric counts things: whole numbers throughout, and not what the best checkpoint is chosen by."""
    values = [e[name] for e in evaluations if name in e]
    return name not in (summary.get("best") or {}) and "/" not in name and all(float(v).is_integer() for v in values)


def _curves(metrics: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> list[dict[str, Any]]:
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
            k
            for k, v in evals[0].items()
            if isinstance(v, float)
            and "/" not in k
            and k != "epoch"
            and 0 <= v <= 1
            and not _is_count(k, evals, summary)
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
            rows = [{"what": k, "value": _short(v)} for k, v in content.items()]
            sections.append({"title": title, "rows": rows, "fold": True})
    return sections


def _short(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 300 else text[:297] + "…"
    return value
