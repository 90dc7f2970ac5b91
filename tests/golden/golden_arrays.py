"""Reading and comparing stored arrays (layout and tolerances: README of the golden folder)."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

Golden = Mapping[str, np.ndarray]

ZOO_OPENCV = "5.0.0"
"""With which `ops_*.npz` were made; the file does not say."""
OUTPUT, LOSS = 1e-4, 1e-4  # of the largest value; relative
GRADIENT = 5e-3
"""Relative, of a layer's norm: other vector units moved single layers by .3 %."""
PROBABILITY = 2e-3
"""Of the largest value, for softmaxes over thousands of classes in train mode: other vector units moved them .1 %."""


def meta(golden: Golden) -> dict:
    return json.loads(str(golden["meta"]))


def names(golden: Golden, prefix: str) -> list[str]:
    """Names of the arrays under `prefix`, stored whole or as a slice."""
    keys = (key[len(prefix) :] for key in golden if key.startswith(prefix))
    return sorted({key.split("@")[0] for key in keys})


def assert_array(golden: Golden, name: str, value: np.ndarray, tolerance: float = OUTPUT) -> None:
    """Compare with a stored array, or with its slice, size and statistics."""
    value = np.asarray(value)
    if name in golden:
        expected = golden[name]
        assert value.shape == expected.shape, f"{name}: shape {value.shape}, golden {expected.shape}"
    else:
        step, size, *shape = (int(n) for n in golden[f"{name}@info"])
        assert value.shape == tuple(shape) and value.size == size, f"{name}: shape {value.shape}, golden {shape}"
        mean, std, _, low, high = golden[f"{name}@stats"]
        found = (value.mean(dtype=np.float64), value.std(dtype=np.float64), value.min(), value.max())
        room = tolerance * max(abs(low), abs(high))
        for label, a, b in zip(("mean", "std", "min", "max"), found, (mean, std, low, high)):
            assert abs(a - b) <= room, f"{name}: {label} {a}, golden {b}"
        value, expected = value.ravel()[::step], golden[f"{name}@slice"]
    worst = float(np.abs(value.astype(np.float64) - expected).max())
    limit = tolerance * float(np.abs(expected).max())
    assert worst <= limit, f"{name}: differs by {worst:.3g}, allowed {limit:.3g}"
