"""How well a drawn text can be told from what surrounds it, measured in the finished image.

Seals lie under print, run dry and are photographed out of focus; a person who labelled such an image would mark some
of their texts as illegible ("###"), and no detector is to be charged for them. The renderer knows where the characters
are, so it can ask the same question: how much of their shape do the image's colours still show?
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sealkit.data.records import TextLine


@dataclass(frozen=True)
class LegibilityRules:
    """How closely characters are looked at."""

    judged_height_px: float = 16.0
    """Height at which characters are judged; larger ones are scaled down to it."""
    margin: float = 0.15
    """Width of the band around a text's outline that counts too, in character heights."""
    ground: float = 2.0
    """Changes over more than so many character heights are light and shadow, not characters."""
    noise_levels: float = 4.0
    """Grey levels (standard deviation) that nobody sees on a screen, whatever the rest of the image is like."""
    min_height_px: float = 6.0
    """Lower characters are none: nothing is seen of their strokes."""
    other_coverage: float = 64.0
    """Coverage (of 255) by the seal's own borders and emblems from which a pixel says nothing about its characters."""


RULES = LegibilityRules()


@dataclass(frozen=True)
class Characters:
    """Where a seal's characters are.

    Attributes:
        coverage: (h, w, 2) uint8 as designed: by characters, by borders, emblems and rules.
        x, y: pixel of the image where its corner lies.
    """

    coverage: np.ndarray
    x: int
    y: int

    def crop(self, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
        """Coverage (y1 - y0, x1 - x0, 2) uint8 of a part of the image."""
        out = np.zeros((y1 - y0, x1 - x0, 2), np.uint8)
        h, w = self.coverage.shape[:2]
        left, top, right, foot = max(x0, self.x), max(y0, self.y), min(x1, self.x + w), min(y1, self.y + h)
        if left < right and top < foot:
            part = self.coverage[top - self.y : foot - self.y, left - self.x : right - self.x]
            out[top - y0 : foot - y0, left - x0 : right - x0] = part
        return out


def character_height(line: TextLine) -> float:
    """Height of a line's characters in pixels, the little white around them included; of columns the smaller side of a
    character's cell."""
    points = np.asarray(line.points, np.float64)
    half = len(points) // 2
    across = float(np.median(np.hypot(*(points[:half] - points[half:][::-1]).T)))
    if line.direction != "vertical":
        return across
    wide = float(np.hypot(*(points[1] - points[0])))
    return min(wide, across / max(len(line.text), 1))


def legibility(image: np.ndarray, characters: Characters, line: TextLine) -> float:
    """Share of the characters' shape that the image's colours show, 0 to 1.

    The coefficient of determination (R²) of the characters' coverage, as designed, by the three colours of the finished
    image, over the text and a little around it: 1 where a colour tells character from ground everywhere, near 0 where
    print, dry ink, blur, noise or a colour like the ground's hide them. Borders and emblems of the same seal are left
    out: they are of the characters' colour, and nobody takes them for characters. 0 below `min_height_px`.

    Args:
        image: (H, W, 3) uint8 BGR, everything done.
        characters: of the line's seal.
        line: its points are pixels of the image.
    """
    height = character_height(line)
    if height < RULES.min_height_px:
        return 0.0
    points = np.asarray(line.points, np.float64)
    margin = RULES.margin * height
    limit = np.array([image.shape[1], image.shape[0]])
    x0, y0 = (int(v) for v in np.clip(np.floor(points.min(0) - margin), 0, limit - 1))
    x1, y1 = (int(v) for v in np.clip(np.ceil(points.max(0) + margin) + 1, 1, limit))
    scale = min(RULES.judged_height_px / height, 1.0)
    size = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
    coverage = cv2.resize(characters.crop(x0, y0, x1, y1), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    colours = cv2.resize(image[y0:y1, x0:x1], size, interpolation=cv2.INTER_AREA).astype(np.float32)
    reach = 2 * int(RULES.ground * height * scale / 2) + 1
    free = (coverage[..., 1] < np.maximum(coverage[..., 0], RULES.other_coverage)).astype(np.float32)
    region = _region((points - (x0, y0)) * scale, size, margin * scale) & (free > 0)
    wanted = _without_ground(coverage[..., :1], free, reach)[region][:, 0]
    shown = _without_ground(colours, free, reach)[region]
    if len(wanted) < 2:
        return 0.0
    wanted = wanted - wanted.mean()
    shown = shown - shown.mean(0)
    total = float(wanted @ wanted) / len(wanted)
    if total < 1.0:  # no character in here
        return 0.0
    spread = shown.T @ shown / len(shown) + np.eye(3, dtype=np.float32) * np.float32(RULES.noise_levels**2)
    common = shown.T @ wanted / len(wanted)
    return float(np.clip(common @ np.linalg.solve(spread, common) / total, 0.0, 1.0))


def _without_ground(values: np.ndarray, free: np.ndarray, reach: int) -> np.ndarray:
    """(h, w, c) less the mean of the free pixels in a square of side `reach` around each."""
    kernel = (reach, reach)
    weight = cv2.blur(free, kernel) + np.float32(1e-6)
    around = cv2.blur(values * free[..., None], kernel).reshape(values.shape)
    return values - around / weight[..., None]


def _region(points: np.ndarray, size: tuple[int, int], margin: float) -> np.ndarray:
    """(h, w) bool: inside an outline or at most `margin` outside it."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    fixed = [np.round(points * 16).astype(np.int32)]
    cv2.fillPoly(mask, fixed, 1, cv2.LINE_8, 4)
    cv2.polylines(mask, fixed, True, 1, max(1, round(2 * margin)), cv2.LINE_8, 4)
    return mask.view(bool)


__all__ = ["RULES", "Characters", "LegibilityRules", "character_height", "legibility"]
