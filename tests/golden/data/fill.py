"""The law of the goldens' weights, for the compact set: every entry from a seed made of its name.

seed = crc32(tag + name) for NumPy's PCG64. Rank 2 and more: gain * N(0, 1) / sqrt(fan_in); rank 1: weight U(0.5, 1.5),
scale U(0.5, 1), bias and running mean 0.1 * N(0, 1), running variance U(0.5, 1.5).
"""

import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def canonical(key: str) -> str:
    """LSTM cells share their tensors with the layer's own names."""
    return re.sub(r"\.(\d+)\.cell\.(\w+)$", r".\2_l\1", key)


def fill_array(key: str, shape: tuple[int, ...], tag: str = "", gain: float = 1.0) -> np.ndarray:
    rng = np.random.Generator(np.random.PCG64(zlib.crc32((tag + canonical(key)).encode())))
    last = key.rsplit(".", 1)[-1]
    if len(shape) > 1:
        fan_in = shape[0] if len(shape) == 2 else np.prod(shape[1:])
        return (gain * rng.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32)
    if last == "_mean" or "bias" in last:
        return (0.1 * rng.standard_normal(shape)).astype(np.float32)
    low, high = (0.5, 1.0) if last == "scale" else (0.5, 1.5)
    return rng.uniform(low, high, shape).astype(np.float32)


def fill_state(spec: Mapping[str, Any], tag: str = "", gain: float = 1.0) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, array) for {name: (shape, dtype)}; NRTR's table of positions stays as it is."""
    for key in sorted(spec):
        if not key.endswith(".pe"):
            yield key, fill_array(key, tuple(spec[key][0]), tag, gain)
