"""Seals on pages: designs kept ready per process, pressed on a sheet, with the outline of what their ink covers.

Called by `scene`; the designs and their ink are those of `sealkit.synth.seals`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from sealkit.data.shapes import SHAPES
from sealkit.synth.common.fields import FieldPool
from sealkit.synth.common.fontbook import FontBook
from sealkit.synth.seals.designs import design_seal
from sealkit.synth.seals.ink import blend, choose_ink, draw_design, press

Rng = np.random.Generator

_READY_HALF = 110
"""Half width in pixels at which masks are kept: few seals on pages are larger."""
_DESIGNS = 60  # per shape; 5 x 60 masks are 15 MB


@dataclass(frozen=True)
class Ready:
    """A design's mask (H, W) uint8 at `half` pixels per half width, its centre (x, y) there, and the hull (N, 2) of its
    ink around the centre, in half widths."""

    mask: np.ndarray
    centre: tuple[float, float]
    hull: np.ndarray
    half: float


class MaskCache:
    """Masks of designs; design k of a shape depends on the seed and k only."""

    def __init__(self, seed: int, book: FontBook) -> None:
        self.seed, self.book = seed, book
        self._kept: dict[tuple[str, int], Ready] = {}

    def seal(self, rng: Rng, shape: str) -> Ready:
        """A random design of a shape."""
        k = int(rng.integers(_DESIGNS))
        if (shape, k) not in self._kept:
            self._kept[shape, k] = make_ready(
                np.random.default_rng([self.seed, 0x5EA1, ord(shape[0]), k]), self.book, shape
            )
        return self._kept[shape, k]


def make_ready(rng: Rng, book: FontBook, shape: str, half: float = _READY_HALF) -> Ready:
    """A drawn seal of one shape, ready for stamping."""
    design = design_seal(shape, rng, book)
    mask, centre = draw_design(design, half, rng)
    points = cv2.findNonZero((mask > 64).astype(np.uint8))
    hull = cv2.convexHull(points)[:, 0].astype(np.float64)
    return Ready(mask, centre, (hull - centre) / half, half)


@dataclass(frozen=True)
class Stamped:
    """A seal on a sheet."""

    shape: str
    colour: str
    hull: np.ndarray
    """(N, 2) float64 sheet pixels, convex, unclipped."""
    width: float


def stamp(
    sheet: np.ndarray, rng: Rng, fields: FieldPool, ready: Ready, shape: str, centre: tuple[float, float],
    half: float, turn: float, look: str,
) -> Stamped:  # fmt: skip
    """Press a seal on a sheet (H, W, 3) float32 BGR in place.

    Args:
        centre: sheet pixels.
        half: half its width in pixels.
        turn: degrees clockwise.
        look: photo, scan, clean or copy.
    """
    clean = look == "clean" and rng.random() < 0.75
    ink = choose_ink(rng, clean)
    if ink.name != "red" and rng.random() < 0.5:  # on whole documents more are red than the reader has to be trained on
        ink = choose_ink(rng, clean)
    if look in ("photo", "scan") and rng.random() < 0.13:  # an old pad: one looks for it on the page
        ink = replace(ink, strength=float(rng.uniform(0.22, 0.42)))
    scale = half / ready.half
    mask, middle = ready.mask, np.array(ready.centre)
    if scale < 1:  # average first: thin rings must not break into dots
        size = (max(8, round(mask.shape[1] * scale)), max(8, round(mask.shape[0] * scale)))
        ratio = np.array(size) / np.array(mask.shape[1::-1])
        mask = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
        middle, scale = (middle + 0.5) * ratio - 0.5, 1.0
    alpha = mask.astype(np.float32) / 255 if clean else press(mask, rng, fields, min(max(half, 20.0), ready.half))
    if half < 45:  # what is drawn thin there grows pale when it is averaged
        alpha = np.minimum(alpha * np.float32(1.25), 1.0)
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    linear = np.array([[c, -s], [s, c]]) * scale
    hull = ready.hull * half @ np.array([[c, s], [-s, c]]) + centre
    corners = np.array([[0, 0], [mask.shape[1], 0], [mask.shape[1], mask.shape[0]], [0, mask.shape[0]]]) - middle
    moved = corners @ linear.T + centre
    limits = (sheet.shape[1], sheet.shape[0])
    x0, y0 = np.clip(np.floor(moved.min(0)).astype(int), 0, limits)
    x1, y1 = np.clip(np.ceil(moved.max(0)).astype(int) + 1, 0, limits)
    if x1 > x0 and y1 > y0:
        shift = np.array(centre) - linear @ middle - (x0, y0)
        matrix = np.column_stack([linear, shift])
        warped = cv2.warpAffine(alpha, matrix, (int(x1 - x0), int(y1 - y0)), flags=cv2.INTER_LINEAR)
        blend(sheet, warped, ink, int(x0), int(y0))
    return Stamped(shape, ink.name, hull, 2 * half)


def choose_shape(rng: Rng, wanted: tuple[str, ...]) -> str:
    """A shape among the wanted ones (empty: any, as often as pages show them)."""
    names = [name for name in SHAPES if not wanted or name in wanted]
    p = np.array([SHAPES[name].page_share for name in names])
    return names[int(rng.choice(len(names), p=p / p.sum()))]


def choose_half(rng: Rng, shape: str, short_side: float, limits: tuple[float, float]) -> float:
    """Half a seal's width in pixels: as large as on real paper as a rule, anything between the limits now and then."""
    if rng.random() < 0.22:
        share = float(np.exp(rng.uniform(*np.log(limits))))
    else:
        # a width of every shape is drawn: what follows does not depend on which one it is
        share = {name: _width(rng, *row.page_width) for name, row in SHAPES.items()}[shape]
    return float(np.clip(share, *limits)) * short_side / 2


def _width(rng: Rng, distribution: str, first: float, second: float) -> float:
    return rng.normal(first, second) if distribution == "normal" else rng.uniform(first, second)
