"""Multi-scale batches: the input size changes from batch to batch, unknown to the training loop.

A sample's random numbers depend on (seed, epoch, index) alone. So each sample draws a number, and the batch's choice
is made by the number of its first sample: the same batch has the same size in every run and after every resume, in
whatever process it is put together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

DRAW = "batch_draw"
"""Key of the number in 0..1 that every sample draws."""
_POOL = 64  # batches' worth of samples that are sorted together: large enough for even batches, small enough to mix


def drawn(samples: Sequence[Mapping[str, Any]], choices: int) -> int:
    """Which of `choices` possibilities this batch takes: 0 … choices - 1, all alike often."""
    return min(int(samples[0][DRAW] * choices), choices - 1)


def group_by_size(order: np.ndarray, sizes: np.ndarray, batch_size: int, rng: np.random.Generator) -> np.ndarray:
    """A shuffled order with samples of similar size side by side.

    The order is cut into pools; each pool is sorted by size and its batches are shuffled, so that batches are even and
    come in no order of size.

    Args:
        order: (N,) int, shuffled sample numbers.
        sizes: (N,) float, size of the sample at each place of `order`.
        batch_size: samples that stay together.

    Returns:
        (N,) int, the same numbers.
    """
    step = _POOL * batch_size
    batches: list[np.ndarray] = []
    for start in range(0, len(order), step):
        pool = order[start : start + step]
        pool = pool[np.argsort(sizes[start : start + step], kind="stable")]
        batches += [pool[at : at + batch_size] for at in range(0, len(pool), batch_size)]
    full = [batch for batch in batches if len(batch) == batch_size]
    rest = [batch for batch in batches if len(batch) < batch_size]  # at the end, so that all others stay whole
    return np.concatenate([*(full[int(i)] for i in rng.permutation(len(full))), *rest])


__all__ = ["DRAW", "drawn", "group_by_size"]
