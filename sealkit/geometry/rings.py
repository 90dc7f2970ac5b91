"""Where a closed ring of text begins and ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RingRules:
    """Thresholds of `ring_cut`."""

    dip_share: float = 0.9
    """A ring is cut where its text falls below this share of the median around it."""
    dip_margin: float = 0.05
    """The dip reaches as far as the text stays within this share of the median above its least."""


RULES = RingRules()


def ring_cut(inside: np.ndarray, probability: np.ndarray, hole: np.ndarray, bins: int = 180) -> np.ndarray | None:
    """Point of a closed ring's band where it carries the least text, seen from the hole's centre.

    That is the middle of the gap where expanding has closed one, else the dip of probability between the text's end and
    its start.

    Args:
        inside: (h, w) uint8 or bool, the text pixels before expanding.
        probability: (h, w) float32.
        hole: (M, 2) the ring's middle, same pixels.
        bins: angular resolution.

    Returns:
        (2,) x, y, same pixels; None where the band has no dip worth the name.
    """
    centre = (hole.min(axis=0) + hole.max(axis=0)) / 2
    ys, xs = np.nonzero(inside)
    dx, dy = xs - centre[0], ys - centre[1]
    radius = np.hypot(dx, dy)
    index = ((np.arctan2(dy, dx) / (2 * np.pi) + 1) * bins).astype(int) % bins
    # dividing by the radius makes a band of even width weigh the same at every distance (ovals)
    mass = np.bincount(index, weights=probability[ys, xs] / np.maximum(radius, 1.0), minlength=bins)
    mass = 0.25 * np.roll(mass, 1) + 0.5 * mass + 0.25 * np.roll(mass, -1)
    median = float(np.median(mass))
    if mass.min() >= RULES.dip_share * median:
        return None
    start, length = longest_run(mass <= mass.min() + RULES.dip_margin * median)
    middle = start + (length - 1) / 2
    angle = (middle + 0.5) / bins * 2 * np.pi
    count = np.bincount(index, minlength=bins)
    filled = np.nonzero(count)[0]
    mean_radius = np.bincount(index, weights=radius, minlength=bins)[filled] / count[filled]
    reach = np.interp(middle % bins, filled, mean_radius, period=bins)
    return centre + reach * np.array([np.cos(angle), np.sin(angle)])


def longest_run(flags: np.ndarray) -> tuple[int, int]:
    """Start and length of the longest run of True on a circle; (0, 0) when there is none."""
    n = len(flags)
    if flags.all():
        return 0, n
    if not flags.any():
        return 0, 0
    shift = int(np.argmin(flags))  # begin at a False so that no run wraps
    turned = np.roll(flags, -shift).astype(np.int8)
    edges = np.diff(np.concatenate([[0], turned, [0]]))
    starts, ends = np.nonzero(edges == 1)[0], np.nonzero(edges == -1)[0]
    best = int(np.argmax(ends - starts))
    return int(starts[best] + shift) % n, int(ends[best] - starts[best])
