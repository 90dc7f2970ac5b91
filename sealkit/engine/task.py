"""The contract between the training loop and a module: the loop asks these questions and no others.

`engine` imports no module; `api.train` builds the module's Task from the recipe and hands it over. Tensors are
paddle's, named `Any` here so that this file imports without paddle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np


@dataclass
class StepState:
    """What a forward pass may depend on besides the batch.

    Attributes:
        step: optimiser steps done so far, over the whole run.
        epoch: epochs completed, as a float (2.5 = half of the third).
        epochs: planned epochs of the run.
        training: False in evaluation.
        rng: the only source of randomness in `forward` (seeded per step and rank).
        all_sum: differentiable sum of a tensor over the processes of the run (the identity in one process). A loss that
            is a ratio of sums over the batch calls it on these sums, so that several processes give the gradients of
            one with the whole batch; a loss that is a mean over samples needs nothing.
    """

    step: int = 0
    epoch: float = 0.0
    epochs: float = 0.0
    training: bool = True
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    all_sum: Callable[[Any], Any] = lambda tensor: tensor


@dataclass
class ParamGroup:
    """Parameters that share optimiser factors.

    Attributes:
        params: the parameters.
        lr_mult: factor on the learning rate; 0 freezes without `stop_gradient`.
        weight_decay: own decay in place of the recipe's, None = the recipe's.
    """

    params: Sequence[Any]
    lr_mult: float = 1.0
    weight_decay: float | None = None


class SampleSource(Protocol):
    """Random access to samples; runs in worker processes.

    `get(index, epoch, rng)` must depend on nothing but its arguments, so that a resumed run sees the same samples.
    A sample is a dict of NumPy arrays and plain values and always has "name" (file name and line, for messages).
    """

    def __len__(self) -> int: ...

    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any] | None:
        """The sample, or None where it is broken (the loader counts it and stops the run above the allowed share)."""


class Metric(Protocol):
    """Gathers per-sample records; `records` of several processes can be concatenated in sample order."""

    def add(self, records: Sequence[dict[str, Any]]) -> None: ...

    def compute(self) -> dict[str, float]: ...


class Task(Protocol):
    """One module, as the loop sees it.

    A task may also have `data_info() -> Mapping[str, Any]` (plain values: fingerprints and counts of the data; becomes
    data.json, and a resumed run is refused where it differs). `collate` should be a plain function
    of a file that does not import paddle (a static method): worker processes load it.

    Further answers a task may have: `adopt(extras)` and `load_weights(net, source, allow_partial)` where its network
    depends on more than the recipe (see `engine.weights`); `notes()` and `warnings()`: sentences about its data for the
    log, the latter also for the run's summary; `metric_options()`: what changes the main figure's value, for its
    printed name. A source of training samples may have `arrange` (see `sampler.TrainPlan`).
    """

    name: str
    main_metric: str  # key of Metric.compute() that decides which checkpoint is best; higher is better

    def build_network(self) -> Any:
        """The training network (paddle.nn.Layer), freshly initialised."""

    def train_samples(self) -> SampleSource: ...

    def eval_samples(self) -> SampleSource: ...

    def collate(self, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Stack samples to a batch of NumPy arrays and lists; runs in worker processes."""

    def forward(self, net: Any, batch: Mapping[str, Any], state: StepState) -> Any:
        """Network outputs for a batch (arrays already tensors on the device)."""

    def loss(self, outputs: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
        """Named scalar tensors; their sum is optimised, each one is logged."""

    def param_groups(self, net: Any) -> Sequence[ParamGroup]: ...

    def decode(self, outputs: Any, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Records for the metric: one plain, picklable dict per sample, with "index" (dataset position)."""

    def metric(self) -> Metric: ...

    def inference_spec(self) -> Mapping[str, Any]:
        """Everything an exported folder says about pre- and post-processing (becomes inference.yml)."""

    def checkpoint_extras(self) -> Mapping[str, Any]:
        """What travels inside every checkpoint besides tensors (charset, class names, model name)."""

    def report_parts(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Sections for report.html: tables {"title": str, "rows": list[dict]}, images {"title", "images": [(caption,
        BGR array)]}."""
