"""The contract between the training loop and a module: the loop asks these questions and no others.

`engine` imports no module; `api.train` builds the module's Task from the recipe and hands it over. Tensors are
paddle's, named `Any` here so that this file imports without paddle.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from sealkit.weights.loading import LoadReport, load_into


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


class SampleSource(ABC):
    """Random access to samples; runs in worker processes.

    `get(index, epoch, rng)` must depend on nothing but its arguments, so that a resumed run sees the same samples.
    A sample is a dict of NumPy arrays and plain values and always has "name" (file name and line, for messages).
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any] | None:
        """The sample, or None where it is broken (the loader counts it and stops the run above the allowed share)."""

    def arrange(self, order: np.ndarray, epoch: int, batch_size: int, rng: np.random.Generator) -> np.ndarray:
        """The shuffled order of an epoch with samples that shall meet in a batch side by side; see `TrainPlan`."""
        return order


class Metric(Protocol):
    """Gathers per-sample records; `records` of several processes can be concatenated in sample order."""

    def add(self, records: Sequence[dict[str, Any]]) -> None:
        """Gather records."""

    def compute(self) -> dict[str, float]:
        """Metrics by name, higher is better; names with a "/" are of a part of the set (`recall/shape=oval`)."""


class Task(ABC):
    """One module, as the loop sees it: it asks these questions and no others.

    `collate` should be a plain function of a file that does not import paddle (a static method): worker processes
    load it.

    Attributes:
        name: of the module.
        main_metric: key of `Metric.compute()` that decides which checkpoint is best; higher is better.
    """

    name: str
    main_metric: str
    collate: Callable[[Sequence[dict[str, Any]]], dict[str, Any]]
    """Stack samples to a batch of NumPy arrays and lists; runs in worker processes."""

    @abstractmethod
    def build_network(self) -> Any:
        """The training network (paddle.nn.Layer), freshly initialised."""

    @abstractmethod
    def train_samples(self) -> SampleSource:
        """Samples to train on, the same object whenever it is asked for."""

    @abstractmethod
    def eval_samples(self) -> SampleSource:
        """Samples to evaluate on, the same object whenever it is asked for."""

    @abstractmethod
    def forward(self, net: Any, batch: Mapping[str, Any], state: StepState) -> Any:
        """Network outputs for a batch (arrays already tensors on the device): tensors, or dicts and lists of them."""

    @abstractmethod
    def loss(self, outputs: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
        """Named scalar tensors; their sum is optimised, each one is logged."""

    @abstractmethod
    def param_groups(self, net: Any) -> Sequence[ParamGroup]:
        """Trainable parameters by what they ask of the optimiser."""

    @abstractmethod
    def decode(self, outputs: Any, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Records for the metric: one plain, picklable dict per sample, with "index" (dataset position).

        Args:
            outputs: what `forward` returned in evaluation, with NumPy arrays in place of its tensors (floats as
                float32); of an exported graph what `ModuleExport.outputs` made of its arrays.
            batch: NumPy arrays and lists, as `collate` made it.
        """

    @abstractmethod
    def metric(self) -> Metric:
        """A fresh metric."""

    @abstractmethod
    def inference_spec(self) -> Mapping[str, Any]:
        """Everything an exported folder says about pre- and post-processing (becomes inference.yml)."""

    @abstractmethod
    def checkpoint_extras(self) -> Mapping[str, Any]:
        """What travels inside every checkpoint besides tensors (charset, class names, model name)."""

    def report_parts(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Sections for report.html: tables {"title": str, "rows": list[dict]}, images {"title", "images": [(caption,
        BGR array)]}."""
        return []

    def data_info(self) -> Mapping[str, Any] | None:
        """Fingerprints and counts of the data as plain values: becomes data.json, and a resumed run is refused where it
        differs. None: nothing to compare."""
        return None

    def notes(self) -> Sequence[str]:
        """Sentences about the data for the log."""
        return ()

    def warnings(self) -> Sequence[str]:
        """Sentences about the data for the log and the run's summary."""
        return ()

    def metric_options(self) -> Sequence[str]:
        """What changes the metric's value besides the pre-processing, for its printed name."""
        return ()

    def restore(self, extras: Mapping[str, Any]) -> None:  # noqa: B027 (a default, not a duty)
        """Restore the metadata of the weights about to be loaded (a checkpoint's extras, a folder's charset or
        classes). It then counts in place of what the recipe's data would give. Called before the network is built."""

    def load_weights(self, net: Any, source: Any, allow_partial: bool = False) -> LoadReport:
        """Load weights into the task's network. A task whose output size depends on the data replaces it.

        Args:
            source: what `weights.sources.resolve` returned, a path, or arrays by name.

        Raises:
            WeightsError: as `weights.loading.load_into`.
        """
        return load_into(net, source, allow_partial)
