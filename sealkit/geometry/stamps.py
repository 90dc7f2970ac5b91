"""Which printed lines are a stamp's: by the colour of their ink, by a frame of their own, or because the image shows
nothing else.

For rectangular and line stamps, whose characters look like any other print: a detector of seals takes them for the
page's text, a detector of text finds both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from sealkit.errors import DataError
from sealkit.geometry.ink import ink_of
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.straighten import straighten

Evidence = Literal["ink", "frame", "crop"]


@dataclass(frozen=True)
class StampRules:
    """Thresholds of `stamp_blocks`. A height is that of a block's lines (median)."""

    strip_height_px: int = 24
    """Height that lines and frames are looked at in."""
    paper_percentile: float = 85.0
    """Of the pixels of a line, per channel: its paper."""
    min_darkness: float = 0.15
    """Share of the paper's light that the strongest ink of a line takes; less is a blank."""
    core_share: float = 0.6
    """Ink is what takes at least this share of that: rims of characters are paler than the ink is."""
    max_ink_share: float = 0.6
    """Share of a line's pixels that are ink; more is the ground of bright characters."""
    min_colour: float = 0.2
    """Red or blue light of the ink less its green light, as shares of the paper's, from which ink is a stamp's: red,
    blue and violet have it, black, green and yellow have not."""
    weak_colour: float = 0.1
    """Lines of this much colour belong to the stamp of a coloured line beside them: ink fades within a stamp."""
    same_block_heights: float = 1.2
    """Lines nearer than this belong to one block …"""
    same_block_ratio: float = 2.5
    """… where their heights differ by less than this factor."""
    max_lines: int = 8
    """A stamp has no more lines; where an image has more in the colour of stamps, theirs have frames."""
    max_bare_lines: int = 4
    """Lines of a stamp without colour and frame."""
    crop_share: float = 0.45
    """An image is a stamp's crop where one block, with its frame, takes this share of its width or height …"""
    crop_low_share: float = 0.2
    """… or, in colour among print, takes that share of one and this of the other …"""
    crop_height_share: float = 0.025
    """… its lines are this high, as a share of the image's long side …"""
    crop_line_share: float = 0.8
    """… and the block has this share of the length of all lines."""
    slope_lines: int = 9
    """The longest lines of print, which tell its slope."""
    min_askew_degrees: float = 1.5
    """Coloured lines without a frame among print are a stamp's where they are turned against it by this …"""
    min_askew_aspect: float = 3.0
    """… the longest of them this many times longer than high: others do not tell."""
    frame_reach_heights: float = 4.0
    """A frame is no farther from the lines than this."""
    frame_ink: float = 0.35
    """Ink of a frame, by `ink_of`."""
    frame_cover: float = 0.7
    """Share of each side of a frame that has ink."""
    frame_slack_px: int = 2
    """A side may slant by so much at `strip_height_px`."""
    frame_width_heights: float = 0.5
    """Sides are narrower."""
    cell_ends: int = 2
    """Where this many ends of sides go on beyond their corner, the frame is a cell of a table."""


RULES = StampRules()


@dataclass(frozen=True)
class StampBlock:
    """Lines of one stamp.

    Attributes:
        members: which of the lines.
        corners: (4, 2) of its frame, or around its lines, clockwise.
        evidence: what tells that it is a stamp's.
    """

    members: tuple[int, ...]
    corners: np.ndarray
    evidence: Evidence


def stamp_blocks(image: np.ndarray, lines: Sequence[LinePoly]) -> list[StampBlock]:
    """The stamps among the lines of print of an image.

    Args:
        image: (H, W, 3) uint8 BGR.
        lines: all of its lines, in its pixels.
    """
    colours = [ink_colour(image, line) for line in lines]
    weak = [n for n, colour in enumerate(colours) if colour >= RULES.weak_colour]
    inked_blocks = [members for members in _blocks(lines, weak) if max(colours[n] for n in members) >= RULES.min_colour]
    coloured = [n for members in inked_blocks for n in members]
    print_slope = _slope([line for n, line in enumerate(lines) if n not in coloured])
    found = []
    for inked, blocks in ((True, inked_blocks), (False, [] if coloured else _blocks(lines, range(len(lines))))):
        for members in blocks:
            block = [lines[n] for n in members]
            frame = frame_of(image, block) if len(block) <= RULES.max_lines else None
            corners = _around(block) if frame is None else frame
            whole = _fills(image, corners, block, lines, inked)
            most = RULES.max_lines if inked or frame is not None else RULES.max_bare_lines
            askew = len(coloured) <= RULES.max_lines and _askew(block, print_slope)
            if len(block) <= most and (whole or (inked and (frame is not None or askew))):
                found.append(StampBlock(members, corners, "ink" if inked else "frame" if frame is not None else "crop"))
    return found


def ink_colour(image: np.ndarray, line: LinePoly) -> float:
    """How red, blue or violet a line's ink is: the greater of its red and blue light less its green light, -1..1, as
    shares of the paper's.

    Args:
        image: (H, W, 3) uint8 BGR.
    """
    try:
        lying = line.as_line() if line.direction == "vertical" else line
        strip = straighten(image, lying, RULES.strip_height_px).reshape(-1, 3).astype(np.float32)
    except DataError:  # a sliver without extent
        return 0.0
    paper = np.percentile(strip, RULES.paper_percentile, axis=0)
    light = np.clip(strip / np.maximum(paper, 1.0), 0, 1)
    dark = 1 - light.min(axis=1)
    strongest = float(np.percentile(dark, 98))
    ink = dark >= RULES.core_share * strongest
    if strongest < RULES.min_darkness or ink.mean() > RULES.max_ink_share:
        return 0.0
    blue, green, red = np.median(light[ink], axis=0)
    return float(max(red, blue) - green)


def _blocks(lines: Sequence[LinePoly], among: Sequence[int]) -> list[tuple[int, ...]]:
    """Lines that stand near each other, by their numbers; in the order of their first lines."""
    home = {n: n for n in among}
    for place, n in enumerate(among):
        for m in among[:place]:
            if home[n] != home[m] and _near(lines[n], lines[m]):
                old, new = max(home[n], home[m]), min(home[n], home[m])
                home = {k: new if v == old else v for k, v in home.items()}
    return [tuple(n for n in among if home[n] == first) for first in dict.fromkeys(home.values())]


def _near(one: LinePoly, two: LinePoly) -> bool:
    small, large = sorted((one.height, two.height))
    if large > RULES.same_block_ratio * small:
        return False
    low = np.maximum(one.points.min(axis=0), two.points.min(axis=0))
    high = np.minimum(one.points.max(axis=0), two.points.max(axis=0))
    return float(np.hypot(*np.maximum(low - high, 0))) < RULES.same_block_heights * small


def _slope(lines: Sequence[LinePoly]) -> float | None:
    """Degrees, -90..90, that most print of some lines is turned by, the long ones first; None without lines."""
    if not lines:
        return None
    order = sorted(lines, key=lambda line: -line.length)[: RULES.slope_lines]
    return float(np.median([_angle(line) for line in order]))


def _angle(line: LinePoly) -> float:
    across, along = line.middle[-1] - line.middle[0]
    return float((np.degrees(np.arctan2(along, across)) + 90) % 180 - 90)


def _askew(block: Sequence[LinePoly], print_slope: float | None) -> bool:
    """Whether lines are turned against the print of their page: a heading in colour is not."""
    if print_slope is None:
        return False
    longest = max(block, key=lambda line: line.length)
    apart = abs(_angle(longest) - print_slope)
    long = longest.length >= RULES.min_askew_aspect * longest.height
    return long and min(apart, 180 - apart) >= RULES.min_askew_degrees


def _fills(
    image: np.ndarray, corners: np.ndarray, block: Sequence[LinePoly], lines: Sequence[LinePoly], inked: bool
) -> bool:
    """Whether the image shows this block and little else; a coloured one may have print about it."""
    h, w = image.shape[:2]
    share = np.ptp(corners, axis=0) / (w, h)
    height = float(np.median([line.height for line in block]))
    length = sum(line.length for line in block)
    return bool(
        share.max() >= RULES.crop_share
        and height >= RULES.crop_height_share * max(h, w)
        and (
            length >= RULES.crop_line_share * sum(line.length for line in lines)
            or (inked and share.min() >= RULES.crop_low_share)
        )
    )


# ----- frames -----


@dataclass(frozen=True)
class _Upright:
    """A block turned upright: its ink, and how to come back to the image.

    Attributes:
        ink: (h, w) bool, lines `RULES.strip_height_px` high.
        box: x1, y1, x2, y2 of the lines there.
        origin, right, down: image point = origin + x · right + y · down.
    """

    ink: np.ndarray
    box: tuple[int, int, int, int]
    origin: np.ndarray
    right: np.ndarray
    down: np.ndarray

    def back(self, x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
        """(4, 2) corners in the image, clockwise."""
        places = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
        return self.origin + places[:, :1] * self.right + places[:, 1:] * self.down


def frame_of(image: np.ndarray, block: Sequence[LinePoly]) -> np.ndarray | None:
    """(4, 2) corners of a frame around lines, clockwise; None where there is none, or it is a cell of a table.

    Args:
        image: (H, W, 3) uint8 BGR.
        block: lines of one direction.
    """
    view = _upright(image, block)
    x1, y1, x2, y2 = view.box
    top, bottom = _rule(view.ink[:, x1:x2], y1, -1), _rule(view.ink[:, x1:x2], y2, 1)
    if top is None or bottom is None:
        return None
    across = view.ink[top:bottom].T
    left, right = _rule(across, x1, -1), _rule(across, x2, 1)
    if left is None or right is None:
        return None
    if any(_rule(view.ink[:, left:right], at, 0) is None for at in (top, bottom)):
        return None
    ends = _ends_beyond(view.ink, top, bottom, left, right) + _ends_beyond(view.ink.T, left, right, top, bottom)
    return view.back(left, top, right, bottom) if ends < RULES.cell_ends else None


def _upright(image: np.ndarray, block: Sequence[LinePoly]) -> _Upright:
    longest = max(block, key=lambda line: line.length)
    axis = longest.middle[-1] - longest.middle[0]
    right = axis / max(float(np.hypot(*axis)), 1e-9)
    down = np.array([-right[1], right[0]])
    points = np.concatenate([line.points for line in block]).astype(np.float64)
    places = np.stack([points @ right, points @ down], axis=1)
    height = float(np.median([line.height for line in block]))
    reach = RULES.frame_reach_heights * height
    low, high = places.min(axis=0) - reach, places.max(axis=0) + reach
    scale = min(1.0, RULES.strip_height_px / max(height, 1.0))
    w, h = (int(v) for v in np.maximum(np.ceil(high - low), 1))
    turn = np.array([[*right, -low[0]], [*down, -low[1]]])
    cut = cv2.warpAffine(image, turn, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    small = cv2.resize(cut, (max(1, round(w * scale)), max(1, round(h * scale))), interpolation=cv2.INTER_AREA)
    box = tuple(round(float(v)) for v in (reach * scale, reach * scale, *((places.max(axis=0) - low) * scale)))
    origin = low[0] * right + low[1] * down
    return _Upright(ink_of(small) > RULES.frame_ink, box, origin, right / scale, down / scale)  # type: ignore[arg-type]


def _rule(ink: np.ndarray, at: int, step: int) -> int | None:
    """Row of the rule nearest to row `at`: above it for a step of -1, below it for 1, about it for 0."""
    height = RULES.strip_height_px
    reach = RULES.frame_reach_heights * height
    low = at - reach if step < 0 else at if step > 0 else at - RULES.frame_slack_px
    high = at + reach if step > 0 else at if step < 0 else at + RULES.frame_slack_px
    edges = np.flatnonzero(np.diff(np.concatenate([[False], _covered(ink), [False]]).astype(np.int8)))
    middles = [
        (first + last - 1) // 2
        for first, last in edges.reshape(-1, 2).tolist()
        if last - first < RULES.frame_width_heights * height and low <= (first + last - 1) / 2 <= high
    ]
    return min(middles, key=lambda row: abs(row - at), default=None)


def _covered(ink: np.ndarray) -> np.ndarray:
    """(h,) rows of (h, w) that have ink along most of their length, themselves or rows beside them."""
    if ink.size == 0:
        return np.zeros(len(ink), dtype=bool)
    thick = cv2.dilate(ink.astype(np.uint8), np.ones((2 * RULES.frame_slack_px + 1, 1), np.uint8))
    return np.asarray(thick.mean(axis=1) >= RULES.frame_cover)


def _ends_beyond(ink: np.ndarray, top: int, bottom: int, left: int, right: int) -> int:
    """How many of the four ends of the rules at rows `top` and `bottom` go on beyond the columns left and right."""
    near, far = RULES.strip_height_px // 3, RULES.strip_height_px
    count = 0
    for row in (top, bottom):
        band = ink[max(row - RULES.frame_slack_px, 0) : row + RULES.frame_slack_px + 1]
        for part in (band[:, max(left - far, 0) : max(left - near, 0)], band[:, right + near : right + far]):
            count += bool(part.size and part.any(axis=0).mean() >= RULES.frame_cover)
    return count


def _around(block: Sequence[LinePoly]) -> np.ndarray:
    """(4, 2) the smallest box around lines, clockwise."""
    corners: np.ndarray = cv2.boxPoints(cv2.minAreaRect(np.concatenate([line.points for line in block])))
    return corners
