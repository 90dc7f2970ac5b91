"""Stage more_views: seals that one view did not read surely are detected in several views and read again.

Where every character was read surely the outlines are right, and a vote over more views seldom changes them: most seals
need one view (`Refine.views_below`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sealkit.geometry.regions import TextRegion
from sealkit.geometry.voting import same_texts
from sealkit.pipeline.context import Context
from sealkit.pipeline.page import DetectedSeal, Page
from sealkit.pipeline.settings import RefineSettings
from sealkit.pipeline.stages.detect import correct, detect_in_crop, drop_duplicates, lines_of
from sealkit.pipeline.stages.read import read_into


@dataclass(frozen=True)
class MoreViewsRules:
    """Numbers of this stage that no user has had a reason to change."""

    same_iou: float = 0.9
    """A text that was read surely and that more views show as one view did, by this intersection over union, is not
    read again."""


RULES = MoreViewsRules()


def run(page: Page, context: Context) -> None:
    """Detect and read doubtful seals again; others only where a text of theirs turns out to be another seal's."""
    refine = context.refine
    if refine is not None and refine.views > 1 and refine.views_below is not None:
        doubtful = [seal for seal in page.seals if not is_sure(seal, refine.views_below)]
        if doubtful:
            look_again(doubtful, page, context, refine)
    for seal in page.seals:
        seal.seen = ()  # maps are large, and results are kept


def look_again(doubtful: Sequence[DetectedSeal], page: Page, context: Context, refine: RefineSettings) -> None:
    """Detect these seals in more views, and read all seals whose texts changed."""
    before = {id(seal): list(seal.regions) for seal in page.seals}
    for seal in doubtful:
        detect_in_views(seal, page.image, context, refine)
    drop_duplicates(page.seals)
    changed = [seal for seal in page.seals if list(map(id, seal.regions)) != list(map(id, before[id(seal)]))]
    for seal in changed:
        known = [[line for line in seal.lines if line.region is region] for region in seal.regions]
        seal.lines = [
            line for own, region in zip(known, seal.regions) for line in own or lines_of([region], page.image)
        ]
    read_into(changed, page, context)
    page.log.add("more_views", seals=len(doubtful), texts=sum(len(seal.lines) for seal in page.seals))


def detect_in_views(seal: DetectedSeal, image: np.ndarray, context: Context, refine: RefineSettings) -> None:
    """Detect a doubtful seal in all views. A text that was read surely stays as it was where they show it, too: it is
    not read again.

    Args:
        image: (H, W, 3) uint8 BGR, the page.
    """
    sure = [region for region in seal.regions if is_surely_read(region, seal, refine.views_below or 0.0)]
    if seal.found.coarse:
        correct(seal, image, context)
    detect_in_crop(seal, image, context, refine.views)
    same = same_texts(sure, seal.regions, seal.window, RULES.same_iou)
    seal.regions = [sure[i] if i is not None and same.count(i) == 1 else r for r, i in zip(seal.regions, same)]


def is_surely_read(region: TextRegion, seal: DetectedSeal, least: float) -> bool:
    """Whether all lines of a text, as it was detected, were read with at least this probability a character."""
    lines = [line for line in seal.lines if line.region is region]
    read = [line for line in seal.read if line.source.region is region]
    return len(read) == len(lines) > 0 and all(line.text and line.worst_character >= least for line in read)


def is_sure(seal: DetectedSeal, least: float) -> bool:
    """Whether a seal has texts, each character was read with at least this probability, and no arc looks broken.

    The mean score of a line says little here: one doubtful character among ten is lost in it. Two arcs of one kind are
    pieces of one text as a rule, parted where the ink is missing.
    """
    arcs = [line.line.direction for line in seal.read if line.line.direction in ("arc", "arc-bottom")]
    if not seal.read or len(set(arcs)) < len(arcs):
        return False
    return all(line.text and line.worst_character >= least for line in seal.read)
