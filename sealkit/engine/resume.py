"""The state of a run in its checkpoint, and which settings may differ on resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sealkit.config.training import RecipeBase
from sealkit.errors import TrainingError

# On resume the new value of these wins: they change how fast or how often, not what is learnt. `*`: everything below.
# weights.init is ignored: the checkpoint has the weights. train.max_steps and train.epochs have rules of their own
# below, train.kernels in engine/kernels.py. Everything else must be what it was, since the result would belong to
# neither setting.
NEW_WINS = (
    "name",
    "output",
    "weights.init",
    "weights.allow_partial",
    "train.num_workers",
    "train.device",
    "train.threads",
    "train.kernels",
    "train.log_every",
    "train.visualdl",
    "train.save_every_steps",
    "train.max_broken_share",
    "train.max_steps",
    "eval.every_epochs",
    "eval.every_steps",
    "eval.at_start",
    "eval.batch_size",
    "eval.early_stop",
)


@dataclass
class Progress:
    """State of a run besides tensors.

    The order of samples and all randomness are functions of (seed, step), so the step is the sampler's position and the
    generators' state at once.

    Attributes:
        step: optimiser steps done.
        best: deciding metric and step of the best evaluation so far, None before the first.
        baseline: metrics of the initial weights.
        last: metrics of the last evaluation.
        stale: evaluations since the best one.
        broken: index -> reason of training samples that could not be read.
        warnings: said so far.
        finished: why the run ended, None while it has not.
    """

    step: int = 0
    best: dict[str, float] | None = None
    baseline: dict[str, float] | None = None
    last: dict[str, float] | None = None
    stale: int = 0
    broken: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    finished: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for state.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Progress:
        """Inverse of `to_dict`; unknown keys are ignored."""
        return cls(**{name: values[name] for name in cls.__dataclass_fields__ if name in values})


_KINDS: Mapping[str, tuple[type, ...]] = {
    "settings": (dict,),
    "world": (int,),
    "step": (int,),
    "best": (dict, type(None)),
    "baseline": (dict, type(None)),
    "last": (dict, type(None)),
    "stale": (int,),
    "broken": (dict,),
    "warnings": (list,),
    "finished": (str, type(None)),
}


def check_progress(saved: Mapping[str, Any], where: str) -> None:
    """Refuse a checkpoint without the state of a run: one of weights alone, or one that was written by hand.

    Raises:
        TrainingError: parts are missing or of another kind; all are listed.
    """
    wrong = [name for name, kinds in _KINDS.items() if name not in saved or not isinstance(saved[name], kinds)]
    if "settings" not in wrong and saved["settings"].get("ema"):
        state = saved.get("ema")
        counts = [state.get(key) for key in ("updates", "last_decay")] if isinstance(state, dict) else [None]
        wrong += [] if all(isinstance(count, (int, float)) for count in counts) else ["ema"]
    if wrong:
        raise TrainingError(
            f"the checkpoint holds no state of a run that could be continued: no usable {', '.join(wrong)}",
            where=where,
            hint=f"start a new run from its weights: -o weights.init={where} -o output=…",
        )


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}; lists are values."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _free(key: str) -> bool:
    return any(key == rule or (rule.endswith(".*") and key.startswith(rule[:-1])) for rule in NEW_WINS)


def divide_step(settings: RecipeBase, saved: Mapping[str, Any], world: int, where: str) -> tuple[RecipeBase, str]:
    """Divide the samples of a step among another number of processes than the run was saved with.

    A step keeps its samples and with them the learning rate, the order of samples and the length of an epoch; they are
    divided into as many forward passes as it takes. What depends on the division is not exact: statistics of
    BatchNorms, which are a forward pass's own, and random numbers of forward passes.

    Args:
        saved: {"settings", "world"} of the checkpoint.

    Returns:
        Settings whose `batch_size` and `accumulate` fit, and a sentence that says so, "" where nothing changed.

    Raises:
        TrainingError: the samples of a step cannot be divided evenly.
    """
    loop, total = settings.train, step_size(saved["settings"]["train"], saved["world"])
    if world == saved["world"]:
        return settings, ""
    if total % world:
        fits = [n for n in range(1, total + 1) if total % n == 0]
        raise TrainingError(
            f"a step of this run has {total} samples, which {world} processes cannot divide evenly",
            where=where,
            value=f"{saved['world']} → {world} processes",
            hint=f"use {', '.join(map(str, fits))} processes, or start a new run from its weights",
        )
    share = total // world
    batch = max(n for n in range(1, min(loop.batch_size, share) + 1) if share % n == 0)
    train = loop.model_copy(update={"batch_size": batch, "accumulate": share // batch})
    note = (
        f"resume: {saved['world']} → {world} processes. A step keeps its {total} samples and the learning rate: "
        f"{batch} a forward pass, {share // batch} pass(es), {world} process(es). BatchNorm and random augmentation in "
        "the network see other batches, so the losses are not bit for bit those of an undisturbed run"
    )
    return settings.model_copy(update={"train": train}), note


def step_size(loop: Mapping[str, Any], world: int) -> int:
    """Samples of an optimiser step of `world` processes with these `train` settings."""
    return int(loop["batch_size"]) * int(loop["accumulate"]) * world


def check_same_run(
    settings: RecipeBase, saved: Mapping[str, Any], data: Mapping[str, Any] | None, world: int, where: str
) -> list[str]:
    """Compare the settings of a run with those of the checkpoint it continues.

    Args:
        saved: {"settings", "data", "world"} of the checkpoint.
        data: what the task says about its data now.

    Returns:
        A line for each setting whose new value is used.

    Raises:
        TrainingError: anything else changed; all changes are listed.
    """
    old, new = flatten(saved["settings"]), flatten(settings.model_dump(mode="json"))
    changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    if "train.epochs" in changed and settings.schedule.name in ("constant", "multistep"):
        changed.discard("train.epochs")  # these schedules do not know the length of the run
    if step_size(saved["settings"]["train"], saved["world"]) == step_size(settings.train.model_dump(), world):
        changed -= {"train.batch_size", "train.accumulate"}  # divided otherwise
    lengthless = old.get("train.epochs") is None
    refused = sorted(key for key in changed if not _free(key) or (key == "train.max_steps" and lengthless))
    lines = [f"  {key}: {old.get(key)!r} → {new.get(key)!r}" for key in refused]
    if data is not None and saved.get("data") is not None and dict(data) != saved["data"]:
        before, after = flatten(saved["data"]), flatten(data)
        parts = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        lines.append("  data: " + ", ".join(f"{key}: {before.get(key)!r} → {after.get(key)!r}" for key in parts[:5]))
    if lines:
        raise TrainingError(
            "a resumed run must keep its settings; these differ:\n" + "\n".join(lines),
            where=where,
            hint=f"undo the changes, or start a new run from its weights: -o weights.init={where} -o output=…",
        )
    return [f"{key}: {old.get(key)!r} → {new.get(key)!r}" for key in sorted(changed) if not key.startswith("weights.")]
