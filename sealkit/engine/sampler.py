"""Which samples a process sees, and when: pure functions of (sizes, seed, epoch, rank)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sealkit.engine.seeds import epoch_rng
from sealkit.errors import TrainingError

Arrange = Callable[[np.ndarray, int, int, np.random.Generator], np.ndarray]
Pick = tuple[int, int]  # (sample index, how many times the epoch has used it before)


@dataclass(frozen=True)
class TrainPlan:
    """The order of training samples of a run.

    A step takes `accumulate * world * batch_size` samples that follow each other in the epoch's order, so that the same
    samples meet in a step however they are split over processes and forward passes. The last step of an epoch is filled
    from the epoch's start: every sample is seen at least once, every batch is full.

    Attributes:
        arrange: (shuffled order, epoch, batch size, rng) -> the same numbers in another order, for samples that shall
            meet in a batch (strips of similar length). It must depend on its arguments alone.
    """

    samples: int
    batch_size: int
    accumulate: int
    world: int
    rank: int
    seed: int
    arrange: Arrange | None = None

    @property
    def step_size(self) -> int:
        """Samples per optimiser step, over all processes."""
        return self.batch_size * self.accumulate * self.world

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch, the last one filled up."""
        return -(-self.samples // self.step_size)

    def epoch_picks(self, epoch: int) -> list[Pick]:
        """The epoch's samples in order, `steps_per_epoch * step_size` of them."""
        rng = epoch_rng(self.seed, epoch)
        order = rng.permutation(self.samples)
        if self.arrange is not None:
            order = self.arrange(order, epoch, self.batch_size, rng)
            if not np.array_equal(np.sort(order), np.arange(self.samples)):
                raise TrainingError("the data's arrangement lost or doubled samples", where=f"epoch {epoch}")
        slots = np.arange(self.steps_per_epoch * self.step_size)
        return list(zip(order[slots % self.samples].tolist(), (slots // self.samples).tolist()))

    def batches(self, from_step: int) -> Iterator[tuple[int, list[Pick]]]:
        """(epoch, picks) of each forward pass of this process, endlessly, from optimiser step `from_step` on."""
        step = from_step
        while True:
            epoch, first = divmod(step, self.steps_per_epoch)
            picks = self.epoch_picks(epoch)
            for in_epoch in range(first, self.steps_per_epoch):
                for micro in range(self.accumulate):
                    start = ((in_epoch * self.accumulate + micro) * self.world + self.rank) * self.batch_size
                    yield epoch, picks[start : start + self.batch_size]
                step += 1


def eval_batches(samples: int, batch_size: int, world: int, rank: int) -> list[list[Pick]]:
    """Batches of this process in an evaluation: every `world`-th of the batches one process would make.

    Whole batches are dealt, so that an image meets the same neighbours, and gives the same bits, however many
    processes there are.
    """
    starts = range(0, samples, batch_size)
    batches = [[(index, 0) for index in range(start, min(start + batch_size, samples))] for start in starts]
    return batches[rank::world]
