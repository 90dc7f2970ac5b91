"""Parity check of an export: same arrays and same metrics as the trained network, on real images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.engine.evaluate import compute_metrics
from sealkit.errors import ExportError
from sealkit.modules.base import ModuleExport

TOLERANCE = 5e-3
"""Largest absolute difference allowed, of probabilities and unit vectors. Fused convolutions add in another order: 1e-4
is usual, thresholds are crossed by single pixels only."""
METRIC_TOLERANCE = 0.005
"""Largest difference of the deciding metric."""


@dataclass
class Proof:
    """Trained network and exported models on the same images.

    Attributes:
        images: names of the images.
        differences: engine → part of the output → largest absolute difference.
        metrics: "trained" and engine → metrics of the task's metric.
    """

    images: list[str]
    differences: dict[str, dict[str, float]] = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)

    def check(self, main_metric: str, tolerance: float = TOLERANCE) -> None:
        """Raise ExportError unless every engine agrees with the trained network."""
        for engine, parts in self.differences.items():
            worst = max(parts, key=lambda part: parts[part])
            if not parts[worst] <= tolerance:  # also catches NaN
                raise ExportError(
                    f"the exported model differs from the trained network on {engine}: {worst} by {parts[worst]:.2e}, "
                    f"allowed {tolerance:.0e}",
                    where=engine,
                    hint="nothing was written; check that the checkpoint belongs to this recipe (form, fields)",
                )
            trained, exported = self.metrics["trained"][main_metric], self.metrics[engine][main_metric]
            if not abs(trained - exported) <= METRIC_TOLERANCE:
                raise ExportError(
                    f"{main_metric} is {trained:.4f} for the trained network but {exported:.4f} on {engine}",
                    where=engine,
                    hint="nothing was written; the maps agree, so compare the post-processing of both",
                )


def batches(task: Any, count: int) -> list[dict[str, Any]]:
    """The first images of the task's evaluation set, one per batch, as evaluation feeds them.

    Raises:
        ExportError: the set has none.
    """
    source = task.eval_samples()
    rng = np.random.default_rng(0)
    found = []
    for index in evenly(len(source), count):
        sample = source.get(index, 0, rng)
        if sample is not None:
            found.append(task.collate([{**sample, "index": index}]))
    if not found:
        raise ExportError("no real images to prove the export on", where="data.val", hint="give a set with images")
    return found


def evenly(total: int, count: int) -> list[int]:
    """Up to `count` of `total` positions, spread over all of them."""
    return sorted({int(i) for i in np.linspace(0, total - 1, min(count, total))}) if total else []


def reference_arrays(
    layer: Any, row: ModuleExport, task: Any, feeds: Sequence[dict[str, Any]]
) -> list[list[np.ndarray]]:
    """Outputs of the trained network in eval mode, a list of arrays per batch."""
    import paddle

    found = []
    with paddle.no_grad():
        for batch in feeds:
            made = layer(*(paddle.to_tensor(array) for array in row.feed(task, batch).values()))
            found.append([tensor.numpy() for tensor in (made if isinstance(made, (list, tuple)) else [made])])
    return found


def metrics(
    task: Any, row: ModuleExport, arrays: Sequence[Sequence[np.ndarray]], feeds: Sequence[dict[str, Any]]
) -> dict[str, float]:
    """The task's metric on outputs of the graph.

    Raises:
        ConfigError: it does not compute the metric that the recipe names.
    """
    records: list[dict[str, Any]] = []
    for array, batch in zip(arrays, feeds):
        records += task.decode(row.outputs(array), batch)
    return compute_metrics(task, records)


def compare(
    proof: Proof,
    folder: Path,
    engines: Sequence[str],
    task: Any,
    row: ModuleExport,
    expected: Sequence[Sequence[np.ndarray]],
    feeds: Sequence[dict[str, Any]],
    load: Callable[..., Any],
) -> None:
    """Run the exported folder on each engine and enter differences and metrics into the proof.

    Raises:
        ExportError: an output of another shape.
    """
    for engine in engines:
        model = load(folder, engine=engine, device="cpu")
        got = [model.run(row.feed(task, batch)) for batch in feeds]
        worst: dict[str, float] = {}
        for one, other in zip(expected, got):
            shapes = [[array.shape for array in arrays] for arrays in (one, other)]
            if len(one) != len(other) or (row.same_shapes and shapes[0] != shapes[1]):
                raise ExportError(
                    f"the exported model returns different shapes on {engine}",
                    value=shapes[1],
                    hint=f"expected {shapes[0]}",
                )
            for part, value in row.differences(one, other).items():
                worst[part] = max(worst.get(part, 0.0), value) if not np.isnan(value) else value
        proof.differences[engine] = worst
        proof.metrics[engine] = metrics(task, row, got, feeds)
        model.close()
