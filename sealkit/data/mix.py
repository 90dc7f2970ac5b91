"""Several sets in one epoch, each with its share; a share of a set for validation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np

from sealkit.errors import ConfigError

Sample = TypeVar("Sample")


def validation_share(samples: Sequence[Sample], ratio: float, number: int) -> list[Sample]:
    """A share of a validation set (at least one sample): evenly spread, in order and always the same.

    Args:
        number: of the set in the recipe's data.val, for the message.

    Raises:
        ConfigError: a ratio above 1.
    """
    if ratio > 1:
        raise ConfigError(
            "a validation set cannot be used more than once",
            where=f"data.val.{number}.ratio",
            value=ratio,
            hint="give a ratio of at most 1",
        )
    count = max(round(len(samples) * ratio), 1)
    return [samples[int(i)] for i in np.floor(np.arange(count) * (len(samples) / count))]


class SetMix:
    """Which sample of which set stands at each place of an epoch.

    A set of n samples with ratio r fills round(r * n) places (at least one). With r = 1 every sample is used once an
    epoch; otherwise the places walk through ever new shuffles of the set, epoch after epoch, so that every sample is
    used equally often in the long run. A place depends on (seed, epoch, index) alone: a resumed run sees the same
    samples.
    """

    def __init__(self, sizes: Sequence[int], ratios: Sequence[float], seed: int) -> None:
        if not sizes or any(size < 1 for size in sizes) or any(ratio <= 0 for ratio in ratios):
            raise ConfigError(
                "every set of a mix needs samples and a ratio above 0",
                where="data.train",
                value=list(zip(sizes, ratios)),
            )
        self._sizes, self._seed = tuple(sizes), seed
        self._places = tuple(max(round(size * ratio), 1) for size, ratio in zip(sizes, ratios))
        self._ends = tuple(int(end) for end in np.cumsum(self._places))

    def __len__(self) -> int:
        return self._ends[-1]

    @property
    def places(self) -> tuple[int, ...]:
        """Places per epoch of each set."""
        return self._places

    def pick(self, index: int, epoch: int) -> tuple[int, int]:
        """(set, sample within the set) at place `index` of `epoch`."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        which = int(np.searchsorted(self._ends, index, side="right"))
        places, size = self._places[which], self._sizes[which]
        within = index - (self._ends[which] - places)
        if places == size:
            return which, within
        turn = epoch * places + within
        return which, int(_shuffle(self._seed, which, turn // size, size)[turn % size])


@lru_cache(maxsize=32)
def _shuffle(seed: int, which: int, cycle: int, size: int) -> np.ndarray:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(which, cycle))).permutation(size)


__all__ = ["SetMix"]
