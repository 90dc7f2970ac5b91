"""Draws the images of docs/labelling.md as SVG: python docs/draw_labelling.py. The same bytes every time.

Characters are outlines of the font below, so that they look the same everywhere. Angles are degrees, clockwise from the
top; places are pixels of a drawing of 300 x 300.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.ttLib import TTFont

FONT = "NotoSerifCJKsc-Regular.otf"
"""Of the package mplfonts 0.0.11; SIL Open Font License 1.1."""
FOLDER = Path(__file__).resolve().parent / "labelling"
SIZE, CENTRE = 300, 150
INK, WORN, RIGHT, WRONG, SKIPPED = "#c8282d", "#eec3c4", "#0a7d2c", "#b35c00", "#1f5fbf"
Point = tuple[float, float]


@cache
def font() -> TTFont:
    """The font's file."""
    spec = importlib.util.find_spec("mplfonts")
    if spec is None or spec.origin is None:
        raise SystemExit("pip install --no-deps mplfonts==0.0.11")
    return TTFont(Path(spec.origin).parent / "fonts" / FONT)


def glyph(char: str) -> tuple[str, float, float, int]:
    """(outline as an SVG path, half its advance, half the height of its characters, font units per em)."""
    face = font()
    pen = SVGPathPen(face.getGlyphSet(), ntos=lambda value: f"{value:.0f}")
    name = face.getBestCmap()[ord(char)]
    face.getGlyphSet()[name].draw(pen)
    high = 720 if char.isascii() else 760  # capitals and digits; characters stand 120 units below the line
    return pen.getCommands(), face["hmtx"][name][0] / 2, high / 2, face["head"].unitsPerEm


def on_circle(radius: float, angle: float, centre: Point = (CENTRE, CENTRE)) -> Point:
    """A place on a circle."""
    turn = math.radians(angle)
    return centre[0] + radius * math.sin(turn), centre[1] - radius * math.cos(turn)


def arc_outline(inner: float, outer: float, start: float, end: float, parts: int) -> list[Point]:
    """Points of a text along an arc with the tops outside: along the tops, back along the bottom edge."""
    angles = [start + (end - start) * i / parts for i in range(parts + 1)]
    return [on_circle(outer, a) for a in angles] + [on_circle(inner, a) for a in reversed(angles)]


class Drawing:
    """One SVG file."""

    def __init__(self, title: str, width: int = SIZE) -> None:
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {SIZE}" width="{width}" height="{SIZE}">',
            f"<title>{title}</title>",
            f'<rect width="{width}" height="{SIZE}" fill="#fffdf7"/>',
        ]

    def add(self, tag: str, body: str = "", **attributes: object) -> None:
        """An element; numbers are written with one decimal."""
        written = "".join(
            f' {name.replace("_", "-")}="{value:.1f}"'
            if isinstance(value, float)
            else f' {name.replace("_", "-")}="{value}"'
            for name, value in attributes.items()
        )
        self.parts.append(f"<{tag}{written}>{body}</{tag}>" if body else f"<{tag}{written}/>")

    def ring(self, radius: float, width: float = 6) -> None:
        """The edge of a round seal."""
        self.add("circle", cx=CENTRE, cy=CENTRE, r=float(radius), fill="none", stroke=INK, stroke_width=float(width))

    def square(self, low: float, high: float) -> None:
        """The edge of a square seal."""
        self.add("rect", x=low, y=low, width=high - low, height=high - low, fill="none", stroke=INK, stroke_width=6)

    def character(self, char: str, at: Point, size: float, turn: float = 0, colour: str = INK) -> None:
        """One character, its middle at a place, turned clockwise."""
        path, wide, high, em = glyph(char)
        scale = size / em
        move = f"translate({at[0]:.1f} {at[1]:.1f}) rotate({turn:.1f}) scale({scale:.4f} {-scale:.4f})"
        self.add(
            "path",
            d=path,
            fill=colour,
            stroke=colour,
            stroke_width=18,
            transform=f"{move} translate({-wide:.0f} {-high:.0f})",
        )

    def along(self, text: str, radius: float, start: float, end: float, size: float, worn: Iterable[int] = ()) -> None:
        """Characters along an arc, from `start` to `end`; tops inside where it runs anticlockwise."""
        faint = set(worn)
        for i, char in enumerate(text):
            angle = start + (end - start) * (i + 0.5) / len(text)
            turn = angle if end > start else angle + 180
            self.character(char, on_circle(radius, angle), size, turn, WORN if i in faint else INK)

    def line(self, text: str, y: float, size: float, step: float) -> None:
        """Characters in a row around the middle."""
        for i, char in enumerate(text):
            self.character(char, (CENTRE + (i - (len(text) - 1) / 2) * step, y), size)

    def outline(self, points: Sequence[Point], colour: str = RIGHT, numbers: Sequence[int] = ()) -> None:
        """A label: its outline, its first point marked, an arrow in the direction of reading, some points numbered."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.add("polygon", points=places, fill=colour, fill_opacity=0.1, stroke=colour, stroke_width=2)
        for x, y in points:
            self.add("circle", cx=x, cy=y, r=2.5, fill=colour)
        self.add("circle", cx=points[0][0], cy=points[0][1], r=6.0, fill="none", stroke=colour, stroke_width=3)
        for number in numbers:
            x, y = points[number - 1]
            middle = (sum(p[0] for p in points) / len(points), sum(p[1] for p in points) / len(points))
            away = math.hypot(x - middle[0], y - middle[1]) or 1.0
            x, y = x + 14 * (x - middle[0]) / away, y + 14 * (y - middle[1]) / away
            self.note(str(number), (x, y), colour)

    def note(self, text: str, at: Point, colour: str = "#333333", size: float = 13) -> None:
        """Words beside the drawing."""
        shape = {"font_family": "sans-serif", "font_size": size, "text_anchor": "middle"}
        self.add("text", text, x=at[0], y=at[1], dominant_baseline="central", fill=colour, **shape)

    def text(self) -> str:
        """The file."""
        return "\n".join([*self.parts, "</svg>"]) + "\n"


def star(drawing: Drawing, radius: float = 26) -> None:
    """The star in the middle of a seal."""
    tips = [on_circle(radius if i % 2 == 0 else radius * 0.4, i * 36) for i in range(10)]
    drawing.add("polygon", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in tips), fill=INK)


def round_seal(title: str, name: str = "青石镇望江文具店") -> Drawing:
    """A seal with a ring text, a star and a line."""
    drawing = Drawing(title)
    drawing.ring(132)
    drawing.along(name, 104, -110, 110, 34)
    star(drawing)
    drawing.line("合同专用章", 222, 24, 27)
    return drawing


RING_TEXT = arc_outline(84, 124, -113, 113, 14)
LINE_TEXT: list[Point] = [(80, 207), (220, 207), (220, 237), (80, 237)]


def order() -> Drawing:
    """Ring text and line, each an outline that begins at the top of its first character."""
    drawing = round_seal("one outline per text; the first point is at the top of the first character")
    drawing.outline(RING_TEXT, numbers=(1, 8, 15, 16, 30))
    drawing.outline(LINE_TEXT, numbers=(1, 2, 3, 4))
    return drawing


def wrong() -> Drawing:
    """What is no label: the seal, and an outline that cuts the bend."""
    drawing = round_seal("wrong: an outline around the whole seal, and one with too few points for the bend")
    drawing.outline([(10, 10), (290, 10), (290, 290), (10, 290)], WRONG)
    drawing.outline(arc_outline(84, 124, -113, 113, 3), WRONG)
    return drawing


def bottom() -> Drawing:
    """A text along the lower half that is read from left to right: its tops are inside."""
    drawing = Drawing("a lower arc read from left to right: the tops are on the inner side")
    drawing.ring(132)
    drawing.along("青石镇望江", 106, -75, 75, 34)
    drawing.along("3301060012345", 108, 244, 116, 22)
    drawing.outline(arc_outline(86, 126, -78, 78, 9), numbers=(1, 10))
    lower = [on_circle(94, a) for a in range(246, 113, -12)] + [on_circle(122, a) for a in range(114, 247, 12)]
    drawing.outline(lower, numbers=(1, 12))
    return drawing


def closed() -> Drawing:
    """A text all round the ring: the outline is open at the gap before the first character."""
    drawing = Drawing("a text around the whole ring: begin and end at the gap")
    drawing.ring(132)
    drawing.along("北川县云溪山泉水有限公司", 104, 192, 528, 34)
    star(drawing, 40)
    drawing.outline(arc_outline(84, 124, 191, 529, 20), numbers=(1, 21))
    return drawing


def columns() -> Drawing:
    """A square seal, read in columns from the right."""
    drawing = Drawing("a square seal: one outline per column, the right one first")
    drawing.square(18, 282)
    for x, column in ((200, "望江"), (100, "之印")):
        for y, char in zip((100, 200), column):
            drawing.character(char, (x, y), 88)
    drawing.outline([(155, 54), (246, 54), (246, 246), (155, 246)], numbers=(1, 2, 3, 4))
    drawing.outline([(54, 54), (145, 54), (145, 246), (54, 246)], numbers=(1,))
    return drawing


def worn() -> Drawing:
    """Characters that nobody can read for certain: the text is ###, the others stay."""
    drawing = Drawing("worn: the text that cannot be read for certain is ###, the others are labelled")
    drawing.ring(132)
    drawing.along("青石镇望江文具店", 104, -110, 110, 34, worn=(3, 4, 5))
    star(drawing)
    drawing.line("合同专用章", 222, 24, 27)
    drawing.outline(RING_TEXT, SKIPPED)
    drawing.note("###", (150, 105), SKIPPED, 20)
    drawing.outline(LINE_TEXT)
    return drawing


DRAWINGS = {one.__name__: one for one in (order, wrong, bottom, closed, columns, worn)}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, draw in DRAWINGS.items():
        (FOLDER / f"{name}.svg").write_text(draw().text(), encoding="utf-8", newline="\n")
