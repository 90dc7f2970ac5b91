"""The law of the goldens' weights, for the compact set: every entry from a seed made of its name.

seed = crc32(tag + name) for NumPy's PCG64. Rank 2 and more: gain * N(0, 1) / sqrt(fan_in); rank 1: weight U(0.5, 1.5),
scale U(0.5, 1), bias and running mean 0.1 * N(0, 1), running variance U(0.5, 1.5).
"""

import zlib

import numpy as np


def fill_array(key, shape, tag="", gain=1.0):
    rng = np.random.Generator(np.random.PCG64(zlib.crc32((tag + key).encode())))
    last = key.rsplit(".", 1)[-1]
    if len(shape) > 1:
        fan_in = shape[0] if len(shape) == 2 else np.prod(shape[1:])
        return (gain * rng.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32)
    if last in ("bias", "_mean"):
        return (0.1 * rng.standard_normal(shape)).astype(np.float32)
    low, high = (0.5, 1.0) if last == "scale" else (0.5, 1.5)
    return rng.uniform(low, high, shape).astype(np.float32)


def fill_state(spec, tag="", gain=1.0):
    """Yield (name, array) for {name: (shape, dtype)}."""
    for key in sorted(spec):
        yield key, fill_array(key, tuple(spec[key][0]), tag, gain)
