"""THE table of seal shapes: what labels may say, what is drawn, and how often. A new shape is a function that designs
it and one row here.

It stands below the renderer so that reading labels needs none; designs are dotted names, imported where they are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SealShape:
    """One shape.

    Attributes:
        design: dotted name of `design(rng, book) -> Design`.
        corners: of its outline in half axes, clockwise from the top left or the top; () for an ellipse.
        share: weight among drawn seals; 0: drawn where it is asked for (`--shapes`).
        page_share: weight among the seals of whole pages, as often as documents show them.
        page_width: how wide it is on a page, as a share of the page's short side: mean and deviation of a normal
            distribution, or limits of a uniform one.
    """

    design: str
    corners: tuple[tuple[float, float], ...]
    share: float
    page_share: float
    page_width: tuple[Literal["normal", "uniform"], float, float]


_SIDES = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
_ROUND, _SQUARE = "sealkit.synth.seals.round_designs", "sealkit.synth.seals.square_designs"
_LINES = "sealkit.synth.seals.line_designs"

SHAPES: Mapping[str, SealShape] = {
    "circle": SealShape(f"{_ROUND}.circle", (), 0.72, 0.62, ("normal", 0.195, 0.028)),
    "oval": SealShape(f"{_ROUND}.oval", (), 0.11, 0.12, ("normal", 0.15, 0.03)),
    "square": SealShape(f"{_SQUARE}.square", _SIDES, 0.1, 0.14, ("uniform", 0.05, 0.13)),
    "rectangle": SealShape(f"{_SQUARE}.rectangle", _SIDES, 0.05, 0.1, ("uniform", 0.08, 0.24)),
    "triangle": SealShape(
        f"{_SQUARE}.triangle", ((0.0, -1.0), (1.0, 1.0), (-1.0, 1.0)), 0.02, 0.02, ("uniform", 0.12, 0.2)
    ),
    "block": SealShape(f"{_LINES}.block", _SIDES, 0.0, 0.0, ("uniform", 0.2, 0.45)),
    "note": SealShape(f"{_LINES}.note", _SIDES, 0.0, 0.0, ("uniform", 0.1, 0.35)),
}
"""Name in labels, settings and flags → shape. The order decides what a seed draws."""
