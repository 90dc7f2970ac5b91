"""Stage more_views: seals that one view did not read surely are detected in several views and read again.

Where every character was read surely the outlines are right, and a vote over more views seldom changes them: most seals
need one view (`Refine.views_below`).
"""

from __future__ import annotations

from collections.abc import Sequence

from sealkit.pipeline.context import Context
from sealkit.pipeline.page import DetectedSeal, Page
from sealkit.pipeline.settings import RefineSettings
from sealkit.pipeline.stages.detect import detect_in_crop, drop_duplicates, lines_of
from sealkit.pipeline.stages.read import read_into


def run(page: Page, context: Context) -> None:
    """Detect and read doubtful seals again; others only where a text of theirs turns out to be another seal's."""
    refine = context.refine
    if refine is not None and refine.views > 1 and refine.views_below is not None:
        doubtful = [seal for seal in page.seals if not is_sure(seal, refine.views_below)]
        if doubtful:
            look_again(doubtful, page, context, refine)
    for seal in page.seals:
        seal.seen = None  # maps are large, and results are kept


def look_again(doubtful: Sequence[DetectedSeal], page: Page, context: Context, refine: RefineSettings) -> None:
    """Detect these seals in all views, and read all seals whose texts changed."""
    before = {id(seal): seal.regions for seal in page.seals}
    for seal in doubtful:
        detect_in_crop(seal, page.image, context, refine.views)
    drop_duplicates(page.seals)
    changed = [seal for seal in page.seals if list(map(id, seal.regions)) != list(map(id, before[id(seal)]))]
    for seal in changed:
        seal.lines = list(lines_of(seal.regions, page.image))
    read_into(changed, page, context)
    page.log.add("more_views", seals=len(doubtful), texts=sum(len(seal.lines) for seal in page.seals))


def is_sure(seal: DetectedSeal, least: float) -> bool:
    """Whether a seal has texts, each character was read with at least this probability, and no arc looks broken.

    The mean score of a line says little here: one doubtful character among ten is lost in it. Two arcs of one kind are
    pieces of one text as a rule, parted where the ink is missing.
    """
    arcs = [line.line.direction for line in seal.read if line.line.direction in ("arc", "arc-bottom")]
    if not seal.read or len(set(arcs)) < len(arcs):
        return False
    return all(line.text and line.worst_character >= least for line in seal.read)
