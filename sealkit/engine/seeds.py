"""All randomness of a run is derived from (seed, purpose, position), never from how many numbers were drawn before.

That is what makes a resumed run equal to an undisturbed one: there is no generator state to save.
"""

from __future__ import annotations

import numpy as np

_ORDER, _SAMPLE, _STEP, _INIT = range(4)


def _sequence(seed: int, *position: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(entropy=seed, spawn_key=position)


def epoch_rng(seed: int, epoch: int) -> np.random.Generator:
    """For the order of an epoch's samples."""
    return np.random.default_rng(_sequence(seed, _ORDER, epoch))


def sample_rng(seed: int, epoch: int, index: int, repeat: int) -> np.random.Generator:
    """For the augmentation of sample `index`, the `repeat`-th time the epoch uses it."""
    return np.random.default_rng(_sequence(seed, _SAMPLE, epoch, index, repeat))


def step_rng(seed: int, step: int, micro: int, rank: int) -> np.random.Generator:
    """For a forward pass: `StepState.rng`."""
    return np.random.default_rng(_sequence(seed, _STEP, step, micro, rank))


def step_seed(seed: int, step: int, micro: int, rank: int) -> int:
    """For Paddle's own generator (dropout) in a forward pass: a 31-bit number."""
    return int(_sequence(seed, _STEP, step, micro, rank, 1).generate_state(1)[0] >> 1)


def init_seed(seed: int) -> int:
    """For Paddle's generator while the network is built: a 31-bit number."""
    return int(_sequence(seed, _INIT).generate_state(1)[0] >> 1)
