"""Designs of seals: which lines, borders and marks a seal of each shape has, in the seal's own frame (see layout.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sealkit.drawing.fonts import Face
from sealkit.synth import texts
from sealkit.synth.fontbook import NAME, RING, FontBook
from sealkit.synth.layout import EllipsePath, Line, StraightPath, set_column, set_line

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
    """Letters stay white in a full face (intaglio)."""


def _ring_text(
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
) -> Line:
    """A text along an ellipse inside half axes a, b: `outer` is the letters' outer edge as a share, `span` degrees its longest arc."""
    ascii_only = text.isascii()
    if face is None:
        face = book.latin(rng, text) if ascii_only else book.choose(rng, text, RING, bold=True)
    gap_to_edge = (1 - outer) * a
    mid_a, mid_b = a - gap_to_edge - height / 2, b - gap_to_edge - height / 2
    path = EllipsePath(mid_a, mid_b, inward, turn)
    room = path.perimeter * span / 360
    if squeeze is None:
        squeeze = rng.uniform(0.75, 1.1) if ascii_only else rng.uniform(0.5, 1.0)
    # At their feet the letters have only (inner / middle) of the pitch; engravers let them touch there now and then.
    inner_share = (mid_b - height / 2) / mid_b if not inward else 1.0
    crowding = min(1.0, max(0.45, inner_share * rng.uniform(1.0, 1.25)))
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


def _straight(
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


def _borders(rng: Rng, shape: str, b: float) -> tuple[list[Border], float]:
    """The border and the inner half width it leaves."""
    width = float(
        rng.choice([rng.uniform(0.02, 0.035), rng.uniform(0.035, 0.06), rng.uniform(0.06, 0.09)], p=[0.35, 0.5, 0.15])
    )
    borders = [Border(shape, 1.0, b, width)]
    inner = 1.0 - width
    if rng.random() < 0.14:
        gap, thin = rng.uniform(0.02, 0.05), rng.uniform(0.012, 0.02)
        borders.append(Border(shape, inner - gap, b - width - gap, thin))
        inner -= gap + thin
    return borders, inner


def _centre_mark(rng: Rng, radius: float, y: float = 0.0) -> list[Mark]:
    draw = rng.random()
    kind = "star" if draw < 0.8 else "sickle" if draw < 0.9 else "emblem"
    return [Mark(kind, radius * (1.15 if kind != "star" else 1.0), 0.0, y)]


def circle(rng: Rng, book: FontBook) -> Design:
    """A round seal: the common company seal, its bilingual relatives, ring-only and centre-text ones."""
    draw = rng.random()
    if draw < 0.09:
        return _bilingual(rng, book)
    if draw < 0.13:
        return _latin_ring(rng, book)
    design = Design("circle", 1.0)
    design.borders, inner = _borders(rng, "circle", 1.0)
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
        height = rng.uniform(0.34, 0.42) if rng.random() < 0.75 else rng.uniform(0.2, 0.36)
    longest = 300 if not with_code else 285
    span = float(np.clip(rng.normal(255 if len(name) > 9 else 225, 32), 140, longest))
    if with_code:
        span = min(span, 262) if rng.random() < 0.7 else span
    title = _ring_text(rng, book, name, 1.0, 1.0, outer, height, span, face=face)
    design.lines.append(title)
    foot = outer - height  # the letters' inner radius
    used = max(abs(title.letters[0].start), title.letters[-1].end) / (outer - height / 2)  # half the arc, radians
    ring_ends_y = -np.cos(used) * (outer - height / 2)
    code_room = 360 - np.degrees(2 * used) - 12
    if with_code and code_room > 35:
        code_h = rng.uniform(0.085, 0.16)
        code_outer = min(inner - 0.015, outer * rng.uniform(0.97, 1.0))
        line = _ring_text(
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
            _ring_text(
                rng, book, words, 1.0, 1.0, outer, height * rng.uniform(0.7, 1.0), room, inward=True, role="purpose"
            )
        )
        design.marks = _centre_mark(rng, min(foot * 0.75, rng.uniform(0.24, 0.42)))
        return design
    _inside(rng, book, design, face, foot, ring_ends_y, with_code)
    return design


def _inside(rng: Rng, book: FontBook, design: Design, face: Face, foot: float, ends_y: float, with_code: bool) -> None:
    """Star and inner lines of a round seal. `foot`: radius of the ring letters' feet; `ends_y`: where the ring text ends."""
    draw = rng.random()
    if draw < 0.2:  # a star alone
        design.marks = _centre_mark(rng, min(foot * 0.85, rng.uniform(0.26, 0.42)))
        return
    if draw < 0.3:  # no star: one to three lines in the middle
        count = int(rng.integers(1, 4))
        height = min(0.8 * foot / count, rng.uniform(0.14, 0.34))
        for row in range(count):
            y = (row - (count - 1) / 2) * height * rng.uniform(1.1, 1.25)
            half = np.sqrt(max(foot**2 - (abs(y) + height / 2) ** 2, 0.04)) * rng.uniform(0.75, 1.0)
            words = texts.purpose(rng) if row == 0 else texts.second_line(rng)
            design.lines.append(
                _straight(rng, book, words, y, height, 2 * half, role="purpose" if row == 0 else "other")
            )
        return
    # Star above, purpose line below. The line is often wider than the ring's hole: its ends then stand beside or below the
    # ends of the ring text, close enough to touch.
    large = rng.random() < (0.25 if with_code else 0.65)
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
        _straight(
            rng, book, words, y, height, 2 * half, role="purpose", face=purpose_face, squeeze=squeeze, max_gap=gap
        )
    )
    if two:
        small = height * rng.uniform(0.7, 1.0)
        y2 = y + height / 2 + small / 2 + rng.uniform(0.03, 0.07)
        room = 2 * np.sqrt(max(0.66**2 - (y2 + small / 2) ** 2, 0.02))
        design.lines.append(_straight(rng, book, texts.second_line(rng), y2, small, room, role="other"))
    clearance = y - height / 2 - 0.03
    centre_y = -rng.uniform(0.0, 0.12)
    radius = min(rng.uniform(0.22, 0.4), foot * 0.85, (clearance - centre_y) / 0.85)
    if rng.random() < 0.92 and radius > 0.1:
        design.marks = _centre_mark(rng, radius, centre_y)


def _bilingual(rng: Rng, book: FontBook) -> Design:
    """Two rings of text, Latin and Chinese, around a star or centre lines."""
    design = Design("circle", 1.0)
    design.borders, inner = _borders(rng, "circle", 1.0)
    latin, name = texts.latin_company(rng), texts.owner(rng)
    h_latin, h_name = rng.uniform(0.1, 0.16), rng.uniform(0.2, 0.3)
    outer = inner - rng.uniform(0.02, 0.05)
    if rng.random() < 0.6:  # Latin outside over the top, Chinese inside
        design.lines.append(_ring_text(rng, book, latin, 1.0, 1.0, outer, h_latin, rng.uniform(230, 320)))
        second = outer - h_latin - rng.uniform(0.03, 0.08)
        if rng.random() < 0.5:
            design.borders.append(Border("circle", second, second, rng.uniform(0.01, 0.03)))
            second -= 0.06
        design.lines.append(_ring_text(rng, book, name, 1.0, 1.0, second, h_name, rng.uniform(200, 290)))
        foot = second - h_name
    else:  # Chinese over the top, Latin at the foot with tops inwards
        design.lines.append(_ring_text(rng, book, name, 1.0, 1.0, outer, h_name, rng.uniform(150, 200)))
        design.lines.append(
            _ring_text(
                rng, book, latin, 1.0, 1.0, outer, min(h_latin * 1.1, h_name), rng.uniform(110, 145), inward=True
            )
        )
        foot = outer - h_name
        if rng.random() < 0.5:
            design.borders.append(Border("circle", foot - 0.02, foot - 0.02, rng.uniform(0.01, 0.03)))
            foot -= 0.06
    if rng.random() < 0.7:
        design.marks = _centre_mark(rng, foot * rng.uniform(0.5, 0.75))
    else:
        height = rng.uniform(0.12, 0.22)
        design.lines.append(_straight(rng, book, texts.purpose(rng), 0.0, height, 1.7 * foot, role="purpose"))
    return design


def _latin_ring(rng: Rng, book: FontBook) -> Design:
    """A Latin ring text between two circles, centre lines or an emblem inside."""
    design = Design("circle", 1.0)
    design.borders, inner = _borders(rng, "circle", 1.0)
    height = rng.uniform(0.11, 0.2)
    outer = inner - rng.uniform(0.03, 0.06)
    design.lines.append(_ring_text(rng, book, texts.latin_company(rng), 1.0, 1.0, outer, height, rng.uniform(220, 335)))
    foot = outer - height - rng.uniform(0.03, 0.06)
    if rng.random() < 0.75:
        design.borders.append(Border("circle", foot, foot, rng.uniform(0.01, 0.03)))
    if rng.random() < 0.35:
        design.marks = _centre_mark(rng, foot * rng.uniform(0.4, 0.8))
        return design
    count = int(rng.integers(1, 4))
    line_h = min(rng.uniform(0.12, 0.24), 1.2 * foot / count)
    for row in range(count):
        y = (row - (count - 1) / 2) * line_h * 1.2
        half = np.sqrt(max(foot**2 - (abs(y) + line_h / 2) ** 2, 0.04)) * 0.85
        words = (
            texts.purpose(rng) if rng.random() < 0.6 else texts.brand(rng) + texts.pick(rng, ("公司", "贸易", "商行"))
        )
        design.lines.append(_straight(rng, book, words, y, line_h, 2 * half, role="other"))
    return design


def oval(rng: Rng, book: FontBook) -> Design:
    """Invoice seals (arc, tax number, purpose), tax office ovals (arc, line, bottom arc), and plain ones."""
    b = rng.uniform(0.6, 0.8)
    design = Design("oval", b)
    design.borders, inner = _borders(rng, "oval", b)
    edge = 1 - inner
    a_in, b_in = 1 - edge, b - edge
    kind = rng.random()
    height = rng.uniform(0.19, 0.33) * (b / 0.7)
    outer = 1 - rng.uniform(0.02, 0.06)
    name = texts.owner(rng)
    if kind < 0.25:  # a tax office's: arc, line, foot arc
        name = texts.pick(rng, ("全国统一发票监制章", "统一发票监制章", "税收专用印章", "监制专用章", name, name))
        height = rng.uniform(0.14, 0.2) * (b / 0.7)
        design.lines.append(_ring_text(rng, book, name, a_in, b_in, outer, height, rng.uniform(130, 185)))
        line = texts.pick(rng, ("国家税务总局", "税务总局", "财政部", texts.place(rng), texts.brand(rng) + "局"))
        design.lines.append(
            _straight(rng, book, line, rng.uniform(-0.06, 0.05), height * rng.uniform(0.85, 1.15), 1.1, role="other")
        )
        foot = texts.place(rng) + texts.pick(rng, ("税务局", "国家税务局", "财政局", "税务分局"))
        design.lines.append(
            _ring_text(rng, book, foot, a_in, b_in, outer, height, rng.uniform(90, 130), inward=True, role="other")
        )
        return design
    span = rng.uniform(185, 270)
    title = _ring_text(rng, book, name, a_in, b_in, outer, height, span)
    design.lines.append(title)
    hole = b_in - height - (1 - outer)
    with_number = kind < 0.68
    if with_number:
        h = rng.uniform(0.12, 0.19)
        half = (a_in - height) * rng.uniform(0.7, 0.98)
        y = rng.uniform(-0.08, 0.08)
        design.lines.append(
            _straight(rng, book, texts.tax_number(rng), y, h, 2 * half, role="code", squeeze=rng.uniform(0.7, 1.1))
        )
    elif rng.random() < 0.5:
        design.marks = _centre_mark(rng, min(0.26, hole * 0.6), -0.05)
    h = rng.uniform(0.15, 0.27) * (b / 0.7)
    y = rng.uniform(0.42, 0.62) * b
    if with_number:
        y = max(y, 0.15 + h / 2)
    half = min(0.98 * np.sqrt(max(1 - ((y + h / 2) / (b_in * 0.93)) ** 2, 0.03)), rng.uniform(0.42, 0.7))
    if np.degrees(abs(title.letters[0].start)) / title.path.a > 88:  # type: ignore[attr-defined]
        half = min(half, 0.55)
    if rng.random() < 0.9:
        design.lines.append(_straight(rng, book, texts.purpose(rng), y, h, 2 * half, role="purpose"))
    return design


def square(rng: Rng, book: FontBook) -> Design:
    """Name seals of persons and companies: columns from the right; relief or intaglio."""
    draw = rng.random()
    if draw < 0.55:
        text = texts.person(rng)
        tail = rng.random()
        text += "之印" if tail < 0.22 and len(text) == 2 else "印" if tail < 0.75 else "" if tail < 0.9 else "印章"
    elif draw < 0.85:
        text = texts.company(rng).replace("（", "").replace("）", "")[:16]
        if rng.random() < 0.5:
            text = (
                texts.brand(rng)
                + texts.pick(rng, ("投资", "實業", "建設", "開發", "企業", "科技", "貿易", "國際"))
                + "有限公司"
            )
        if rng.random() < 0.15:
            text = texts.organisation(rng) + "印"
    else:
        text = texts.random_characters(rng, int(rng.integers(2, 13)))
    if rng.random() < 0.45:
        text = texts.traditional(text)
    face = book.choose(rng, text, NAME, bold=True)
    count = len(text)
    columns = 1 if count <= 2 and rng.random() < 0.3 else 2 if count <= 6 else 3 if count <= 12 else 4
    b = 1.0
    if columns == 1:
        b = rng.uniform(1.3, 2.0)
    elif rng.random() < 0.25:
        b = rng.uniform(0.85, 1.2)
    design = Design("square", b)
    edge = rng.uniform(0.03, 0.11)
    corner = 0.0 if rng.random() < 0.55 else rng.uniform(0.03, 0.2)
    design.reversed = rng.random() < 0.22
    if design.reversed or rng.random() < 0.92:
        design.borders.append(Border("square", 1.0, b, edge, corner))
    margin = edge + rng.uniform(0.01, 0.09)
    rows = [len(part) for part in np.array_split(np.arange(count), columns)]
    if rng.random() < 0.4 and columns == 2:
        rows = rows[::-1]  # 王 / 之印 instead of 王之 / 印
    if count == 3 and columns == 2 and rng.random() < 0.7:
        rows = [1, 2]
    width = 2 * (1 - margin) / columns
    fill = float(rng.choice([rng.uniform(0.0, 0.3), rng.uniform(0.6, 1.0)], p=[0.35, 0.65]))
    start = 0
    for column, letters in enumerate(rows):
        x = (1 - margin) - width * (column + 0.5)
        design.lines.append(
            set_column(
                text[start : start + letters],
                face,
                x,
                -(b - margin),
                width,
                2 * (b - margin),
                fill=fill,
                rng=rng,
                role="name",
            )
        )
        start += letters
    if columns > 1 and rng.random() < 0.06:
        for column in range(1, columns):
            x = (1 - margin) - width * column
            design.rules.append(Rule((x, -b + edge), (x, b - edge), rng.uniform(0.01, 0.03)))
    return design


def rectangle(rng: Rng, book: FontBook) -> Design:
    """Stamps with one to four lines in a frame, with rules between them or not."""
    count = int(rng.choice([1, 2, 3, 4], p=[0.4, 0.25, 0.25, 0.1]))
    b = float(np.clip(rng.uniform(0.24, 0.42) + 0.14 * (count - 1), 0.2, 0.95))
    design = Design("rectangle", b)
    edge = rng.uniform(0.015, 0.05)
    corner = 0.0 if rng.random() < 0.6 else rng.uniform(0.03, 0.12)
    if rng.random() < 0.95:
        design.borders.append(Border("rectangle", 1.0, b, edge, corner))
        if rng.random() < 0.15:
            design.borders.append(Border("rectangle", 1.0 - edge * 2, b - edge * 2, edge / 2, corner))
            edge *= 2.6
    row = 2 * (b - edge) / count
    face: Face | None = None
    for index in range(count):
        draw = rng.random()
        if count == 1 or draw < 0.35:
            words = texts.square_stamp(rng) if rng.random() < 0.6 else texts.purpose(rng)
        elif draw < 0.7:
            words = texts.owner(rng)
        elif draw < 0.9:
            words = texts.brand(rng) + texts.purpose(rng)
        else:
            words = f"{rng.integers(1990, 2030)}年{rng.integers(1, 13)}月{rng.integers(1, 29)}日"
        if face is None or not face.covers(words):
            face = book.choose(rng, words, NAME if rng.random() < 0.4 else RING, bold=True)
        y = -(b - edge) + row * (index + 0.5)
        height = min(row * rng.uniform(0.6, 0.86), 0.6)
        room = 2 * (1 - edge) * rng.uniform(0.8, 0.96)
        design.lines.append(
            _straight(
                rng,
                book,
                words,
                y,
                height,
                room,
                role="other",
                face=face,
                squeeze=rng.uniform(0.6, 1.1),
                max_gap=rng.uniform(0, 1.0),
            )
        )
        if index and rng.random() < 0.5:
            design.rules.append(Rule((-1 + edge, y - row / 2), (1 - edge, y - row / 2), edge * 0.7))
    return design


def triangle(rng: Rng, book: FontBook) -> Design:
    """A triangle with two or three lines that widen towards its foot."""
    b = rng.uniform(0.8, 0.92)
    design = Design("triangle", b)
    edge = rng.uniform(0.03, 0.06)
    design.borders.append(Border("triangle", 1.0, b, edge, 0.0 if rng.random() < 0.5 else rng.uniform(0.04, 0.15)))
    if rng.random() < 0.2:
        design.borders.append(Border("triangle", 0.86, b * 0.86, edge / 2))
    count = int(rng.integers(2, 4))
    height = rng.uniform(0.2, 0.3) if count == 3 else rng.uniform(0.25, 0.38)
    y = b - edge - 0.07 - height / 2
    if len(design.borders) > 1:
        y -= 0.12
    for _ in range(count):
        half = (y - height / 2 + b) / (2 * b) - 2.2 * edge - (0.1 if len(design.borders) > 1 else 0)
        if half < 0.1:
            break
        fits = max(1, min(8, int(2 * half / (0.5 * height))))
        words = texts.purpose(rng)[:fits] if rng.random() < 0.7 else texts.random_characters(rng, fits)
        design.lines.append(_straight(rng, book, words, y, height, 2 * half * 0.92, role="other"))
        height *= rng.uniform(0.8, 1.0)
        y -= height * 1.25
    return design


SHAPES: dict[str, Callable[[Rng, FontBook], Design]] = {
    "circle": circle,
    "oval": oval,
    "square": square,
    "rectangle": rectangle,
    "triangle": triangle,
}
"""Literal table: shape name of the settings and labels -> design function."""
