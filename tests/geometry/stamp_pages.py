"""Pages of drawn lines of print, with the polygons a detector would find."""

from __future__ import annotations

import cv2
import numpy as np

from sealkit.geometry.lines import LinePoly

BLACK, RED, BLUE, VIOLET, GREEN = (30, 30, 30), (40, 40, 200), (170, 70, 40), (150, 40, 120), (60, 140, 40)
BGR = tuple[int, int, int]
FONT = cv2.FONT_HERSHEY_COMPLEX


class Sheet:
    """An image (h, w, 3) uint8 BGR and the lines that were written on it."""

    def __init__(self, w: int = 800, h: int = 1000, paper: BGR = (250, 250, 250)) -> None:
        self.image = np.full((h, w, 3), paper, np.uint8)
        self.lines: list[LinePoly] = []

    def write(self, text: str, x: int, y: int, colour: BGR = BLACK, size: float = 1.0) -> Sheet:
        """A line whose characters begin at x and stand on y; its polygon leaves a little white around them."""
        (w, h), base = cv2.getTextSize(text, FONT, size, 2)
        cv2.putText(self.image, text, (x, y), FONT, size, colour, 2, cv2.LINE_AA)
        x1, y1, x2, y2 = x - 3, y - h - 3, x + w + 3, y + base // 2 + 3
        points = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)
        self.lines.append(LinePoly(points))
        return self

    def body(self, count: int = 10, y: int = 300, colour: BGR = BLACK) -> Sheet:
        """Lines of text across the page."""
        for n in range(count):
            self.write("the quick brown fox jumps over a dog", 60, y + 50 * n, colour, 0.9)
        return self

    def frame(self, x1: int, y1: int, x2: int, y2: int, colour: BGR = BLACK, width: int = 3) -> Sheet:
        cv2.rectangle(self.image, (x1, y1), (x2, y2), colour, width, cv2.LINE_AA)
        return self

    def turned(self, degrees: float, first: int = 0) -> Sheet:
        """The page with everything on it turned clockwise; or the lines from `first` on, on the page as it was."""
        h, w = self.image.shape[:2]
        turn = cv2.getRotationMatrix2D((w / 2, h / 2), -degrees, 1.0)
        self.image = cv2.warpAffine(self.image, turn, (w, h), borderValue=(250, 250, 250))
        moved = [LinePoly((line.points @ turn[:, :2].T + turn[:, 2]).astype(np.float32)) for line in self.lines[first:]]
        self.lines = [*self.lines[:first], *moved]
        return self

    def over(self, other: Sheet) -> Sheet:
        """This sheet's ink and lines laid over another's."""
        joined = Sheet(*self.image.shape[1::-1])
        joined.image, joined.lines = np.minimum(self.image, other.image), [*other.lines, *self.lines]
        return joined
