"""Characters in rows and columns: the same characters as rows or as columns, and the white between them.

Whoever cut a square seal left more white between its lines than within them, where there was room for it. So the white
tells which way it is read, as far as it differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np

from sealkit.geometry.columns import column_cuts
from sealkit.geometry.lines import LinePoly


@dataclass(frozen=True)
class GridRules:
    """Thresholds of `grid_of` and `white_between`."""

    max_side: int = 5
    """More characters in a row or a column make no seal of this kind."""
    end_offset: float = 0.4
    """Lines of a grid begin and end within this share of a character."""
    length_ratio: float = 1.3
    """Their lengths and widths differ by less than this factor."""
    parallel_cosine: float = 0.97
    """Cosine of the angle within which they run alike."""
    max_aspect: float = 1.9
    """A character is at most this much longer than wide, or wider than long."""
    gap_sizes: float = 1.2
    """White between neighbouring lines is at most this multiple of a character's size."""
    overlap_sizes: float = 0.5
    """Neighbouring lines overlap by at most this share of a character's size."""
    cell_px: int = 40
    """Side at which a cell is looked at."""
    cell_margin: float = 0.1
    """What is looked at beyond the outermost cells, as a share of a cell: outlines are tight."""
    min_contrast_levels: int = 16
    """Grey levels by which the twentieth part of a seal's pixels must differ from most: else nothing tells its ink."""
    ink_share: float = 0.08
    """Share of a row or column of a cell that ink must cover to count: less is a speck."""


RULES = GridRules()


@dataclass(frozen=True)
class Grid:
    """Characters in rows and columns, as seen in the seal's own frame.

    Attributes:
        corners: (rows + 1, columns + 1, 2) pixels, of the cells from the top left.
        columns_found: the lines it was made of are columns.
    """

    corners: np.ndarray
    columns_found: bool

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.corners) - 1

    @property
    def columns(self) -> int:
        """Number of columns."""
        return self.corners.shape[1] - 1

    @property
    def size(self) -> tuple[float, float]:
        """Mean width and height of a cell in pixels."""
        wide = np.hypot(*(self.corners[:, 1:] - self.corners[:, :-1]).reshape(-1, 2).T).mean()
        high = np.hypot(*(self.corners[1:] - self.corners[:-1]).reshape(-1, 2).T).mean()
        return float(wide), float(high)

    def row(self, number: int, like: LinePoly) -> LinePoly:
        """A row from its left end, as a line; fields beside points and direction are those of another line."""
        top, bottom = self.corners[number], self.corners[number + 1]
        points = np.stack([top[0], top[-1], bottom[-1], bottom[0]]).astype(np.float32)
        return replace(like, points=points, direction="line", compact=False)

    def column(self, number: int, like: LinePoly) -> LinePoly:
        """A column from its top; fields beside points and direction are those of another line."""
        left, right = self.corners[:, number], self.corners[:, number + 1]
        points = np.stack([left[0], right[0], right[-1], left[-1]]).astype(np.float32)
        return replace(like, points=points, direction="vertical", compact=False)


def grid_of(lines: Sequence[LinePoly], characters: int, image: np.ndarray) -> Grid | None:
    """The grid that straight lines of equally many characters make; None where they make none.

    Args:
        lines: two or more, all columns or all rows, each read in its own direction; in any order.
        characters: of each line.
        image: (H, W, 3) uint8 BGR, to cut the lines between characters.
    """
    kinds = {line.direction for line in lines}
    if not 2 <= len(lines) <= RULES.max_side or not 1 <= characters <= RULES.max_side:
        return None
    if len(kinds) != 1 or not kinds <= {"line", "vertical"} or any(len(line.points) != 4 for line in lines):
        return None
    vertical = kinds == {"vertical"}
    runs = [line.middle[-1] - line.middle[0] for line in lines]
    lengths, widths = np.array([line.length for line in lines]), np.array([line.height for line in lines])
    if min(lengths.min(), widths.min()) < 1 or max(lengths.max() / lengths.min(), widths.max() / widths.min()) > (
        RULES.length_ratio
    ):
        return None
    units = [run / max(float(np.hypot(*run)), 1e-6) for run in runs]
    if any(float(unit @ units[0]) < RULES.parallel_cosine for unit in units):
        return None
    along = np.mean(units, axis=0) / np.hypot(*np.mean(units, axis=0))
    across = np.array([along[1], -along[0]]) if vertical else np.array([-along[1], along[0]])  # right, or down
    ordered = sorted(lines, key=lambda line: float(line.points.mean(axis=0) @ across))
    pitch = float(lengths.mean()) / characters
    if max(pitch, float(widths.mean())) > RULES.max_aspect * min(pitch, float(widths.mean())):
        return None
    starts, ends = (np.array([line.middle[i] @ along for line in ordered]) for i in (0, -1))
    if max(np.ptp(starts), np.ptp(ends)) > RULES.end_offset * pitch:
        return None
    places = np.array([line.points.mean(axis=0) @ across for line in ordered])
    gaps = np.diff(places) - widths.mean()
    size = (pitch + float(widths.mean())) / 2
    if gaps.min() < -RULES.overlap_sizes * size or gaps.max() > RULES.gap_sizes * size:
        return None
    sides = [_sides(line, _cuts(line, characters, image)) for line in ordered]
    edges = [sides[0][0], *((a[1] + b[0]) / 2 for a, b in pairwise(sides)), sides[-1][1]]
    corners = np.stack(edges, axis=1 if vertical else 0)
    return Grid(corners, vertical)


def white_between(image: np.ndarray, grid: Grid) -> tuple[float, float]:
    """White between characters side by side and between characters one below the other, as shares of their size.

    Args:
        image: (H, W, 3) uint8 BGR, of either polarity: characters may be lighter than what is around them.

    Returns:
        Medians; 0 in a direction with no neighbours, or where nothing tells ink from paper.
    """
    flat = _flattened(image, grid)
    ink = _ink(flat)
    if ink is None:
        return 0.0, 0.0
    boxes = {}
    for row in range(grid.rows):
        for column in range(grid.columns):
            found = _extent(ink, row, column)
            if found is not None:
                boxes[row, column] = found
    beside = [boxes[r, c + 1][0] - box[1] for (r, c), box in boxes.items() if (r, c + 1) in boxes]
    below = [boxes[r + 1, c][2] - box[3] for (r, c), box in boxes.items() if (r + 1, c) in boxes]
    wide, high = grid.size
    to_size = 2 / (wide + high) / RULES.cell_px  # a pixel of a cell is wide / cell_px or high / cell_px of the image
    return (
        float(np.median(beside)) * wide * to_size if beside else 0.0,
        float(np.median(below)) * high * to_size if below else 0.0,
    )


def _cuts(line: LinePoly, characters: int, image: np.ndarray) -> np.ndarray:
    """(characters + 1,) shares of a line's length, from 0 to 1."""
    lying = line.as_line() if line.direction == "vertical" else line
    width = max(round(RULES.cell_px * lying.length / max(lying.height, 1e-6)), 2 * characters)
    target = np.array([[0, 0], [width, 0], [width, RULES.cell_px], [0, RULES.cell_px]], np.float32)
    flat = cv2.getPerspectiveTransform(lying.points.astype(np.float32), target)
    pixels = cv2.warpPerspective(image, flat, (width, RULES.cell_px), borderMode=cv2.BORDER_REPLICATE)
    found = column_cuts(pixels, width, width / RULES.cell_px, characters)
    return np.asarray(found, np.float64) / width


def _sides(line: LinePoly, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(characters + 1, 2) each: both long sides of a line at its cuts; left and right of a column, top and bottom of a
    row."""
    corners = line.points.astype(np.float64)
    if line.direction == "vertical":
        first, second = (corners[0], corners[3]), (corners[1], corners[2])
    else:
        first, second = (corners[0], corners[1]), (corners[3], corners[2])
    at = cuts[:, None]
    return first[0] * (1 - at) + first[1] * at, second[0] * (1 - at) + second[1] * at


def _flattened(image: np.ndarray, grid: Grid) -> np.ndarray:
    """The grid with cells of `cell_px`, and a margin around it, (H, W, 3) uint8."""
    margin = round(RULES.cell_margin * RULES.cell_px)
    right, bottom = grid.columns * RULES.cell_px, grid.rows * RULES.cell_px
    source = grid.corners[[0, 0, -1, -1], [0, -1, -1, 0]].astype(np.float32)
    target = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], np.float32) + margin
    flat = cv2.getPerspectiveTransform(source, target)
    size = (right + 2 * margin, bottom + 2 * margin)
    return cv2.warpPerspective(image, flat, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)


def _ink(flat: np.ndarray) -> np.ndarray | None:
    """Which pixels differ from what most are like, (H, W) bool; None where all are alike."""
    paper = np.median(flat.reshape(-1, flat.shape[-1]), axis=0)
    away = np.abs(flat.astype(np.float32) - paper).max(axis=2).clip(0, 255).astype(np.uint8)
    if np.percentile(away, 95) < RULES.min_contrast_levels:
        return None
    _, ink = cv2.threshold(away, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return np.asarray(ink > 0)


def _extent(ink: np.ndarray, row: int, column: int) -> tuple[int, int, int, int] | None:
    """Left, right, top and bottom of the ink of a cell, in pixels of the flattened grid; None of an empty cell."""
    margin = round(RULES.cell_margin * RULES.cell_px)
    top, left = row * RULES.cell_px + margin, column * RULES.cell_px + margin
    cell = ink[top : top + RULES.cell_px, left : left + RULES.cell_px]
    xs, ys = (np.flatnonzero(cell.mean(axis=axis) > RULES.ink_share) for axis in (0, 1))
    if not len(xs) or not len(ys):
        return None
    return left + int(xs[0]), left + int(xs[-1]) + 1, top + int(ys[0]), top + int(ys[-1]) + 1


__all__ = ["Grid", "grid_of", "white_between"]
