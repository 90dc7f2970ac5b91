"""Round and oval Latin seals: an arc over the top, an arc along the foot, marks between them, lines inside.

Notaries, associations and offices from Lisbon to Jakarta use them. Both arcs stand upright for a reader of the whole
seal: the upper one with its tops outwards, the lower one with its tops towards the centre.
"""

from __future__ import annotations

import numpy as np

from sealkit.drawing.fonts import Face
from sealkit.synth.common import texts
from sealkit.synth.common.fontbook import FontBook
from sealkit.synth.seals.design import Border, Design, Mark, Rule, draw_borders, ring_text, straight

Rng = np.random.Generator


def latin(rng: Rng, book: FontBook) -> Design:
    """A Latin seal of two arcs; the gap between them is anything from a space to a quarter of the ring."""
    shape, b = ("oval", rng.uniform(0.62, 0.8)) if rng.random() < 0.12 else ("circle", 1.0)
    design = Design(shape, b)
    design.borders, inner = draw_borders(rng, shape, b)
    edge = 1 - inner
    a_in, b_in = 1 - edge, b - edge
    height = rng.uniform(0.1, 0.2) * (b if shape == "oval" else 1.0)
    upper, lower = texts.latin_owner(rng), texts.latin_office(rng)
    if len(lower) > len(upper):
        upper, lower = lower, upper
    face = book.latin_text(rng, upper + lower)
    gap = rng.uniform(10, 24) if rng.random() < 0.4 else rng.uniform(24, 100)
    share = float(np.clip(len(upper) / (len(upper) + len(lower)) + rng.uniform(-0.06, 0.06), 0.5, 0.72))
    spans = share * (360 - 2 * gap), (1 - share) * (360 - 2 * gap)
    outer = 1 - rng.uniform(0.03, 0.07)
    spacing = rng.uniform(0.05, 0.3) if rng.random() < 0.7 else rng.uniform(0.3, 1.0)
    for text, span, inward in ((upper, spans[0], False), (lower, spans[1], True)):
        role = "other" if inward else "title"
        line = ring_text(
            rng, book, text, a_in, b_in, outer, height, span, face=face, inward=inward, role=role, max_gap=spacing
        )
        design.lines.append(line)
    if gap > 24 and rng.random() < 0.6:
        _separators(rng, design, a_in, b_in, outer, height, float(np.radians(spans[0] / 2 + gap / 2)))
    foot_a, foot_b = a_in * outer - height - 0.02, b_in - (1 - outer) * a_in - height - 0.02
    if rng.random() < 0.7:
        share = rng.uniform(0.9, 1.0)
        foot_a, foot_b = foot_a * share, foot_b * share
        design.borders.append(Border(shape, foot_a, foot_b, rng.uniform(0.008, 0.025)))
        foot_a, foot_b = foot_a - 0.03, foot_b - 0.03
    if rng.random() < 0.25:
        kind = "star" if rng.random() < 0.3 else "emblem"
        design.marks.append(Mark(kind, foot_b * rng.uniform(0.45, 0.8)))
        return design
    _centre_lines(rng, book, design, face, foot_a, foot_b)
    return design


def _separators(rng: Rng, design: Design, a: float, b: float, outer: float, height: float, theta: float) -> None:
    """A star or a dot in the middle of either gap; theta: radians from the top."""
    kind = "star" if rng.random() < 0.75 else "dot"
    radius = height * (rng.uniform(0.3, 0.5) if kind == "star" else rng.uniform(0.12, 0.3))
    middle = (1 - outer) * a + height / 2
    for side in (-1, 1):
        design.marks.append(Mark(kind, radius, side * (a - middle) * np.sin(theta), -(b - middle) * np.cos(theta)))


def _centre_lines(rng: Rng, book: FontBook, design: Design, face: Face, a: float, b: float) -> None:
    """One to three lines inside the ellipse of half axes a, b, now and then between two rules."""
    count = int(rng.choice([1, 2, 3], p=[0.35, 0.45, 0.2]))
    height = min(rng.uniform(0.1, 0.2), 1.1 * b / count)
    pitch = height * rng.uniform(1.15, 1.6)
    if rng.random() < 0.5:
        face = book.latin_text(rng, "")
    for row in range(count):
        y = (row - (count - 1) / 2) * pitch
        half = a * np.sqrt(max(1 - ((abs(y) + height / 2) / b) ** 2, 0.05)) * 0.9
        words = texts.latin_line(rng)
        design.lines.append(straight(rng, book, words, y, height, 2 * half, role="other", face=face, max_gap=0.15))
    if rng.random() < 0.2:
        y = (count - 1) / 2 * pitch + height * rng.uniform(0.8, 1.0)
        half = a * np.sqrt(max(1 - (y / b) ** 2, 0.0))
        design.rules += [Rule((-half, side * y), (half, side * y), 0.012) for side in (-1, 1)]
