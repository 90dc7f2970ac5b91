"""Seals drawn to order, for measurements: shape, angle, ink, print and size are chosen, all else is random.

Training draws what documents show, where nine of ten seals are round, red and legible. A measurement by shape or by
angle needs as many of each, and one factor that changes while the others do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np

from sealkit.data.records import TextLine
from sealkit.data.shapes import SHAPES
from sealkit.errors import DataError
from sealkit.synth.seals.ink import INKS, Ink
from sealkit.synth.seals.render import SealScene, render_cache, scale_matrix, transform, turn_matrix
from sealkit.synth.seals.settings import SynthSettings

ANGLES: Mapping[str, tuple[float, float]] = {
    "upright": (-5, 5), "tilted": (15, 60), "sideways": (60, 120), "upside down": (120, 180)
}  # fmt: skip
"""Name → least and greatest turn in degrees, to either side."""
COLOURS: Mapping[str, tuple[str, float, float]] = {
    "red": ("red", 0.7, 1.0), "blue": ("blue", 0.7, 1.0), "black": ("black", 0.7, 1.0), "faint red": ("red", 0.4, 0.55)
}  # fmt: skip
"""Name → ink, least and greatest strength (share of the paper that it covers)."""
OVER_PRINT = ("none", "below", "through")
"""Print below the seal; print below and over it."""
SIZES = (120, 200, 320, 480)
"""Long side of the seal, pixels."""
MARGIN = 0.25
"""Paper around the seal on either side, as a share of its long side."""


@dataclass(frozen=True)
class SealCase:
    """What is chosen of one drawn seal: names of the tables above."""

    shape: str
    angle: str
    ink: str
    over_print: Literal["none", "below", "through"]
    size: int

    def __post_init__(self) -> None:
        known = {**LEVELS, "size": (self.size,) if self.size >= 32 else ()}
        for name, value in asdict(self).items():
            if value not in known[name]:
                hint = f"one of {', '.join(known[name])}" if known[name] else "at least 32 pixels"
                raise DataError(f"no such {name} of a drawn seal", value=value, hint=hint)


LEVELS: Mapping[str, tuple[Any, ...]] = {
    "shape": tuple(name for name, row in SHAPES.items() if row.share > 0),
    "angle": tuple(ANGLES),
    "ink": tuple(COLOURS),
    "over_print": OVER_PRINT,
    "size": SIZES,
}
"""Factor of `SealCase` → its levels."""


def balanced_cases(count: int, seed: int) -> list[SealCase]:
    """So many cases in which every level of a factor is as frequent as the others, in an order of its own."""
    columns = []
    for number, field in enumerate(fields(SealCase)):
        levels = LEVELS[field.name]
        order = np.random.default_rng([seed, number]).permutation(count)
        columns.append([levels[int(place) % len(levels)] for place in order])
    return [SealCase(*row) for row in zip(*columns)]


def draw_case(
    case: SealCase, seed: int, index: int, fonts: str | None = None
) -> tuple[np.ndarray, list[TextLine], dict[str, Any]]:
    """One seal on paper, as a case says.

    Args:
        case: what is chosen.
        seed, index: of everything else: text, design, wear, paper, camera.
        fonts: folder of fonts to use beside the system's.

    Returns:
        image (H, W, 3) uint8 BGR, lines and info as of `render_sample`.
    """
    rng = np.random.default_rng([seed, index])
    settings = SynthSettings(shapes={case.shape: 1.0}, fonts=fonts)
    scene = SealScene(rng, render_cache(seed, fonts), settings, "crop")
    design = scene.design()
    low, high = ANGLES[case.angle]
    turn = rng.uniform(low, high) * (1 if low < 0 else rng.choice([-1, 1]))
    pose = turn_matrix(turn)
    outline = transform(pose, scene.outline(design))
    upright = scene.outline(design)
    scale = case.size / float((upright.max(0) - upright.min(0)).max())
    margin = MARGIN * case.size
    width, height = (int(np.ceil(v)) for v in (outline.max(0) - outline.min(0)) * scale + 2 * margin)
    corner = outline.min(0) * scale - margin
    place = scale_matrix(-corner[0], -corner[1], scale, scale) @ pose
    scene.start(height, width)
    if case.over_print != "none":
        scene.print_text(float(case.size))
    scene.stamp(design, place, _ink(case.ink, rng))
    if case.over_print == "through":
        scene.print_text(float(case.size))
    return scene.finish()


def _ink(name: str, rng: np.random.Generator) -> Ink:
    colour, least, most = COLOURS[name]
    low, high = (np.array(ends, np.float32) for ends in INKS[colour])
    return Ink(low + (high - low) * np.float32(rng.random()), colour, float(rng.uniform(least, most)), opaque=False)
