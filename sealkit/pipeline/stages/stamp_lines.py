"""Stage stamp_lines: rectangular and line stamps, where the seal detector finds nothing.

An address block, a company strip or APPROVED looks like print to a detector that was taught to leave print alone. A
general text detector finds all lines; those of a stamp are told by their ink, by a frame of their own, or because the
image shows nothing else (`sealkit.geometry.stamps`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sealkit.geometry.boxes import share_in
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.order import order_lines
from sealkit.geometry.seals import seal_frame
from sealkit.geometry.stamps import StampBlock, stamp_blocks
from sealkit.pipeline.context import Context
from sealkit.pipeline.crops import crop_window
from sealkit.pipeline.page import Box, DetectedSeal, FoundSeal, Page, ReadLine, SealLine
from sealkit.pipeline.stages.detect import lines_of
from sealkit.pipeline.stages.find_seals import reading_order
from sealkit.pipeline.stages.read import read_into


@dataclass(frozen=True)
class StampLinesRules:
    """Numbers of this stage that no user has had a reason to change."""

    margin_share: float = 0.03
    """Border of the crop around a stamp, as a share of its long side."""
    rooms: tuple[float, ...] = (0.0, 0.1, 0.22)
    """Each line is read with so much more above and below, as shares of its height; what most readings say is kept."""
    known_share: float = 0.5
    """A line of which this share lies in a seal that was read is that seal's."""


RULES = StampLinesRules()


def run(page: Page, context: Context) -> None:
    """Add what it finds to `page.seals`, read. Where the caller gave the seals' boxes nothing is looked for."""
    lines, settings = context.lines, context.settings.Lines
    if lines is None or settings is None or page.given is not None:
        return
    known = [seal.found.box for seal in page.seals if has_text(seal, context)]
    if known and settings.when == "no_text":
        return
    page.log.start()
    if lines.missing is not None:
        hint = f"rectangular and line stamps were not looked for: {lines.missing}"
        page.log.add("stamp_lines", stamps=0, hint=None if known else hint)
        return
    every = list(lines_of(lines.regions(page.image), page.image))
    free = [one for one in every if not any(_lies_in(one, box) for box in known)]
    blocks = stamp_blocks(page.image, [one.line for one in free])
    views = [[_as_seal(block, free, page, room) for block in blocks] for room in RULES.rooms]
    read_into([seal for view in views for seal in view], page, context)
    found = [_voted(versions) for versions in zip(*views)]
    kept, evidence = [], set()
    for block, seal in zip(blocks, found):
        if np.mean([line.score for line in seal.read]) >= settings.min_score:
            seal.read = _in_order(seal.read)
            kept.append(seal)
            evidence.add(block.evidence)
    order = reading_order([seal.found for seal in [*page.seals, *kept]])
    page.seals = sorted([*page.seals, *kept], key=lambda seal: order.index(seal.found))
    page.log.add(
        "stamp_lines", lines=len(every), stamps=len(kept), evidence=sorted(evidence) or None, detector=lines.name
    )


def has_text(seal: DetectedSeal, context: Context) -> bool:
    """Whether any text of a seal will be in the result."""
    return any(line.reaches(context.call.score_thresh) for line in seal.read)


def _lies_in(one: SealLine, box: Box) -> bool:
    low, high = one.line.points.min(axis=0).tolist(), one.line.points.max(axis=0).tolist()
    return share_in((*low, *high), box) >= RULES.known_share


def _in_order(read: Sequence[ReadLine]) -> list[ReadLine]:
    """From the top of the stamp to its foot, as the readings that won say where its top is."""
    lines = [one.line for one in read]
    frame = seal_frame([replace(line, ambiguous=False) for line in lines])
    return [next(one for one in read if one.line is line) for line in order_lines(lines, frame)]


def _voted(versions: Sequence[DetectedSeal]) -> DetectedSeal:
    """The first of several versions of a stamp, each line with the reading that most versions agree on."""
    seal = versions[0]
    readings = [[one for line in each.lines for one in each.read if one.source is line] for each in versions]
    if all(len(each) == len(seal.lines) for each in readings):
        seal.read = [agreed(same) for same in zip(*readings)]
    return seal


def agreed(readings: Sequence[ReadLine]) -> ReadLine:
    """Of several readings of a line one whose text is the most frequent, the best by score among those."""
    said = Counter(one.text for one in readings)
    return max(readings, key=lambda one: (said[one.text], one.score))


def _with_room(line: LinePoly, share: float) -> LinePoly:
    """A straight line with more white above and below its characters."""
    lying = line.as_line() if line.direction == "vertical" else line
    room = share * (lying.top - lying.bottom)
    points = np.concatenate([lying.top + room, (lying.bottom - room)[::-1]]).astype(np.float32)
    wide = replace(lying, points=points)
    return wide.as_column() if line.direction == "vertical" else wide


def _as_seal(block: StampBlock, lines: list[SealLine], page: Page, room: float) -> DetectedSeal:
    members = [replace(lines[n], line=_with_room(lines[n].line, room)) for n in block.members]
    h, w = page.image.shape[:2]
    (x1, y1), (x2, y2) = block.corners.min(axis=0), block.corners.max(axis=0)
    box = (max(0.0, float(x1)), max(0.0, float(y1)), min(float(w), float(x2)), min(float(h), float(y2)))
    score = float(np.mean([one.line.score for one in members]))
    window = crop_window(box, RULES.margin_share, (h, w))
    return DetectedSeal(FoundSeal(box, score, "lines"), window, regions=[one.region for one in members], lines=members)
