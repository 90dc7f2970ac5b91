"""The print under seals: pages of text, tables, forms and handwriting, drawn once per process and cut at random.

Not `sealkit.synth.pages`: those are whole documents of which every block has a box, set anew for each image. Here
nothing is labelled, and 30 pages per process are turned, zoomed and repeated under tens of thousands of seals. (The
proof images of `sealkit.drawing.documents` need no fonts: exports are proved where none are installed.)

A page is a uint8 map of darkness (0 paper, 255 full print); colour, size, turn and position are chosen per image.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sealkit import vocabulary as words
from sealkit.synth.common import texts
from sealkit.synth.common.fontbook import HAND, PRINT, FontBook

Rng = np.random.Generator

PAGE = 1100
# fmt: off
_KINDS = (
    "body", "form", "table", "numbers", "body", "signing", "heading", "hand",
    "latin", "table", "signing", "sparse", "body", "form", "signing",
)
# fmt: on
POOL_SIZE = 30


class PagePool:
    """`POOL_SIZE` pages, each drawn when first asked for; page k depends on (seed, k) only."""

    def __init__(self, seed: int, book: FontBook) -> None:
        self.seed, self.book = seed, book
        self._pages: dict[int, np.ndarray] = {}

    def page(self, k: int) -> np.ndarray:
        """Darkness (PAGE, PAGE) uint8 of page k."""
        if k not in self._pages:
            rng = np.random.default_rng([self.seed, 0xD0C, k])
            self._pages[k] = draw_page(rng, self.book, _KINDS[k % len(_KINDS)])
        return self._pages[k]

    def cut(self, rng: Rng, height: int, width: int, zoom: float, turn: float) -> np.ndarray:
        """Part of a random page, (height, width) uint8; `zoom`: image pixels per page pixel, `turn`: degrees."""
        page = self.page(int(rng.integers(POOL_SIZE)))
        c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        matrix = np.array([[c, -s, 0.0], [s, c, 0.0]], np.float32) / zoom  # image -> page
        half = np.array([(width - 1) / 2, (height - 1) / 2], np.float32)
        reach = np.abs(matrix[:, :2]) @ half
        low, high = np.minimum(reach, PAGE / 2), np.maximum(PAGE - reach, PAGE / 2)
        matrix[:, 2] = rng.uniform(low, high) - matrix[:, :2] @ half
        if zoom < 0.7:  # average before thinning out: print must not break into dots
            factor = max(zoom, 0.25)
            page = cv2.resize(page, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            matrix *= factor
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP  # pages repeat beyond their edges: dense print
        return cv2.warpAffine(page, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_WRAP)


class _Sheet:
    """A page being drawn."""

    def __init__(self, rng: Rng, book: FontBook) -> None:
        self.rng, self.book = rng, book
        self.image = Image.new("L", (PAGE, PAGE), 0)
        self.draw = ImageDraw.Draw(self.image)

    def font(self, px: int, text: str, weights: dict[str, float] = PRINT) -> ImageFont.FreeTypeFont:
        face = self.book.choose(self.rng, text, weights)
        return ImageFont.truetype(str(face.path), px, index=face.index, layout_engine=ImageFont.Layout.BASIC)

    def latin_font(self, px: int) -> ImageFont.FreeTypeFont:
        face = self.book.latin(self.rng, "Aa0")
        return ImageFont.truetype(str(face.path), px, index=face.index, layout_engine=ImageFont.Layout.BASIC)

    def array(self) -> np.ndarray:
        return np.asarray(self.image, dtype=np.uint8).copy()


def draw_page(rng: Rng, book: FontBook, kind: str) -> np.ndarray:
    """A page of one of the kinds named in `_KINDS`."""
    sheet = _Sheet(rng, book)
    {
        "body": _body,
        "form": _form,
        "table": _table,
        "numbers": _table,
        "signing": _signing,
        "heading": _heading,
        "hand": _hand,
        "latin": _latin,
        "sparse": _sparse,
    }[kind](sheet)
    return sheet.array()


def _body(sheet: _Sheet) -> None:
    rng = sheet.rng
    px = int(rng.integers(24, 38))
    font = sheet.font(px, texts.body_text(rng, 40))
    y, step = 0.0, px * rng.uniform(1.25, 1.9)
    while y < PAGE:
        indent = 2 * px if rng.random() < 0.2 else 0
        length = int((PAGE - indent) / px) + 1
        if rng.random() < 0.2:
            length = int(length * rng.uniform(0.2, 0.9))
        sheet.draw.text((indent, y), texts.body_text(rng, length), 255, font)
        y += step * (2 if rng.random() < 0.06 else 1)


def _form(sheet: _Sheet) -> None:
    rng = sheet.rng
    px = int(rng.integers(26, 44))
    font = sheet.font(px, "".join(words.FORM_LABELS))
    hand = sheet.font(int(px * 1.2), "".join(words.SURNAMES[:60]) + words.GIVEN_CHARS[:40], HAND)
    y = 10.0
    while y < PAGE:
        x = float(rng.uniform(0, 120))
        while x < PAGE - 200:
            label = texts.pick(rng, words.FORM_LABELS)
            sheet.draw.text((x, y), label, 255, font)
            x += font.getlength(label)
            line = rng.uniform(120, 420)
            if rng.random() < 0.6:
                sheet.draw.line((x, y + px * 1.15, x + line, y + px * 1.15), 255, int(rng.integers(2, 5)))
            if rng.random() < 0.4:
                name = texts.pick(rng, words.SURNAMES[:60]) + texts.pick(rng, words.GIVEN_CHARS[:40])
                sheet.draw.text((x + 10, y - px * 0.15), name, 230, hand)
            x += line + 40
        y += px * rng.uniform(1.6, 2.6)


def _table(sheet: _Sheet) -> None:
    rng = sheet.rng
    px = int(rng.integers(22, 36))
    font, latin = sheet.font(px, texts.body_text(rng, 40)), sheet.latin_font(px)
    columns = np.concatenate([[0], np.sort(rng.uniform(40, PAGE - 40, int(rng.integers(2, 7)))), [PAGE - 4]])
    row, stroke = px * rng.uniform(1.5, 2.6), int(rng.integers(1, 5))
    ruled = rng.random() < 0.75
    y = float(rng.uniform(0, 30))
    while y < PAGE:
        sheet.draw.line((0, y, PAGE, y), 255, stroke)
        for left, right in pairwise(columns):
            if ruled:
                sheet.draw.line((left, y, left, y + row), 255, stroke)
            room = right - left - 16
            if rng.random() < 0.25 or room < px:
                continue
            if rng.random() < 0.55:
                value = f"{rng.uniform(0, 10 ** rng.uniform(1, 9)):,.2f}"
                if latin.getlength(value) < room:
                    sheet.draw.text((right - 8 - latin.getlength(value), y + (row - px) / 2), value, 255, latin)
            else:
                sheet.draw.text(
                    (left + 8, y + (row - px) / 2), texts.body_text(rng, int(min(room / px, 8)))[:12], 255, font
                )
        y += row


def _signing(sheet: _Sheet) -> None:
    """The end of a contract: parties, signatures, dates, much white."""
    rng = sheet.rng
    px = int(rng.integers(28, 48))
    y = 20.0
    while y < PAGE:
        x = float(rng.uniform(0, PAGE * 0.5))
        draw = rng.random()
        if draw < 0.3:
            text = f"{rng.integers(1990, 2030)} 年 {rng.integers(1, 13):02d} 月 {rng.integers(1, 29):02d} 日"
        elif draw < 0.6:
            text = texts.company(rng)
        else:
            text = texts.pick(rng, words.FORM_LABELS)
        sheet.draw.text((x, y), text, 255, sheet.font(px, text))
        if rng.random() < 0.5:
            _signature(sheet, x + px * 5, y - px * 0.4, px * 4.0)
        y += px * rng.uniform(1.4, 3.4)


def _heading(sheet: _Sheet) -> None:
    rng = sheet.rng
    y = 0.0
    while y < PAGE:
        px = int(rng.integers(40, 120))
        text = texts.pick(rng, words.HEADINGS) if rng.random() < 0.5 else texts.company(rng)
        sheet.draw.text((rng.uniform(-40, 300), y), text, 255, sheet.font(px, text))
        y += px * 1.6
        small = int(rng.integers(22, 34))
        font = sheet.font(small, texts.body_text(rng, 40))
        for _ in range(int(rng.integers(1, 5))):
            sheet.draw.text((rng.uniform(0, 100), y), texts.body_text(rng, int(rng.integers(10, 36))), 255, font)
            y += small * 1.6


def _hand(sheet: _Sheet) -> None:
    """Handwriting: brush and Kaiti characters, each out of line, and signatures."""
    rng = sheet.rng
    px = int(rng.integers(34, 64))
    text = "".join(texts.pick(rng, words.GIVEN_CHARS + words.SURNAMES[:100]) for _ in range(400))
    font = sheet.font(px, text, HAND)
    index, y = 0, 0.0
    while y < PAGE:
        x = rng.uniform(0, 200)
        while x < PAGE * rng.uniform(0.7, 1.1):
            sheet.draw.text((x, y + rng.normal(0, px * 0.07)), text[index % 400], 255, font)
            x += px * rng.uniform(0.75, 1.05)
            index += 1
        if rng.random() < 0.4:
            sheet.draw.line((0, y + px * 1.1, PAGE, y + px * 1.1), 140, 2)
        if rng.random() < 0.25:
            _signature(sheet, rng.uniform(0, PAGE * 0.7), y, px * 4)
        y += px * rng.uniform(1.15, 1.9)


def _signature(sheet: _Sheet, x: float, y: float, size: float) -> None:
    """Loops and strokes of a pen."""
    rng = sheet.rng
    for _ in range(int(rng.integers(2, 5))):
        knots = np.cumsum(rng.normal(0, 1, (int(rng.integers(4, 8)), 2)) * (size * 0.22, size * 0.12), 0)
        knots += (x + size * rng.uniform(0.1, 0.6), y + size * 0.25)
        t = np.linspace(0, len(knots) - 1, 40)
        smooth = np.stack([np.interp(t, np.arange(len(knots)), knots[:, axis]) for axis in (0, 1)], -1)
        kernel = np.ones(7) / 7
        smooth = np.stack(
            [np.convolve(np.pad(smooth[:, axis], 3, mode="edge"), kernel, "valid") for axis in (0, 1)], -1
        )
        sheet.draw.line([tuple(point) for point in smooth], 240, int(rng.integers(2, 7)), joint="curve")


def _latin(sheet: _Sheet) -> None:
    rng = sheet.rng
    px = int(rng.integers(20, 34))
    font = sheet.latin_font(px)
    y = 0.0
    while y < PAGE:
        line = " ".join(
            "".join(texts.pick(rng, "etaoinshrdlucmfwypvbg") for _ in range(rng.integers(2, 10))) for _ in range(12)
        )
        sheet.draw.text((0, y), line, 255, font)
        y += px * rng.uniform(1.2, 1.7)


def _sparse(sheet: _Sheet) -> None:
    """A few big numbers, short texts and frames."""
    rng = sheet.rng
    for _ in range(14):
        px = int(rng.integers(26, 70))
        x, y = rng.uniform(0, PAGE * 0.8, 2)
        draw = rng.random()
        if draw < 0.4:
            sheet.draw.text((x, y), f"{rng.integers(0, 99)}.{rng.integers(0, 99):02d}", 255, sheet.latin_font(px))
        elif draw < 0.75:
            text = texts.body_text(rng, int(rng.integers(2, 8)))
            sheet.draw.text((x, y), text, 255, sheet.font(px, text))
        else:
            sheet.draw.rectangle(
                (x, y, x + rng.uniform(100, 500), y + rng.uniform(40, 260)), outline=255, width=int(rng.integers(2, 6))
            )


def print_on(
    image: np.ndarray, rng: Rng, pool: PagePool, zoom: float, turn: float, strength: float | None = None
) -> None:
    """Print a random part of a random page on an image (H, W, 3) float32 BGR, in place."""
    height, width = image.shape[:2]
    dark = pool.cut(rng, height, width, zoom, turn).astype(np.float32) / 255
    draw = rng.random()
    if draw < 0.86:
        colour = np.full(3, rng.uniform(15, 90))
    elif draw < 0.94:
        colour = np.array([rng.uniform(90, 190), rng.uniform(40, 90), rng.uniform(20, 70)])
    else:
        colour = np.array([rng.uniform(20, 90), rng.uniform(60, 110), rng.uniform(100, 170)])
    strength = rng.uniform(0.65, 1.0) if strength is None else strength
    image *= 1 - (dark * np.float32(strength))[..., None] * (1 - colour.astype(np.float32) / 255)
