"""Lines → texts: every way a line may run is straightened and read, the best reading wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sealkit.config.pipeline import ReadingSettings
from sealkit.errors import DataError
from sealkit.geometry.lines import LinePoly, readings
from sealkit.geometry.straighten import straighten
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.pipeline.recogniser import TextRecogniser

EVIDENCE = 0.35
"""How fast letters add to the trust in a reading: one letter counts 30 %, three 65 %, eight 94 % of its score."""


@dataclass(frozen=True)
class Attempt:
    """One way a line was read.

    Attributes:
        line: the line in the direction it was read.
        squeeze: share of its length the strip was squeezed to.
        result: what the recogniser said.
    """

    line: LinePoly
    squeeze: float
    result: RecResult

    @property
    def trust(self) -> float:
        """What attempts are compared by: the score, less for readings of few letters.

        The mean score alone prefers one letter read with .99 from an upside-down strip to ten read with .95.
        """
        letters = len(self.result.text.strip())
        return self.result.score * (1.0 - math.exp(-EVIDENCE * letters))


@dataclass(frozen=True)
class ReadLine:
    """A line with the reading that won.

    Attributes:
        line: in the winning direction.
        text: what was read.
        score: mean probability of its letters.
        attempts: everything that was tried, in the order it was tried.
        region: index of the detected region the line comes from.
    """

    line: LinePoly
    text: str
    score: float
    attempts: tuple[Attempt, ...] = field(default=(), repr=False)
    region: int = 0

    @property
    def turned(self) -> bool:
        """Whether another direction than the first guess won."""
        return bool(self.attempts) and self.line is not self.attempts[0].line

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


def read_lines(
    image: np.ndarray,
    lines: Sequence[LinePoly],
    recogniser: TextRecogniser,
    settings: ReadingSettings,
    up: np.ndarray | None = None,
) -> list[ReadLine]:
    """Read lines of one picture, in the order given.

    Args:
        image: (H, W, 3) uint8 BGR, the picture the lines' coordinates belong to.
        lines: of `lines_from_region`.
        recogniser: reads strips.
        settings: directions and squeezes to try.
        up: (2,) the seal's own up direction where known.

    Returns:
        One entry per line; text "" and score 0 where nothing was read or the line has no extent.
    """
    plan: list[tuple[int, LinePoly, float]] = []
    strips: list[np.ndarray] = []
    for i, line in enumerate(lines):
        for way in ways(line, settings, up):
            for squeeze in (1.0, *settings.squeeze):
                try:
                    strip = straighten(image, way, settings.height, squeeze=squeeze)
                except DataError:  # a sliver without extent has no strip: it stays, unread
                    continue
                plan.append((i, way, squeeze))
                strips.append(strip)
    results = recogniser.read(strips, settings.batch_size)
    attempts: list[list[Attempt]] = [[] for _ in lines]
    for (i, way, squeeze), result in zip(plan, results):
        attempts[i].append(Attempt(way, squeeze, result))
    return [_best(line, tried, settings.squeeze_margin) for line, tried in zip(lines, attempts)]


def ways(line: LinePoly, settings: ReadingSettings, up: np.ndarray | None) -> list[LinePoly]:
    """The directions to try, the likeliest first."""
    if settings.both_directions == "never":
        return [line]
    possible = readings(line, up)
    if settings.both_directions == "always" and len(possible) == 1:
        possible = [line, line.turned()]
    return possible


def _best(line: LinePoly, tried: list[Attempt], squeeze_margin: float) -> ReadLine:
    """The attempt with the most trust; the first one on a tie, a squeezed one only when it is clearly better."""
    if not tried:
        return ReadLine(line, "", 0.0)

    def rank(attempt: Attempt) -> float:
        return attempt.trust - (squeeze_margin if attempt.squeeze != 1.0 else 0.0)

    winner = max(tried, key=rank)  # max keeps the first of equals
    return ReadLine(winner.line, winner.result.text, winner.result.score, tuple(tried))
