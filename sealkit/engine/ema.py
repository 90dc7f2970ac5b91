"""Exponential moving average of weights and running statistics: three schedules (ppdet `ModelEMA`; goldens `ema/*`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sealkit.config.training import EmaSettings
from sealkit.errors import WeightsError


def ema_decay(kind: str, decay: float, updates: int) -> float:
    """Share of the old average kept in the update after `updates` earlier ones."""
    if kind == "threshold":
        return min(decay, (1 + updates) / (10 + updates))
    if kind == "exponential":
        return decay * (1 - math.exp(-(updates + 1) / 2000))
    return decay


def ema_correction(kind: str, last_decay: float, updates: int) -> float:
    """Divisor of the average, which starts at zero. `exponential` has none: its first decay is nearly 0.

    For `threshold` it uses the last decay for all updates, as ppdet does: early values are not a true average.
    """
    return 1.0 if kind == "exponential" or updates == 0 else 1 - last_decay**updates


class Ema:
    """Averages of every floating entry of a state_dict; integer entries follow the network.

    Args:
        state: state_dict of the network; its tensors are read at each update.
        cycle_steps: forget the average after so many updates; None: never.
    """

    def __init__(self, state: Mapping[str, Any], settings: EmaSettings, cycle_steps: int | None) -> None:
        import paddle

        self._settings, self._cycle = settings, cycle_steps
        unique = {id(tensor): (name, tensor) for name, tensor in reversed(list(state.items()))}
        self._tracked = {n: t for n, t in unique.values() if t.dtype in (paddle.float32, paddle.float64)}
        self._shadow = {name: paddle.zeros_like(tensor) for name, tensor in self._tracked.items()}
        self.updates = 0
        self._last_decay = 0.0

    def update(self) -> None:
        """Take in the network's present weights; call after each optimiser step."""
        import paddle

        if self._cycle is not None and self.updates == self._cycle:
            self.updates = 0
            for shadow in self._shadow.values():
                shadow.zero_()
        self._last_decay = ema_decay(self._settings.kind, self._settings.decay, self.updates)
        with paddle.no_grad():
            for name, tensor in self._tracked.items():
                shadow = self._shadow[name]
                shadow.scale_(self._last_decay)
                shadow.add_(tensor * (1 - self._last_decay))
        self.updates += 1

    def applied(self) -> dict[str, Any]:
        """The weights to evaluate, as tensors by name; the network's own before the first update."""
        if self.updates == 0:
            return {name: tensor.clone() for name, tensor in self._tracked.items()}
        divisor = ema_correction(self._settings.kind, self._last_decay, self.updates)
        return {name: shadow / divisor for name, shadow in self._shadow.items()}

    def swapped(self) -> EmaSwap:
        """A context in which the network has the averaged weights."""
        return EmaSwap(self)

    def arrays(self) -> dict[str, np.ndarray]:
        """The averages by name, for a checkpoint."""
        return {name: shadow.numpy() for name, shadow in self._shadow.items()}

    def progress(self) -> dict[str, float]:
        """The counters, for a checkpoint."""
        return {"updates": self.updates, "last_decay": self._last_decay}

    def load(self, arrays: Mapping[str, np.ndarray], progress: Mapping[str, Any]) -> None:
        """Restore what `arrays` and `progress` returned.

        Raises:
            WeightsError: other names than the network's.
        """
        if set(arrays) != set(self._shadow):
            odd = sorted(set(arrays) ^ set(self._shadow))[:5]
            raise WeightsError("the averaged weights belong to another network", value=odd)
        for name, array in arrays.items():
            self._shadow[name].set_value(array)
        self.updates, self._last_decay = int(progress["updates"]), float(progress["last_decay"])


class EmaSwap:
    """Puts the averaged weights into the network and the trained ones back, bit for bit."""

    def __init__(self, ema: Ema) -> None:
        self._ema = ema
        self._kept: dict[str, Any] = {}

    def __enter__(self) -> None:
        self._kept = {name: tensor.clone() for name, tensor in self._ema._tracked.items()}
        self._put(self._ema.applied())

    def __exit__(self, *exc: object) -> None:
        self._put(self._kept)
        self._kept = {}

    def _put(self, values: Mapping[str, Any]) -> None:
        import paddle

        with paddle.no_grad():
            for name, value in values.items():
                paddle.assign(value, self._ema._tracked[name])
