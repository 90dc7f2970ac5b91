"""Metrics, times and sizes that PaddleX's seal text recognition tutorials publish for each model and pipeline.

The table is `assets/published.json`: 253 numbers of 35 models (ten of them in both tutorials) and 390 of six pipelines.
 Nothing in it was measured by this project; the data sets behind the metrics are Baidu's own.
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
            data=_data_set(model, entry["module"], tutorial, notes["data_sets"]),
            environment=notes["environment"][tutorial],
            source=notes["sources"][tutorial],
        )
        for model, entry in _table()["models"].items()
        if name in (None, model)
        for tutorial, row in entry["published"].items()
    )


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


def _data_set(model: str, module: str, tutorial: str, sets: Mapping[str, str]) -> str:
    if module == "layout_detection":
        if tutorial == "3.0-beta":
            return sets["3.0-beta layout"]
        classes = next((count for count in ("3", "17") if model.endswith(f"_{count}cls")), "23")
        known = model.startswith(("PP-DocLayout", "PicoDet-", "RT-DETR"))
        return sets[f"layout {classes} classes"] if known else "own set"
    if module == "text_recognition":
        if model in ("ch_SVTRv2_rec", "ch_RepSVTR_rec"):
            return sets["ch_SVTRv2_rec / ch_RepSVTR_rec"]
        return sets["text_recognition (Chinese)"] if _reads_chinese(model) else "own set of the language"
    return sets[module]


def _reads_chinese(model: str) -> bool:
    return model.startswith("PP-OCR")
