"""Stage stamp_lines: rectangular and line stamps, where the seal detector finds nothing, or straight lines alone.

An address block, a company strip or APPROVED looks like print to a detector that was taught to leave print alone: it
finds nothing, or a part. A general text detector finds all lines; those of a stamp are told by their ink, by a frame of
their own, or because the image shows nothing else (`sealkit.geometry.stamps`). Where both found the same stamp, the one
that more was read of stays.
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
    """A line of which this share lies in a seal that was read is that seal's; a seal of which this share lies in a
    stamp is the same stamp."""
    min_gain: float = 1.15
    """A stamp takes the place of a seal where it has so many times its characters, each counted by its score, …"""
    least_gain: float = 0.9
    """… or so many in fewer lines: pieces of lines are what a detector shows that does not know a stamp."""


RULES = StampLinesRules()


def run(page: Page, context: Context) -> None:
    """Add what it finds to `page.seals`, read. Where the caller gave the seals' boxes nothing is looked for."""
    lines, settings = context.lines, context.settings.Lines
    if lines is None or settings is None or page.given is not None:
        return
    thresh = context.call.score_thresh
    seals = [seal for seal in page.seals if _readable(seal, thresh)]
    partial = [seal for seal in seals if _may_be_part(seal, thresh)]
    if len(partial) < len(seals) and settings.when == "no_text":
        return
    known = [seal.found.box for seal in seals if not any(seal is one for one in partial)]
    page.log.start()
    if lines.missing is not None:
        hint = f"rectangular and line stamps were not looked for: {lines.missing}"
        page.log.add("stamp_lines", stamps=0, hint=None if seals else hint)
        return
    every = list(lines_of(lines.regions(page.image), page.image))
    free = [one for one in every if not any(_lies_in(one, box) for box in known)]
    blocks = stamp_blocks(page.image, [one.line for one in free])
    views = [[_as_seal(block, free, page, room) for block in blocks] for room in RULES.rooms]
    read_into([seal for view in views for seal in view], page.image, context)
    found = [_voted(versions) for versions in zip(*views)]
    kept, evidence = [], set()
    for block, seal in zip(blocks, found):
        if np.mean([line.score for line in seal.read]) >= settings.min_score:
            seal.read = _in_order(seal.read)
            kept.append(seal)
            evidence.add(block.evidence)
    both = best_read([seal for seal in page.seals if any(seal is one for one in partial)], kept, thresh)
    both += [seal for seal in page.seals if not any(seal is one for one in partial)]
    order = reading_order([seal.found for seal in both])
    page.seals = sorted(both, key=lambda seal: order.index(seal.found))
    page.log.add(
        "stamp_lines", lines=len(every), stamps=len(kept), evidence=sorted(evidence) or None, detector=lines.name
    )


def _may_be_part(seal: DetectedSeal, thresh: float) -> bool:
    """Whether a seal may be a piece of a rectangular or line stamp: all its texts are straight."""
    return all(line.line.direction == "line" for line in _readable(seal, thresh))


def best_read(seals: Sequence[DetectedSeal], stamps: Sequence[DetectedSeal], thresh: float) -> list[DetectedSeal]:
    """Seals, then stamps; of those that lie on each other the ones that more was read of.

    Args:
        thresh: lines that score less were not read.
    """
    kept: list[DetectedSeal] = []
    beaten: list[DetectedSeal] = []
    for stamp in stamps:
        on = [seal for seal in seals if any(_lies_in(line, seal.found.box) for line in stamp.lines)]
        inside = [seal for seal in seals if share_in(seal.found.box, stamp.found.box) >= RULES.known_share]
        if any(not any(seal is one for one in inside) for seal in on):
            continue  # the seal is larger
        lines = sum(len(_readable(seal, thresh)) for seal in inside)
        gain = RULES.least_gain if len(_readable(stamp, thresh)) < lines else RULES.min_gain
        if _characters(stamp, thresh) >= gain * sum(_characters(seal, thresh) for seal in inside):
            kept.append(stamp)
            beaten += inside
    return [*(seal for seal in seals if not any(seal is one for one in beaten)), *kept]


def _readable(seal: DetectedSeal, thresh: float) -> list[ReadLine]:
    """Lines that will be in the result."""
    return [line for line in seal.read if line.score >= thresh]


def _characters(seal: DetectedSeal, thresh: float) -> float:
    """How many characters were read, each counted by its line's score."""
    return sum(line.score * len(line.text.replace(" ", "")) for line in _readable(seal, thresh))


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
