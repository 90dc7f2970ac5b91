"""Lines → texts: every way a line may run is straightened and read; a seal's lines settle directions together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sealkit.errors import DataError
from sealkit.geometry.lines import LinePoly, orientations
from sealkit.geometry.order import order_lines
from sealkit.geometry.seals import choose_orientations, resolve_directions, seal_frame
from sealkit.geometry.straighten import straighten
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.pipeline.settings import ReadingSettings

HALVE = 0.5
"""Share of its score a reading of one character loses; of two characters the square of it, and so on."""


@dataclass(frozen=True)
class Attempt:
    """One way a line was read.

    Attributes:
        line: the line in the direction it was read.
        way: index of that direction, the likeliest by geometry is 0.
        squeeze: share of its length the strip was squeezed to.
        result: what the recogniser said.
    """

    line: LinePoly
    way: int
    squeeze: float
    result: RecResult

    @property
    def trust(self) -> float:
        """What attempts are compared by: the score, less for readings of few characters.

        The mean score alone prefers one character read with .99 from an upside-down strip to ten read with .95.
        """
        characters = len(self.result.text.strip())
        return self.result.score * (1.0 - HALVE**characters)


@dataclass(frozen=True)
class ReadLine:
    """A line with the reading that won.

    Attributes:
        line: in the winning direction, its role set.
        text: what was read.
        score: mean probability of its characters.
        source: index of the line among those given.
        turned: another direction won than the likeliest by geometry.
        attempts: everything that was tried, in the order it was tried.
    """

    line: LinePoly
    text: str
    score: float
    source: int
    turned: bool = False
    attempts: tuple[Attempt, ...] = field(default=(), repr=False)

    def tried(self) -> list[dict[str, Any]]:
        """The attempts as plain data for reports."""
        return [
            {
                "direction": a.line.direction,
                "start": [round(float(v), 1) for v in a.line.points[0]],
                "squeeze": a.squeeze,
                "text": a.result.text,
                "score": round(a.result.score, 4),
            }
            for a in self.attempts
        ]


def read_seals(
    image: np.ndarray, seals: Sequence[Sequence[LinePoly]], recogniser: TextRecogniser, settings: ReadingSettings
) -> list[list[ReadLine]]:
    """Read the lines of the seals of one image; all strips go through the recogniser together.

    Args:
        image: (H, W, 3) uint8 BGR, the image the lines' coordinates belong to.
        seals: lines of `lines_from_region` per seal.
        recogniser: reads strips.
        settings: directions and squeezes to try.

    Returns:
        Per seal its lines in reading order; text "" and score 0 where nothing was read or a line has no extent.
    """
    attempts: list[list[list[Attempt]]] = [[[] for _ in lines] for lines in seals]
    every = [mine for tried in attempts for mine in tried]
    ways = [options for lines in seals for options in ways_of(lines, settings)]
    _try(image, every, [[(n, way, 1.0) for n, way in enumerate(options)] for options in ways], recogniser, settings)
    if settings.squeeze:
        again = [
            []
            if max((a.result.score for a in mine), default=0.0) >= settings.squeeze_below
            else [(n, way, squeeze) for n, way in enumerate(options) for squeeze in settings.squeeze]
            for mine, options in zip(every, ways)
        ]
        _try(image, every, again, recogniser, settings)
    return [_settled(lines, tried, settings.squeeze_margin) for lines, tried in zip(seals, attempts)]


def _try(
    image: np.ndarray,
    attempts: Sequence[list[Attempt]],
    plans: Sequence[Sequence[tuple[int, LinePoly, float]]],
    recogniser: TextRecogniser,
    settings: ReadingSettings,
) -> None:
    """Straighten and read (way number, line, squeeze) of every line in common batches; results go to its attempts."""
    planned: list[tuple[list[Attempt], int, LinePoly, float]] = []
    strips: list[np.ndarray] = []
    for mine, plan in zip(attempts, plans):
        for number, way, squeeze in plan:
            try:
                strips.append(straighten(image, way, settings.height, squeeze=squeeze))
            except DataError:  # a sliver without extent has no strip: it stays, unread
                continue
            planned.append((mine, number, way, squeeze))
    for (mine, number, way, squeeze), result in zip(planned, recogniser.read(strips, settings.batch_size)):
        mine.append(Attempt(way, number, squeeze, result))


def ways_of(lines: Sequence[LinePoly], settings: ReadingSettings) -> list[list[LinePoly]]:
    """Per line of one seal the directions to try, the likeliest first."""
    frame = seal_frame(lines)
    resolved = resolve_directions(lines, frame)
    if settings.both_directions == "never":
        return [[line] for line in resolved]
    ways = [orientations(line, frame.up) for line in resolved]
    if settings.both_directions == "always":
        ways = [[line, line.turned()] if len(way) == 1 else way for line, way in zip(resolved, ways)]
    return ways


def _settled(lines: Sequence[LinePoly], tried: Sequence[Sequence[Attempt]], squeeze_margin: float) -> list[ReadLine]:
    """One seal: the best attempt of each way, the ways that fit together, reading order."""
    best = [_best_by_way(attempts, squeeze_margin) for attempts in tried]
    known = [i for i, options in enumerate(best) if options]
    chosen = (
        choose_orientations([[(a.line, _rank(a, squeeze_margin)) for a in best[i]] for i in known]) if known else []
    )
    read: dict[int, ReadLine] = {}
    for i, pick in zip(known, chosen):
        winner = best[i][pick]
        text, score = winner.result.text, winner.result.score
        read[id(winner.line)] = ReadLine(winner.line, text, score, i, winner.way != 0, tuple(tried[i]))
    for i, line in enumerate(lines):
        if i not in known:
            read[id(line)] = ReadLine(line, "", 0.0, i)
    ordered = order_lines([entry.line for entry in read.values()])
    return [read[id(line)] for line in ordered]


def _best_by_way(attempts: Sequence[Attempt], squeeze_margin: float) -> list[Attempt]:
    """The best attempt of each direction, in the order of directions; the first of equals."""
    best: dict[int, Attempt] = {}
    for attempt in attempts:
        held = best.get(attempt.way)
        if held is None or _rank(attempt, squeeze_margin) > _rank(held, squeeze_margin):
            best[attempt.way] = attempt
    return [best[way] for way in sorted(best)]


def _rank(attempt: Attempt, squeeze_margin: float) -> float:
    """Trust; a squeezed strip must be clearly better."""
    return attempt.trust - (squeeze_margin if attempt.squeeze != 1.0 else 0.0)
