"""Round and oval seals: ring texts with inner lines, codes, stars."""

from __future__ import annotations

import numpy as np

from sealkit.drawing.fonts import Face
from sealkit.synth import texts
from sealkit.synth.design import Border, Design, centre_mark, draw_borders, ring_text, straight
from sealkit.synth.fontbook import RING, FontBook

Rng = np.random.Generator


def circle(rng: Rng, book: FontBook) -> Design:
    """A round seal: the common company seal, its bilingual relatives, ring-only and centre-text ones."""
    draw = rng.random()
    if draw < 0.09:
        return _bilingual(rng, book)
    if draw < 0.13:
        return _latin_ring(rng, book)
    design = Design("circle", 1.0)
    design.borders, inner = draw_borders(rng, "circle", 1.0)
    with_code = rng.random() < 0.42
    name = texts.owner(rng)
    if rng.random() < 0.25:
        name = (
            texts.brand(rng)
            + texts.pick(rng, ("科技", "信息", "网络", "传媒", "商贸", "实业", "建设", "软件", "贸易"))
            + "有限公司"
        )
    face = book.choose(rng, name, RING, bold=True)
    outer = rng.uniform(0.9, 0.975) * inner
    if with_code:
        height = rng.uniform(0.26, 0.39)
    else:
        height = rng.uniform(0.36, 0.43) if rng.random() < 0.78 else rng.uniform(0.2, 0.37)
    longest = 300 if not with_code else 285
    span = float(np.clip(rng.normal(255 if len(name) > 9 else 225, 32), 140, longest))
    if with_code:
        span = min(span, 262) if rng.random() < 0.7 else span
    spread = None
    if len(name) <= 12 and not with_code and rng.random() < 0.12:  # few letters all around the ring
        span, spread = rng.uniform(270, 325), 4.0
    title = ring_text(rng, book, name, 1.0, 1.0, outer, height, span, face=face, max_gap=spread)
    design.lines.append(title)
    foot = outer - height  # the letters' inner radius
    used = max(abs(title.letters[0].start), title.letters[-1].end) / (outer - height / 2)  # half the arc, radians
    ring_ends_y = -np.cos(used) * (outer - height / 2)
    code_room = 360 - np.degrees(2 * used) - 12
    if with_code and code_room > 35:
        code_h = rng.uniform(0.085, 0.16)
        code_outer = min(inner - 0.015, outer * rng.uniform(0.97, 1.0))
        line = ring_text(
            rng,
            book,
            texts.code(rng),
            1.0,
            1.0,
            code_outer,
            code_h,
            min(code_room, rng.uniform(60, 125)),
            inward=True,
            role="code",
        )
        design.lines.append(line)
    else:
        with_code = False
    if rng.random() < 0.1 and not with_code and code_room > 70:  # the purpose along the foot of the ring, tops inwards
        words = texts.purpose(rng)
        room = min(code_room, rng.uniform(70, 150))
        design.lines.append(
            ring_text(
                rng, book, words, 1.0, 1.0, outer, height * rng.uniform(0.7, 1.0), room, inward=True, role="purpose"
            )
        )
        design.marks = centre_mark(rng, min(foot * 0.75, rng.uniform(0.24, 0.42)))
        return design
    _inside(rng, book, design, face, foot, ring_ends_y, with_code)
    return design


def _inside(rng: Rng, book: FontBook, design: Design, face: Face, foot: float, ends_y: float, with_code: bool) -> None:
    """Star and inner lines of a round seal; `foot`: radius of the ring letters' feet, `ends_y`: where the ring text ends."""
    draw = rng.random()
    if draw < 0.15:  # a star alone
        design.marks = centre_mark(rng, min(foot * 0.85, rng.uniform(0.26, 0.42)))
        return
    if draw < 0.23:  # no star: one to three lines in the middle
        count = int(rng.integers(1, 4))
        height = min(0.8 * foot / count, rng.uniform(0.14, 0.34))
        for row in range(count):
            y = (row - (count - 1) / 2) * height * rng.uniform(1.1, 1.25)
            half = np.sqrt(max(foot**2 - (abs(y) + height / 2) ** 2, 0.04)) * rng.uniform(0.75, 1.0)
            words = texts.purpose(rng) if row == 0 else texts.second_line(rng)
            design.lines.append(
                straight(rng, book, words, y, height, 2 * half, role="purpose" if row == 0 else "other")
            )
        return
    # Star above, purpose line below. The line is often wider than the ring's hole: its ends then stand beside or below
    # the ends of the ring text, close enough to touch.
    large = rng.random() < (0.35 if with_code else 0.75)
    height = rng.uniform(0.26, 0.36) if large else rng.uniform(0.15, 0.3)
    y = rng.uniform(0.42, 0.58) if large else rng.uniform(0.3, 0.58 if with_code else 0.7)
    two = rng.random() < (0.22 if with_code else 0.12)
    if two:
        height, y = rng.uniform(0.12, 0.2), rng.uniform(0.24, 0.42)
    limit = 0.82 if with_code else 0.9
    half = np.sqrt(max(limit**2 - (y + height / 2) ** 2, 0.05))
    top_y = y - height / 2
    if ends_y > top_y - 0.02:  # the ring text reaches down to the line: keep between its ends, up to touching them
        half = min(half, max(0.25, np.sqrt(max(foot**2 - top_y**2, 0.06)) * rng.uniform(0.86, 1.03)))
    half = min(half, rng.uniform(0.46, 0.7))
    words = texts.purpose(rng)
    if large and rng.random() < 0.5:
        words = words[:2] + "专用" if rng.random() < 0.7 else texts.random_characters(rng, 4)
    purpose_face = face if rng.random() < 0.6 and face.covers(words) else book.choose(rng, words, RING, bold=True)
    squeeze = rng.uniform(0.5, 0.95)
    gap = rng.uniform(0.2, 0.9) if large else rng.uniform(0.02, 0.5)
    design.lines.append(
        straight(rng, book, words, y, height, 2 * half, role="purpose", face=purpose_face, squeeze=squeeze, max_gap=gap)
    )
    if two:
        small = height * rng.uniform(0.7, 1.0)
        y2 = y + height / 2 + small / 2 + rng.uniform(0.03, 0.07)
        room = 2 * np.sqrt(max(0.66**2 - (y2 + small / 2) ** 2, 0.02))
        design.lines.append(straight(rng, book, texts.second_line(rng), y2, small, room, role="other"))
    clearance = y - height / 2 - 0.03
    centre_y = -rng.uniform(0.0, 0.12)
    radius = min(rng.uniform(0.22, 0.4), foot * 0.85, (clearance - centre_y) / 0.85)
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
    if np.degrees(abs(title.letters[0].start)) / title.path.a > 88:  # type: ignore[attr-defined]
        half = min(half, 0.55)
    if rng.random() < 0.9:
        design.lines.append(straight(rng, book, texts.purpose(rng), y, h, 2 * half, role="purpose"))
    return design
