"""The configs' table as Markdown, CSV, JSON and an HTML page with plots."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sealkit.bench.configs.measure import SEALKIT, Job, Measured, Service
from sealkit.bench.machine import described
from sealkit.files import write_text
from sealkit.modules.published import published_pipelines

COLUMNS: Mapping[str, str] = {
    "seconds": "s per image",
    "cpu_peak": "CPU peak, %",
    "cpu_avg": "CPU average, %",
    "host_mb_peak": "host peak, MB",
    "host_mb_avg": "host average, MB",
    "gpu_peak": "GPU peak, %",
    "gpu_avg": "GPU average, %",
    "device_mb_peak": "device peak, MB",
    "device_mb_avg": "device average, MB",
    "cpu_seconds": "CPU s per image",
}
"""Key of the published table → heading; the last one is ours alone: on a busy machine it is the one to compare."""
NO_VALUE = "–"


@dataclass
class Config:
    """What was found of one config.

    Attributes:
        name: in the published table.
        shipped: name of the config file.
        weights: model → where its weights are from.
        images, warm_up: how many.
        runs: one per library.
        service: where it was asked for.
    """

    name: str
    shipped: str
    weights: dict[str, str]
    images: int
    warm_up: int
    runs: list[Measured] = field(default_factory=list)
    service: Service | None = None


@dataclass(frozen=True)
class Report:
    """All that is printed.

    Attributes:
        configs: in the published table's order.
        job: how they were run; its images are those of the longest set.
        machine: see `bench.machine.machine`.
        paddlex: version of paddlex, "" where it was not run.
        hardware: published rows shown: those whose hardware holds this text.
    """

    configs: Sequence[Config]
    job: Job
    machine: Mapping[str, Any]
    paddlex: str = ""
    hardware: str = ""

    def published(self, name: str) -> Iterator[tuple[str, Mapping[str, float]]]:
        """Hardware and numbers of a config's published rows."""
        for row in published_pipelines():
            if row.pipeline == name and self.hardware.lower() in row.hardware.lower():
                yield row.hardware, row.numbers

    def libraries(self) -> list[str]:
        """Libraries that were run."""
        return list(dict.fromkeys(run.library for config in self.configs for run in config.runs))

    def checks(self) -> dict[str, bool]:
        """What must hold of every run, and whether it does."""
        return {
            f"{config.name}: {text}": held
            for config in self.configs
            for run in config.runs
            for text, held in run.checks().items()
        }

    def about(self) -> list[str]:
        """How it was measured."""
        job = self.job
        threads = f"{job.threads} thread{'s' * (job.threads != 1)}"
        how = (
            f"Each library has a process of its own, on {job.device} with {threads}: warm-up images that do"
            " not count, one pass, and the same pass once more for the checks. The numbers are of the first pass,"
            " images one by one; percent of the CPU are of one core. sealkit runs the engines it chooses,"
            f" reading: {job.reading}; paddlex runs Paddle (oneDNN on a CPU). Both read the same folders."
        )
        published = (
            "The published rows are of 130 images of Baidu's own set, after 20 warm-up images, with official weights"
            " (PaddlePaddle 3.1.0, CUDA 11.8, cuDNN 8.9)."
        )
        random = (
            "Networks of random weights find what a rule lets them find (sealkit.bench.random_models): their time is"
            " that of official weights, the number of texts may differ."
        )
        beside = f", paddlex {self.paddlex}" if self.paddlex else ""
        return [how, published, random, f"Machine: {described(self.machine)}{beside}."]


def as_markdown(report: Report) -> str:
    """Tables under headings, parts, service, checks, how it was measured."""
    lines = ["# Pipeline configs beside the tutorial", ""]
    for config in report.configs:
        lines += [f"## {config.name}", "", _set_of(config), ""]
        lines += [*_table(_rows(report, config)), ""]
        lines += [*_table(_parts(config)), ""] if any(run.parts for run in config.runs) else []
    if ratios := _ratios(report):
        lines += ["## paddlex / sealkit", "", *_table(ratios), ""]
    if services := _services(report):
        lines += ["## Through the HTTP service", "", *_table(services), ""]
    lines += ["## Checks", "", *(f"- {'met' if held else 'NOT MET'}: {text}" for text, held in report.checks().items())]
    return "\n".join([*lines, "", "## How it was measured", "", *(f"- {text}" for text in report.about()), ""])


def as_json(report: Report) -> str:
    """Everything."""
    configs = [
        {**asdict(config), "published": [{"hardware": h, **n} for h, n in report.published(config.name)]}
        for config in report.configs
    ]
    head = {"about": report.about(), "machine": dict(report.machine), "paddlex": report.paddlex}
    content = {**head, "checks": report.checks(), "configs": configs}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def as_csv(report: Report) -> str:
    """A line per config and library or published row."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, ["config", "who", *COLUMNS, "twice", "twice_cpu", "growth"], lineterminator="\n")
    writer.writeheader()
    for config in report.configs:
        for run in config.runs:
            more = {"twice": run.twice, "twice_cpu": run.twice_cpu, "growth": run.growth}
            writer.writerow({"config": config.name, "who": run.library, **run.numbers(), **more})
        for hardware, numbers in report.published(config.name):
            writer.writerow({"config": config.name, "who": f"published: {hardware}", **numbers})
    return buffer.getvalue()


def write_all(report: Report, folder: Path) -> list[Path]:
    """pipelines.md, .csv, .json and .html in a folder."""
    from sealkit.reports.page import write_page

    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for suffix, text in (("md", as_markdown(report)), ("csv", as_csv(report)), ("json", as_json(report))):
        made.append(folder / f"pipelines.{suffix}")
        write_text(made[-1], text)
    warnings = [f"not met: {text}" for text, held in report.checks().items() if not held]
    made.append(write_page(folder / "pipelines.html", "Pipeline configs beside the tutorial", _sections(report),
                           warnings=warnings, wide=True))  # fmt: skip
    return made


def _sections(report: Report) -> Iterator[dict[str, Any]]:
    yield from _plots(report)
    for config in report.configs:
        yield {"title": config.name, "text": _set_of(config), "rows": _rows(report, config)}
        if any(run.parts for run in config.runs):
            yield {"title": f"{config.name}: where the time goes", "rows": _parts(config)}
    if ratios := _ratios(report):
        yield {"title": "paddlex / sealkit", "rows": ratios}
    if services := _services(report):
        yield {"title": "Through the HTTP service", "rows": services}
    checks = [{"check": text, "": "met" if held else "NOT MET"} for text, held in report.checks().items()]
    yield {"title": "Checks", "rows": checks}
    yield {"title": "How it was measured", "rows": [{"": text} for text in report.about()]}


def _plots(report: Report) -> Iterator[dict[str, Any]]:
    for key, title in (("seconds", "Seconds per image"), ("host_mb_peak", "Peak host memory, MB")):
        bars: dict[str, dict[str, float]] = {}
        for config in report.configs:
            for run in config.runs:
                value = run.numbers()[key]
                if value is not None:
                    bars.setdefault(run.library, {})[config.name] = value
            for hardware, numbers in report.published(config.name):
                if "+" not in hardware and key in numbers:  # a CPU alone, as here
                    bars.setdefault(f"published: {hardware}", {})[config.name] = numbers[key]
        if any(bars.values()):
            yield {"title": title, "bars": {"series": bars, "x_label": title}}
    lines = {f"{config.name} ({run.library})": run.memory for config in report.configs for run in config.runs}
    if any(lines.values()):
        chart = {"series": lines, "x_label": "seconds since the first pass began", "title": "host memory, MB"}
        yield {"title": "Memory over both passes", "chart": chart}


def _set_of(config: Config) -> str:
    where = "; ".join(f"{model}: {source}" for model, source in config.weights.items())
    passes = f"warm-up with {config.warm_up} images, one pass over {config.images}"
    return f"Config {config.shipped}: {passes}. Weights: {where}."


def _rows(report: Report, config: Config) -> list[dict[str, str]]:
    """Libraries, then published rows."""
    found = []
    for run in config.runs:
        name = f"{run.library} ({', '.join(_plain(run.engines))})" if run.engines else run.library
        cells = {title: _shown(run.numbers().get(key)) for key, title in COLUMNS.items()}
        found.append({"": (run.error and f"{name}: {run.error}") or name, **cells})
    for hardware, numbers in report.published(config.name):
        cells = {title: _shown(numbers.get(key)) for key, title in COLUMNS.items()}
        found.append({"": f"published: {hardware}", **cells})
    return found


def _plain(engines: Sequence[str]) -> list[str]:
    return [text.partition(" (")[0] for text in engines]


def _parts(config: Config) -> list[dict[str, str]]:
    """Seconds per image of each network and of what is outside."""
    names = list(dict.fromkeys(name for run in config.runs for name in run.parts))
    return [
        {"s per image in": name, **{run.library: _shown(run.parts.get(name), 3) for run in config.runs}}
        for name in names
    ]


def _ratios(report: Report) -> list[dict[str, str]]:
    """How many times sealkit's numbers paddlex's are."""
    found = []
    for config in report.configs:
        runs = {run.library: run.numbers() for run in config.runs if not run.error}
        if len(runs) < 2:
            continue
        ours = runs.pop(SEALKIT)
        ((_, theirs),) = runs.items()
        row = {"config": config.name}
        for key, title in COLUMNS.items():
            a, b = theirs.get(key), ours.get(key)
            if key in ("seconds", "cpu_seconds", "host_mb_peak", "host_mb_avg", "device_mb_peak", "device_mb_avg"):
                row[title.partition(",")[0]] = f"{a / b:.2f}×" if a and b else NO_VALUE
        found.append(row)
    return found


def _services(report: Report) -> list[dict[str, str]]:
    return [
        {
            "config": config.name,
            "requests": str(config.service.requests),
            "clients": str(config.service.clients),
            "requests/s": _shown(config.service.per_second),
            "p50, s": _shown(config.service.p50),
            "p99, s": _shown(config.service.p99),
            "faults": "; ".join(config.service.faults) or "none",
        }
        for config in report.configs
        if config.service is not None
    ]


def _table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    if not rows:
        return []
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return lines + [f"| {' | '.join(row[name].replace('|', ' ') for name in names)} |" for row in rows]


def _shown(value: float | None, digits: int = 2) -> str:
    return NO_VALUE if value is None else f"{value:.{digits}f}"
