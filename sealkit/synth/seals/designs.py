"""Which function designs a seal of which shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sealkit.synth.common.fontbook import FontBook
from sealkit.synth.seals.design import Design
from sealkit.synth.seals.round_designs import circle, oval
from sealkit.synth.seals.square_designs import rectangle, square, triangle

SHAPES: dict[str, Callable[[np.random.Generator, FontBook], Design]] = {
    "circle": circle,
    "oval": oval,
    "square": square,
    "rectangle": rectangle,
    "triangle": triangle,
}
"""Literal table: shape name of the settings and labels -> design function."""
