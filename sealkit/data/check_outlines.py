"""Checks the geometry of labelled outlines of one image.

Errors are outlines that would teach something wrong or break target generation; warnings are outlines that are probably
not what the labeller meant. Problems that the label reader reports (too few points, NaN, odd counts) are not repeated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from sealkit.data.records import TextLine
from sealkit.errors import Problem, Severity

EDGE_TOLERANCE = 2.0
"""Pixels that a point may lie outside: labelling tools round outwards."""
OUTSIDE_SHARE = 0.25
"""Share of an outline's area outside the image from which it is an error."""
MIN_THICKNESS = 4.0
"""Pixels of mean thickness below which characters cannot be read."""
MAX_OVERLAP = 0.5
"""Intersection over the smaller outline from which two texts share a place."""

_LOOKS = 10
"""Pairs of texts compared on one image, per text; 10,000 pairs are compared in any case. Of n texts on one place every
pair overlaps, which is n² / 2."""
_MANY_OVERLAPS = 1000
"""Overlaps of one image that are reported one by one."""

Say = Callable[[str, str, str, Severity], None]


@dataclass(frozen=True)
class _Shape:
    """An outline with what several checks need."""

    index: int
    line: TextLine
    polygon: BaseGeometry  # repaired where the outline crosses itself
    name: str


def outline_problems(
    lines: Sequence[TextLine], size: tuple[int, int] | None, where: str, stored_size: tuple[int, int] | None = None
) -> list[Problem]:
    """Problems of the outlines of one image.

    Args:
        lines: the image's texts; points float32 (N, 2), clockwise, finite, not collinear (as `read_det_labels` gives
            them).
        size: (width, height) of the upright image, None where it could not be read.
        where: label line for messages, "train.txt:17".
        stored_size: size before the EXIF orientation is applied, where it differs.
    """
    found: list[Problem] = []

    def say(kind: str, reason: str, fix: str, severity: Severity) -> None:
        found.append(Problem(kind, where, reason, fix, severity))

    shapes = [_Shape(i, line, _valid(line.points), _name(i, line)) for i, line in enumerate(lines)]
    if size is not None:
        if _normalised(lines, size):
            say(
                "normalised-points",
                f"all coordinates are between 0 and 1 in an image of {size[0]}x{size[1]}",
                "multiply them by width and height: this format wants pixels",
                "error",
            )
            return found
        _check_bounds(shapes, size, stored_size, say)
    for shape in shapes:
        _check_crossing(shape, say)
        if shape.line.ignore:
            continue  # only its area is used
        _check_repeats(shape, say)
        _check_thickness(shape, say)
        if shape.line.direction is not None:
            _check_line_poly(shape, say)
        if not shape.line.text.strip():
            fix = 'write it, or "###" if it cannot be read'
            say("empty-text", f"{shape.name} has an empty transcription", fix, "info")
    _check_overlaps(shapes, say)
    return found


def clip_to_image(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Points moved to the nearest place inside the image; keeps the count, so a line_poly stays one."""
    return np.clip(points, 0, np.asarray(size, np.float32)).astype(np.float32)


def drop_repeats(points: np.ndarray) -> np.ndarray:
    """Outline without consecutive equal points (also last = first)."""
    return points[~_repeated(points)]


def untangle(points: np.ndarray) -> np.ndarray | None:
    """Largest simple part of an outline that crosses itself, clockwise on screen; None where no part is worth keeping.

    The point order loses its meaning: not for line_polys.
    """
    valid = _valid(points)
    parts = [part for part in getattr(valid, "geoms", [valid]) if part.geom_type == "Polygon" and part.area > 0]
    if not parts:
        return None
    largest = max(parts, key=lambda part: part.area)
    if largest.area < 0.8 * sum(part.area for part in parts):
        return None  # two lobes of like size: only a person knows which one holds the text
    ring = shapely.get_coordinates(shapely.geometry.polygon.orient(largest, sign=1.0).exterior)[:-1]
    return ring.astype(np.float32)  # positive area with y down is clockwise on screen


def _name(index: int, line: TextLine) -> str:
    return f"text {index} ({line.text!r})" if line.text else f"text {index}"


def _valid(points: np.ndarray) -> BaseGeometry:
    polygon = Polygon(points.astype(np.float64))
    return polygon if polygon.is_valid else shapely.make_valid(polygon)


def _repeated(points: np.ndarray) -> np.ndarray:
    """(N,) bool: the point equals the one before it."""
    return np.abs(points - np.roll(points, 1, axis=0)).max(axis=1) < 1e-3


def _signed_area(points: np.ndarray) -> np.ndarray:
    """Shoelace area of (…, N, 2) outlines, positive for clockwise on screen."""
    x, y = points[..., 0].astype(np.float64), points[..., 1].astype(np.float64)
    return 0.5 * np.sum(x * np.roll(y, -1, axis=-1) - np.roll(x, -1, axis=-1) * y, axis=-1)


def _normalised(lines: Sequence[TextLine], size: tuple[int, int]) -> bool:
    if not lines or min(size) < 16:
        return False
    return all(line.points.min() >= 0 and line.points.max() <= 1.001 for line in lines)


def _outside_share(shape: _Shape, size: tuple[int, int]) -> float:
    area = shape.polygon.area
    if area <= 0:
        return 0.0
    return 1.0 - shape.polygon.intersection(shapely.box(0, 0, *size)).area / area


def _check_bounds(shapes: list[_Shape], size: tuple[int, int], stored: tuple[int, int] | None, say: Say) -> None:
    width, height = size
    outside: list[tuple[_Shape, float, float]] = []
    for shape in shapes:
        low, high = shape.line.points.min(axis=0), shape.line.points.max(axis=0)
        beyond = float(max(-low[0], -low[1], high[0] - width, high[1] - height))
        if beyond > EDGE_TOLERANCE:
            outside.append((shape, beyond, _outside_share(shape, size)))
    if not outside:
        return
    fits_stored = stored is not None and stored != size and all(_outside_share(s, stored) < 0.01 for s in shapes)
    if fits_stored and any(share > 0.01 for _, _, share in outside):
        say(
            "labelled-sideways",
            f"the outlines fit the image as stored ({stored[0]}x{stored[1]}) and not upright ({width}x{height})"  # type: ignore[index]
            ": they were drawn by a tool that ignores EXIF orientation",
            "remove the EXIF orientation from the image (pixels unchanged), or draw the outlines again",
            "error",
        )
        return
    many = len(outside) > 1 and len(outside) * 2 > len(shapes)
    for shape, beyond, share in outside:
        hint = "was the image resized or cropped after labelling?" if many else "--fix cuts it at the border"
        if share >= OUTSIDE_SHARE:
            reason = f"{shape.name} lies {share:.0%} outside the image of {width}x{height}"
            say("outside", reason, f"draw it again; {hint}" if many else "draw it again or delete it", "error")
        else:
            reason = f"{shape.name} reaches {beyond:.0f} pixels beyond the image of {width}x{height}"
            say("over-the-edge", reason, hint, "warning")


def _check_crossing(shape: _Shape, say: Say) -> None:
    points = shape.line.points
    polygon = Polygon(points.astype(np.float64))
    if polygon.is_valid or shape.polygon.area <= 0:
        return
    # A closed ring touches itself where its end meets its start: its area is still the sum of its parts.
    enclosed = abs(float(_signed_area(points)))
    off = abs(enclosed - shape.polygon.area) / shape.polygon.area
    if off < 0.01:
        return
    place = shapely.is_valid_reason(polygon).partition("[")[2].rstrip("]") or "?"
    say(
        "self-crossing",
        f"{shape.name} crosses itself near ({place.replace(' ', ', ')}); {off:.0%} of its area is ambiguous",
        "put the points in order around the text" + ("" if shape.line.direction else "; --fix keeps the larger part"),
        "error",
    )


def _check_repeats(shape: _Shape, say: Say) -> None:
    count = int(_repeated(shape.line.points).sum())
    if not count:
        return
    if shape.line.direction is None:
        say("repeated-points", f"{shape.name} repeats {count} of its points", "delete them; --fix does", "info")
    elif count > 1:  # a line_poly may close at its own start
        say("repeated-points", f"{shape.name} repeats {count} points of its line_poly", "spread them evenly", "warning")


def _thickness(shape: _Shape) -> float:
    """Mean thickness of a band: 2 × area / perimeter."""
    length = shape.polygon.length
    return 2 * shape.polygon.area / length if length else 0.0


def _check_thickness(shape: _Shape, say: Say) -> None:
    thickness = _thickness(shape)
    if thickness < MIN_THICKNESS:
        say(
            "tiny",
            f"{shape.name} is {thickness:.1f} pixels thick; texts that small are not trained on",
            'use a larger image, or mark it "###"',
            "warning",
        )


def _check_line_poly(shape: _Shape, say: Say) -> None:
    """Do the points of a line_poly run along the top of the characters from the start, and back along their bottom
    edge?"""
    line = shape.line
    half = len(line.points) // 2
    top, bottom = (
        line.points[:half].astype(np.float64),
        line.points[half:][::-1].astype(np.float64),
    )  # (M, 2) each, paired
    cells = np.stack([top[:-1], top[1:], bottom[1:], bottom[:-1]], axis=1)  # (M - 1, 4, 2)
    areas = _signed_area(cells)
    if areas.sum() <= 0 or (areas > 0).mean() < 0.75:
        say(
            "unordered-line-poly",
            f"{shape.name} has direction {line.direction!r}, but its points do not run along the characters' tops "
            "and back along their bottom edge",
            "start at the top of the first character and go clockwise, or leave out the key direction",
            "error",
        )
        return
    height = float(np.linalg.norm(top - bottom, axis=1).mean())
    along_top = float(np.linalg.norm(np.diff(top, axis=0), axis=1).sum())
    along_bottom = float(np.linalg.norm(np.diff(bottom, axis=0), axis=1).sum())
    characters = len(line.text)
    length = (along_top + along_bottom) / 2
    tolerance = max(0.1 * length, 3.0)  # pixels; short texts are rounded to whole pixels
    if line.direction == "arc" and along_top < along_bottom - tolerance:
        reason = f"{shape.name} has direction 'arc', but its top edge ({along_top:.0f} px) is shorter than its"
        say("direction-mismatch", f"{reason} bottom edge ({along_bottom:.0f} px)", "is it 'arc-bottom'?", "warning")
    elif line.direction == "arc-bottom" and along_top > along_bottom + tolerance:
        reason = f"{shape.name} has direction 'arc-bottom', but its top edge ({along_top:.0f} px) is longer than its"
        say("direction-mismatch", f"{reason} bottom edge ({along_bottom:.0f} px)", "is it 'arc'?", "warning")
    if characters >= 2 and line.direction != "vertical" and height > 0 and length / height < 0.12 * characters:
        reason = f"{shape.name}: {characters} characters on a strip {length:.0f} long and {height:.0f} high"
        say(
            "strip-shape",
            reason,
            "does the first point lie at the start of the text, at the characters' tops?",
            "warning",
        )
    if line.direction == "line" and line.angle is not None and characters >= 2:
        run = (top[-1] + bottom[-1]) - (top[0] + bottom[0])
        off = (math.degrees(math.atan2(run[1], run[0])) - line.angle + 180) % 360 - 180
        if abs(off) > 45:
            reason = f"{shape.name} runs {abs(off):.0f} degrees away from the seal's angle {line.angle:.0f}"
            say("angle-mismatch", reason, "check the angle, or where the points start", "warning")


def _check_overlaps(shapes: list[_Shape], say: Say) -> None:
    live = [shape for shape in shapes if not shape.line.ignore and shape.polygon.area > 0]
    if len(live) < 2:
        return
    polygons = np.array([shape.polygon for shape in live])
    areas = shapely.area(polygons)
    tree = shapely.STRtree(polygons)
    looks, said = max(10_000, _LOOKS * len(live)), 0  # left to compare; reported
    for first, shape in enumerate(live):
        if looks <= 0 or said >= _MANY_OVERLAPS:
            left = len(live) - first
            reason = f"its {len(live)} texts overlap so often that the last {left} were not compared with one another"
            say("overlaps-not-counted", reason, "is each text of this image labelled once?", "warning")
            return
        near = tree.query(shape.polygon)
        looks -= len(near)
        near = np.sort(near[near > first])[: max(1000, looks)]
        shares = shapely.area(shapely.intersection(shape.polygon, polygons[near])) / np.minimum(
            areas[first], areas[near]
        )
        for second, share in zip(near[shares >= MAX_OVERLAP].tolist(), shares[shares >= MAX_OVERLAP].tolist()):
            if said >= _MANY_OVERLAPS:
                break
            said += 1
            other = live[second]
            smaller, larger = sorted((shape.polygon.area, other.polygon.area))
            if share > 0.9 and smaller > 0.8 * larger:
                reason = f"{shape.name} and {other.name} label the same place twice"
                say("double-outline", reason, "delete one of them", "error")
            else:
                reason = f"{shape.name} and {other.name} overlap by {share:.0%} of the smaller one"
                seals = shape.line.seal, other.line.seal
                apart = None not in seals and seals[0] != seals[1]  # two seals stamped over each other
                say("overlap", reason, "draw them apart, unless two seals overlap", "info" if apart else "warning")


__all__ = ["clip_to_image", "drop_repeats", "outline_problems", "untangle"]
