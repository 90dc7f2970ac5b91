"""Evaluation, the same for the training loop and `sealkit eval`: every sample once, metrics from all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sealkit.engine.distributed import World
from sealkit.engine.loader import Loader
from sealkit.engine.sampler import eval_batches
from sealkit.engine.step import to_arrays, to_tensors
from sealkit.engine.task import StepState, Task
from sealkit.engine.worker import Stream
from sealkit.errors import ConfigError, TrainingError

EVAL_STREAM = "the evaluation set"


@dataclass
class EvalResult:
    """Result of an evaluation, the same on every rank.

    Attributes:
        metrics: what the task's metric computed.
        records: one per evaluated sample, in dataset order.
        broken: (index, reason) of samples that could not be read; they are in no metric.
        seconds: wall time.
    """

    metrics: dict[str, float]
    records: list[dict[str, Any]]
    broken: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def images_per_second(self) -> float:
        """Speed of the evaluation."""
        return len(self.records) / max(self.seconds, 1e-9)


def evaluate(
    task: Task,
    net: Any,
    *,
    batch_size: int = 1,
    workers: int = 0,
    max_broken_share: float = 0.01,
    world: World | None = None,
    loader: Loader | None = None,
    on_batch: Callable[[int, int], None] | None = None,
) -> EvalResult:
    """Run a network over the task's evaluation samples.

    Each process takes whole batches in turn and the records are put back into sample order, so the metrics do not
    depend on the number of processes. The network is in eval mode inside and as before afterwards.

    Args:
        net: paddle.nn.Layer with the weights to judge.
        batch_size, workers: of loading; `loader`, which must serve `EVAL_STREAM`, replaces `workers`.
        max_broken_share: more broken samples than this are an error.
        on_batch: called with (batches done, batches of this process).

    Raises:
        TrainingError: no samples, too many broken ones, or a task whose records do not match its samples.
    """
    import paddle

    started = time.perf_counter()
    world = world or World()
    own = None
    if loader is None:
        loader = own = Loader({EVAL_STREAM: Stream(task.eval_samples(), task.collate)}, workers, seed=0)
    total = len(task.eval_samples())
    if total == 0:
        raise TrainingError("the evaluation set has no samples", where="data.val", hint="check the label file")
    plan = eval_batches(total, batch_size, world.size, world.rank)
    state = StepState(training=False)
    records: list[dict[str, Any]] = []
    broken: list[tuple[int, str]] = []
    modes = [(layer, layer.training) for layer in net.sublayers(include_self=True)]
    net.eval()
    try:
        with paddle.no_grad():
            for done, batch in enumerate(loader.batches(EVAL_STREAM, ((0, picks) for picks in plan)), 1):
                broken += batch.broken
                if batch.arrays is not None:
                    outputs = task.forward(net, to_tensors(batch.arrays), state)
                    made = task.decode(to_arrays(outputs), batch.arrays)
                    check_records(made, batch.arrays["index"])
                    records += made
                if on_batch is not None:
                    on_batch(done, len(plan))
    finally:
        for layer, training in modes:
            layer.training = training
        if own is not None:
            own.close()
    records = sorted(world.gather(records), key=lambda record: record["index"])
    broken = sorted(world.gather(broken))
    if len(broken) > max_broken_share * total:
        index, reason = broken[0]
        raise TrainingError(
            f"{len(broken)} of {total} evaluation samples cannot be read",
            where=f"sample {index}",
            value=reason,
            hint="run `sealkit data check`, or raise train.max_broken_share",
        )
    # computed once: a metric is free to be slow, and every rank must have the same metrics
    metrics = world.broadcast(compute_metrics(task, records) if world.is_main else None)
    return EvalResult(metrics, records, broken, time.perf_counter() - started)


def compute_metrics(task: Task, records: list[dict[str, Any]]) -> dict[str, float]:
    """What the task's metric says of records.

    Raises:
        ConfigError: the metric by which checkpoints are chosen is not among them.
    """
    metric = task.metric()
    metric.add(records)
    metrics = {name: float(value) for name, value in metric.compute().items()}
    if task.main_metric not in metrics:
        whole = [name for name in metrics if "/" not in name]
        raise ConfigError(
            f"{task.name} computes no such metric",
            where="eval.metric",
            value=task.main_metric,
            hint=f"it computes {', '.join(whole)}",
        )
    return metrics


def check_records(records: list[dict[str, Any]], indices: list[int]) -> None:
    """Raise TrainingError unless `decode` made exactly one record per sample, with its index."""
    found = [record.get("index") for record in records]
    if [int(i) if i is not None else None for i in found] != [int(i) for i in indices]:
        raise TrainingError(
            "decode must return one record per sample, in order, with its `index`", value=f"{found} for {list(indices)}"
        )
