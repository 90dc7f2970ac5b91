"""Line polygon → strip: one continuous map, one resampling.

The reference cuts an arc into 15 flat pieces and stitches them; here every strip pixel is looked up where it belongs:
there are no seams, no side arc becomes a tall image, and a place in the strip leads back to its place in the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from sealkit.errors import DataError
from sealkit.geometry.columns import column_cuts
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.polyline import arc_lengths


@dataclass(frozen=True)
class StripRules:
    """How strips are cut, where the caller does not say."""

    height_px: int = 48
    """Height of a strip, that of the recognisers' input."""
    end_margin_heights: float = 0.1
    """Kept beyond both ends, in character heights."""
    side_margin_heights: float = 0.02
    """Kept above and below, in character heights."""
    max_width_px: int = 3200
    """Longer strips are squeezed, as the recogniser would."""
    max_oversampling: int = 6
    """Most samples per strip pixel and axis where a large text is made smaller: a bound on memory."""


RULES = StripRules()


@dataclass
class StripMap:
    """Where each pixel of a strip lies in the image: (h, w) float32 x and y."""

    x: np.ndarray
    y: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the strip."""
        return self.x.shape[0], self.x.shape[1]


def straighten(
    image: np.ndarray,
    line: LinePoly | np.ndarray,
    height: int = RULES.height_px,
    *,
    end_margin: float = RULES.end_margin_heights,
    side_margin: float = RULES.side_margin_heights,
    squeeze: float = 1.0,
    characters: int | None = None,
) -> np.ndarray:
    """The strip of one text line.

    Args:
        image: (H, W, 3) or (H, W) uint8, any channel order.
        line: a LinePoly, or the points (2M, 2) of one that is not vertical.
        height: of the strip in pixels.
        end_margin: kept beyond both ends, as a share of the characters' height.
        side_margin: kept above and below, as a share of the characters' height.
        squeeze: factor on the strip's width; below 1 for widely spaced characters.
        characters: of a vertical column, where a label tells how many there are.

    Returns:
        (height, w, C) uint8, read from left to right; the characters of a vertical column stand side by side.

    Raises:
        DataError: an odd number of points, fewer than four, or a line without extent.
    """
    margins = {"end_margin": end_margin, "side_margin": side_margin}
    found = strip_map(line, height, **margins, squeeze=squeeze, image=image, characters=characters)
    return sample(image, found)


def strip_map(
    line: LinePoly | np.ndarray,
    height: int = RULES.height_px,
    *,
    end_margin: float = RULES.end_margin_heights,
    side_margin: float = RULES.side_margin_heights,
    squeeze: float = 1.0,
    image: np.ndarray | None = None,
    characters: int | None = None,
) -> StripMap:
    """Where the strip's pixels lie; arguments and errors as `straighten`.

    The image is only looked at for a vertical column, to cut between its characters; without it they count as square.
    """
    if not isinstance(line, LinePoly):
        line = LinePoly(np.asarray(line, dtype=np.float32), ambiguous=False)
    if len(line.points) < 4 or len(line.points) % 2:
        raise DataError(
            "A line polygon needs an even number of points, at least four",
            value=len(line.points),
            hint="an outline of any start point goes through lines_from_region first",
        )
    if line.direction == "vertical":
        return _column_map(line, height, end_margin, side_margin, image, characters)
    return _band_map(line.top, line.bottom, height, end_margin, side_margin, squeeze)


def sample(image: np.ndarray, strip: StripMap) -> np.ndarray:
    """The image looked up at a strip's places, averaged where the image is finer than the strip."""
    step = np.hypot(np.diff(strip.x, axis=0), np.diff(strip.y, axis=0)).mean() if strip.shape[0] > 1 else 1.0
    factor = int(np.clip(np.ceil(step - 0.25), 1, RULES.max_oversampling))
    if factor == 1:
        return cv2.remap(image, strip.x, strip.y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    h, w = strip.shape
    size = (w * factor, h * factor)
    x, y = (cv2.resize(axis, size, interpolation=cv2.INTER_LINEAR) for axis in (strip.x, strip.y))
    fine = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(fine, (w, h), interpolation=cv2.INTER_AREA)


def _band_map(
    top: np.ndarray, bottom: np.ndarray, height: int, end_margin: float, side_margin: float, squeeze: float
) -> StripMap:
    top, bottom = top.astype(np.float64), bottom.astype(np.float64)
    lengths = arc_lengths((top + bottom) / 2)
    tall = float(np.hypot(*(top - bottom).T).mean())
    if lengths[-1] < 1e-3 or tall < 1e-3:
        raise DataError("A line polygon without extent", value=np.round(top, 1).tolist(), hint="drop this line")
    top, bottom, lengths = _distinct(top, bottom, lengths)
    margin = end_margin * tall
    scale = height / (tall * (1 + 2 * side_margin))
    width = int(np.clip(round((lengths[-1] + 2 * margin) * scale * squeeze), 1, RULES.max_width_px))
    at = (np.arange(width) + 0.5) / width * (lengths[-1] + 2 * margin) - margin
    upper, lower = _along(top, lengths, at), _along(bottom, lengths, at)
    down = ((np.arange(height) + 0.5) / height * (1 + 2 * side_margin) - side_margin)[:, None, None]
    grid = (upper[None] * (1 - down) + lower[None] * down).astype(np.float32)  # (h, w, 2)
    return StripMap(np.ascontiguousarray(grid[..., 0]), np.ascontiguousarray(grid[..., 1]))


def _distinct(top: np.ndarray, bottom: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Drop points where the middle does not advance (repeated points in label files)."""
    keep = np.concatenate([[True], np.diff(lengths) > 1e-3 * lengths[-1]])
    return top[keep], bottom[keep], lengths[keep]


def _along(points: np.ndarray, lengths: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Cubic Hermite through the points, so that few points a side do not flatten an arc; straight beyond both ends."""
    if len(points) == 2:
        slopes = np.repeat((points[1:] - points[:1]) / lengths[-1], 2, axis=0)
    else:
        slopes = np.gradient(points, lengths, axis=0, edge_order=2)
    clamped = np.clip(at, 0.0, lengths[-1])
    i = np.clip(np.searchsorted(lengths, clamped, side="right") - 1, 0, len(lengths) - 2)
    span = (lengths[i + 1] - lengths[i])[:, None]
    t = (clamped - lengths[i])[:, None] / span
    inner = (
        (1 + 2 * t) * (1 - t) ** 2 * points[i]
        + t * (1 - t) ** 2 * span * slopes[i]
        + t**2 * (3 - 2 * t) * points[i + 1]
        - t**2 * (1 - t) * span * slopes[i + 1]
    )
    beyond = (at - clamped)[:, None]
    return inner + beyond * np.where(beyond < 0, slopes[0], slopes[-1])


def _column_map(
    line: LinePoly,
    height: int,
    end_margin: float,
    side_margin: float,
    image: np.ndarray | None,
    characters: int | None = None,
) -> StripMap:
    """A column's characters upright side by side: it is straightened lying, cut between characters, and each one
    turned."""
    lying = line.as_line()
    tall = lying.height
    flat = _band_map(lying.top, lying.bottom, height, end_margin, side_margin, 1.0)
    pixels = sample(image, flat) if image is not None else None
    cuts = column_cuts(pixels, flat.shape[1], lying.length / max(tall, 1e-6), characters)
    tiles: list[tuple[np.ndarray, np.ndarray]] = []
    for first, last in pairwise(cuts):
        # lying strip: x runs down the column, y from its right side to its left; a quarter turn clockwise stands it up
        x, y = (np.rot90(axis[:, first:last], -1) for axis in (flat.x, flat.y))
        wide = int(np.clip(round(height * height / (last - first)), 0.6 * height, 1.5 * height))
        tiles.append(tuple(cv2.resize(np.ascontiguousarray(axis), (wide, height)) for axis in (x, y)))
    return StripMap(*(np.concatenate(axis, axis=1) for axis in zip(*tiles)))
