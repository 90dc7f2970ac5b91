"""Text lines of a seal in the seal's own frame: where each character stands, and the polygon around any run of them.

The seal's frame has its origin at the seal's centre, x to the right, y down, the seal's up pointing to -y; its unit is
half the seal's width. A `Path` says for a length along the line where the middle of a character is and where its top
points to.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sealkit.drawing.fonts import GLYPH_PX, Face, Glyph
from sealkit.text import is_cjk


@dataclass(frozen=True)
class StraightPath:
    """Characters side by side on a line through (x, y)."""

    x: float
    y: float
    slope: float = 0.0
    """Radians, clockwise on screen."""

    def at(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (N, 2) and unit up vectors of characters (N, 2) at signed lengths s (N,) from the middle of the
        text."""
        c, d = np.cos(self.slope), np.sin(self.slope)
        return np.stack([self.x + s * c, self.y + s * d], -1), np.tile([d, -c], (len(s), 1))


class EllipsePath:
    """Characters along an ellipse: tops outwards around its top, or tops inwards around its foot.

    Args:
        a, b: half axes of the ellipse through the middle of the characters.
        inward: tops towards the centre, read from left to right at the foot.
        turn: radians by which the middle of the text is moved clockwise.
    """

    def __init__(self, a: float, b: float, inward: bool = False, turn: float = 0.0) -> None:
        # Angles from the top, clockwise; two turns, so that a text may run past the starting point.
        theta = np.linspace(-2 * np.pi, 2 * np.pi, 2881)
        points = np.stack([a * np.sin(theta), -b * np.cos(theta)], -1)
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        self.a, self.b, self.inward, self.theta = a, b, inward, theta
        middle = (np.pi if inward else 0.0) + turn
        self.length = length - np.interp(middle, theta, length)
        self.perimeter = float(length[-1] / 2)

    def at(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As StraightPath.at."""
        theta = np.interp(-s if self.inward else s, self.length, self.theta)
        sin, cos = np.sin(theta), np.cos(theta)
        up = np.stack([sin / self.a, -cos / self.b], -1)
        up /= np.linalg.norm(up, axis=1, keepdims=True)
        return np.stack([self.a * sin, -self.b * cos], -1), -up if self.inward else up


Path = StraightPath | EllipsePath
"""A curve through the middle of the characters, measured from the middle of the text."""


@dataclass
class Character:
    """One drawn character: its ink and the box it is scaled to, in units of the seal."""

    char: str
    glyph: Glyph
    x: float
    """Middle of the ink along the line (columns: along the line of reading)."""
    width: float
    height: float
    shift: float
    """Middle of the ink below the middle of the line."""
    start: float
    end: float
    """What the character takes of the line's length, for polygons."""


@dataclass
class Line:
    """One text line of a seal."""

    text: str
    characters: list[Character]
    path: Path
    height: float
    direction: str
    """arc, arc-bottom, line or vertical."""
    role: str = "title"
    """title, purpose, code, name or other."""
    x: float = 0.0
    width: float = 0.0
    """Columns only: middle and width."""
    pad: float = 0.04
    """White around the ink that belongs to the polygon, in character heights."""

    def centres(self) -> np.ndarray:
        """(characters, 2) middles of the characters."""
        s = np.array([character.x for character in self.characters])
        if self.direction == "vertical":
            return np.stack([np.full(len(s), self.x), s], -1)
        return self.path.at(s)[0]

    def polygon(self, first: int = 0, last: int | None = None) -> np.ndarray:
        """line_poly (2M, 2) around characters first..last-1: along their tops from the first, back along their bottom
        edge.

        Straight lines have 4 points. Columns are upright boxes clockwise from the top left corner. Arcs get a point for
        about every nine degrees, at least 12 and at most 20 a side: chords stay within a hundredth of the radius.
        """
        run = self.characters[first:last]
        start, end = min(one.start for one in run), max(one.end for one in run)
        if self.direction == "vertical":
            margin = self.pad * self.width
            left, right = self.x - self.width / 2 - margin, self.x + self.width / 2 + margin
            top, foot = start - margin, end + margin
            return np.array([[left, top], [right, top], [right, foot], [left, foot]])
        margin = self.pad * self.height
        start, end = start - margin, end + margin
        count = 2
        if isinstance(self.path, EllipsePath):
            count = int(np.clip(np.ceil(40 * (end - start) / self.path.perimeter) + 1, 12, 20))
        points, up = self.path.at(np.linspace(start, end, count))
        half = self.height / 2 + margin
        return np.concatenate([points + up * half, (points - up * half)[::-1]])


def _extent(glyphs: list[Glyph], text: str) -> tuple[float, float]:
    """Highest top and lowest foot of the line's ink in glyph pixels; flat characters alone do not make a line flat."""
    inked = [glyph for glyph in glyphs if glyph.ink.size]
    top, foot = min(glyph.top for glyph in inked), max(glyph.top + glyph.ink.shape[0] for glyph in inked)
    if (
        all(is_cjk(char) or char == " " for char in text) and foot - top < 0.8 * GLYPH_PX
    ):  # 一, 二, 口 keep their own height
        missing = 0.8 * GLYPH_PX - (foot - top)
        top, foot = top - missing / 2, foot + missing / 2
    return top, foot


def set_line(
    text: str,
    face: Face,
    path: Path,
    height: float,
    *,
    room: float,
    squeeze: float,
    max_gap: float,
    direction: str,
    role: str,
    crowding: float = 1.0,
    digit_face: Face | None = None,
    justify: bool = False,
) -> Line:
    """Set a text on a path.

    Args:
        height: of the ink, seal units.
        room: length along the path the text may take.
        squeeze: width of the characters as a share of their natural width at this height; less where room is short.
        max_gap: largest white between characters, in character widths; with `justify`, gaps grow to it to fill the
            room.
        crowding: share of the pitch that characters may fill (on arcs the bottom edges have less room than the middle).
        digit_face: face for digits and Latin characters.
    """
    faces = [
        digit_face if digit_face is not None and char.isascii() and digit_face.has(char) else face for char in text
    ]
    glyphs = [one.glyph(char) for one, char in zip(faces, text)]
    # Digits of another face are scaled to the Chinese characters' height by their own extent.
    own = {
        id(one): _extent([g for g, f in zip(glyphs, faces) if f is one], text)
        for one in {id(f): f for f in faces}.values()
    }
    scales = [height / (own[id(one)][1] - own[id(one)][0]) for one in faces]
    natural = np.array([glyph.advance * scale for glyph, scale in zip(glyphs, scales)])
    squeeze = min(squeeze, room * crowding / natural.sum())
    advance = natural * squeeze
    gap = 0.0
    if len(text) > 1:
        gap = (room - advance.sum()) / (len(text) - 1)
        gap = min(gap, max_gap * advance.mean()) if justify else min(gap, 0.06 * advance.mean())
    total = advance.sum() + gap * (len(text) - 1)
    pens = -total / 2 + np.concatenate([[0.0], np.cumsum(advance + gap)[:-1]])
    characters = []
    for char, glyph, one, scale, pen in zip(text, glyphs, faces, scales, pens):
        if not glyph.ink.size:
            continue
        ink_h, ink_w = glyph.ink.shape
        left = pen + glyph.left * scale * squeeze
        width = ink_w * scale * squeeze
        top, foot = own[id(one)]
        shift = (glyph.top + ink_h / 2 - (top + foot) / 2) * scale
        characters.append(Character(char, glyph, left + width / 2, width, ink_h * scale, shift, left, left + width))
    kept = "".join(text).strip()
    return Line(kept, characters, path, height, direction, role)


def set_column(
    text: str,
    face: Face,
    x: float,
    top: float,
    width: float,
    height: float,
    *,
    fill: float,
    rng: np.random.Generator,
    role: str,
) -> Line:
    """Set a column: characters below one another in equal cells, scaled towards their cell.

    Args:
        x: middle of the column.
        top: upper end of the column.
        width, height: of the whole column.
        fill: 0 keeps the characters' own proportions within their cell, 1 stretches the ink to the whole cell.
    """
    cell = height / len(text)
    characters = []
    for row, char in enumerate(text):
        glyph = face.glyph(char)
        ink_h, ink_w = glyph.ink.shape
        unit = min(width, cell) / GLYPH_PX
        full_w, full_h = width * rng.uniform(0.9, 0.97), cell * rng.uniform(0.86, 0.94)
        own_w, own_h = min(ink_w * unit, full_w), min(ink_h * unit, full_h)
        # A flat character (一) is not blown up to a bar.
        grow_w, grow_h = (fill if ink_w > 0.35 * GLYPH_PX else 0.0), (fill if ink_h > 0.35 * GLYPH_PX else 0.0)
        w, h = own_w + (full_w - own_w) * grow_w, own_h + (full_h - own_h) * grow_h
        middle = top + cell * (row + 0.5)
        characters.append(Character(char, glyph, middle, w, h, 0.0, middle - h / 2, middle + h / 2))
    ink_width = max(character.width for character in characters)
    return Line(text, characters, StraightPath(x, 0.0), cell, "vertical", role, x=x, width=ink_width, pad=0.025)


def draw_line(mask: np.ndarray, line: Line, scale: float, centre: tuple[float, float], hollow: float = 0.0) -> None:
    """Draw the characters of a line into a uint8 coverage mask (in place, by maximum).

    Args:
        mask: (H, W) uint8.
        scale: pixels per unit of the seal.
        centre: pixel coordinates (x, y) of the seal's centre, pixel centres at whole numbers.
        hollow: above 0 only the outline of the characters is drawn, so many pixels wide.
    """
    s = np.array([character.x for character in line.characters])
    if line.direction == "vertical":
        points, ups = np.stack([np.full(len(s), line.x), s], -1), np.tile([0.0, -1.0], (len(s), 1))
    else:
        points, ups = line.path.at(s)
    for character, point, up in zip(line.characters, points, ups):
        middle = (point - up * character.shift) * scale + centre
        _draw_glyph(mask, character.glyph.ink, character.width * scale, character.height * scale, middle, up, hollow)


def _draw_glyph(
    mask: np.ndarray, ink: np.ndarray, width: float, height: float, middle: np.ndarray, up: np.ndarray, hollow: float
) -> None:
    # Shrink by area averaging first: one bilinear warp would skip strokes of a 96 px glyph drawn 15 px wide.
    w, h = max(1, round(width)), max(1, round(height))
    small = cv2.resize(
        ink, (w, h), interpolation=cv2.INTER_AREA if w < ink.shape[1] or h < ink.shape[0] else cv2.INTER_LINEAR
    )
    if hollow:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
        small = cv2.morphologyEx(cv2.copyMakeBorder(small, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.MORPH_GRADIENT, kernel)
        h, w = small.shape
        width, height = width + 2, height + 2
    reach = int(np.ceil(np.hypot(width, height) / 2)) + 2
    x0, y0 = int(np.floor(middle[0])) - reach, int(np.floor(middle[1])) - reach
    x1, y1 = x0 + 2 * reach + 1, y0 + 2 * reach + 1
    left, top = max(x0, 0), max(y0, 0)
    right, foot = min(x1, mask.shape[1]), min(y1, mask.shape[0])
    if left >= right or top >= foot:
        return
    # Columns of the map: glyph x runs along the character's right (-up_y, up_x), glyph y along its down (-up).
    sx, sy = width / w, height / h
    matrix = np.array([[-up[1] * sx, -up[0] * sy, 0.0], [up[0] * sx, -up[1] * sy, 0.0]])
    matrix[:, 2] = middle - (left, top) - matrix[:, :2] @ ((w - 1) / 2, (h - 1) / 2)
    patch = cv2.warpAffine(small, matrix, (right - left, foot - top), flags=cv2.INTER_LINEAR)
    target = mask[top:foot, left:right]
    np.maximum(target, patch, out=target)
