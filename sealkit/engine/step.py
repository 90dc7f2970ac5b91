"""One optimiser step: forward passes, gradients over all processes, checks, clipping, update."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sealkit.config.training import RecipeBase
from sealkit.engine.distributed import World
from sealkit.engine.ema import Ema
from sealkit.engine.loader import Batch
from sealkit.engine.optim import Optimizer, clip_gradients, global_norm, scale_gradients
from sealkit.engine.seeds import step_rng, step_seed
from sealkit.engine.task import StepState, Task
from sealkit.errors import TrainingError

_MAX_SKIPPED = 20  # steps in a row that the loss scaler may skip before the run is called broken


@dataclass
class Outcome:
    """What a step did: mean loss terms, gradient norm before clipping, samples of all processes, times in seconds."""

    losses: dict[str, float] = field(default_factory=dict)
    grad_norm: float = 0.0
    samples: int = 0
    broken: list[tuple[int, str]] = field(default_factory=list)
    wait: float = 0.0
    seconds: float = 0.0
    stop: bool = False


@dataclass
class Fault:
    """Everything about a step whose loss or gradient is not finite; see `guard.save_fault`.

    Attributes:
        precision: `Amp.mode` of the run.
    """

    what: str
    step: int
    micro: int
    rank: int
    losses: dict[str, float]
    batches: list[dict[str, Any]]
    state: StepState
    weights: dict[str, np.ndarray]
    precision: str


class NonFinite(Exception):
    """A loss or gradient is not finite; the weights are those before the step."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.what)
        self.fault = fault


def to_tensors(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Top-level numeric arrays as tensors on the current device (copied); everything else as it is."""
    import paddle

    return {
        key: paddle.to_tensor(value) if isinstance(value, np.ndarray) and value.dtype.kind in "fiub" else value
        for key, value in arrays.items()
    }


def to_arrays(outputs: Any) -> Any:
    """Tensors in a network's outputs as NumPy arrays (floats as float32), through dicts, lists and tuples."""
    import paddle

    if isinstance(outputs, paddle.Tensor):
        return (outputs.astype("float32") if outputs.is_floating_point() else outputs).numpy()
    if isinstance(outputs, Mapping):
        return {key: to_arrays(value) for key, value in outputs.items()}
    return [to_arrays(value) for value in outputs] if isinstance(outputs, (list, tuple)) else outputs


def split_like(flat: Any, pieces: Sequence[Any]) -> list[Any]:
    """Views of a vector that `concat` of the flat `pieces` made, one per piece, each of rank 1."""
    ends = np.cumsum([int(np.prod(piece.shape)) for piece in pieces]).tolist()
    return [flat[start:end] for start, end in zip([0, *ends], ends)]


def running_statistics(net: Any) -> list[Any]:
    """The tensors a forward pass in train mode changes: running means and variances (float, rank 1).

    Paddle keeps them as parameters without gradient, not as buffers.
    """
    layers = (layer for layer in net.sublayers(include_self=True) if hasattr(layer, "_variance"))
    moving = [layer for layer in layers if not getattr(layer, "_use_global_stats", False)]
    return [tensor for layer in moving for tensor in (layer._mean, layer._variance)]


def computes_in(kind: str) -> bool:
    """Whether mixed precision in `float16` or `bfloat16` has an effect on the current device.

    Paddle 3.2 calls bfloat16 supported on CPUs that have it, but its autocast then computes in float32 with no more
    than a warning.
    """
    import paddle

    supported = paddle.amp.is_float16_supported() if kind == "float16" else paddle.amp.is_bfloat16_supported()
    if not supported:
        return False
    one = paddle.ones([2, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has none: the answer says so
        with paddle.no_grad(), paddle.amp.auto_cast(dtype=kind):
            return str(paddle.matmul(one, one).dtype).endswith(f".{kind}")


def in_float32(outputs: Any) -> Any:
    """float16 and bfloat16 tensors in a network's outputs as float32, through dicts, lists and tuples."""
    import paddle

    if isinstance(outputs, paddle.Tensor):
        return outputs.astype("float32") if outputs.dtype in (paddle.float16, paddle.bfloat16) else outputs
    if isinstance(outputs, Mapping):
        return {key: in_float32(value) for key, value in outputs.items()}
    return [in_float32(value) for value in outputs] if isinstance(outputs, (list, tuple)) else outputs


class Amp:
    """Mixed precision: autocast of the network, and one loss scaler for the whole run where float16 is used.

    Raises:
        TrainingError: a type was asked for that the device does not compute in.
    """

    def __init__(self, mode: str) -> None:
        import paddle

        on_gpu = paddle.get_device().startswith("gpu")
        if mode == "auto":
            mode = "float16" if on_gpu and paddle.amp.is_float16_supported() else "off"
        supported = {"off": True, "float16": on_gpu and paddle.amp.is_float16_supported()}
        supported["bfloat16"] = mode == "bfloat16" and computes_in("bfloat16")
        if not supported[mode]:
            raise TrainingError(
                "this device does not compute in that type",
                where="train.amp",
                value=f"{mode} on {paddle.get_device()}",
                hint="use train.amp=auto or off",
            )
        self.mode = mode
        self.scaler = paddle.amp.GradScaler(init_loss_scaling=2.0**15) if mode == "float16" else None

    def losses(self, task: Task, net: Any, batch: Mapping[str, Any], state: StepState) -> dict[str, Any]:
        """Loss terms of a batch: the network computes in mixed precision, the loss in float32.

        Losses hold what float16 cannot: 1 - 1e-6, which rounds to 1, areas above 65,504 pixels, sums of many classes.
        """
        import paddle

        if self.mode == "off":
            return task.loss(task.forward(net, batch, state), batch, state)
        with paddle.amp.auto_cast(dtype=self.mode):
            outputs = task.forward(net, batch, state)
        return task.loss(in_float32(outputs), batch, state)

    def state(self) -> dict[str, Any] | None:
        """State of the loss scaler; None without one."""
        if self.scaler is None:
            return None
        return {k: np.asarray(v).tolist() for k, v in self.scaler.state_dict().items()}

    def load(self, state: Mapping[str, Any] | None) -> None:
        """Restore what `state` returned."""
        if self.scaler is not None and state:
            like = self.scaler.state_dict()
            self.scaler.load_state_dict(
                {k: np.asarray(v, like[k].dtype) if isinstance(like[k], np.ndarray) else v for k, v in state.items()}
            )


class Trainer:
    """Takes optimiser steps.

    Gradients are means over all samples of the step: over forward passes, over processes, and also where broken samples
    make batches unequal.
    """

    def __init__(
        self,
        task: Task,
        net: Any,
        optimizer: Optimizer,
        ema: Ema | None,
        settings: RecipeBase,
        world: World,
    ) -> None:
        self._task, self._net, self._optimizer, self._ema, self._world = task, net, optimizer, ema, world
        self._settings = settings
        self.amp = Amp(settings.train.amp)
        self._statistics = running_statistics(net)
        self._skipped = 0

    def run(self, loaded: Iterator[Batch], step: int, state: StepState, rate: float, stop: bool = False) -> Outcome:
        """Step number `step` (0-based): takes `accumulate` batches from `loaded`.

        Args:
            state: of the step; its rng is set for each forward pass.
            stop: this process wants to end the run; `Outcome.stop` says whether any does.

        Raises:
            NonFinite: before the weights have changed.
        """
        import paddle

        started = time.perf_counter()
        loop = self._settings.train
        outcome = Outcome(stop=stop)
        batches: list[dict[str, Any]] = []
        weight = 0.0  # in batches
        before = paddle.concat(self._statistics) if self._statistics else None
        for micro in range(loop.accumulate):
            waited = time.perf_counter()
            batch = next(loaded)
            outcome.wait += time.perf_counter() - waited
            outcome.broken += batch.broken
            if not self._world.all_true(batch.arrays is not None):
                continue  # a loss may sum over processes: all take part or none
            tensors = to_tensors(batch.arrays or {})
            batches.append(tensors)
            share = batch.samples / loop.batch_size
            weight += share
            outcome.samples += batch.samples
            state.rng = step_rng(self._settings.seed, step, micro, self._world.rank)
            paddle.seed(step_seed(self._settings.seed, step, micro, self._world.rank))
            self._forward_backward(tensors, share, step, micro, state, outcome, before)
        total = self._reduce(weight, outcome)
        if total > 0:
            self._update(total, rate, step, state, outcome, batches, before)
        self._optimizer.clear_gradients()
        outcome.seconds = time.perf_counter() - started
        return outcome

    def _forward_backward(
        self,
        batch: dict[str, Any],
        share: float,
        step: int,
        micro: int,
        state: StepState,
        outcome: Outcome,
        before: Any,
    ) -> None:
        import paddle

        losses = self.amp.losses(self._task, self._net, batch, state)
        terms = [term.astype("float32").reshape([]) for term in losses.values()]
        total = paddle.add_n(terms)
        parts = self._settings.train.accumulate * self._world.size
        scaled = total if share == parts == 1 else total * (share / parts)
        (self.amp.scaler.scale(scaled) if self.amp.scaler else scaled).backward()
        # one transfer for all terms; on a GPU it waits for the device, the price of never stepping on a bad loss
        values = paddle.stack([term.detach() for term in terms]).numpy()
        named = dict(zip(losses, values.tolist()))
        if not np.isfinite(values).all():
            bad = [name for name, value in named.items() if not math.isfinite(value)]
            raise self._fault(f"loss is not finite: {', '.join(bad)}", step, micro, state, named, [batch], before)
        for name, value in named.items():
            outcome.losses[name] = outcome.losses.get(name, 0.0) + value / self._settings.train.accumulate

    def _reduce(self, weight: float, outcome: Outcome) -> float:
        """Sum gradients over processes, average losses and running statistics; returns the step's weight in batches.

        One vector with the same layout on every rank: [weight, stop, samples, losses, who has which gradient,
        statistics, gradients].
        """
        import paddle

        if self._world.size == 1:
            return weight
        params = list(self._optimizer.params.values())
        has = [0.0 if param.grad is None else 1.0 for param in params]
        with paddle.no_grad():
            counts = [weight, float(outcome.stop), float(outcome.samples), *outcome.losses.values(), *has]
            head = paddle.to_tensor(counts, dtype="float32")
            gradients = [paddle.zeros_like(p) if p.grad is None else p.grad for p in params]
            pieces = [head, *self._statistics, *(gradient.reshape([-1]) for gradient in gradients)]
            flat = paddle.concat([piece.astype("float32") for piece in pieces])
            self._world.sum_(flat)
            sums = split_like(flat, pieces)
            for target, value in zip(self._statistics, sums[1:]):
                paddle.assign(value / self._world.size, target)
        weight, stop, samples, *rest = sums[0].numpy().tolist()
        has = rest[len(outcome.losses) :]
        outcome.losses = {name: value / self._world.size for name, value in zip(outcome.losses, rest)}
        for param, value, owners in zip(params, sums[1 + len(self._statistics) :], has):
            if owners == 0:
                continue  # a parameter without a gradient anywhere stays without one
            if param.grad is None:
                (param * 0.0).sum().backward()
            with paddle.no_grad():
                paddle.assign(value.reshape(param.shape).astype(param.grad.dtype), param.grad)
        outcome.stop, outcome.samples = stop > 0, int(samples)
        return weight

    def _update(
        self,
        weight: float,
        rate: float,
        step: int,
        state: StepState,
        outcome: Outcome,
        batches: list[dict[str, Any]],
        before: Any,
    ) -> None:
        gradients = [gradient for _, gradient in self._optimizer.gradients()]
        scaler = self.amp.scaler
        if scaler is not None:
            scaler.unscale_(self._optimizer.paddle)
        nominal = float(self._settings.train.accumulate * self._world.size)
        if weight != nominal:  # broken samples: the mean is over those that are there
            scale_gradients(gradients, nominal / weight)
        outcome.grad_norm = float(global_norm(gradients))
        finite = math.isfinite(outcome.grad_norm)
        self._skipped = 0 if finite else self._skipped + 1
        if not finite and (scaler is None or self._skipped > _MAX_SKIPPED):
            what = "gradient is not finite" + (f" in {self._skipped} steps in a row" if scaler else "")
            raise self._fault(what, step, len(batches) - 1, state, outcome.losses, batches, before)
        if self._settings.optimizer.clip_norm is not None and finite:
            clip_gradients(gradients, outcome.grad_norm, self._settings.optimizer.clip_norm)
        self._optimizer.set_rate(rate)
        if scaler is not None:
            scaler.step(self._optimizer.paddle)  # skips where it found infinities
            scaler.update()
        else:
            self._optimizer.step()
        if self._ema is not None and finite:
            self._ema.update()

    def _fault(
        self,
        what: str,
        step: int,
        micro: int,
        state: StepState,
        losses: dict[str, float],
        batches: list[dict[str, Any]],
        statistics: Any,
    ) -> NonFinite:
        """Collect what is needed to replay, with weights and running statistics as before the step."""
        import paddle

        if statistics is not None:
            for target, value in zip(self._statistics, split_like(statistics, self._statistics)):
                paddle.assign(value, target)
        weights = {name: tensor.numpy() for name, tensor in self._net.state_dict().items()}
        rank, precision = self._world.rank, self.amp.mode
        return NonFinite(Fault(what, step, micro, rank, losses, batches, state, weights, precision))
