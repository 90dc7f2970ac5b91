"""Outlines as label files hold them: those of an image are tested together, what is wrong with one is said alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from sealkit.geometry.batches import signed_area

MAX_COORDINATE = 1e7
"""Pixels; no image is that large."""
MIN_SPREAD = 1e-3
"""Least singular value of the centred points, in pixels: below it they lie on one line."""

Refuse = Callable[[str, str, str], None]
"""(code, reason, what to do)."""


class Outline(NamedTuple):
    """Points (N, 2) float32 as they stand in the label, and whether they run clockwise on screen."""

    points: np.ndarray
    clockwise: bool


def compact(entry: dict[str, Any]) -> dict[str, Any]:
    """A text with its points as an array, for `json.loads`: as lists of lists a text takes four times the memory.

    What can be no outline stays as it is, to be explained.
    """
    if _is_plain(entry.get("points")):
        entry["points"] = np.array(entry["points"], np.float64)
    return entry


def sound_outlines(values: Sequence[Any]) -> list[Outline | None]:
    """The outlines that can be used, None for the others, in the order of `values`.

    Args:
        values: what stands under `points` of each text, or what `compact` made of it: of sound ones a list of at least
            three [x, y].
    """
    found: list[Outline | None] = [None] * len(values)
    groups: dict[int, list[int]] = {}
    for index, value in enumerate(values):
        if isinstance(value, np.ndarray) or _is_plain(value):
            groups.setdefault(len(value), []).append(index)
    for members in groups.values():
        points = np.array([values[index] for index in members], np.float64)  # (K, N, 2)
        centred = points - points.mean(axis=1, keepdims=True)
        # Fewer than three different points lie on one line as well.
        sound = np.linalg.svd(centred, compute_uv=False)[:, 1] >= MIN_SPREAD
        kept = points.astype(np.float32)
        clockwise = signed_area(kept) >= 0
        for index, outline, usable, right in zip(members, kept, sound.tolist(), clockwise.tolist()):
            if usable:
                found[index] = Outline(outline, right)
    return found


def _is_plain(value: Any) -> bool:
    """At least three pairs of numbers within range."""
    if type(value) is not list or len(value) < 3:
        return False
    for point in value:
        if type(point) is not list or len(point) != 2:
            return False
        x, y = point
        if not (is_number(x) and is_number(y)):
            return False
        if not (-MAX_COORDINATE <= x <= MAX_COORDINATE and -MAX_COORDINATE <= y <= MAX_COORDINATE):  # nor NaN
            return False
    return True


def is_number(value: Any) -> bool:
    """JSON's numbers; true and false are none."""
    kind = type(value)
    return kind is float or kind is int or (isinstance(value, int | float) and kind is not bool)


def explain_outline(value: Any, refuse: Refuse) -> None:
    """Say why `sound_outlines` has no use for this value."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list) or not all(isinstance(point, list) and len(point) == 2 for point in value):
        return _say_form(value, refuse)
    numbers = list(chain.from_iterable(value))
    if not all(map(is_number, numbers)):
        return _say_form(value, refuse)
    if len(value) < 3:
        return refuse("few-points", f"{len(value)} points", "an outline needs at least 3 points, better 4")
    if not all(-MAX_COORDINATE <= number <= MAX_COORDINATE for number in numbers):
        fix = "write pixel coordinates"
        return refuse("not-finite", "a coordinate is NaN, infinite or beyond 1e7", fix)
    if len({(float(x), float(y)) for x, y in value}) < 3:
        return refuse("few-points", "fewer than 3 different points", "an outline needs at least 3 points")
    # The shoelace area is no test: a figure of eight has area 0 and is a question of validity, not of existence.
    return refuse("no-area", "all points lie on one line", "draw the outline around the characters")


def _say_form(value: Any, refuse: Refuse) -> None:
    shown = json.dumps(value, ensure_ascii=False)
    refuse("bad-points", f"points is not a list of [x, y]: {shown[:60]}", "write [[x, y], [x, y], …]")
