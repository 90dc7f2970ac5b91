"""Text on images, any script the system has a font for."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sealkit.drawing.fonts import face_for
from sealkit.drawing.polygons import Colour


def draw_text(
    image: np.ndarray,
    text: str,
    box: tuple[float, float, float, float],
    colour: Colour = (0, 0, 0),
    vertical: bool = False,
) -> np.ndarray:
    """One line of text, as large as fits a box, centred in it.

    Args:
        image: (H, W, 3) uint8 BGR.
        box: x1, y1, x2, y2 pixels; parts outside the image are cut.
        vertical: characters upright below each other.

    Returns:
        A new image. Characters no font has come out as the font's own placeholder; on a system without any font
        the text is left out.
    """
    x1, y1, x2, y2 = (float(v) for v in box)
    if not text or x2 - x1 < 2 or y2 - y1 < 2:
        return image.copy()
    units = list(text) if vertical else [text]
    size = max(6, int(min((y2 - y1) / len(units), 200.0)) if vertical else int(min(y2 - y1, 200.0)))
    if vertical:
        size = max(6, min(size, int(x2 - x1)))
    font = font_for(text, size)
    if font is None:
        return image.copy()
    if not vertical and font.getlength(text) > x2 - x1:
        size = max(6, int(size * (x2 - x1) / font.getlength(text)))
        font = font_for(text, size) or font
    canvas = Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    draw = ImageDraw.Draw(canvas)
    blue, green, red = colour
    centre = (x1 + x2) / 2
    for row, unit in enumerate(units):
        y = y1 + (row + 0.5) * (y2 - y1) / len(units)
        draw.text((centre, y), unit, font=font, fill=(red, green, blue), anchor="mm")
    return cv2.cvtColor(np.asarray(canvas), cv2.COLOR_RGB2BGR)


def draw_text_along(
    image: np.ndarray, text: str, line_poly: np.ndarray, colour: Colour = (0, 0, 0), vertical: bool = False
) -> np.ndarray:
    """Characters one by one along a text line, standing as the characters of the line stand.

    Args:
        image: (H, W, 3) uint8 BGR.
        text: is spread over the line's whole length, as large as its height allows.
        line_poly: (2M, 2) pixels, from the text's start along the tops of the characters and back along their bottom
            edge.
        vertical: a column of upright characters; its first half is the upper edge of the first character.

    Returns:
        A new image; without the text where the system has no font or the line has no extent.
    """
    half = len(line_poly) // 2
    points = np.asarray(line_poly, dtype=np.float64)
    tops, bottom = points[:half], points[half : 2 * half][::-1]
    if half < 2 or not text or font_for(text, 10) is None:
        return image.copy()
    if vertical:  # its two edges are the ends of the way
        middle, side = np.stack([tops.mean(axis=0), bottom.mean(axis=0)]), float(np.hypot(*(tops[-1] - tops[0])))
    else:
        middle, side = (tops + bottom) / 2, float(np.hypot(*(tops - bottom).T).mean())
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(middle, axis=0).T))])
    widths = np.array([1.0 if vertical else max(text_width(character, 100) / 100, 0.2) for character in text])
    size = int(min(0.9 * side, way[-1] / widths.sum(), 200.0))
    font = font_for(text, size) if size >= 6 else None
    if font is None:
        return image.copy()
    canvas = Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    blue, green, red = colour
    for character, place in zip(text, (np.cumsum(widths) - widths / 2) / widths.sum() * way[-1]):
        x, y = (float(np.interp(place, way, middle[:, axis])) for axis in (0, 1))
        before, after = (np.clip(place + d, 0, way[-1]) for d in (-size / 2, size / 2))
        dx, dy = (float(np.diff(np.interp([before, after], way, middle[:, axis]))[0]) for axis in (0, 1))
        angle = np.degrees(np.arctan2(dy, dx)) - (90.0 if vertical else 0.0)  # clockwise on screen
        stamp = Image.new("L", (2 * size, 2 * size), 0)
        ImageDraw.Draw(stamp).text((size, size), character, font=font, fill=255, anchor="mm")
        stamp = stamp.rotate(-angle, resample=Image.Resampling.BICUBIC)
        canvas.paste((red, green, blue), (round(x - size), round(y - size)), stamp)
    return cv2.cvtColor(np.asarray(canvas), cv2.COLOR_RGB2BGR)


def text_width(text: str, size: int) -> float:
    """Pixels a text needs at a size; 0 where the system has no fonts."""
    font = font_for(text, size)
    return float(font.getlength(text)) if font else 0.0


def font_for(text: str, size: int) -> ImageFont.FreeTypeFont | None:
    """A font that has every character of the text, else the one that has a Chinese and a digit, else None.

    Sans faces are asked first: they stay legible at small sizes.
    """
    place = _face(text) or _face("印1")
    return _open(*place, max(1, int(size))) if place else None


@lru_cache(maxsize=512)
def _face(text: str) -> tuple[str, int] | None:
    face = face_for("".join(sorted(set(text))), styles=("hei", "song", "kai"))
    return (str(face.path), face.index) if face else None


@lru_cache(maxsize=64)
def _open(path: str, index: int, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, index=index)
