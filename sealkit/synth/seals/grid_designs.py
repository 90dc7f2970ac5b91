"""Square seals whose characters stand in rows and columns, read in one of four orders.

Columns from the right are the old way, and what most name seals keep; rows from the left are today's; rows from the
right and columns from the left are met too. Which one it is shows in the white between characters, where the engraver
left more of it between lines, and in what the characters say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sealkit import vocabulary
from sealkit.drawing.fonts import Face
from sealkit.synth.common import texts
from sealkit.synth.common.fontbook import NAME, RING, FontBook
from sealkit.synth.seals.design import Border, Design
from sealkit.synth.seals.layout import Line, StraightPath, set_column

Rng = np.random.Generator

ORDERS: Mapping[str, float] = {"columns-right": 0.25, "rows-left": 0.25, "rows-right": 0.25, "columns-left": 0.25}
"""Reading order (rows or columns, and the side they begin from) → weight: as many of each, so that each is measured."""


def grid(rng: Rng, book: FontBook) -> Design:
    """A square seal of lines of equally many characters, in one of `ORDERS`."""
    text = _text(rng)
    if rng.random() < 0.2:
        text = vocabulary.traditional(text)
    order = str(rng.choice(list(ORDERS), p=list(ORDERS.values())))
    lines = 2 if len(text) in (4, 6) or (len(text) == 8 and rng.random() < 0.5) else 4 if len(text) == 8 else 3
    return grid_of(rng, book, text, lines, order)


def grid_of(rng: Rng, book: FontBook, text: str, lines: int, order: str, between: float | None = None) -> Design:
    """A square seal with a given text.

    Args:
        lines: how many; the text's length is a multiple of it.
        order: one of `ORDERS`.
        between: white between lines as a share of a character; within lines it is 0.06 then. None: random, and in a
            third of the seals the same as within lines.

    The polygon of a row from the right runs from the left as that of any row; its text is in reading order.
    """
    count = len(text) // lines
    face: Face = book.choose(rng, text, NAME if rng.random() < 0.5 else RING, bold=True)
    within = rng.uniform(0.02, 0.16)
    if between is None:
        between = within if rng.random() < 0.35 else within + rng.uniform(0.1, 0.5)
    else:
        within = 0.06
    along, across = count + within * (count - 1), lines + between * (lines - 1)
    wide, high = (across, along) if order.startswith("columns") else (along, across)
    stretch = rng.uniform(0.9, 1.1)  # characters need not be square
    design = Design("square", float(np.clip(stretch * high / wide, 0.6, 1.7)))
    edge = rng.uniform(0.03, 0.09)
    if rng.random() < 0.92:
        design.borders.append(Border("square", 1.0, design.b, edge, 0.0 if rng.random() < 0.6 else 0.12))
    margin = edge + rng.uniform(0.04, 0.14)
    w, h = 2 * (1 - margin) / wide, 2 * (design.b - margin) / high
    fill = float(rng.choice([rng.uniform(0.0, 0.3), rng.uniform(0.6, 1.0)]))
    places = [(n // count, n % count) for n in range(len(text))]
    for number in range(lines):
        first = number * count
        run = text[first : first + count]
        if order.startswith("columns"):
            place = number if order == "columns-left" else lines - 1 - number
            x = -(1 - margin) + w * (place * (1 + between) + 0.5)
            design.lines.append(_column(rng, run, face, x, -(design.b - margin), w, h, within, fill))
            continue
        y = -(design.b - margin) + h * number * (1 + between)
        cells = []
        for char, (_, position) in zip(run, places[first : first + count]):
            place = position if order == "rows-left" else count - 1 - position
            x = -(1 - margin) + w * (place * (1 + within) + 0.5)
            cells.append(_column(rng, char, face, x, y, w, h, 0.0, fill))
        design.lines.append(_row(cells, h))
    return design


def _column(
    rng: Rng, text: str, face: Face, x: float, top: float, width: float, height: float, within: float, fill: float
) -> Line:
    """Characters of a height one below the other, `within` of it apart."""
    pitch = height * (1 + within)
    whole = set_column(text, face, x, top, width, height * len(text), fill=fill, rng=rng, role="name")
    for row, one in enumerate(whole.characters):
        move = row * (pitch - height)
        whole.characters[row] = replace(one, x=one.x + move, start=one.start + move, end=one.end + move)
    return whole


def _row(cells: list[Line], height: float) -> Line:
    """Columns of one character each, in reading order, as one line."""
    y = float(np.mean([cell.characters[0].x for cell in cells]))
    characters = []
    for cell in cells:
        one = cell.characters[0]
        start, end = cell.x - one.width / 2, cell.x + one.width / 2
        characters.append(replace(one, x=cell.x, start=start, end=end))
    tall = max(one.height for one in characters)
    text = "".join(cell.text for cell in cells)
    return Line(text, characters, StraightPath(0.0, y), max(tall, 0.8 * height), "line", "name", pad=0.025)


def _text(rng: Rng) -> str:
    """Four to nine characters that fill a grid: names with 印, departments, companies, characters without sense."""
    draw = rng.random()
    if draw < 0.4:
        name = texts.person(rng)
        return (name + ("之印" if rng.random() < 0.7 else "印章") if len(name) == 2 else (name + "印"))[:4].ljust(
            4, "印"
        )
    if draw < 0.65:
        place = texts.pick(
            rng, ("财务", "人事", "冲压", "质检", "仓储", "工程", "采购", "技术", "生产", "行政", "业务")
        )
        tail = texts.pick(rng, ("部印", "部章", "之印", "之章", "专用", "专用章印", "部专用章"))
        return place + tail
    if draw < 0.88:
        name = texts.brand(rng)[:3].ljust(2, "华")
        return (
            name[:2] + "公司" if rng.random() < 0.3 else (name[:2] + "有限公司" if rng.random() < 0.5 else _nine(rng))
        )
    return texts.random_characters(rng, int(rng.choice([4, 4, 6, 9])))


def _nine(rng: Rng) -> str:
    """A company of eight or nine characters."""
    trade = texts.pick(rng, ("科技", "投资", "贸易", "建设", "实业"))
    name = texts.brand(rng)[:3].ljust(2, "华") + trade + "有限公司"
    return name[:9] if len(name) == 9 else name[:8]
