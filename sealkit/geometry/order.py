"""Reading order and roles of the lines of one seal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sealkit.geometry.lines import LinePoly
from sealkit.geometry.seals import RULES as SEAL_RULES
from sealkit.geometry.seals import Frame, seal_frame


@dataclass(frozen=True)
class OrderRules:
    """Thresholds of `order_lines`."""

    code_height_share: float = 0.75
    """Lower arcs with characters smaller than this share of those of the title are codes."""
    same_row_heights: float = 0.5
    """Straight lines nearer than this many character heights across are one row."""


RULES = OrderRules()


def order_lines(lines: Sequence[LinePoly], frame: Frame | None = None) -> list[LinePoly]:
    """Lines of one seal in reading order, with roles.

    Rings from the outside in, columns from right to left, straight lines from top to bottom of the seal, lower arcs
    last. Roles: rings (or, without rings, the line of the largest characters) are the `title`; other straight lines are
    `purpose`; columns are `name`; lower arcs are `code` where their characters are clearly smaller than the title's.

    Args:
        lines: in the directions they run (`resolve_directions`, or the hypotheses that won).
        frame: of the seal; found from the lines without it.

    Returns:
        The same objects, their `role` set.
    """
    frame = frame or seal_frame(lines)
    rings = [line for line in lines if line.direction == "arc"]
    below = [line for line in lines if line.direction == "arc-bottom"]
    columns = [line for line in lines if line.direction == "vertical"]
    rows = [line for line in lines if line.direction == "line"]
    rings = _by_radius(rings, frame)
    rows.sort(key=lambda line: -float(np.dot(_spot(line), frame.up)))
    rows = _rows(rows, frame)
    columns.sort(key=lambda line: (-float(np.dot(_spot(line), frame.right)), -float(np.dot(_spot(line), frame.up))))
    below = _by_radius(below, frame)
    ordered = [*rings, *columns, *rows, *below]
    largest = max((line.height for line in rows), default=0.0)
    titles = [line.height for line in rings] or [largest]
    for line in ordered:
        if line.direction == "arc":
            line.role = "title"
        elif line.direction == "vertical":
            line.role = "name"
        elif line.direction == "arc-bottom":
            line.role = "code" if line.height < RULES.code_height_share * titles[0] or not rings else "purpose"
        else:
            line.role = "title" if not rings and not columns and line.height == largest else "purpose"
    return ordered


def _by_radius(arcs: list[LinePoly], frame: Frame) -> list[LinePoly]:
    """Outer rings first; along one ring clockwise from the seal's bottom."""
    result: list[LinePoly] = []
    rest = sorted(arcs, key=lambda line: -(line.radius or 0.0))
    while rest:
        limit = (rest[0].radius or 0.0) / SEAL_RULES.same_ring_ratio
        ring = [line for line in rest if (line.radius or 0.0) >= limit]
        rest = [line for line in rest if (line.radius or 0.0) < limit]
        result += sorted(ring, key=lambda line: _clock(line, frame), reverse=ring[0].direction == "arc-bottom")
    return result


def _clock(line: LinePoly, frame: Frame) -> float:
    """Where the middle of an arc lies: 0..2π clockwise from the seal's bottom."""
    offset = line.middle[len(line.middle) // 2] - (frame.centre if line.centre is None else line.centre)
    return float(np.arctan2(-np.dot(offset, frame.right), -np.dot(offset, frame.up)) % (2 * np.pi))


def _rows(lines: list[LinePoly], frame: Frame) -> list[LinePoly]:
    """Lines sorted from top to bottom; those beside each other from left to right."""
    rows: list[list[LinePoly]] = []
    for line in lines:
        if rows and _same_row(line, rows[-1][0], frame):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda one: float(np.dot(_spot(one), frame.right)))]


def _same_row(one: LinePoly, two: LinePoly, frame: Frame) -> bool:
    apart = abs(-float(np.dot(_spot(one), frame.up)) + float(np.dot(_spot(two), frame.up)))
    return apart < RULES.same_row_heights * min(one.height, two.height)


def _spot(line: LinePoly) -> np.ndarray:
    return line.points.mean(axis=0)
