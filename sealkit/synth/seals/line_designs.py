"""Stamps of straight lines: address and bank blocks, and notes such as APPROVED or 复印无效 with or without a date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sealkit import vocabulary as words
from sealkit.drawing.fonts import Face
from sealkit.errors import DataError
from sealkit.synth.common import texts
from sealkit.synth.common.fontbook import RING, FontBook
from sealkit.synth.seals.design import Border, Design, Rule
from sealkit.synth.seals.layout import Line, StraightPath, set_line

Rng = np.random.Generator


SCRIPTS = {"chinese": 0.45, "latin": 0.4, "cyrillic": 0.15}


def block(rng: Rng, book: FontBook) -> Design:
    """The address or bank details of a company: two to five lines, centred or from the left, framed or not."""
    return _stamp(rng, book, "block", _block_rows, framed=0.6, left=0.45)


def note(rng: Rng, book: FontBook) -> Design:
    """A word or a few, with a date below or beside it now and then; framed or not; or a company's name as a strip."""
    return _stamp(rng, book, "note", _note_rows, framed=0.55, left=0.1)


def _stamp(
    rng: Rng, book: FontBook, shape: str, rows_of: Callable[[Rng, str], list[str]], framed: float, left: float
) -> Design:
    """Rows of one script in a face that has them; Chinese ones where no font has Cyrillic characters."""
    script = str(rng.choice(list(SCRIPTS), p=list(SCRIPTS.values())))
    rows = rows_of(rng, script)
    try:
        face = _face(rng, book, rows)
    except DataError:
        if script != "cyrillic":
            raise
        rows = rows_of(rng, "chinese")
        face = _face(rng, book, rows)
    return _lines(rng, shape, rows, face, framed, left)


def _face(rng: Rng, book: FontBook, rows: list[str]) -> Face:
    text = "".join(rows).replace(" ", "")
    return book.latin(rng, text) if text.isascii() else book.choose(rng, text, RING, bold=True)


def _block_rows(rng: Rng, script: str) -> list[str]:
    count = int(rng.choice([1, 2, 3, 4], p=[0.2, 0.4, 0.3, 0.1]))
    return [_company(rng, script), *(_detail(rng, script) for _ in range(count))]


def _note_rows(rng: Rng, script: str) -> list[str]:
    draw = rng.random()
    if draw < 0.2:
        return [_company(rng, script)]
    text = texts.pick(rng, words.STAMP_NOTES[script])
    if draw < 0.65:
        return [text]
    return [text, _date(rng, script)] if draw < 0.85 else [f"{text} {_date(rng, script)}"]


def _company(rng: Rng, script: str) -> str:
    if script == "chinese":
        return texts.company(rng)
    return texts.latin_company(rng) if script == "latin" else texts.pick(rng, words.CYRILLIC_COMPANIES)


def _detail(rng: Rng, script: str) -> str:
    """A line of a block: where the company is, its telephone, bank or tax number."""
    number, phone = int(rng.integers(1, 400)), f"0{texts.digits(rng, 3)}-{texts.digits(rng, 8)}"
    account = " ".join(texts.digits(rng, 4) for _ in range(int(rng.integers(3, 6))))
    choices: tuple[str, ...]
    if script == "chinese":
        choices = (
            f"地址：{texts.place(rng)}{texts.brand(rng)[:2]}路{number}号",
            f"电话：{phone}",
            f"开户行：{texts.brand(rng)[:2]}银行{texts.pick(rng, words.CITIES)}支行",
            f"账号：{account.replace(' ', '')}",
            f"税号：{texts.tax_number(rng)}",
        )
    elif script == "latin":
        street, town = texts.pick(rng, words.LATIN_WORDS).title(), texts.pick(rng, words.LATIN_TOWNS).title()
        choices = (
            f"{number} {street} Road, {town}",
            f"Tel. {phone}",
            f"Fax: {phone}",
            f"IBAN {account}",
            f"VAT {account}",
        )
    else:
        town = texts.pick(rng, words.CYRILLIC_TOWNS)
        choices = (f"г. {town}, ул. Новая, {number}", f"ИНН {texts.digits(rng, 10)}", f"тел. {phone}", f"р/с {account}")
    return texts.pick(rng, choices)


def _date(rng: Rng, script: str) -> str:
    day, month, year = int(rng.integers(1, 29)), int(rng.integers(1, 13)), int(rng.integers(1995, 2035))
    if script == "chinese" and rng.random() < 0.6:
        return f"{year}年{month}月{day}日"
    if script == "latin" and rng.random() < 0.5:
        return f"{day:02d} {words.MONTHS[month - 1]} {year}"
    return f"{day:02d}.{month:02d}.{year}" if script != "chinese" else f"{year}-{month:02d}-{day:02d}"


def _lines(rng: Rng, shape: str, rows: list[str], face: Face, framed: float, left: float) -> Design:
    """Rows one below the other, the longest as wide as the stamp.

    Args:
        framed: share of stamps with a frame.
        left: share of stamps whose lines begin below one another.
    """
    squeeze, gap = rng.uniform(0.75, 1.05), rng.uniform(0.0, 0.25)
    head = rng.uniform(1.1, 1.5) if len(rows) > 1 and rng.random() < 0.3 else 1.0
    sizes = [head, *[1.0] * (len(rows) - 1)]
    lengths = [_length(_row(text, face, size, 0.0, 0.0, squeeze, gap)) for text, size in zip(rows, sizes)]
    margin = rng.uniform(0.06, 0.14)
    scale = 2 * (1 - margin) / max(lengths)
    heights, pitch = [size * scale for size in sizes], scale * rng.uniform(1.3, 1.8)
    whole = sum(heights) + (len(rows) - 1) * (pitch - scale)
    design = Design(shape, whole / 2 + scale * rng.uniform(0.3, 0.8))
    if rng.random() < framed:
        edge = min(scale * rng.uniform(0.05, 0.16), (margin - Line.pad * max(heights)) / 2.5)
        corner = 0.0 if rng.random() < 0.6 else scale * rng.uniform(0.2, 0.6)
        design.b += 2.5 * edge
        design.borders.append(Border(shape, 1.0, design.b, edge, corner))
        if rng.random() < 0.12:
            design.borders.append(Border(shape, 1.0 - 1.8 * edge, design.b - 1.8 * edge, edge / 2, corner))
    from_left = rng.random() < left
    y = -whole / 2
    for text, height, length in zip(rows, heights, lengths):
        x = -(1 - margin) + length * scale / 2 if from_left else 0.0
        design.lines.append(_row(text, face, height, x, y + height / 2, squeeze, gap))
        y += height + pitch - scale
    if len(rows) == 2 and rng.random() < 0.1:
        middle = design.lines[1].centres()[0, 1] - heights[1] / 2 - (pitch - scale) / 2
        design.rules.append(Rule((-(1 - margin), middle), (1 - margin, middle), scale * 0.06))
    return design


def _row(text: str, face: Face, height: float, x: float, y: float, squeeze: float, gap: float) -> Line:
    room = 10.0 * height * len(text)  # more than it takes
    path = StraightPath(x, y)
    line = set_line(
        text, face, path, height, room=room, squeeze=squeeze, max_gap=gap, direction="line", role="other", justify=True
    )
    shift = (line.characters[0].start + line.characters[-1].end) / 2  # white before the first character
    return replace(line, path=StraightPath(x - shift, y))


def _length(line: Line) -> float:
    return line.characters[-1].end - line.characters[0].start


__all__ = ["block", "note"]
