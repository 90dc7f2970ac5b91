"""Seals of a shape, or of a layout, designed by the function its row names."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import numpy as np

from sealkit.data.shapes import SHAPES
from sealkit.synth.common.fontbook import FontBook
from sealkit.synth.seals.design import Design

LAYOUTS: Mapping[str, str] = {
    "latin": "sealkit.synth.seals.latin_designs.latin",
    "grid": "sealkit.synth.seals.grid_designs.grid",
}
"""Layout of `SynthSettings` → dotted name of `design(rng, book) -> Design`."""


def design_seal(shape: str, rng: np.random.Generator, book: FontBook) -> Design:
    """A seal of a shape of `sealkit.data.shapes`, all else of it drawn from `rng`."""
    return _designed(SHAPES[shape].design, rng, book)


def design_layout(layout: str, rng: np.random.Generator, book: FontBook) -> Design:
    """A seal of a layout of `LAYOUTS`, its shape included."""
    return _designed(LAYOUTS[layout], rng, book)


def _designed(function: str, rng: np.random.Generator, book: FontBook) -> Design:
    module, _, name = function.rpartition(".")
    design: Design = getattr(import_module(module), name)(rng, book)
    return design
