"""Strips drawn on the fly for training a recogniser: a seal is drawn, one of its lines cut as a detector would cut it.

The cut follows the label, with random ends, wobble, shift and slant: cutting along a detector's own outlines costs
more and was measured to bring no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from sealkit.data.records import TextLine
from sealkit.errors import DataError
from sealkit.geometry.directions import Direction
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.straighten import RULES as STRAIGHTEN
from sealkit.geometry.straighten import StripMap, sample, strip_map
from sealkit.synth.seals.design import Design
from sealkit.synth.seals.lines import draw_line, line_text
from sealkit.synth.seals.render import RenderCache, SealScene, render_cache
from sealkit.synth.seals.settings import StripSettings, SynthSettings
from sealkit.synth.strips.texts import special_design
from sealkit.synth.strips.wear import camera, fade, foreign_ends, over_print, shown

Rng = np.random.Generator

RATIOS = (5.5, 9.0)
"""Lines are short, medium or long: width/height between which the classes part."""
SHARES = (0.33, 0.35, 0.32)
"""How often each class is drawn."""


@dataclass(frozen=True)
class StripDrawRules:
    """Which drawn lines become strips."""

    tries: int = 40
    """Designs until one has a line of the wanted length (one in three has, whatever the class), then of any length."""
    side_heights: float = 0.35
    """White around a line that wobble and shift may reach, in character heights."""
    shown_share: float = 0.12
    """Of a strip's shapes, what must still be seen after print, dry ink and camera."""
    legibility: float = 0.2
    """Of the drawn seal's lines."""
    upright: float = 1.6
    """Height/width of a column's strip above which its characters could not be laid side by side."""


RULES = StripDrawRules()


@dataclass(frozen=True)
class DrawnStrip:
    """A strip and what it says.

    Attributes:
        image: (48 or so, W, 3) uint8 BGR.
        text: from left to right.
        shape, angle, direction: of the seal and line it is cut from; None for a printed line.
    """

    image: np.ndarray
    text: str
    shape: str | None = None
    angle: float | None = None
    direction: str | None = None


def length_class(ratio: float) -> int:
    """0 short, 1 medium, 2 long."""
    return sum(ratio >= limit for limit in RATIOS)


class StripArtist:
    """Draws strips.

    Args:
        settings: what is drawn.
        seed: of the pools of paper, print and noise. Strips depend on the generator given to `draw`, this seed,
            the settings and the installed fonts.
    """

    def __init__(self, settings: StripSettings, seed: int) -> None:
        self._settings, self._seed = settings, seed

    def draw(self, rng: Rng, length: int, fits: Callable[[str], bool]) -> DrawnStrip:
        """One strip.

        Args:
            length: class of its width/height, see `length_class`; kept by the line before its width is changed. Where
                the settings draw no line of it (`special_kinds: {code: 1}` none that is short), any length.
            fits: whether a text can be trained on; others are not drawn.

        Raises:
            DataError: no Chinese font, or no text fits.
        """
        kept = render_cache(self._seed, self._settings.fonts)
        printed = rng.random() < self._settings.printed
        for attempt in range(2 * RULES.tries):
            wanted = length if attempt < RULES.tries else None
            drawn = self._printed(rng, kept, fits) if printed else self._seal(rng, kept, wanted, fits)
            if drawn is not None:
                return drawn
        raise DataError(
            "not one drawn text can be trained on",
            where="data.train, synth",
            value=f"{2 * RULES.tries} tries",
            hint="the charset (dictionary, charset) or labels.max_text_length does not fit seal texts",
        )

    def _printed(self, rng: Rng, kept: RenderCache, fits: Callable[[str], bool]) -> DrawnStrip | None:
        text = line_text(rng)
        if not fits(text):
            return None
        image = draw_line(rng, text, kept.book, kept.fields)
        return DrawnStrip(camera(image.astype(np.float32), rng, kept.fields, strength=0.5), text)

    def _seal(self, rng: Rng, kept: RenderCache, length: int | None, fits: Callable[[str], bool]) -> DrawnStrip | None:
        settings = self._settings
        seals = SynthSettings(
            size=settings.size, shapes=settings.shapes, fonts=settings.fonts, legibility=RULES.legibility
        )
        scene = _StripScene(rng, kept, seals, settings)
        if not scene.wants(length, fits):
            return None
        scene.crop()
        image, lines, _ = scene.finish()
        wanted = [line for line in lines if not line.ignore and _wanted(line, length) and fits(line.text)]
        if not wanted:
            return None
        line = wanted[int(rng.integers(len(wanted)))]
        strip = cut_line(image, line, rng, settings.ends)
        if strip is None:
            return None
        worn = self._worn(strip.astype(np.float32), line.text, rng, kept)
        return DrawnStrip(worn, line.text, line.shape, line.angle, line.direction)

    def _worn(self, strip: np.ndarray, text: str, rng: Rng, kept: RenderCache) -> np.ndarray:
        if rng.random() < 0.6:
            wide = max(round(strip.shape[1] * rng.uniform(*self._settings.width)), 8)
            strip = cv2.resize(strip, (wide, strip.shape[0]), interpolation=cv2.INTER_AREA)
        worn = fade(strip, rng, kept.fields) if rng.random() < 0.16 else strip
        if rng.random() < self._settings.over_print:
            worn = over_print(worn, rng, kept.pages)
        seen = camera(worn, rng, kept.fields, strength=0.75)
        if shown(strip, seen) < RULES.shown_share:  # nobody could read it: what is not seen must not be read
            seen = camera(strip, rng, kept.fields, strength=0.3)
        return foreign_ends(seen, rng, text) if rng.random() < 0.12 else seen


class _StripScene(SealScene):
    """A seal that fills its image, of one design; neighbours are drawn as ever."""

    def __init__(self, rng: Rng, kept: RenderCache, settings: SynthSettings, strips: StripSettings) -> None:
        super().__init__(rng, kept, settings, "crop")
        special = rng.random() < strips.special
        self._first: Design | None = (
            special_design(rng, kept.book, strips.special_kinds) if special else super().design()
        )

    def wants(self, length: int | None, fits: Callable[[str], bool]) -> bool:
        """Whether the seal has a line of this length (None: any) whose text fits, before anything is drawn."""
        assert self._first is not None  # crop() takes it
        for line in self._first.lines:
            extent = max(one.end for one in line.characters) - min(one.start for one in line.characters)
            ratio = len(line.characters) if line.direction == "vertical" else extent / line.height
            if length in (None, length_class(ratio)) and fits(line.text):
                return True
        return False

    def design(self) -> Design:
        design, self._first = self._first, None
        return design if design is not None else super().design()


def _wanted(line: TextLine, length: int | None) -> bool:
    if length is None:
        return True
    if line.direction == "vertical":
        return length_class(len(line.text)) == length
    poly = LinePoly(line.points, direction=cast(Direction, line.direction))
    return length_class(poly.length / max(poly.height, 1e-6)) == length


def cut_line(image: np.ndarray, line: TextLine, rng: Rng, ends: tuple[float, float]) -> np.ndarray | None:
    """The strip of a labelled line as a detector might cut it; None where its characters cannot be laid side by side.

    Args:
        image: (H, W, 3) uint8 BGR.
        ends: least and greatest margin beyond either end, in character heights.
    """
    poly = LinePoly(line.points, direction=cast(Direction, line.direction))
    if poly.length < 4 or poly.height < 4:
        return None
    if line.direction == "vertical":
        return _cut_column(image, poly, rng)
    most = max(ends[1], 0.0) + 0.25
    wide = strip_map(poly, end_margin=most, side_margin=RULES.side_heights)
    tall = wide.shape[0] / (1 + 2 * RULES.side_heights)  # the characters' height in rows of this map
    before, after = rng.uniform(*ends, 2)
    first, last = (most - before) * tall, wide.shape[1] - (most - after) * tall
    if last - first < 0.4 * tall:
        return None
    top, bottom = RULES.side_heights * tall, wide.shape[0] - RULES.side_heights * tall
    grow, shift = rng.uniform(-0.05, 0.14) * tall, rng.normal(0, 0.035) * tall
    rows = STRAIGHTEN.height_px
    columns = max(round((last - first) * rows / (tall + 2 * grow)), 8)
    at = np.linspace(first, last - 1, columns)
    wave = _wobble(rng, columns, tall) if rng.random() < 0.5 else np.zeros(columns)
    slope = rng.normal(0, 0.05) * tall * np.linspace(-0.5, 0.5, columns)
    down = np.linspace(top - grow, bottom + grow - 1, rows)[:, None]
    v = (down + (shift + wave + slope)[None]).astype(np.float32)
    slant = float(rng.normal(0, 0.07)) if rng.random() < 0.4 else 0.0
    u = (at[None] + slant * (down - wide.shape[0] / 2)).astype(np.float32)
    x, y = (cv2.remap(axis, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for axis in (wide.x, wide.y))
    return sample(image, StripMap(x, y))


def _wobble(rng: Rng, columns: int, tall: float) -> np.ndarray:
    """Smooth shifts off the line: an outline of a detector is no circle."""
    waves = rng.uniform(0.5, 3.0, 2)
    phase = rng.uniform(0, 2 * np.pi, 2)
    at = np.linspace(0, 2 * np.pi, columns)
    both = [np.sin(at * wave + start) for wave, start in zip(waves, phase)]
    return np.asarray((both[0] + 0.5 * both[1]) * rng.uniform(0.01, 0.06) * tall)


def _cut_column(image: np.ndarray, poly: LinePoly, rng: Rng) -> np.ndarray | None:
    points = poly.points + rng.normal(0, 0.03 * poly.height, poly.points.shape).astype(np.float32)
    strip = sample(image, strip_map(LinePoly(points, direction="vertical"), image=image))
    return None if strip.shape[0] > RULES.upright * strip.shape[1] else strip


__all__ = ["RATIOS", "SHARES", "DrawnStrip", "StripArtist", "cut_line", "length_class"]
