"""How long a run is, in optimiser steps."""

from __future__ import annotations

from dataclasses import dataclass

from sealkit.config.training import RecipeBase
from sealkit.engine.optim import learning_rate, peak_rate
from sealkit.engine.sampler import TrainPlan
from sealkit.errors import ConfigError


@dataclass(frozen=True)
class Lengths:
    """Lengths in optimiser steps.

    Attributes:
        total: where the run ends.
        schedule: what the learning-rate schedule is laid out for: `schedule.total_epochs`, else the run's epochs,
            else its steps. `max_steps` beside `epochs` cuts a run short without changing its schedule.
        between_evaluations: None: only at the end.
        per_epoch: steps of an epoch.
        peak: peak learning rate for the run's total batch size.
    """

    total: int
    schedule: int
    between_evaluations: int | None
    per_epoch: int
    peak: float

    def rate(self, step: int, settings: RecipeBase) -> float:
        """Learning rate of optimiser step `step`."""
        return learning_rate(step, settings.schedule, self.peak, self.schedule, self.per_epoch)


def lengths(settings: RecipeBase, plan: TrainPlan) -> Lengths:
    """Lengths of a run.

    Raises:
        ConfigError: neither `train.epochs` nor `train.max_steps` is set.
    """
    loop, per_epoch = settings.train, plan.steps_per_epoch
    if loop.epochs is None and loop.max_steps is None:
        raise ConfigError("no training length", where="train", hint="set train.epochs or train.max_steps")
    planned = max(1, round(loop.epochs * per_epoch)) if loop.epochs is not None else loop.max_steps or 1
    epochs = settings.schedule.total_epochs
    every = settings.eval.every_epochs
    return Lengths(
        total=min(planned, loop.max_steps or planned),
        schedule=max(1, round(epochs * per_epoch)) if epochs else planned,
        between_evaluations=settings.eval.every_steps or (max(1, round(every * per_epoch)) if every else None),
        per_epoch=per_epoch,
        peak=peak_rate(settings.optimizer, plan.step_size),
    )
