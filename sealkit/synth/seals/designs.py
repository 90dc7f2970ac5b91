"""Seals of a shape, designed by the function its row names."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from sealkit.data.shapes import SHAPES
from sealkit.synth.common.fontbook import FontBook
from sealkit.synth.seals.design import Design


def design_seal(shape: str, rng: np.random.Generator, book: FontBook) -> Design:
    """A seal of a shape of `sealkit.data.shapes`, all else of it drawn from `rng`."""
    module, _, name = SHAPES[shape].design.rpartition(".")
    design: Design = getattr(import_module(module), name)(rng, book)
    return design
