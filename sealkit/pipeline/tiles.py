"""Images that are long or large: at which scales they are searched, and their maps there, put together from tiles.

At the coarse sides that suit a page, the seals of a long screenshot or of an A0 sheet shrink to nothing. Larger scales
follow for such images alone, each twice the one before, up to the one at which a seal of the size looked for is large
enough to be seen. What is larger than the detector's input is detected in tiles. Neighbouring tiles overlap by more
than the largest seal that their scale is there for, and of a pixel that two show the higher probability counts: a seal
that the border of one tile cuts is taken from the other, which shows it whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sealkit.modules.seal_text_detection.predictor import AREA, DetectionMaps, TextDetector
from sealkit.modules.seal_text_detection.preprocess import MULTIPLE, ResizeInfo
from sealkit.pipeline.crops import detect_at
from sealkit.pipeline.settings import SearchSettings

Span = tuple[int, int]
"""First pixel and the one after the last."""


@dataclass(frozen=True)
class TileRules:
    """Numbers of the tiles that no user has had a reason to change."""

    seen_px: float = 40.0
    """Long side, in input pixels, at which the detector sees a seal."""
    overlap_px: int = 192
    """Overlap of neighbouring tiles, input pixels: seals larger than this were found at the scale before."""
    least_step: float = 1.3
    """A scale that is larger than the coarse ones by less than this factor shows nothing new."""
    empty_contrast: int = 12
    """A tile whose pixels differ by less than this of 255 is empty and not detected."""


RULES = TileRules()


@dataclass(frozen=True)
class LargerSides:
    """The long sides, in input pixels, at which an image is searched after the coarse ones; `why` it is."""

    sides: tuple[int, ...] = ()
    why: str | None = None


def larger_sides(hw: tuple[int, int], settings: SearchSettings) -> LargerSides:
    """What the size of an image asks for: nothing for an ordinary page, more than the coarse sides for the others.

    A long image is searched as if each square of its short side were an image of its own; on a large one seals down to
    `small_seal` are to be seen.
    """
    long_side, short_side = max(hw), max(1, min(hw))
    coarse = max(settings.coarse_sides)
    wanted = {"large": RULES.seen_px / settings.small_seal}
    if long_side > settings.long_aspect * short_side:
        wanted["long"] = coarse / short_side
    why, scale = max(wanted.items(), key=lambda item: item[1])
    return LargerSides(_doubling(coarse, min(scale, 1.0) * long_side), f"{why} image")


def second_look(hw: tuple[int, int], settings: SearchSettings) -> LargerSides:
    """What an ordinary page in which nothing was found is searched at once more."""
    coarse = max(settings.coarse_sides)
    return LargerSides(_doubling(coarse, min(settings.second_look * coarse, max(hw))), "nothing found")


def _doubling(coarse: int, last: float) -> tuple[int, ...]:
    """Sides up to `last`, each about twice the one before, all clearly larger than `coarse`."""
    sides: list[int] = []
    while last >= RULES.least_step * coarse:
        sides.append(round(last))
        last /= 2
    return tuple(reversed(sides))


def tile_spans(length: int, tile: int, overlap: int) -> list[Span]:
    """Equal spans of at most `tile` pixels that cover `length` and overlap by at least `overlap`.

    Their size is a multiple of the network's `MULTIPLE`, unless one covers everything.

    Args:
        length: pixels to cover.
        tile: at least `MULTIPLE`.
        overlap: below `tile` by at least `MULTIPLE`.
    """
    if length <= tile:
        return [(0, length)]
    tile = tile // MULTIPLE * MULTIPLE
    count = -(-(length - overlap) // (tile - overlap))
    size = -(-(length + (count - 1) * overlap) // (count * MULTIPLE)) * MULTIPLE
    return [(start, start + size) for start in (n * (length - size) // (count - 1) for n in range(count))]


@dataclass
class ScaledMaps:
    """The detector's maps of one image at any scale.

    Attributes:
        detector: finds text and seals.
        image: (H, W, 3) uint8 BGR.
        tile: largest side of the detector's input; larger scales are detected in tiles.
        tiles: how many tiles were detected so far.
        tiled_scale: the last scale that took tiles, input pixels per pixel of the image; 0 so far.
    """

    detector: TextDetector
    image: np.ndarray
    tile: int
    tiles: int = 0
    tiled_scale: float = 0.0

    @property
    def overlap(self) -> int:
        """Of neighbouring tiles, input pixels: a seal up to this long side is whole in one of them."""
        return min(RULES.overlap_px, self.tile // 2)

    def at(self, side: int) -> DetectionMaps:
        """Of the whole image, scaled to this long side in input pixels."""
        return detect_at(self.detector, self.image, side) if side <= self.tile else self._tiled(side)

    def _tiled(self, side: int) -> DetectionMaps:
        """Put together from tiles. Takes 7 bytes for each pixel of the scaled image, and the network one tile's memory.

        Only what a search asks for is filled in: the seal-area channel, or the texts where a detector has none.
        """
        h, w = self.image.shape[:2]
        self.tiled_scale = scale = side / max(h, w)
        height, width = max(1, round(h * scale)), max(1, round(w * scale))
        # one map pixel may stand for ten of the image: all of them count, or thin rims are lost
        scaled = cv2.resize(self.image, (width, height), interpolation=cv2.INTER_AREA)
        maps = np.zeros((AREA + 1, height, width), np.float32)
        for top, bottom in tile_spans(height, self.tile, self.overlap):
            for left, right in tile_spans(width, self.tile, self.overlap):
                pixels = scaled[top:bottom, left:right]
                if int(pixels.max()) - int(pixels.min()) < RULES.empty_contrast:
                    continue
                seen = detect_at(self.detector, pixels, max(pixels.shape[:2])).maps
                maps, self.tiles = maps[: len(seen)], self.tiles + 1
                channel = AREA if len(seen) > AREA else 0
                part = maps[channel, top:bottom, left:right]
                found = cv2.resize(seen[channel], part.shape[::-1], interpolation=cv2.INTER_LINEAR)
                np.maximum(part, found, out=part)
        return DetectionMaps(maps, ResizeInfo((h, w), (h, w), (height, width)))
