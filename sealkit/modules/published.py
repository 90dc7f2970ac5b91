"""What is published of each model and pipeline: metrics, times and sizes.

The table is `assets/published.json`: of PaddleX's seal text recognition tutorials 253 numbers of 35 models (ten of them
in both tutorials) and 390 of six pipelines, and metric and size of 15 models that other pages of PaddleX and PaddleOCR
list. Nothing in it was measured by this project; the data sets behind the metrics are mostly Baidu's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / "assets" / "published.json"


@dataclass(frozen=True)
class MainMetric:
    """The metric of a module that published tables are about.

    Attributes:
        name: what it is called here; the tutorials have several names.
        unit: "%", or "" for plain numbers.
        key: of the evaluator's metrics, where it is a share of 1; None where nothing evaluates the module here.
    """

    name: str
    unit: str
    key: str | None


@dataclass(frozen=True)
class PublishedMetric:
    """A published score, not reproduced here.

    Attributes:
        name: of the metric, such as Hmean.
        value: in `unit`.
        data: what it was measured on.
        source: who says so.
        unit: "%", or "" for plain numbers.
    """

    name: str
    value: float
    data: str
    source: str
    unit: str = ""


@dataclass(frozen=True)
class PublishedModel:
    """One row of a tutorial's model tables.

    Attributes:
        model: official name.
        module: PaddleX's module name.
        tutorial: "3.x" or "3.0-beta".
        metrics: metric name → value, percent except CER; the first is the main one.
        gpu_ms: mode ("normal", "high_performance") → milliseconds per image on the GPU, None where not given.
        cpu_ms: the same on the CPU.
        size_mb: size of the inference model in MB.
        inference_url: archive of the inference model.
        training_url: training checkpoint, None where the tutorial links none.
        data: the data set behind the metrics.
        environment: hardware and precision of the times.
        source: the tutorial.
    """

    model: str
    module: str
    tutorial: str
    metrics: Mapping[str, float]
    gpu_ms: Mapping[str, float | None]
    cpu_ms: Mapping[str, float | None]
    size_mb: float
    inference_url: str
    training_url: str | None
    data: str
    environment: str
    source: str

    def main_metric(self) -> tuple[str, float]:
        """Name and value of the metric the tutorial sorts by."""
        return next(iter(self.metrics.items()))

    def numbers(self) -> int:
        """How many published numbers the row holds."""
        times = [*self.gpu_ms.values(), *self.cpu_ms.values()]
        return len(self.metrics) + sum(time is not None for time in times) + 1


@dataclass(frozen=True)
class PublishedPipeline:
    """One row of the tutorial's pipeline table.

    Attributes:
        pipeline: config name; `seal_recognition-default` is `seal_recognition`.
        hardware: processor, and the GPU where one was used.
        about: what the config switches off or replaces.
        numbers: seconds per image, CPU and GPU use in percent (peak, average), host and device memory in MB.
    """

    pipeline: str
    hardware: str
    about: str
    numbers: Mapping[str, float]


@cache
def _table() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


def published_models(name: str | None = None) -> tuple[PublishedModel, ...]:
    """Rows of the model tables, in the tutorials' order; those of one model, the newer tutorial first."""
    notes = _table()["notes"]
    return tuple(
        PublishedModel(
            model=model,
            module=entry["module"],
            tutorial=tutorial,
            metrics=row["metric"],
            gpu_ms=row["gpu_ms"],
            cpu_ms=row["cpu_ms"],
            size_mb=row["size_mb"],
            inference_url=row["inference_url"],
            training_url=row["training_url"],
            data=row["data"],
            environment=notes["environment"][tutorial],
            source=notes["sources"][tutorial],
        )
        for model, entry in _table()["models"].items()
        if name in (None, model)
        for tutorial, row in entry["published"].items()
    )


def main_metric(module: str) -> MainMetric | None:
    """The metric that the published tables of a module are about; None where nothing is published."""
    found = _table()["notes"]["main_metrics"].get(module)
    return MainMetric(**found) if found else None


def published_metric(name: str, module: str) -> PublishedMetric | None:
    """The main metric of a model of a module, of the newest page that lists it; None where none does."""
    metric = main_metric(module)
    if metric is None:
        return None
    for row in published_models(name):
        return PublishedMetric(metric.name, row.main_metric()[1], row.data, row.source, metric.unit)
    other = _table()["others"].get(name)
    if other is None:
        return None
    return PublishedMetric(metric.name, other["metric"][metric.name], other["data"], other["source"], metric.unit)


def published_size(name: str) -> float | None:
    """MB of a model's inference files, of the newest page that lists it; None where none does."""
    for row in published_models(name):
        return row.size_mb
    size: float | None = _table()["others"].get(name, {}).get("size_mb")
    return size


def published_pipelines() -> tuple[PublishedPipeline, ...]:
    """Rows of the pipeline table, in its order: six configs on nine machines."""
    about = _table()["notes"]["pipelines"]["configurations"]
    return tuple(
        PublishedPipeline(
            pipeline=name,
            hardware=row["hardware"],
            about=about[name],
            numbers={key: value for key, value in row.items() if key != "hardware" and value is not None},
        )
        for name, rows in _table()["pipelines"].items()
        for row in rows
    )
