"""Print and handwriting for pages: strips of running text, set once per process and cut to length, and short texts.

Setting every character of a page anew would cost more than all the rest of an image. What is cut repeats after some
hundred characters per face; what a layout model sees at its input size does not depend on the words.

The lowest file of the room: called by `sheet` alone, on a cache that `scene` keeps per process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from sealkit import vocabulary as words
from sealkit.drawing.fonts import GLYPH_PX, Face
from sealkit.synth.common import texts
from sealkit.synth.common.fontbook import HAND, PRINT, FontBook

Rng = np.random.Generator

LEADING = 1.25
"""Height of a strip in ems."""
_EM = 40  # of strips: twice the print of a page that fills 900 px
_BODY_FACES, _LATIN_FACES, _HAND_FACES, _STRIPS = 9, 4, 4, 5
_HEAVY = {"hei": 0.55, "song": 0.3, "kai": 0.15}


_BOLD = re.compile(r"bold|black|heavy", re.I)


@dataclass(frozen=True)
class Strip:
    """A line of text: coverage (h, w) uint8 and the columns at which it may be cut."""

    ink: np.ndarray
    stops: np.ndarray


def set_text(face: Face, text: str, rng: Rng | None = None) -> tuple[np.ndarray, list[int]]:
    """Coverage (1.25 em, w) uint8 of a text at `GLYPH_PX` per em, and the pen position before each character.

    `rng` moves, turns and scales the characters as a hand does; without it they stand in line.
    """
    height = round(LEADING * GLYPH_PX)
    probe = face.glyph("有" if face.style != "latin" else "H")
    shift = height / 2 - (probe.top + probe.ink.shape[0] / 2)
    glyphs = [face.glyph(char) for char in text]
    room = int(sum(glyph.advance for glyph in glyphs) * 1.3) + 2 * GLYPH_PX
    ink = np.zeros((height, room), np.uint8)
    pen, pens = 4.0, []
    for glyph in glyphs:
        pens.append(round(pen))
        part, top = glyph.ink, shift + glyph.top
        if rng is not None and part.size:
            scale = rng.uniform(0.8, 1.15)
            part = cv2.resize(part, None, fx=scale * rng.uniform(0.85, 1.1), fy=scale, interpolation=cv2.INTER_AREA)
            top += rng.normal(0, 5) + (glyph.ink.shape[0] - part.shape[0]) / 2
        x, y = max(0, round(pen + glyph.left)), max(0, round(top))
        h, w = min(part.shape[0], height - y), min(part.shape[1], room - x)
        if h > 0 and w > 0:
            target = ink[y : y + h, x : x + w]
            np.maximum(target, part[:h, :w], out=target)
        pen += glyph.advance * (1.0 if rng is None else rng.uniform(0.78, 1.08))
    pens.append(round(pen))
    return ink[:, : pens[-1] + 4], pens


class TypeCache:
    """Faces and strips of a seed; strip k of a face depends on the seed, the face's number and k only."""

    def __init__(self, seed: int, book: FontBook) -> None:
        self.seed, self.book = seed, book
        self._strips: dict[tuple[str, int, int], Strip] = {}

    def faces(self, kind: str) -> int:
        """How many faces of a kind (body, latin, number, hand) there are."""
        return {"body": _BODY_FACES, "hand": _HAND_FACES}.get(kind, _LATIN_FACES)

    def line(self, rng: Rng, kind: str, face: int, px: float, room: float, gain: float = 1.3) -> np.ndarray:
        """Coverage (1.25 px, w <= room) uint8 of running text whose em is `px` pixels.

        Args:
            kind: body, latin, number or hand.
            face: its number, below `faces(kind)`.
            gain: how much darker than the mean of the area covered: print and paper are no linear sensors.
        """
        strip = self._strip(kind, face, int(rng.integers(_STRIPS)))
        need, stops = room * _EM / px, strip.stops
        first = int(rng.integers(max(1, int(np.searchsorted(stops, stops[-1] - need)))))
        last = int(np.searchsorted(stops, stops[first] + need, side="right")) - 1
        if last <= first:
            return np.zeros((0, 0), np.uint8)
        return _shrink(strip.ink[:, stops[first] : stops[last]], px / _EM, gain)

    def number(self, rng: Rng, face: int, px: float, gain: float = 1.3) -> np.ndarray:
        """One number, date or amount."""
        strip = self._strip("number", face, int(rng.integers(_STRIPS)))
        k = int(rng.integers(len(strip.stops) - 1))
        return _shrink(strip.ink[:, strip.stops[k] : strip.stops[k + 1]], px / _EM, gain)

    def text(self, rng: Rng, text: str, px: float, style: str = "print", gain: float = 1.2) -> np.ndarray:
        """A given text; style: print, heavy (headings), hand or latin."""
        if style == "latin":
            face = self.book.latin(rng, text)
        else:
            weights = {"print": PRINT, "heavy": _HEAVY, "hand": HAND}[style]
            face = self.book.choose(rng, text, weights, bold=style == "heavy")
        return _shrink(set_text(face, text, rng if style == "hand" else None)[0], px / GLYPH_PX, gain)

    def _strip(self, kind: str, face: int, k: int) -> Strip:
        key = (kind, face, k)
        if key not in self._strips:
            rng = np.random.default_rng([self.seed, 0x7E87, sum(map(ord, kind)), face, k])
            self._strips[key] = self._draw(kind, self._face(kind, face), rng)
        return self._strips[key]

    @lru_cache(maxsize=64)  # noqa: B019 (a cache lives as long as its process)
    def _face(self, kind: str, number: int) -> Face:
        rng = np.random.default_rng([self.seed, 0xFACE, sum(map(ord, kind)), number])
        if kind in ("latin", "number"):
            return self.book.latin(rng, "Aa0,.¥-/:%")
        probe = "".join(words.BODY_WORDS) + words.SURNAMES + words.GIVEN_CHARS + "，。"
        for _ in range(12):  # running text is seldom bold
            face = self.book.choose(rng, probe, HAND if kind == "hand" else PRINT)
            if not _BOLD.search(face.weight):
                break
        return face

    def _draw(self, kind: str, face: Face, rng: Rng) -> Strip:
        if kind in ("body", "hand"):
            text = texts.body_text(rng, 58)
            ink, pens = set_text(face, text, rng if kind == "hand" else None)
        else:
            tokens = [_number(rng) if kind == "number" else _latin_word(rng) for _ in range(30)]
            ink, every = set_text(face, " ".join(tokens))
            starts = np.cumsum([0] + [len(token) + 1 for token in tokens[:-1]])
            pens = [every[k] for k in starts] + [every[-1]]
        scale = _EM / GLYPH_PX
        small = cv2.resize(ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return Strip(small, np.minimum(np.round(np.array(pens) * scale).astype(int), small.shape[1]))


def _shrink(ink: np.ndarray, scale: float, gain: float) -> np.ndarray:
    height, width = ink.shape
    size = (max(1, round(width * scale)), max(2, round(height * scale)))
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.convertScaleAbs(cv2.resize(ink, size, interpolation=mode), alpha=gain)


def _latin_word(rng: Rng) -> str:
    word = "".join(texts.pick(rng, "eeetaoiinshrdlucmfwypvbgk") for _ in range(int(rng.integers(2, 10))))
    draw = rng.random()
    return word.capitalize() if draw < 0.15 else word + ("," if draw < 0.22 else "." if draw < 0.3 else "")


def _number(rng: Rng) -> str:
    draw = rng.random()
    if draw < 0.45:
        return f"{rng.uniform(0, 10 ** rng.uniform(1, 6)):,.2f}"
    if draw < 0.65:
        return f"{rng.integers(1995, 2030)}-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}"
    if draw < 0.8:
        return str(rng.integers(0, 10 ** int(rng.integers(1, 5))))
    if draw < 0.9:
        return (
            f"{rng.uniform(0, 99):.1f}%" if rng.random() < 0.5 else f"{rng.uniform(0, 9):.2f}-{rng.uniform(9, 99):.1f}"
        )
    return texts.digits(rng, int(rng.integers(8, 19)))
