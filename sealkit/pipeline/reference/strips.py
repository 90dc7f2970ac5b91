"""Text polygon → strip as paddlex 3.7.2 crops it, for `reading: reference`.

Rules: docs/reference/pipeline.md, section 7; `CropByPolys` in mode poly of paddlex 3.7.2; golden pairs `crop_polys`.
What they do to ring texts (direction by which side lies higher, sides of tall arcs left upright, ends cut) is kept on
purpose; sealkit's own way is `sealkit.geometry.straighten`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StripRules:
    """Numbers of paddlex 3.7.2 and of the OpenCV it runs on (the first four, block and parts), and our own bounds."""

    flat_iou: float = 0.7
    """A polygon that fills this much of its minimum-area rectangle is cropped as that rectangle."""
    tall_ratio: float = 1.5
    """Height / width from which a rectangle is turned, or a curved text counts as vertical."""
    merge_edge_ratio: float = 0.9
    """Vertices closer than this × the mean edge are one."""
    quads: int = 15
    """A curved strip is stitched from so many."""
    parts_bits: int = 5
    """OpenCV warps to two to the power of so many parts of a pixel."""
    block_px: int = 1024
    """OpenCV warps in blocks of so many pixels (imgwarp.cpp of OpenCV 4) …"""
    block_rows: int = 16
    """… at most so many rows of them at first."""
    sure_iou_gap: float = 0.02
    """Shares of the rectangle farther than this from `flat_iou` need no exact overlap: the rectangle holds its
    polygon."""
    band_px: int = 1 << 15
    """So many pixels are warped at once: their places in the image take a hundred bytes each, and fit the cache."""
    max_strip_px: int = 1 << 27
    """A quad less than a pixel wide is as large as the image, and there are fifteen of them."""


RULES = StripRules()


def crop_strip(image: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Straighten one text.

    Args:
        image: (H, W, 3) uint8 BGR.
        polygon: (N, 2) pixels x, y, clockwise on screen; cut off to whole numbers.

    Returns:
        (h, w, 3) uint8; h or w may be 0, and a strip of a text on the left or right side stands upright.
    """
    points = np.asarray(polygon).astype(np.int32)
    rectangle = rectangle_corners(points)
    if len(points) < 4 or not bends(points, rectangle):
        return rectangle_strip(image, rectangle)
    merged = merge_vertices(points)
    if len(merged) < 4:
        return rectangle_strip(image, rectangle)
    sides = np.concatenate(side_lines(merged))
    try:
        return rectify(image, sides)
    except (cv2.error, ValueError, ZeroDivisionError, MemoryError) as error:
        log.warning("a curved text could not be straightened, its bounding box was taken: %s", error)
        return _bounding_crop(image, sides)


def rectangle_corners(points: np.ndarray) -> np.ndarray:
    """(4, 2) float32 of the minimum-area rectangle: of the two left-most corners the upper first and the lower last.

    Of a square on its tip two corners are as far left; OpenCV 4 gives corners from the left-most on, which decides.
    """
    corners = cv2.boxPoints(cv2.minAreaRect(points)).tolist()
    start = min(range(4), key=lambda i: corners[i])
    corners = sorted(corners[start:] + corners[:start], key=lambda c: c[0])
    left, right = sorted(corners[:2], key=lambda c: c[1]), sorted(corners[2:], key=lambda c: c[1])
    return np.array([left[0], right[0], right[1], left[1]], dtype=np.float32)


def bends(points: np.ndarray, rectangle: np.ndarray) -> bool:
    """Whether a polygon is to be straightened: it does not cross itself and leaves much of its rectangle empty."""
    whole = cv2.contourArea(rectangle)
    share = cv2.contourArea(points) / whole if whole else RULES.flat_iou
    if share > RULES.flat_iou + RULES.sure_iou_gap:
        return False
    import shapely  # only here, and only with `reading: reference`: a start without it is quicker

    shape = shapely.polygons(points)
    if not shapely.is_valid(shape):
        return False
    if share < RULES.flat_iou - RULES.sure_iou_gap:
        return True
    frame = shapely.polygons(rectangle)
    together = float(shapely.area(shapely.union(shape, frame))) + 1e-10  # a share of exactly 0.7 bends
    return bool(shapely.area(shapely.intersection(shape, frame)) / together < RULES.flat_iou)


def rectangle_strip(image: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Perspective crop of four corners; turned counter-clockwise where it is tall."""
    a, b, c, d = corners
    width = int(max(np.linalg.norm(a - b), np.linalg.norm(c - d)))
    height = int(max(np.linalg.norm(a - d), np.linalg.norm(b - c)))
    if width < 1 or height < 1:  # OpenCV's own answer to a size of nothing: the image's size, all its first pixel
        strip = np.broadcast_to(image[:1, :1], image.shape)
    else:
        target = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
        matrix = cv2.getPerspectiveTransform(corners, target)
        strip = warp(image, [matrix], [width], height, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)
    return np.rot90(strip) if strip.shape[0] / strip.shape[1] >= RULES.tall_ratio else strip


def merge_vertices(points: np.ndarray) -> np.ndarray:
    """Vertices that lie close together become their mean, cut off to whole numbers: (M, 2) int32, M ≤ N."""
    edges = np.linalg.norm(np.diff(points, axis=0), axis=1)
    near = RULES.merge_edge_ratio * (sum(edges.tolist()) / (len(edges) + 1e-8))
    starts = np.concatenate([[0], np.flatnonzero(edges >= near) + 1])
    sums, counts = np.add.reduceat(points, starts, axis=0), np.diff(starts, append=len(points))
    if len(starts) > 1 and float(np.linalg.norm(points[0] - points[-1])) < near:
        sums[0] += sums[-1]
        counts[0] += counts[-1]
        sums, counts = sums[:-1], counts[:-1]
    return (sums / counts[:, None]).astype(np.int32)


def side_lines(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower side of a text, 16 points each, in the polygon's own sense: (16, 2), (16, 2) float64."""
    head, tail = head_and_tail(points)
    count = len(points)
    first = [k % count for k in range(head + 1, head + 1 + (tail - head - 1) % count + 1)]
    second = [k % count for k in range(tail + 1, tail + 1 + (head - tail - 1) % count + 1)]
    one, other = resample(points[first]), resample(points[second])
    if one.mean(axis=0)[1] > other.mean(axis=0)[1]:  # what lies higher on the page is the top of the characters
        one, other = other, one
    return one, other


def head_and_tail(points: np.ndarray) -> tuple[int, int]:
    """Start indices of the edges at which a text begins and ends."""
    count = len(points)
    if count == 4:
        return _ends_of_four(points)
    edges = np.roll(points, -1, axis=0) - points
    units = edges / (np.linalg.norm(edges, axis=1)[:, None] + 1e-8)
    before, after = np.roll(units, 1, axis=0), np.roll(units, -1, axis=0)
    turns = _angles(before, units)
    corners = (turns + np.roll(turns, -1)) / np.pi
    across = _angles(before, after) / np.pi
    away = np.linalg.norm(points - points.mean(axis=0), axis=1)
    reach = np.maximum(away, np.roll(away, -1))
    score = 0.5 * corners + 0.15 * across + 0.35 * (reach / reach.max())
    if count % 2 == 0:
        score[count // 2 - 1] += 0.1
        score[-1] += 0.1
    position = np.arange(count - 3) / (count - 4)
    weight = np.exp(-(((position - 0.5) / 0.5) ** 2) / 2)
    weight /= weight.max()  # the middle itself is among the positions of an even number only
    others = (np.arange(count)[:, None] + 2 + np.arange(count - 3)) % count  # (count, count - 3)
    best, place = divmod(int(np.argmax(score[:, None] + score[others] * weight * 0.3)), count - 3)
    pair = (best, int(others[best, place]))
    if (pair[0] + 1) % count > (pair[1] + 1) % count:
        pair = (pair[1], pair[0])
    return pair


def _ends_of_four(points: np.ndarray) -> tuple[int, int]:
    """Of a quadrilateral the two edges across the text."""
    edges = np.roll(points, -1, axis=0) - points
    lengths = np.linalg.norm(edges, axis=1)
    slopes = np.abs(edges[:, 1] / (edges[:, 0] + 1e-8))
    horizontal, vertical = ((0, 2), (3, 1)) if slopes[0] + slopes[2] < slopes[1] + slopes[3] else ((3, 1), (0, 2))
    long_side = lengths[list(vertical)].sum() > 2 * lengths[list(horizontal)].sum()
    return horizontal if long_side else vertical


def _angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N,) radians between unit row vectors."""
    return np.arccos(np.clip((a * b).sum(axis=1), -1, 1))


def resample(line: np.ndarray) -> np.ndarray:
    """(N, 2) → (16, 2) float64 at equal steps along the line, its ends included; sixteen times the one point of a line
    without length, where the reference fails or goes on with fewer points."""
    lengths = np.linalg.norm(np.diff(line, axis=0), axis=1)
    steps = np.concatenate([[0.0], np.cumsum(lengths)])
    if not steps[-1]:
        return np.repeat(line[:1].astype(np.float64), RULES.quads + 1, axis=0)
    wanted = np.arange(1, RULES.quads) * (steps[-1] / (RULES.quads + 1e-8))
    edge = np.searchsorted(steps, wanted, side="right") - 1
    share = (wanted - steps[edge]) / lengths[edge]
    inner = line[edge] + (line[edge + 1] - line[edge]) * share[:, None]
    return np.concatenate([line[:1], inner, line[-1:]])


def rectify(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Stitch a strip from the quads between the sides of a text.

    The arithmetic is the reference's under NumPy 2, float32 where it has that: a quad's width is cut off to whole
    pixels, and widths close to a whole number are common where corners are.

    Args:
        image: (H, W, 3) uint8.
        points: (32, 2): the top from the text's start, then the bottom back.

    Raises:
        ZeroDivisionError: the points lie in one column of pixels.
    """
    points = points.astype(np.float32)
    low, high = points.min(axis=0).astype(int).tolist(), points.max(axis=0).astype(int).tolist()
    if (high[1] - low[1]) / (high[0] - low[0]) <= RULES.tall_ratio:
        return _stitch(image, points, points.astype(np.float64))
    # Left or right side of a ring: measured as if the image were turned; the strip stays upright.
    points = np.roll(points, -1, axis=0)
    turned = np.stack([points[:, 1], image.shape[0] - points[:, 0].astype(np.float64) - 1], axis=1)
    return np.rot90(_stitch(image, points, turned.astype(np.float32)), -1)


def _stitch(image: np.ndarray, points: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Quads between (32, 2) points, in the sizes that `measured` has: the same points, perhaps turned."""
    top, bottom = points[: RULES.quads + 1], points[RULES.quads + 1 :][::-1]
    around = _distances(measured[:-1], measured[1:])  # the 15 of the top, the text's end, the 15 of the bottom
    steps = (around[: RULES.quads] + around[::-1][: RULES.quads]) / 2
    height = round(float(_distances(measured[: RULES.quads + 1], measured[RULES.quads + 1 :][::-1]).mean()))
    places = np.concatenate([[0.0], np.cumsum(steps).astype(np.float64)])
    widths = np.diff((places - places[-1] / 2).astype(np.float32))
    sources = np.stack([top[:-1], top[1:], bottom[1:], bottom[:-1]], axis=1)
    targets = np.zeros((RULES.quads, 4, 2), np.float32)
    targets[:, 1:3, 0], targets[:, 2:, 1] = widths[:, None], height
    matrices = [cv2.getPerspectiveTransform(*pair) for pair in zip(sources, targets)]
    whole = [int(width) for width in widths]
    if height and min(whole):
        return warp(image, matrices, whole, height, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
    # OpenCV takes a size of nothing for the image's: tiny texts become wide strips of nearly nothing.
    sizes = [(height, width) if height and width else image.shape[:2] for width in whole]
    strip_hw = max(h for h, _ in sizes), sum(w for _, w in sizes)
    if strip_hw[0] * strip_hw[1] > RULES.max_strip_px:
        raise ValueError(f"the strip would be {strip_hw[1]}x{strip_hw[0]} pixels large")
    strip = np.zeros((*strip_hw, *image.shape[2:]), image.dtype)
    left = 0
    for matrix, (h, w) in zip(matrices, sizes):
        strip[:h, left : left + w] = warp(image, [matrix], [w], h, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
        left += w
    return strip


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N,) between (N, 2) points, in their precision; squared one by one, which rounds otherwise than an array's
    square."""
    gaps = a - b
    squares = np.array([gap**2 for gap in gaps.ravel()], gaps.dtype).reshape(gaps.shape)
    return np.sqrt(squares[:, 0] + squares[:, 1])


def warp(
    image: np.ndarray,
    matrices: Sequence[np.ndarray],
    widths: Sequence[int],
    height: int,
    interpolation: int,
    border: int,
) -> np.ndarray:
    """Perspective warps side by side, source places at 1/32 pixel, as OpenCV's warpPerspective had them up to 4.x.

    OpenCV 5 interpolates at exact places; recognition scores of faint strips move by 0.01 with that.

    Args:
        matrices: (3, 3) each, from the image to a piece of the result.
        widths: of the pieces.
        height: of all of them.
    """
    total = sum(max(width, 0) for width in widths)
    if total < 1 or height < 1:
        return np.zeros((max(height, 0), total, *image.shape[2:]), image.dtype)
    block = RULES.block_px // min(height, RULES.block_rows)
    columns = np.concatenate([np.arange(width, dtype=np.int64) for width in widths])  # (total,), from 0 in each piece
    x = columns // block * block, columns % block
    inverses = _inverses(np.stack(matrices))
    if len(matrices) > 1:
        inverses = np.repeat(inverses, np.maximum(widths, 0), axis=2)
    rows = max(RULES.band_px // total, 1)
    bands = []
    for first in range(0, height, rows):
        y = np.arange(first, min(first + rows, height), dtype=np.float64)[:, None]
        bands.append(cv2.remap(image, *_places(inverses, *x, y), interpolation, borderMode=border))
    return bands[0] if len(bands) == 1 else np.concatenate(bands)


def _places(
    inverses: np.ndarray, start: np.ndarray, offset: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Maps of cv2.remap in whole pixels (h, w, 2) and 32nds (h, w).

    Args:
        inverses: (3, 3, w) or (3, 3, 1).
        start: (w,) column where the pixel's block begins; the sums below round as OpenCV's do, block by block.
        offset: (w,) columns from there.
        y: (h, 1) rows.
    """
    # What a column, a row and nothing add, (3, 1, w) each.
    across, down, offsets = inverses.transpose(1, 0, 2)[:, :, None]
    sums = across * start + down * y  # (3, h, w)
    sums += offsets
    sums += across * offset
    below = sums[2]
    if below.all():
        factor = np.divide((1 << RULES.parts_bits), below, out=below)
    else:
        factor = np.divide((1 << RULES.parts_bits), below, out=np.zeros_like(below), where=below != 0)
    places = np.multiply(sums[:2], factor, out=sums[:2])
    np.rint(places, out=places)
    whole = np.clip(places, -(2.0**31), 2.0**31 - 1, out=places).astype(np.int32)
    corners = np.empty((*factor.shape, 2), np.int16)
    np.clip(whole >> RULES.parts_bits, -(2**15), 2**15 - 1, out=corners.transpose(2, 0, 1), casting="unsafe")
    whole &= (1 << RULES.parts_bits) - 1
    return corners, (whole[1] * (1 << RULES.parts_bits) + whole[0]).astype(np.uint16)


def _inverses(matrices: np.ndarray) -> np.ndarray:
    """(3, 3, N) inverses of (N, 3, 3) by cofactors, operation by operation as OpenCV's; zeros for a quad without area,
    whose strip then repeats the image's corner."""
    (a, b, c), (d, e, f), (g, h, i) = matrices.transpose(1, 2, 0)
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    adjugate = np.array(
        [
            [e * i - f * h, c * h - b * i, b * f - c * e],
            [f * g - d * i, a * i - c * g, c * d - a * f],
            [d * h - e * g, b * g - a * h, a * e - b * d],
        ]
    )
    flat = determinant == 0
    return np.where(flat, 0.0, adjugate * (1 / np.where(flat, 1.0, determinant)))


def _bounding_crop(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    (x1, y1), (x2, y2) = points.min(axis=0).astype(int), points.max(axis=0).astype(int)
    return image[max(y1, 0) : y2, max(x1, 0) : x2].copy()
