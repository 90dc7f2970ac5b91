"""Checks the geometry of labelled outlines of one image.

Errors are outlines that would teach something wrong or break target generation; warnings are outlines that are probably
not what the labeller meant. Problems that the label reader reports (too few points, NaN, odd counts) are not repeated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from sealkit.data.records import TextLine
from sealkit.errors import Problem, Severity
from sealkit.geometry.batches import by_point_count, signed_area


@dataclass(frozen=True)
class OutlineRules:
    """From where an outline is wrong, or odd."""

    edge_tolerance_px: float = 2.0
    """How far a point may lie outside the image: labelling tools round outwards."""
    outside_share: float = 0.25
    """Share of an outline's area outside the image from which it is an error."""
    fits_share: float = 0.01
    """Share of its area up to which an outline outside an image still fits it."""
    min_thickness_px: float = 4.0
    """Mean thickness below which characters cannot be read."""
    same_point_px: float = 1e-3
    """Distance in x and y up to which two points are one."""
    normalised_max: float = 1.001
    """Largest coordinate of an image whose points were divided by its sides."""
    normalised_side_px: int = 16
    """Images with a smaller side may have texts of a pixel."""
    crossing_share: float = 0.01
    """Share of its area that is ambiguous, from which an outline counts as crossing itself."""
    lobe_share: float = 0.8
    """Of the area of all parts of a tangled outline, what its largest must have to be taken for the text."""
    ordered_share: float = 0.75
    """Of the cells between paired points of a line_poly, those that must lie as its point order says."""
    longer_edge_share: float = 0.1
    """Of a line's length, what one edge must be longer than the other to tell the bow's side …"""
    longer_edge_px: float = 3.0
    """… and at least these: the points of short texts are rounded to whole pixels."""
    min_character_width: float = 0.12
    """Narrowest character, of its height; in a narrower strip the points start at the wrong corner."""
    max_turn_degrees: float = 45.0
    """Largest angle between a straight line and the stated angle of its seal."""
    max_overlap: float = 0.5
    """Intersection over the smaller outline from which two texts share a place …"""
    double_overlap: float = 0.9
    """… and from which, with areas alike, they are one text labelled twice."""
    double_area: float = 0.8
    """Smaller over larger area from which the two are alike."""
    pairs_per_text: int = 10
    """Pairs of texts compared on one image, per text: of n texts on one place every pair overlaps, which is n² / 2."""
    min_pairs: int = 10_000
    """Pairs compared in any case."""
    min_pairs_of_a_text: int = 1000
    """Pairs of one text compared in any case."""
    overlaps_told: int = 1000
    """Overlaps of one image that are reported one by one."""
    batch: int = 32
    """Texts whose neighbours are looked up together: of 200,000 on one place their pairs take 100 MB."""


RULES = OutlineRules()

Say = Callable[[str, str, str, Severity], None]


@dataclass(frozen=True)
class _Shape:
    """An outline with what several checks need."""

    index: int
    line: TextLine
    polygon: BaseGeometry  # repaired where the outline crosses itself
    name: str
    area: float  # of the polygon, square pixels
    length: float  # of its border, pixels
    simple: bool  # nothing was repaired
    repeats: int  # points equal to the one before


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

    shapes = _measured(lines)
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
    if largest.area < RULES.lobe_share * sum(part.area for part in parts):
        return None  # two lobes of like size: only a person knows which one holds the text
    ring = shapely.get_coordinates(shapely.geometry.polygon.orient(largest, sign=1.0).exterior)[:-1]
    return ring.astype(np.float32)  # positive area with y down is clockwise on screen


def _measured(lines: Sequence[TextLine]) -> list[_Shape]:
    """All outlines of an image at once: one by one they take most of the check's time."""
    count = len(lines)
    polygons, simple = np.empty(count, object), np.zeros(count, bool)
    repeats = np.zeros(count, int)
    for members, points in by_point_count([line.points for line in lines]):
        rings = shapely.polygons(points.astype(np.float64))
        simple[members] = shapely.is_valid(rings)
        polygons[members] = rings
        repeats[members] = _repeated(points).sum(axis=1)
    polygons[~simple] = shapely.make_valid(polygons[~simple])
    facts = zip(shapely.area(polygons).tolist(), shapely.length(polygons).tolist(), simple.tolist(), repeats.tolist())
    return [_Shape(i, line, polygons[i], _name(i, line), *row) for i, (line, row) in enumerate(zip(lines, facts))]


def _name(index: int, line: TextLine) -> str:
    return f"text {index} ({line.text!r})" if line.text else f"text {index}"


def _valid(points: np.ndarray) -> BaseGeometry:
    polygon = Polygon(points.astype(np.float64))
    return polygon if polygon.is_valid else shapely.make_valid(polygon)


def _repeated(points: np.ndarray) -> np.ndarray:
    """(…, N) bool: the point equals the one before it."""
    return np.abs(points - np.roll(points, 1, axis=-2)).max(axis=-1) < RULES.same_point_px


def _normalised(lines: Sequence[TextLine], size: tuple[int, int]) -> bool:
    if not lines or min(size) < RULES.normalised_side_px:
        return False
    points = np.concatenate([line.points for line in lines])
    return bool(points.min() >= 0 and points.max() <= RULES.normalised_max)


def _outside_shares(shapes: Sequence[_Shape], size: tuple[int, int]) -> np.ndarray:
    """(K,) share of each area that lies outside the image; 0 of an outline without area."""
    areas = np.array([shape.area for shape in shapes])
    inside = shapely.area(shapely.intersection([shape.polygon for shape in shapes], shapely.box(0, 0, *size)))
    return np.where(areas > 0, 1.0 - inside / np.where(areas > 0, areas, 1.0), 0.0)


def _check_bounds(shapes: list[_Shape], size: tuple[int, int], stored: tuple[int, int] | None, say: Say) -> None:
    width, height = size
    beyond = np.zeros(len(shapes))
    for members, points in by_point_count([shape.line.points for shape in shapes]):
        low, high = points.min(axis=1), points.max(axis=1)  # (K, 2) each
        beyond[members] = np.maximum(-low, high - np.array(size, np.float32)).max(axis=1)
    strays = np.flatnonzero(beyond > RULES.edge_tolerance_px).tolist()
    if not strays:
        return
    outside = [shapes[index] for index in strays]
    shares = _outside_shares(outside, size).tolist()
    fits_stored = (
        stored is not None and stored != size and bool((_outside_shares(shapes, stored) < RULES.fits_share).all())
    )
    if fits_stored and max(shares) > RULES.fits_share:
        say(
            "labelled-sideways",
            f"the outlines fit the image as stored ({stored[0]}x{stored[1]}) and not upright ({width}x{height})"  # type: ignore[index]
            ": they were drawn by a tool that ignores EXIF orientation",
            "remove the EXIF orientation from the image (pixels unchanged), or draw the outlines again",
            "error",
        )
        return
    many = len(outside) > 1 and len(outside) * 2 > len(shapes)
    for shape, pixels, share in zip(outside, beyond[strays].tolist(), shares):
        hint = "was the image resized or cropped after labelling?" if many else "--fix cuts it at the border"
        if share >= RULES.outside_share:
            reason = f"{shape.name} lies {share:.0%} outside the image of {width}x{height}"
            say("outside", reason, f"draw it again; {hint}" if many else "draw it again or delete it", "error")
        else:
            reason = f"{shape.name} reaches {pixels:.0f} pixels beyond the image of {width}x{height}"
            say("over-the-edge", reason, hint, "warning")


def _check_crossing(shape: _Shape, say: Say) -> None:
    if shape.simple or shape.area <= 0:
        return
    # A closed ring touches itself where its end meets its start: its area is still the sum of its parts.
    enclosed = abs(float(signed_area(shape.line.points)))
    off = abs(enclosed - shape.area) / shape.area
    if off < RULES.crossing_share:
        return
    found = shapely.is_valid_reason(Polygon(shape.line.points.astype(np.float64))).partition("[")[2].rstrip("]")
    place = ", ".join(f"{float(v):.1f}" for v in found.split()) or "?"
    say(
        "self-crossing",
        f"{shape.name} crosses itself near ({place}); {off:.0%} of its area is ambiguous",
        "put the points in order around the text" + ("" if shape.line.direction else "; --fix keeps the larger part"),
        "error",
    )


def _check_repeats(shape: _Shape, say: Say) -> None:
    count = shape.repeats
    if not count:
        return
    if shape.line.direction is None:
        say("repeated-points", f"{shape.name} repeats {count} of its points", "delete them; --fix does", "info")
    elif count > 1:  # a line_poly may close at its own start
        say("repeated-points", f"{shape.name} repeats {count} points of its line_poly", "spread them evenly", "warning")


def _thickness(shape: _Shape) -> float:
    """Mean thickness of a band: 2 × area / perimeter."""
    return 2 * shape.area / shape.length if shape.length else 0.0


def _check_thickness(shape: _Shape, say: Say) -> None:
    thickness = _thickness(shape)
    if thickness < RULES.min_thickness_px:
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
    areas = signed_area(cells)
    if areas.sum() <= 0 or (areas > 0).mean() < RULES.ordered_share:
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
    tolerance = max(RULES.longer_edge_share * length, RULES.longer_edge_px)
    if line.direction == "arc" and along_top < along_bottom - tolerance:
        reason = f"{shape.name} has direction 'arc', but its top edge ({along_top:.0f} px) is shorter than its"
        say("direction-mismatch", f"{reason} bottom edge ({along_bottom:.0f} px)", "is it 'arc-bottom'?", "warning")
    elif line.direction == "arc-bottom" and along_top > along_bottom + tolerance:
        reason = f"{shape.name} has direction 'arc-bottom', but its top edge ({along_top:.0f} px) is longer than its"
        say("direction-mismatch", f"{reason} bottom edge ({along_bottom:.0f} px)", "is it 'arc'?", "warning")
    if (
        characters >= 2
        and line.direction != "vertical"
        and height > 0
        and length / height < RULES.min_character_width * characters
    ):
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
        if abs(off) > RULES.max_turn_degrees:
            reason = f"{shape.name} runs {abs(off):.0f} degrees away from the seal's angle {line.angle:.0f}"
            say("angle-mismatch", reason, "check the angle, or where the points start", "warning")


def _check_overlaps(shapes: list[_Shape], say: Say) -> None:
    live = [shape for shape in shapes if not shape.line.ignore and shape.area > 0]
    if len(live) < 2:
        return
    reported = 0
    for first, hits in _overlaps(live):
        if hits is None or reported >= RULES.overlaps_told:
            left = len(live) - first
            reason = f"its {len(live)} texts overlap so often that the last {left} were not compared with one another"
            say("overlaps-not-counted", reason, "is each text of this image labelled once?", "warning")
            return
        for second, share in hits[: RULES.overlaps_told - reported]:
            reported += 1
            _say_overlap(live[first], live[second], share, say)


def _overlaps(live: list[_Shape]) -> Iterator[tuple[int, list[tuple[int, float]] | None]]:
    """(first, [(second, share of the smaller one that both cover)]) for each text; None once the pairs are used up."""
    polygons = np.array([shape.polygon for shape in live])
    areas = np.array([shape.area for shape in live])
    boxes = shapely.bounds(polygons)  # (K, 4) x1, y1, x2, y2
    tree = shapely.STRtree(polygons)
    left_over = max(RULES.min_pairs, RULES.pairs_per_text * len(live))
    for start in range(0, len(live), RULES.batch):
        firsts, seconds = tree.query(polygons[start : start + RULES.batch])
        firsts += start
        near = np.bincount(firsts - start, minlength=min(RULES.batch, len(live) - start))
        order = np.lexsort((seconds, firsts))
        firsts, seconds = firsts[order], seconds[order]
        later = seconds > firsts
        firsts, seconds = firsts[later], seconds[later]
        left = left_over - np.cumsum(near)  # after each text
        within = np.arange(len(firsts)) - np.searchsorted(firsts, firsts)  # place among the pairs of its text
        budget = (left + near)[firsts - start]
        compared = (budget > 0) & (within < np.maximum(RULES.min_pairs_of_a_text, left[firsts - start]))
        firsts, seconds = firsts[compared], seconds[compared]
        # What two outlines share lies in what their boxes share: most neighbours need no intersection.
        low = np.maximum(boxes[firsts, :2], boxes[seconds, :2])
        high = np.minimum(boxes[firsts, 2:], boxes[seconds, 2:])
        common = np.prod(np.maximum(high - low, 0), axis=1)
        likely = common >= 0.999 * RULES.max_overlap * np.minimum(areas[firsts], areas[seconds])
        firsts, seconds = firsts[likely], seconds[likely]
        covered = shapely.area(shapely.intersection(polygons[firsts], polygons[seconds]))
        shares = covered / np.minimum(areas[firsts], areas[seconds])
        hit = shares >= RULES.max_overlap
        firsts, pairs = firsts[hit], list(zip(seconds[hit].tolist(), shares[hit].tolist()))
        ends = np.searchsorted(firsts, np.arange(start, start + len(near) + 1))
        for row in range(len(near)):
            if left[row] + near[row] <= 0:
                yield start + row, None
                return
            yield start + row, pairs[ends[row] : ends[row + 1]]
        left_over = int(left[-1])


def _say_overlap(first: _Shape, second: _Shape, share: float, say: Say) -> None:
    smaller, larger = sorted((first.area, second.area))
    if share > RULES.double_overlap and smaller > RULES.double_area * larger:
        say(
            "double-outline",
            f"{first.name} and {second.name} label the same place twice",
            "delete one of them",
            "error",
        )
        return
    reason = f"{first.name} and {second.name} overlap by {share:.0%} of the smaller one"
    seals = first.line.seal, second.line.seal
    apart = None not in seals and seals[0] != seals[1]  # two seals stamped over each other
    say("overlap", reason, "draw them apart, unless two seals overlap", "info" if apart else "warning")


__all__ = ["clip_to_image", "drop_repeats", "outline_problems", "untangle"]
