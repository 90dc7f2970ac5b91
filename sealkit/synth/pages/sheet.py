"""The sheet a page is printed on: a window of the page in pixels, and notes of what stands where.

Opened by `scene`, filled by `blocks` and `ruled`; takes its print from `typesetting`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sealkit.synth.pages.typesetting import LEADING, TypeCache

Rng = np.random.Generator
Colour = tuple[float, float, float]
"""BGR, 0..255."""


@dataclass(frozen=True)
class Note:
    """A region of the page that layout models have a class for: box in page pixels."""

    kind: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Anchor:
    """A place where people stamp: signing blocks, sums, titles."""

    x: float
    y: float
    shapes: tuple[str, ...] = ()
    """Which seals stand there; empty: any."""


class Sheet:
    """A page of width x height pixels of which only the window (x, y, w, h) is drawn.

    `ink` (h, w, 3) uint8 BGR is what the paper is multiplied with: 255 where nothing is printed.
    """

    def __init__(
        self, rng: Rng, type_cache: TypeCache, width: int, height: int, window: tuple[int, int, int, int], em: float
    ) -> None:
        self.rng, self.type, self.width, self.height, self.window, self.em = rng, type_cache, width, height, window, em
        self.ink = np.full((window[3], window[2], 3), 255, np.uint8)
        self.notes: list[Note] = []
        self.lines: list[tuple[float, float, float, float]] = []
        self.anchors: list[Anchor] = []
        grey = rng.uniform(10, 75)
        self.colour: Colour = (grey, grey, grey)
        self.gain = float(rng.uniform(1.15, 1.9))
        self.body = int(rng.integers(type_cache.faces("body")))
        self.latin = int(rng.integers(type_cache.faces("latin")))
        self.hand = int(rng.integers(type_cache.faces("hand")))
        self.pen: Colour = _pen_colour(rng)
        self.margin = width * float(rng.uniform(0.07, 0.14))

    @property
    def left(self) -> float:
        """x of the left margin, pixels."""
        return self.margin

    @property
    def right(self) -> float:
        """x of the right margin, pixels."""
        return self.width - self.margin

    def note(self, kind: str, x0: float, y0: float, x1: float, y1: float) -> None:
        """Remember a region of class `kind`: corners x0, y0 (top left) and x1, y1 in page pixels."""
        self.notes.append(Note(kind, (x0, y0, x1, y1)))

    def anchor(self, x: float, y: float, *shapes: str) -> None:
        """Remember that seals of these shapes (none named: of any) are stamped at (x, y) of the page."""
        self.anchors.append(Anchor(x, y, shapes))

    def shows(self, y0: float, y1: float) -> bool:
        """Whether rows y0..y1 of the page reach into the window."""
        return y1 > self.window[1] and y0 < self.window[1] + self.window[3]

    # -- drawing -------------------------------------------------------------------------------------------------------

    def put(self, mask: np.ndarray, x: float, y: float, colour: Colour | None = None) -> None:
        """Print coverage (h, w) uint8 with its top left corner at (x, y) of the page."""
        found = self._clip(mask, x, y)
        if found is None:
            return
        target, part = found
        colour = colour or self.colour
        if colour[0] == colour[1] == colour[2]:
            shade = cv2.convertScaleAbs(part, alpha=(255 - colour[0]) / 255)
            np.minimum(target, (255 - shade)[..., None], out=target)
            return
        ramp = np.arange(256, dtype=np.float32)[:, None] / 255
        table = (255 - ramp * (255 - np.array(colour, np.float32))).astype(np.uint8)
        np.minimum(target, table[part], out=target)

    def put_image(self, image: np.ndarray, x: float, y: float) -> None:
        """Print an image (h, w, 3) uint8 BGR."""
        found = self._clip(image, x, y)
        if found is not None:
            np.minimum(found[0], found[1], out=found[0])

    def _clip(self, part: np.ndarray, x: float, y: float) -> tuple[np.ndarray, np.ndarray] | None:
        left, top = round(x) - self.window[0], round(y) - self.window[1]
        height, width = part.shape[:2]
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(self.window[2], left + width), min(self.window[3], top + height)
        if x1 <= x0 or y1 <= y0:
            return None
        return self.ink[y0:y1, x0:x1], part[y0 - top : y1 - top, x0 - left : x1 - left]

    def rule(self, x0: float, y0: float, x1: float, y1: float, width: float, colour: Colour | None = None) -> None:
        """An upright or level stroke, `width` pixels wide; below one pixel it grows paler instead of thinner."""
        colour = colour or self.colour
        if width < 1:
            colour = tuple(255 - (255 - value) * max(width, 0.25) for value in colour)  # type: ignore[assignment]
        wide = max(1, round(width))
        a = np.array([min(x0, x1) - self.window[0], min(y0, y1) - self.window[1]])
        b = np.array([max(x0, x1) - self.window[0], max(y0, y1) - self.window[1]])
        a, b = np.round(a).astype(int), np.round(b).astype(int)
        b += np.where(b - a < wide, wide - (b - a), 0)
        a, b = np.maximum(a, 0), np.minimum(b, self.window[2:4])
        if (b > a).all():
            part = self.ink[a[1] : b[1], a[0] : b[0]]
            np.minimum(part, np.array(colour).astype(np.uint8), out=part)

    def frame(self, x0: float, y0: float, x1: float, y1: float, width: float, colour: Colour | None = None) -> None:
        """Print the four sides of a box, lines as in `rule`."""
        for line in ((x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)):
            self.rule(*line, width, colour)

    def tint(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Colour an area."""
        w, h = round(x1 - x0), round(y1 - y0)
        if w > 0 and h > 0:
            self.put_image(np.broadcast_to(np.array(colour).astype(np.uint8), (h, w, 3)), x0, y0)

    # -- text ----------------------------------------------------------------------------------------------------------

    def running(
        self, x: float, y: float, room: float, px: float | None = None, kind: str = "body", colour: Colour | None = None
    ) -> float:
        """A line of running text of about `room` pixels with its top at y; where it ends."""
        px = px or self.em
        if not self.shows(y, y + LEADING * px) or room < px:
            return x + max(room, 0.0)
        face = {"body": self.body, "hand": self.hand}.get(kind, self.latin)
        mask = self.type.line(self.rng, kind, face, px, room, self.gain)
        self.put(mask, x, y, colour or (self.pen if kind == "hand" else None))
        end = x + mask.shape[1]
        if mask.size:
            self.lines.append((x, y, end, y + mask.shape[0]))
        return end

    def write(
        self,
        x: float,
        y: float,
        text: str,
        px: float | None = None,
        style: str = "print",
        colour: Colour | None = None,
        align: float = 0.0,
        room: float | None = None,
    ) -> tuple[float, float, float, float]:
        """A given text with its top at y; its box.

        Args:
            style: print, heavy, hand or latin.
            align: 0: x is where it starts, 0.5: its middle, 1: its end.
            room: squeeze it into so many pixels.
        """
        px = px or self.em
        if not self.shows(y, y + LEADING * px):  # not seen: about as long as it would be
            length = min(len(text) * px, room or np.inf)
            return (x - align * length, y, x + (1 - align) * length, y + LEADING * px)
        mask = self.type.text(self.rng, text, px, style, self.gain)
        if room is not None and mask.shape[1] > room >= 4:
            mask = cv2.resize(mask, (int(room), mask.shape[0]), interpolation=cv2.INTER_AREA)
        left = x - align * mask.shape[1]
        self.put(mask, left, y, colour or (self.pen if style == "hand" else None))
        box = (left, y, left + mask.shape[1], y + mask.shape[0])
        self.lines.append(box)
        return box

    def number(self, x: float, y: float, px: float | None = None, align: float = 0.0, room: float = 1e9) -> float:
        """A number; its width, 0 where it does not fit."""
        px = px or self.em
        if not self.shows(y, y + LEADING * px):
            return 0.0
        mask = self.type.number(self.rng, self.latin, px, self.gain)
        if mask.shape[1] > room:
            return 0.0
        left = x - align * mask.shape[1]
        self.put(mask, left, y)
        self.lines.append((left, y, left + mask.shape[1], y + mask.shape[0]))
        return float(mask.shape[1])


def _pen_colour(rng: Rng) -> Colour:
    if rng.random() < 0.7:
        grey = rng.uniform(15, 80)
        return (grey, grey, grey)
    return (float(rng.uniform(100, 190)), float(rng.uniform(40, 90)), float(rng.uniform(20, 70)))
