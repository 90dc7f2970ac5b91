"""Square, rectangular and triangular seals: columns of name seals, lines of office stamps."""

from __future__ import annotations

import numpy as np

from sealkit import vocabulary
from sealkit.drawing.fonts import Face
from sealkit.synth.common import texts
from sealkit.synth.common.fontbook import NAME, RING, FontBook
from sealkit.synth.seals.design import Border, Design, Rule, straight
from sealkit.synth.seals.layout import set_column

Rng = np.random.Generator


def _name(rng: Rng) -> str:
    """The text of a name seal: a person, a company or characters at random, simplified or traditional."""
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
    return vocabulary.traditional(text) if rng.random() < 0.45 else text


def square(rng: Rng, book: FontBook) -> Design:
    """Name seals of persons and companies: columns from the right; relief or intaglio."""
    text = _name(rng)
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
    for column, characters in enumerate(rows):
        x = (1 - margin) - width * (column + 0.5)
        design.lines.append(
            set_column(
                text[start : start + characters],
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
        start += characters
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
            straight(
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
        design.lines.append(straight(rng, book, words, y, height, 2 * half * 0.92, role="other"))
        height *= rng.uniform(0.8, 1.0)
        y -= height * 1.25
    return design
