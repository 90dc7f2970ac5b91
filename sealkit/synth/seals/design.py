"""What a seal is before ink: lines, borders, marks in the seal's own frame (see layout.py), and how lines are set."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sealkit.drawing.fonts import Face
from sealkit.synth.common.fontbook import RING, FontBook
from sealkit.synth.seals.layout import EllipsePath, Line, StraightPath, set_line

Rng = np.random.Generator


@dataclass
class Border:
    """A closed border, `width` wide, inwards from half axes a, b."""

    shape: str
    a: float
    b: float
    width: float
    corner: float = 0.0
    dashed: bool = False


@dataclass
class Mark:
    """A star or emblem."""

    kind: str
    radius: float
    x: float = 0.0
    y: float = 0.0


@dataclass
class Rule:
    """A straight stroke between two points."""

    start: tuple[float, float]
    end: tuple[float, float]
    width: float


@dataclass
class Design:
    """A seal before ink: unit is half its width, `b` its half height."""

    shape: str
    b: float
    lines: list[Line] = field(default_factory=list)
    borders: list[Border] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    reversed: bool = False
    """Characters stay white in a full face (intaglio)."""


def ring_text(
    rng: Rng,
    book: FontBook,
    text: str,
    a: float,
    b: float,
    outer: float,
    height: float,
    span: float,
    *,
    face: Face | None = None,
    inward: bool = False,
    turn: float = 0.0,
    role: str = "title",
    squeeze: float | None = None,
    max_gap: float | None = None,
) -> Line:
    """Set a text along an ellipse inside half axes a, b.

    Args:
        outer: the characters' outer edge as a share of a.
        height: of the characters.
        span: longest arc in degrees.
        inward: tops towards the centre, at the foot.
        turn: radians by which the middle of the text is moved clockwise.
        squeeze: width of the characters as a share of their natural width; None: random.
        max_gap: white between characters in character widths, as far as there is room; None: random.
    """
    ascii_only = text.isascii()
    if face is None:
        face = book.latin(rng, text) if ascii_only else book.choose(rng, text, RING, bold=True)
    gap_to_edge = (1 - outer) * a
    mid_a, mid_b = a - gap_to_edge - height / 2, b - gap_to_edge - height / 2
    path = EllipsePath(mid_a, mid_b, inward, turn)
    room = path.perimeter * span / 360
    if squeeze is None:
        squeeze = rng.uniform(0.75, 1.1) if ascii_only else rng.uniform(0.5, 1.0)
    # At their bottom edge the characters have only (inner / middle) of the pitch; engravers let them touch there now
    # and then.
    inner_share = (mid_b - height / 2) / mid_b if not inward else 1.0
    crowding = min(1.0, max(0.45, inner_share * rng.uniform(1.0, 1.25)))
    gap = max_gap
    if gap is None:
        gap = rng.uniform(0.05, 0.4) if ascii_only else rng.uniform(0.1, 1.3)
    return set_line(
        text,
        face,
        path,
        height,
        room=room,
        squeeze=squeeze,
        max_gap=gap,
        crowding=crowding,
        direction="arc-bottom" if inward else "arc",
        role=role,
        justify=True,
    )


def straight(
    rng: Rng,
    book: FontBook,
    text: str,
    y: float,
    height: float,
    room: float,
    *,
    role: str,
    face: Face | None = None,
    squeeze: float | None = None,
    max_gap: float | None = None,
    x: float = 0.0,
) -> Line:
    """Set a straight line with its middle at (x, y), at most `room` long; None: random."""
    if face is None:
        face = book.latin(rng, text) if text.isascii() else book.choose(rng, text, RING, bold=True)
    if squeeze is None:
        squeeze = rng.uniform(0.55, 1.0)
    return set_line(
        text,
        face,
        StraightPath(x, y),
        height,
        room=room,
        squeeze=squeeze,
        max_gap=rng.uniform(0.02, 0.35) if max_gap is None else max_gap,
        direction="line",
        role=role,
        justify=True,
    )


def draw_borders(rng: Rng, shape: str, b: float) -> tuple[list[Border], float]:
    """A random border, single or double, and the inner half width it leaves."""
    width = float(
        rng.choice([rng.uniform(0.02, 0.035), rng.uniform(0.035, 0.06), rng.uniform(0.06, 0.09)], p=[0.35, 0.5, 0.15])
    )
    borders = [Border(shape, 1.0, b, width)]
    inner = 1.0 - width
    if rng.random() < 0.1:
        gap, thin = rng.uniform(0.02, 0.05), rng.uniform(0.012, 0.02)
        borders.append(Border(shape, inner - gap, b - width - gap, thin))
        inner -= gap + thin
    return borders, inner


def centre_mark(rng: Rng, radius: float, y: float = 0.0) -> list[Mark]:
    """The star, or now and then an emblem, in the middle of a round seal."""
    draw = rng.random()
    kind = "star" if draw < 0.85 else "sickle" if draw < 0.92 else "emblem"
    return [Mark(kind, radius * (1.15 if kind != "star" else 1.0), 0.0, y)]
