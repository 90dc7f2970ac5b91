"""Taking apart an area in which several convex things overlap or touch, such as seals that were stamped side by side.

Each thing has a widest place, where the distance to the area's rim has a maximum; two such places belong to different
things when the way from one to the other passes a neck. The maxima and the depth of the necks between them are those of
the h-maxima transform (Soille, Morphological Image Analysis, chapter 6).

scikit-image's `h_maxima` measures a neck by one height for all peaks, where each thing's own width counts here: on 40
drawn masks it found as many things on 5. It would also bring 145 MB of packages to the path without Paddle.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Box = tuple[float, float, float, float]
_Peak = tuple[float, int, int]  # distance to the rim, y, x


@dataclass(frozen=True)
class PartRules:
    """Thresholds of `convex_parts`."""

    neck_share: float = 0.1
    """A neck parts two things when it is narrower than the widest place of the smaller one by more than this share."""
    min_width_share: float = 0.2
    """Things whose widest place is below this share of that of the largest are bumps of its rim."""
    raster_side_px: int = 160
    """Long side of the mask that is measured: a neck is no matter of single pixels."""
    levels: int = 40
    """Levels of the distance between the top and the least width."""


RULES = PartRules()


def convex_parts(mask: np.ndarray) -> list[Box]:
    """Boxes of the things that make up an area.

    Args:
        mask: (h, w) bool or uint8, one connected component; its holes are filled.

    Returns:
        x1, y1, x2, y2 in the mask's pixels, upper bounds exclusive, the widest thing first; a single box around
        everything where there is no neck. A pixel belongs to the thing whose largest inscribed circle is nearest.
    """
    h, w = mask.shape
    scale = min(1.0, RULES.raster_side_px / max(h, w))
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    small = np.pad(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST), 1)
    rims, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(small, rims, -1, 1, cv2.FILLED)
    peaks = _widest_places(cv2.distanceTransform(small, cv2.DIST_L2, 5))
    if len(peaks) < 2:
        return [(0.0, 0.0, float(w), float(h))]
    ys, xs = np.nonzero(small)
    nearest = np.stack([np.hypot(ys - y, xs - x) - radius for radius, y, x in peaks]).argmin(axis=0)
    step = np.array([w / size[0], h / size[1]] * 2)
    boxes = []
    for i, (radius, y, x) in enumerate(peaks):
        px, py = xs[nearest == i], ys[nearest == i]
        box = (min(px.min(), x - radius), min(py.min(), y - radius), max(px.max() + 1, x + radius),
               max(py.max() + 1, y + radius))  # fmt: skip
        x1, y1, x2, y2 = ((np.array(box) - 1) * step).tolist()
        boxes.append((max(0.0, x1), max(0.0, y1), min(float(w), x2), min(float(h), y2)))
    return boxes


def _widest_places(distance: np.ndarray) -> list[_Peak]:
    """Maxima of a distance transform that necks part, largest first.

    The water sinks: what rises from it is a new maximum, or reaches one that is known, or joins several; of these a
    smaller one stays if the ground between is lower than its top by more than `neck_share`. While all that rises is one
    island, levels between which no maximum lies change nothing: every pixel climbs to a maximum above the water.
    """
    top = float(distance.max())
    peaks: list[_Peak] = []
    maxima = np.sort(distance[(distance > 0) & (distance == cv2.dilate(distance, np.ones((3, 3), np.uint8)))])
    connected, before = False, top
    for level in np.linspace(top, RULES.min_width_share * top, RULES.levels)[1:]:
        fresh = np.searchsorted(maxima, before, "right") > np.searchsorted(maxima, level, "right")
        if connected and not fresh:
            before = level
            continue
        count, labels, stats, _ = cv2.connectedComponentsWithStats((distance > level).astype(np.uint8), connectivity=8)
        connected, before = count == 2, level
        islands: dict[int, list[_Peak]] = {label: [] for label in range(1, count)}
        for peak in peaks:
            islands[int(labels[peak[1], peak[2]])].append(peak)
        for label, known in islands.items():
            if not known:
                x, y, w, h = (int(v) for v in stats[label, :4])
                inside = np.where(labels[y : y + h, x : x + w] == label, distance[y : y + h, x : x + w], 0)
                row, column = divmod(int(inside.argmax()), w)
                peaks.append((float(inside.max()), y + row, x + column))
            for peak in sorted(known)[:-1]:
                if level > (1 - RULES.neck_share) * peak[0]:
                    peaks.remove(peak)
    return sorted(peaks, reverse=True)
