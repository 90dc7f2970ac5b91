"""Guards of a run: saves a faulty batch for replay, and reports loss terms that stay zero."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.engine.seeds import step_rng, step_seed
from sealkit.engine.step import Amp, Fault, computes_in, to_tensors
from sealkit.engine.task import StepState, Task
from sealkit.errors import TrainingError
from sealkit.files import write_text
from sealkit.weights.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from sealkit.weights.loading import load_into
from sealkit.weights.safetensors_io import load_tensors, save_tensors

FAULT_FILE = "fault.json"
_ZERO_STEPS = 100


class ZeroTerms:
    """Notices loss terms that are exactly 0 for 100 steps: a head that is not connected, labels that are empty."""

    def __init__(self) -> None:
        self._run: dict[str, int] = {}

    def add(self, losses: Mapping[str, float]) -> list[str]:
        """Warnings, one per term, in the step where it reaches the limit."""
        found = []
        for name, value in losses.items():
            self._run[name] = self._run.get(name, 0) + 1 if value == 0.0 else 0
            if self._run[name] == _ZERO_STEPS:
                found.append(f"loss term `{name}` has been exactly 0 for {_ZERO_STEPS} steps: it trains nothing")
        return found


def save_fault(folder: Path, fault: Fault, extras: Mapping[str, Any], seed: int) -> TrainingError:
    """Keep a faulty step in `folder` and return the error to raise.

    The folder has the weights before the step as a checkpoint, each batch (`batch_<n>.safetensors`, `.json`) and
    `fault.json` (what, where in the run, loss terms, file names).
    """
    names = [str(name) for batch in fault.batches for name in batch.get("name", [])]
    facts = {
        "what": fault.what,
        "step": fault.step,
        "micro": fault.micro,
        "rank": fault.rank,
        "precision": fault.precision,
        "seed": seed,
        "epoch": fault.state.epoch,
        "epochs": fault.state.epochs,
        "losses": {name: repr(value) for name, value in fault.losses.items()},
        "names": names,
        "batches": len(fault.batches),
    }
    save_checkpoint(folder, Checkpoint(fault.weights, extras, {"step": fault.step}))
    for number, batch in enumerate(fault.batches):
        tensors = {key: value.numpy() for key, value in batch.items() if hasattr(value, "numpy")}
        save_tensors(folder / f"batch_{number}.safetensors", tensors)
        rest = {key: value for key, value in batch.items() if key not in tensors}
        write_text(
            folder / f"batch_{number}.json", json.dumps(rest, ensure_ascii=False, default=_as_plain), durable=True
        )
    write_text(folder / FAULT_FILE, json.dumps(facts, ensure_ascii=False, indent=1), durable=True)
    shown = "\n    ".join(names[:16]) + ("\n    …" if len(names) > 16 else "")
    losses = ", ".join(f"{name} {value:g}" for name, value in fault.losses.items())
    return TrainingError(
        f"{fault.what}; stopped before the weights changed ({losses})\n  the batch:\n    {shown}",
        where=f"step {fault.step + 1}" + (f", rank {fault.rank}" if fault.rank else ""),
        hint="run this batch again, layer by layer: "
        f"sealkit train -c {folder.parents[1]}/recipe.yaml --replay {folder}",
    )


def _as_plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return repr(value)


@dataclass
class Replay:
    """What a replayed batch did.

    Attributes:
        losses: loss terms now.
        first_bad_layer: the first sublayer whose output is not finite, None where all are finite.
        largest: the five sublayers with the largest absolute outputs.
        bad_weights: weights that were not finite to begin with.
        bad_inputs: batch entries that are not finite.
        bad_gradients: parameters whose gradient is not finite.
        reproduced: the fault happened again.
        precision: of the run, where this device does not compute in it.
    """

    names: list[str]
    losses: dict[str, float] = field(default_factory=dict)
    first_bad_layer: str | None = None
    largest: list[tuple[str, float]] = field(default_factory=list)
    bad_weights: list[str] = field(default_factory=list)
    bad_inputs: list[str] = field(default_factory=list)
    bad_gradients: list[str] = field(default_factory=list)
    precision: str | None = None

    @property
    def reproduced(self) -> bool:
        """Whether the fault happened again."""
        return bool(self.bad_gradients) or not all(map(np.isfinite, self.losses.values()))

    def summary(self) -> str:
        """The findings as text."""
        lines = ["the fault is reproduced" if self.reproduced else "everything is finite this time"]
        if self.precision:
            lines.append(f"  computed in float32: this device has no mixed precision in {self.precision}, the run's")
        lines.append("  loss: " + ", ".join(f"{name} {value:g}" for name, value in self.losses.items()))
        for title, found in (
            ("weights that are not finite", self.bad_weights),
            ("inputs that are not finite", self.bad_inputs),
            ("first layer with a bad output", [self.first_bad_layer] if self.first_bad_layer else []),
            ("gradients that are not finite", self.bad_gradients),
        ):
            if found:
                lines.append(
                    f"  {title}: {', '.join(found[:5])}" + (f" and {len(found) - 5} more" if len(found) > 5 else "")
                )
        lines.append("  largest outputs: " + ", ".join(f"{name} {value:.3g}" for name, value in self.largest))
        lines.append("  samples: " + ", ".join(self.names))
        return "\n".join(lines)


def replay(task: Task, folder: str | Path) -> Replay:
    """Run a kept batch again with the same weights and randomness and look at every layer.

    Args:
        folder: a folder of `save_fault` (printed by the error).

    Raises:
        TrainingError: not such a folder.
        WeightsError: the task's network is not the one of the run.
    """
    import paddle

    folder = Path(folder)
    if not (folder / FAULT_FILE).is_file():
        raise TrainingError("not a saved fault", where=str(folder), hint="give the folder that the error message named")
    facts = json.loads((folder / FAULT_FILE).read_text(encoding="utf-8"))
    net = task.build_network()
    weights = load_checkpoint(folder, weights_only=True).weights
    result = Replay(facts["names"])
    result.bad_weights = [
        name for name, array in weights.items() if array.dtype.kind == "f" and not np.isfinite(array).all()
    ]
    if not result.bad_weights:
        load_into(net, weights, where=str(folder))
    else:
        net.set_state_dict(dict(weights))
    net.train()
    precision = facts.get("precision", "off")  # runs before it was kept
    if precision != "off" and not computes_in(precision):
        result.precision, precision = precision, "off"
    amp = Amp(precision)
    sizes = _watch_outputs(net, result)
    for number in range(facts["batches"]):
        arrays, _ = load_tensors(folder / f"batch_{number}.safetensors")
        result.bad_inputs += [k for k, v in arrays.items() if v.dtype.kind == "f" and not np.isfinite(v).all()]
        rest = json.loads((folder / f"batch_{number}.json").read_text(encoding="utf-8"))
        micro = facts["micro"] if facts["batches"] == 1 else number
        place = (facts["seed"], facts["step"], micro, facts["rank"])
        state = StepState(facts["step"], facts["epoch"], facts["epochs"], rng=step_rng(*place))
        paddle.seed(step_seed(*place))
        batch = to_tensors({**arrays, **rest})
        losses = amp.losses(task, net, batch, state)
        for name, value in losses.items():
            result.losses[name] = result.losses.get(name, 0.0) + value.astype("float32").item() / facts["batches"]
        paddle.add_n([value.astype("float32").reshape([]) for value in losses.values()]).backward()
    result.largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    result.bad_gradients = [
        name for name, p in net.named_parameters() if p.grad is not None and not np.isfinite(p.grad.numpy()).all()
    ]
    return result


def _watch_outputs(net: Any, result: Replay) -> dict[str, float]:
    """Note the largest absolute output of every leaf layer, and the first layer with one that is not finite."""
    sizes: dict[str, float] = {}

    def hook(name: str) -> Any:
        def look(layer: Any, inputs: Any, output: Any) -> None:
            for tensor in output if isinstance(output, (list, tuple)) else [output]:
                if not hasattr(tensor, "numpy"):
                    continue
                value = float(np.abs(tensor.astype("float32").numpy()).max(initial=0.0))
                if not np.isfinite(value) and result.first_bad_layer is None:
                    result.first_bad_layer = name
                sizes[name] = max(sizes.get(name, 0.0), value) if np.isfinite(value) else float("inf")

        return look

    for name, layer in net.named_sublayers():
        if not list(layer.children()):
            layer.register_forward_post_hook(hook(name))
    return sizes
