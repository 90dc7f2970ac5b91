"""Square seals: in which of four orders their characters are read.

The detector puts characters that stand in rows and columns into columns. Read in rows they are as legible, so that the
recogniser's scores rarely tell. The rows are read all the same, and the orders compared: by score, by the white between
characters, by what the texts say (印 and 章 end a text, 有限公司 is one word), and by how common an order is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

from sealkit import vocabulary
from sealkit.geometry.grids import Grid, grid_of, white_between
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.regions import TextRegion
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.pipeline.page import Reader, ReadLine, SealLine
from sealkit.text import is_cjk
from sealkit.vocabulary import traditional


@dataclass(frozen=True)
class OrderRules:
    """What speaks for an order; all weights are natural logarithms of odds."""

    columns_found: tuple[float, float, float, float] = (0.0, -1.2, -2.8, -2.8)
    """How common columns from the right, rows from the left, rows from the right and columns from the left are, where
    the detector shows columns: it does so of most squares."""
    rows_found: tuple[float, float, float, float] = (-2.0, 0.0, -3.5, -4.5)
    """The same where it shows rows."""
    row_found: tuple[float, float] = (0.0, -0.5)
    """A single row of characters that it shows apart, from the right and from the left."""
    per_score: float = 8.0
    """Per difference of 1 between the mean scores of rows and columns."""
    wrong_count: float = 2.0
    """Lost per line that does not have as many characters as the grid."""
    per_white: float = 9.0
    """Per difference of a character's size between the white across and the white along."""
    max_white: float = 2.2
    """Most that the white may count, either way."""
    ends_as_seals_do: float = 3.0
    """A text that ends in 印, 章, …; lost where it begins with 印."""
    ends_as_offices_do: float = 1.0
    """A text that ends in 部, 科, …"""
    per_word: float = 1.6
    """Per pair of neighbouring characters that belongs to a word of seals."""
    surname: float = 1.0
    """A text that begins with a surname and is short enough for a name."""
    most_of_a_name: int = 4
    """Characters of the longest name, 印 included."""
    min_score: float = 0.5
    """Worse read lines are no ground for another order."""


RULES = OrderRules()

_ENDS = re.compile(r"[印章璽玺寶鑑鉴信]$|公司$|专用$|專用$")
_OFFICE_ENDS = re.compile(r"[部处處科室院厂廠店]$")
_MORE_WORDS = (
    "之印", "之章", "之玺", "之寶", "印章", "印信", "印鉴", "私印", "图章", "部印", "部章", "处章", "科章", "室章",
    "公章", "法人代表", "藏书", "珍藏", "鉴赏", "收藏", "先生", "女士",
)  # fmt: skip


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    """Pairs of neighbouring characters of the words that seals are made of, simplified and traditional."""
    known = {
        *vocabulary.PURPOSES, *vocabulary.TRADES, *vocabulary.COMPANY_FORMS, *vocabulary.OFFICES,
        *vocabulary.INSTITUTIONS, *vocabulary.CITIES, *vocabulary.SQUARE_STAMPS, *_MORE_WORDS,
    }  # fmt: skip
    every = known | {traditional(word) for word in known}
    return frozenset(a + b for word in every for a, b in pairwise(word))


@lru_cache(maxsize=1)
def _surnames() -> frozenset[str]:
    return frozenset(vocabulary.SURNAMES + traditional(vocabulary.SURNAMES)) | {
        name[0] for name in vocabulary.DOUBLE_SURNAMES
    }


@dataclass(frozen=True)
class Order:
    """One way to read a grid: its lines and texts in that order, and what speaks for it."""

    lines: list[tuple[LinePoly, str, float]]
    odds: float

    @property
    def text(self) -> str:
        """All texts."""
        return "".join(text for _, text, _ in self.lines)


@dataclass
class _Square:
    """The lines of one seal that may be read in other orders."""

    read: list[ReadLine]
    grid: Grid
    characters: int
    across: list[LinePoly] = field(default_factory=list)
    results: list[RecResult] = field(default_factory=list)


def in_best_order(image: np.ndarray, seals: Sequence[list[ReadLine]], reader: Reader) -> list[list[ReadLine]]:
    """The lines of seals whose characters stand in rows and columns, in the likeliest order; other seals as they are.

    Args:
        image: (H, W, 3) uint8 BGR, the lines' page.
        seals: lines of each seal as they were read.
        reader: reads the rows where columns were found, and the other way round, all seals in one call.
    """
    found = [_square(image, read) for read in seals]
    squares = {number: square for number, square in enumerate(found) if square is not None}
    for square in squares.values():
        square.across = _lines_of(square.grid, square.read[0].line, columns=not square.grid.columns_found)
    results = list(reader([line for square in squares.values() for line in square.across]))
    for square in squares.values():
        square.results, results = results[: len(square.across)], results[len(square.across) :]
    return [
        _settled(squares[number], image) if number in squares else _row_from_the_right(list(read))
        for number, read in enumerate(seals)
    ]


def _square(image: np.ndarray, read: Sequence[ReadLine]) -> _Square | None:
    """The grid of a seal; None where its lines make none or are not Chinese."""
    lines = [line for line in read if line.text.strip()]
    texts = [line.text.replace(" ", "") for line in lines]
    if not texts or not all(is_cjk(char) for text in texts for char in text):
        return None
    if len(lines) != len(read) or min(line.score for line in lines) < RULES.min_score:
        return None
    counts = [len(text) for text in texts]
    usual = max(set(counts), key=lambda count: (counts.count(count), count))
    grid = grid_of([line.line for line in lines], usual, image)
    return None if grid is None else _Square(lines, grid, usual)


def _row_from_the_right(read: list[ReadLine]) -> list[ReadLine]:
    """The lines of a seal; its only one, a short row that begins with 印 and ends with a surname, reversed."""
    if len(read) != 1 or read[0].line.direction != "line":
        return read
    text = read[0].text.strip()
    backwards = text[::-1]
    short = 2 <= len(text) <= RULES.most_of_a_name
    named = short and text[0] == "印" and backwards[0] in _surnames() and text[:2] not in _words()
    return [replace(read[0], text=backwards)] if named else read


def _lines_of(grid: Grid, like: LinePoly, columns: bool) -> list[LinePoly]:
    """Columns from the left, or rows from the top."""
    if columns:
        return [grid.column(number, like) for number in range(grid.columns)]
    return [grid.row(number, like) for number in range(grid.rows)]


def _settled(square: _Square, image: np.ndarray) -> list[ReadLine]:
    """The lines of a square in the likeliest order."""
    orders = reading_orders(square.grid, square.read, square.across, square.results, white_between(image, square.grid))
    best = max(orders, key=lambda order: order.odds)
    found = []
    mean = float(np.mean([line.source.region.score for line in square.read]))
    for line, text, score in best.lines:
        own = next((one for one in square.read if one.line is line), None)
        if own is not None:
            found.append(replace(own, text=text))
            continue
        line.role = "name"
        region = TextRegion(line.points, mean)
        tried = tuple(one for read in square.read for one in read.hypotheses)
        found.append(ReadLine(SealLine(line, region, alone=False), line, text, score, True, tried))
    return found


def reading_orders(
    grid: Grid,
    read: Sequence[ReadLine],
    across: Sequence[LinePoly],
    results: Sequence[RecResult],
    white: tuple[float, float],
) -> list[Order]:
    """The four orders of a grid with what speaks for each, columns from the right first.

    Args:
        grid: of the lines read.
        read: lines as found, in any order.
        across, results: the same characters as lines the other way (columns from the left, or rows from the top).
        white: of `white_between`.
    """
    own = _from_the_start(grid, read)
    other = [(line, result.text.replace(" ", ""), result.score) for line, result in zip(across, results)]
    columns, rows = (own, other) if grid.columns_found else (other, own)
    common = RULES.columns_found if grid.columns_found else RULES.rows_found
    if len(other) == 1:  # characters of one line that the detector shows apart: one text
        whole = other[0][0], "".join(text for _, text, _ in own), float(np.mean([score for *_, score in own]))
        either = [_reversed(whole), whole] if grid.columns_found else [whole]
        return [_order([line], odds) for line, odds in zip(either, RULES.row_found)]
    ways = [columns[::-1], rows, [_reversed(line) for line in rows], columns]
    beside, below = white
    whiter = float(np.clip(RULES.per_white * (beside - below), -RULES.max_white, RULES.max_white))
    favour = [whiter, -whiter, -whiter, whiter]  # white between columns speaks for columns
    counts = [grid.rows, grid.columns, grid.columns, grid.rows]
    return [_order(lines, common[way] + favour[way] + _legible(lines, counts[way])) for way, lines in enumerate(ways)]


def _from_the_start(grid: Grid, read: Sequence[ReadLine]) -> list[tuple[LinePoly, str, float]]:
    """Lines as found: columns from the left, rows from the top."""
    step = grid.corners[0, -1] - grid.corners[0, 0] if grid.columns_found else grid.corners[-1, 0] - grid.corners[0, 0]
    ordered = sorted(read, key=lambda one: float(one.line.points.mean(axis=0) @ step))
    return [(one.line, one.text.replace(" ", ""), one.score) for one in ordered]


def _reversed(line: tuple[LinePoly, str, float]) -> tuple[LinePoly, str, float]:
    return line[0], line[1][::-1], line[2]


def _order(lines: list[tuple[LinePoly, str, float]], odds: float) -> Order:
    order = Order(lines, odds)
    return replace(order, odds=odds + sense(order.text))


def _legible(lines: Sequence[tuple[LinePoly, str, float]], characters: int) -> float:
    wrong = sum(len(text) != characters for _, text, _ in lines)
    return RULES.per_score * float(np.mean([score for *_, score in lines])) - RULES.wrong_count * wrong


def sense(text: str) -> float:
    """How much a text, all lines in order, reads as those of square seals do."""
    found = RULES.per_word * sum(a + b in _words() for a, b in pairwise(text))
    if _ENDS.search(text):
        found += RULES.ends_as_seals_do
    elif _OFFICE_ENDS.search(text):
        found += RULES.ends_as_offices_do
    if text.startswith("印"):
        found -= RULES.ends_as_seals_do
    if 2 <= len(text) <= RULES.most_of_a_name and text[:1] in _surnames():
        found += RULES.surname
    return found


__all__ = ["Order", "in_best_order", "reading_orders", "sense"]
