"""The tables as Markdown, CSV, JSON and an HTML page with accuracy against time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sealkit.bench.machine import described
from sealkit.bench.tables.measure import Job, Measured, evaluated
from sealkit.bench.tables.network_time import Plan, Timing
from sealkit.bench.tables.rows import Section
from sealkit.files import write_text
from sealkit.modules.published import PublishedModel, published_models

NAMES = {
    "layout": "Layout detection",
    "orientation": "Document orientation",
    "unwarping": "Image unwarping",
    "seal_det": "Seal text detection",
    "rec": "Text recognition",
}
RANDOM = "*"
"""Marks what was measured with random weights."""


@dataclass(frozen=True)
class Tables:
    """All that is printed.

    Attributes:
        sections: rows, under headings.
        measured: model → what was measured.
        job: how.
        machine: see `bench.machine.machine`.
    """

    sections: Sequence[Section]
    measured: Mapping[str, Measured]
    job: Job
    machine: Mapping[str, Any]

    def rows(self) -> Iterator[tuple[Section, Measured, PublishedModel | None]]:
        """Every row in order; a model that was not reached has a row that says so."""
        for section in self.sections:
            for name in section.models:
                found = self.measured.get(name) or Measured(name, "", no_metric="not measured: stopped before")
                yield section, found, section.published.get(name)

    def engines(self) -> list[str]:
        """Engines that were timed, Paddle first."""
        found = {engine for row in self.measured.values() for engine in row.times}
        return sorted(found, key=lambda name: (name != "paddle", name))

    def title(self) -> str:
        """Heading of everything, which says on whose sets the metrics are."""
        names = ", ".join(dict.fromkeys(NAMES[section.table].lower() for section in self.sections))
        modules = {row.module for row in self.measured.values() if evaluated(row.module)}
        toy, own = modules & self.job.toy, modules & (set(self.job.data) - self.job.toy)
        sets = [name for name, there in (("your sets", own), ("toy sets", toy)) if there] or ["no set"]
        return f"Models beside the tutorials: {names}; metrics on {' and '.join(sets)}"

    def about(self) -> list[str]:
        """What the numbers mean, a sentence or two each."""
        job, plan = self.job, self.job.plan
        listed = [
            f"{module}: {job.data[module]}{' (toy set)' if module in job.toy else ''}"
            for module in dict.fromkeys(row.module for row in self.measured.values())
            if module in job.data
        ]
        sets = f" Sets: {'; '.join(listed)}." if listed else ""
        environments = " and ".join(
            dict.fromkeys(f"{row.environment} ({row.source})" for row in published_models() if self._shows(row))
        )
        mode = job.preprocess or "as each recipe says"
        threads = f"{job.threads} thread{'s' * (job.threads != 1)}"
        metrics = (
            "The metric columns compare different sets: the published metrics are of Baidu's own sets, which are not"
            f" public; the others are of yours.{sets} Preprocessing of the evaluation: {mode}."
        )
        times = (
            f"Times are of the network alone, milliseconds per image, batch 1, on {job.device} with {threads}:"
            f" {_plan(plan)}. Normal mode is Paddle in FP32 (oneDNN on a CPU); high performance is the fastest"
            " installed engine. The input's size is in the row."
        )
        marks = (
            "Official weights: `sealkit download NAME`."
            f" {RANDOM}: measured with random weights, because there are none here; time and size do not depend on"
            " them (suppression of boxes may, a little). MB: Paddle's files, else the ONNX file. GFLOPs: two for each"
            " multiplication of convolutions and matrix products. Parameters: of the inference model."
        )
        published = f"Published times: {environments}." if environments else "No published times."
        return [metrics, times, published, marks, f"Machine: {described(self.machine)}."]

    def _shows(self, row: PublishedModel) -> bool:
        return any(section.published.get(row.model) == row for section in self.sections)


def _plan(plan: Plan) -> str:
    return (
        f"{plan.warm_up} warm-up runs, then the median of {plan.runs}; where these take more than {plan.seconds:g} s,"
        f" fewer, at least {plan.least}"
    )


# ----- one flat record per row -----


def record(section: Section, row: Measured, published: PublishedModel | None, device: str) -> dict[str, Any]:
    """A row as plain data: measured, published, difference."""
    size, best = row.size(), row.best()
    found: dict[str, Any] = {
        "table": section.table, "section": section.title, "tutorial": section.tutorial, "model": row.model,
        "weights": row.weights, "metric_name": row.metric_name or None, "metric": row.metric,
        "metric_images": row.images or None, "no_metric": row.no_metric or None,
    }  # fmt: skip
    name, value = published.main_metric() if published else (None, None)
    found |= {"metric_published_name": name, "metric_published": value}
    found["metric_difference"] = _minus(row.metric, value) if evaluated(row.module) else None
    found["input"] = f"{size[0]}x{size[1]}" if size else None
    for engine, timing in row.times.items():
        parts = {"ms": timing.ms, "cpu_ms": timing.cpu_ms, "runs": timing.runs, "random": timing.random}
        found |= {f"{engine}_{key}": value for key, value in parts.items()}
    times = (published.gpu_ms if device.startswith("gpu") else published.cpu_ms) if published else {}
    timings: dict[str, Timing | None] = {"normal": row.times.get("paddle"), "high_performance": best and best[1]}
    for mode, one in timings.items():
        ms, other = one.ms if one else None, times.get(mode)
        found |= {f"{mode}_ms": ms, f"{mode}_published_ms": other, f"{mode}_difference_ms": _minus(ms, other)}
        found[f"{mode}_ratio"] = ms / other if ms and other else None
    found["high_performance_engine"] = best[0] if best else None
    size_mb = published.size_mb if published else None
    found |= {"size_mb": row.size_mb, "size_random": row.size_random, "size_published_mb": size_mb}
    found["size_difference_mb"] = _minus(row.size_mb, size_mb)
    found |= {"parameters": row.params, "trained_parameters": row.trained_params, "gflops": row.gflops}
    return found | {"notes": "; ".join(row.notes) or None}


def records(tables: Tables) -> list[dict[str, Any]]:
    """Every row, flat."""
    device = str(tables.job.device)
    return [record(section, row, published, device) for section, row, published in tables.rows()]


def as_json(tables: Tables) -> str:
    """Everything, the published rows whole."""
    rows = []
    for flat, (_, _, published) in zip(records(tables), tables.rows()):
        rows.append({**flat, "published": asdict(published) if published else None})
    head = {"title": tables.title(), "about": tables.about(), "machine": dict(tables.machine)}
    return json.dumps({**head, "rows": rows}, ensure_ascii=False, indent=1) + "\n"


def as_csv(tables: Tables) -> str:
    """The flat records; columns that any row has."""
    rows = records(tables)
    names = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


# ----- for readers -----


def cells(flat: Mapping[str, Any], engines: Sequence[str]) -> dict[str, str]:
    """A row as readers see it: here / published (difference)."""
    marks = {engine: RANDOM if flat.get(f"{engine}_random") else "" for engine in engines}
    metric = _beside(flat["metric"], flat["metric_published"], flat["metric_difference"], ".2f")
    if flat["metric"] is None:
        metric = f"{flat['no_metric'] or NO_VALUE} / {_number(flat['metric_published'], 'g')}"
    elif flat["metric_images"]:
        metric += f", {flat['metric_images']} images"
    found = {"model": str(flat["model"]), "metric, %": metric}
    for mode, title in (("normal", "normal, ms"), ("high_performance", "high performance, ms")):
        engine = "paddle" if mode == "normal" else flat["high_performance_engine"]
        numbers = flat[f"{mode}_ms"], flat[f"{mode}_published_ms"], flat[f"{mode}_difference_ms"]
        text = _beside(*numbers, ".2f", marks.get(engine, ""))
        found[title] = f"{text} {engine}" if mode != "normal" and engine else text
    for engine in engines:
        if engine != "paddle":
            found[f"{engine}, ms"] = _number(flat.get(f"{engine}_ms"), ".2f") + marks[engine]
    mark = RANDOM if flat["size_random"] else ""
    found["MB"] = _beside(flat["size_mb"], flat["size_published_mb"], flat["size_difference_mb"], ".1f", mark)
    found["M parameters"] = _number(flat["parameters"] / 1e6 if flat["parameters"] else None, ".2f")
    found["GFLOPs"] = _number(flat["gflops"], ".2f")
    found["input"] = flat["input"] or NO_VALUE
    found["notes"] = flat["notes"] or ""
    return found


NO_VALUE = "–"


def as_markdown(tables: Tables) -> str:
    """Title, tables under headings, what the numbers mean."""
    lines = [f"# {tables.title()}", ""]
    for title, shown in _shown(tables):
        lines += [f"## {title}", "", "Columns with a slash: here / published (difference).", ""]
        names = list(shown[0])
        lines += [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
        lines += [f"| {' | '.join(_escaped(row[name]) for name in names)} |" for row in shown]
        lines.append("")
    return "\n".join([*lines, *(f"- {text}" for text in tables.about()), ""])


def write_all(tables: Tables, folder: Path) -> list[Path]:
    """tables.md, .csv, .json and .html in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for suffix, text in (("md", as_markdown(tables)), ("csv", as_csv(tables)), ("json", as_json(tables))):
        made.append(folder / f"tables.{suffix}")
        write_text(made[-1], text)
    made.append(_page(tables, folder / "tables.html"))
    return made


def _page(tables: Tables, path: Path) -> Path:
    from sealkit.reports.page import write_page

    parts: list[dict[str, Any]] = [
        {"title": f"{NAMES[table]}: accuracy against time", "scatter": chart, "text": _CHART}
        for table, chart in _charts(tables)
    ]
    hint = "Columns with a slash: here / published (difference)."
    parts += [{"title": title, "rows": shown, "text": hint} for title, shown in _shown(tables)]
    parts.append({"title": "What the numbers mean", "rows": [{"": text} for text in tables.about()]})
    return write_page(path, tables.title(), parts, wide=True)


_CHART = (
    "Published points: published metric and time in normal mode on the tutorial's machine. Here, published metric: the"
    " same metric at the time measured here. Here: metric on your set at the time measured here."
)


def _charts(tables: Tables) -> Iterator[tuple[str, dict[str, Any]]]:
    """Table → arguments of `curves.scatter_chart`, for tables with a metric of accuracy and more than one point."""
    for table in dict.fromkeys(section.table for section in tables.sections):
        series: dict[str, dict[str, tuple[float, float]]] = {"published": {}, "here, published metric": {}, "here": {}}
        for flat in records(tables):
            if flat["table"] != table or (flat["metric_published_name"] or "") == "CER":
                continue
            here, published, metric = flat["normal_ms"], flat["normal_published_ms"], flat["metric_published"]
            old = f" ({flat['tutorial']})" if flat["tutorial"] == "3.0-beta" else ""
            name = f"{flat['model']}{old}"
            if published and metric:
                series["published"][name] = (published, metric)
            if here and metric:
                series["here, published metric"][name] = (here, metric)
            if here and flat["metric"] is not None:
                series["here"][name] = (here, flat["metric"])
        if any(series.values()):
            yield table, {"series": series, "x_label": "ms per image, normal mode", "y_label": "%"}


def _shown(tables: Tables) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Heading and reader's rows of each section."""
    flat, engines = iter(records(tables)), tables.engines()
    for section in tables.sections:
        shown = [cells(next(flat), engines) for _ in section.models]
        yield f"{NAMES[section.table]}: {section.title}", shown


def _beside(here: float | None, published: float | None, difference: float | None, form: str, mark: str = "") -> str:
    text = f"{_number(here, form)}{mark if here is not None else ''} / {_number(published, 'g')}"
    return text if difference is None else f"{text} ({difference:+{form}})"


def _number(value: float | None, form: str) -> str:
    return NO_VALUE if value is None else f"{value:{form}}"


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace(RANDOM, "\\*")
