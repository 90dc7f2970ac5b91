"""Round and oval seals: ring texts with inner lines, codes, stars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sealkit.drawing.fonts import Face
from sealkit.synth.common import texts
from sealkit.synth.common.fontbook import RING, FontBook
from sealkit.synth.seals.design import Border, Design, centre_mark, draw_borders, ring_text, straight

Rng = np.random.Generator


@dataclass
class _Purpose:
    """Where the purpose line below the star is meant to stand."""

    large: bool
    height: float
    y: float
    half: float
    """Half its room."""
    two: bool
    """A smaller line follows below."""

    @property
    def top(self) -> float:
        return self.y - self.height / 2


def circle(rng: Rng, book: FontBook) -> Design:
    """A round seal: the common company seal, its bilingual relatives, ring-only and centre-text ones."""
    draw = rng.random()
    if draw < 0.065:
        return _bilingual(rng, book)
    if draw < 0.1:
        return _latin_ring(rng, book)
    design = Design("circle", 1.0)
    design.borders, inner = draw_borders(rng, "circle", 1.0)
    with_code = rng.random() < 0.36
    inside = str(rng.choice(["line", "star", "lines", "foot"], p=[0.71, 0.13, 0.07, 0.09]))
    plan = _plan_purpose(rng, with_code) if inside == "line" else None
    name = texts.owner(rng)
    if rng.random() < 0.25:
        trade = texts.pick(rng, ("科技", "信息", "网络", "传媒", "商贸", "实业", "建设", "软件", "贸易"))
        name = texts.brand(rng) + trade + "有限公司"
    face = book.choose(rng, name, RING, bold=True)
    outer = rng.uniform(0.9, 0.975) * inner
    if with_code:
        height = rng.uniform(0.26, 0.39)
    else:
        height = rng.uniform(0.36, 0.43) if rng.random() < 0.78 else rng.uniform(0.2, 0.37)
    span, spread = float(np.clip(rng.normal(255 if len(name) > 9 else 225, 32), 140, 300)), None
    if with_code:
        span = min(span, 262 if rng.random() < 0.7 else 285)
    elif inside in ("star", "lines") and len(name) <= 12 and rng.random() < 0.4:  # few characters all around the ring
        span, spread = rng.uniform(270, 325), 4.0
    if plan is not None and plan.large:
        # The engraver ends the ring where the line begins: its last characters stand beside or above the line's ends,
        # so
        # near that they now and then touch.
        span = min(span, 2 * (180 - np.degrees(np.arctan2(plan.half, plan.top))) * rng.uniform(0.93, 1.03))
    title = ring_text(rng, book, name, 1.0, 1.0, outer, height, span, face=face, max_gap=spread)
    design.lines.append(title)
    foot = outer - height  # radius of the characters' bottom edge
    used = max(abs(title.characters[0].start), title.characters[-1].end) / (outer - height / 2)  # half the arc, radians
    room = 360 - np.degrees(2 * used) - 12
    if with_code and room > 35:
        code_h, code_outer = rng.uniform(0.085, 0.16), min(inner - 0.015, outer * rng.uniform(0.97, 1.0))
        arc, code = min(room, rng.uniform(60, 125)), texts.code(rng)
        design.lines.append(ring_text(rng, book, code, 1.0, 1.0, code_outer, code_h, arc, inward=True, role="code"))
    if plan is not None:
        _purpose_below_star(rng, book, design, plan, face, foot, -np.cos(used) * (outer - height / 2))
    elif inside == "lines":
        _centre_lines(rng, book, design, foot)
    else:
        if inside == "foot" and not with_code and room > 50:  # the purpose along the foot of the ring, tops inwards
            words, arc = texts.purpose(rng), min(room, rng.uniform(60, 150))
            foot_h, gap = height * rng.uniform(0.7, 1.0), rng.uniform(0.1, 2.5)
            line = ring_text(
                rng, book, words, 1.0, 1.0, outer, foot_h, arc, inward=True, role="purpose", max_gap=gap
            )  # fmt: skip
            design.lines.append(line)
        design.marks = centre_mark(rng, min(foot * 0.85, rng.uniform(0.26, 0.42)))
    return design


def _plan_purpose(rng: Rng, with_code: bool) -> _Purpose:
    large = bool(rng.random() < (0.35 if with_code else 0.78))
    height = rng.uniform(0.26, 0.36) if large else rng.uniform(0.15, 0.3)
    y = rng.uniform(0.42, 0.58) if large else rng.uniform(0.3, 0.58 if with_code else 0.7)
    two = not large and bool(rng.random() < 0.25)
    if two:
        height, y = rng.uniform(0.12, 0.2), rng.uniform(0.24, 0.42)
    limit = 0.82 if with_code else 0.9  # radius the line's lower corners must keep to
    widest = float(np.sqrt(max(limit**2 - (y + height / 2) ** 2, 0.05)))
    return _Purpose(large, height, y, min(widest, rng.uniform(0.48, 0.7)), two)


def _centre_lines(rng: Rng, book: FontBook, design: Design, foot: float) -> None:
    """One to three lines instead of a star; `foot`: radius of the ring characters' bottom edge."""
    count = int(rng.integers(1, 4))
    height = min(0.8 * foot / count, rng.uniform(0.14, 0.34))
    for row in range(count):
        y = (row - (count - 1) / 2) * height * rng.uniform(1.1, 1.25)
        half = np.sqrt(max(foot**2 - (abs(y) + height / 2) ** 2, 0.04)) * rng.uniform(0.75, 1.0)
        words, role = (texts.purpose(rng), "purpose") if row == 0 else (texts.second_line(rng), "other")
        design.lines.append(straight(rng, book, words, y, height, 2 * half, role=role))


def _purpose_below_star(
    rng: Rng, book: FontBook, design: Design, plan: _Purpose, face: Face, foot: float, ends_y: float
) -> None:
    """Add star, purpose line and perhaps a second line.

    foot: radius of the ring characters' bottom edge; ends_y: height at which the ring text ends.
    """
    half = plan.half
    if not plan.large and ends_y > plan.top - 0.02:  # the ring text comes down beside the line: keep between its ends
        half = min(half, max(0.25, np.sqrt(max(foot**2 - plan.top**2, 0.06)) * rng.uniform(0.86, 1.03)))
    words = texts.purpose(rng)
    if plan.large and rng.random() < 0.5:
        words = words[:2] + "专用" if rng.random() < 0.7 else texts.random_characters(rng, 4)
    purpose_face = face if rng.random() < 0.6 and face.covers(words) else book.choose(rng, words, RING, bold=True)
    squeeze = rng.uniform(0.55, 0.95)
    gap = rng.uniform(0.2, 1.0) if plan.large else rng.uniform(0.02, 0.5)
    line = straight(
        rng, book, words, plan.y, plan.height, 2 * half, role="purpose", face=purpose_face, squeeze=squeeze, max_gap=gap
    )
    design.lines.append(line)
    if plan.two:
        small = plan.height * rng.uniform(0.7, 1.0)
        y = plan.y + plan.height / 2 + small / 2 + rng.uniform(0.03, 0.07)
        room = 2 * np.sqrt(max(0.66**2 - (y + small / 2) ** 2, 0.02))
        design.lines.append(straight(rng, book, texts.second_line(rng), y, small, room, role="other"))
    centre_y = -rng.uniform(0.0, 0.12)
    radius = min(rng.uniform(0.22, 0.4), foot * 0.85, (plan.top - 0.03 - centre_y) / 0.85)
    if rng.random() < 0.92 and radius > 0.1:
        design.marks = centre_mark(rng, radius, centre_y)


def _bilingual(rng: Rng, book: FontBook) -> Design:
    """Two rings of text, Latin and Chinese, around a star or centre lines."""
    design = Design("circle", 1.0)
    design.borders, inner = draw_borders(rng, "circle", 1.0)
    latin, name = texts.latin_company(rng), texts.owner(rng)
    h_latin, h_name = rng.uniform(0.1, 0.16), rng.uniform(0.2, 0.3)
    outer = inner - rng.uniform(0.02, 0.05)
    if rng.random() < 0.6:  # Latin outside over the top, Chinese inside
        design.lines.append(ring_text(rng, book, latin, 1.0, 1.0, outer, h_latin, rng.uniform(230, 320)))
        second = outer - h_latin - rng.uniform(0.03, 0.08)
        if rng.random() < 0.5:
            design.borders.append(Border("circle", second, second, rng.uniform(0.01, 0.03)))
            second -= 0.06
        design.lines.append(ring_text(rng, book, name, 1.0, 1.0, second, h_name, rng.uniform(200, 290)))
        foot = second - h_name
    else:  # Chinese over the top, Latin at the foot with tops inwards
        design.lines.append(ring_text(rng, book, name, 1.0, 1.0, outer, h_name, rng.uniform(150, 200)))
        design.lines.append(
            ring_text(rng, book, latin, 1.0, 1.0, outer, min(h_latin * 1.1, h_name), rng.uniform(110, 145), inward=True)
        )
        foot = outer - h_name
        if rng.random() < 0.5:
            design.borders.append(Border("circle", foot - 0.02, foot - 0.02, rng.uniform(0.01, 0.03)))
            foot -= 0.06
    if rng.random() < 0.7:
        design.marks = centre_mark(rng, foot * rng.uniform(0.5, 0.75))
    else:
        height = rng.uniform(0.12, 0.22)
        design.lines.append(straight(rng, book, texts.purpose(rng), 0.0, height, 1.7 * foot, role="purpose"))
    return design


def _latin_ring(rng: Rng, book: FontBook) -> Design:
    """A Latin ring text between two circles, centre lines or an emblem inside."""
    design = Design("circle", 1.0)
    design.borders, inner = draw_borders(rng, "circle", 1.0)
    height = rng.uniform(0.11, 0.2)
    outer = inner - rng.uniform(0.03, 0.06)
    design.lines.append(ring_text(rng, book, texts.latin_company(rng), 1.0, 1.0, outer, height, rng.uniform(220, 335)))
    foot = outer - height - rng.uniform(0.03, 0.06)
    if rng.random() < 0.75:
        design.borders.append(Border("circle", foot, foot, rng.uniform(0.01, 0.03)))
    if rng.random() < 0.35:
        design.marks = centre_mark(rng, foot * rng.uniform(0.4, 0.8))
        return design
    count = int(rng.integers(1, 4))
    line_h = min(rng.uniform(0.12, 0.24), 1.2 * foot / count)
    for row in range(count):
        y = (row - (count - 1) / 2) * line_h * 1.2
        half = np.sqrt(max(foot**2 - (abs(y) + line_h / 2) ** 2, 0.04)) * 0.85
        words = (
            texts.purpose(rng) if rng.random() < 0.6 else texts.brand(rng) + texts.pick(rng, ("公司", "贸易", "商行"))
        )
        design.lines.append(straight(rng, book, words, y, line_h, 2 * half, role="other"))
    return design


def oval(rng: Rng, book: FontBook) -> Design:
    """Invoice seals (arc, tax number, purpose), tax office ovals (arc, line, bottom arc), and plain ones."""
    b = rng.uniform(0.6, 0.8)
    design = Design("oval", b)
    design.borders, inner = draw_borders(rng, "oval", b)
    edge = 1 - inner
    a_in, b_in = 1 - edge, b - edge
    kind = rng.random()
    height = rng.uniform(0.19, 0.33) * (b / 0.7)
    outer = 1 - rng.uniform(0.02, 0.06)
    name = texts.owner(rng)
    if kind < 0.25:  # a tax office's: arc, line, foot arc
        name = texts.pick(rng, ("全国统一发票监制章", "统一发票监制章", "税收专用印章", "监制专用章", name, name))
        height = rng.uniform(0.14, 0.2) * (b / 0.7)
        design.lines.append(ring_text(rng, book, name, a_in, b_in, outer, height, rng.uniform(130, 185)))
        line = texts.pick(rng, ("国家税务总局", "税务总局", "财政部", texts.place(rng), texts.brand(rng) + "局"))
        design.lines.append(
            straight(rng, book, line, rng.uniform(-0.06, 0.05), height * rng.uniform(0.85, 1.15), 1.1, role="other")
        )
        foot = texts.place(rng) + texts.pick(rng, ("税务局", "国家税务局", "财政局", "税务分局"))
        design.lines.append(
            ring_text(rng, book, foot, a_in, b_in, outer, height, rng.uniform(90, 130), inward=True, role="other")
        )
        return design
    span = rng.uniform(185, 270)
    title = ring_text(rng, book, name, a_in, b_in, outer, height, span)
    design.lines.append(title)
    hole = b_in - height - (1 - outer)
    with_number = kind < 0.68
    if with_number:
        h = rng.uniform(0.12, 0.19)
        half = (a_in - height) * rng.uniform(0.7, 0.98)
        y = rng.uniform(-0.08, 0.08)
        design.lines.append(
            straight(rng, book, texts.tax_number(rng), y, h, 2 * half, role="code", squeeze=rng.uniform(0.7, 1.1))
        )
    elif rng.random() < 0.5:
        design.marks = centre_mark(rng, min(0.26, hole * 0.6), -0.05)
    h = rng.uniform(0.15, 0.27) * (b / 0.7)
    y = rng.uniform(0.42, 0.62) * b
    if with_number:
        y = max(y, 0.15 + h / 2)
    half = min(0.98 * np.sqrt(max(1 - ((y + h / 2) / (b_in * 0.93)) ** 2, 0.03)), rng.uniform(0.42, 0.7))
    if abs(title.characters[0].start) > np.pi / 2 * (a_in - height / 2):  # the arc reaches below the middle
        half = min(half, 0.55)
    if rng.random() < 0.9:
        design.lines.append(straight(rng, book, texts.purpose(rng), y, h, 2 * half, role="purpose"))
    return design
