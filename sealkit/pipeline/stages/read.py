"""Stage read: recognises each line in its orientation hypotheses; a seal's lines choose theirs together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from sealkit.errors import DataError
from sealkit.geometry.lines import LinePoly, orientations
from sealkit.geometry.order import order_lines
from sealkit.geometry.regions import TextRegion
from sealkit.geometry.seals import choose_orientations, resolve_directions, seal_frame
from sealkit.geometry.straighten import straighten
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.pipeline.code_arcs import parted_codes
from sealkit.pipeline.context import Context
from sealkit.pipeline.latin_lines import RULES as LATIN
from sealkit.pipeline.latin_lines import completed, is_latin, parted_rings, text_of, widened
from sealkit.pipeline.page import DetectedSeal, Hypothesis, Page, ReadLine, SealLine, StripKey
from sealkit.pipeline.reading_orders import in_best_order
from sealkit.pipeline.settings import ReadingSettings


@dataclass(frozen=True)
class ReadRules:
    """Numbers of this stage that no user has had a reason to change."""

    strips_per_batch: int = 8
    """Strips per run of the recogniser where `TextRecognition.batch_size` is null."""
    latin_column_loss: float = 0.3
    """Lost by a reading of Latin in a column: a line that is read so shows the same characters, in the wrong order."""
    latin_doubt: float = 0.07
    """Latin texts that score this much above `turn_below` are doubtful too: upside down many characters are others."""


RULES = ReadRules()


@dataclass
class _Trial:
    """One line while it is read: its orientations, the likeliest first, and what was tried."""

    source: SealLine
    orientations: list[LinePoly]
    tried: list[Hypothesis] = field(default_factory=list)

    @property
    def best_score(self) -> float:
        return max((one.result.score for one in self.tried), default=0.0)


@dataclass(frozen=True)
class _Plan:
    """A strip to be read."""

    trial: _Trial
    number: int
    line: LinePoly
    squeeze: float = 1.0

    @property
    def key(self) -> StripKey:
        """What its strip depends on."""
        return self.line.points.tobytes(), self.line.direction == "vertical", self.squeeze


def run(page: Page, context: Context) -> None:
    """Read the lines of all seals of a page; all strips go through the recogniser together."""
    read_into(page.seals, page, context)
    page.log.add("recognition")


def read_into(seals: Sequence[DetectedSeal], page: Page, context: Context) -> None:
    """Set `read` of some seals of a page. Lines that were read on it before are not read again."""
    settings = context.settings.reading_settings
    batch = context.settings.ocr.TextRecognition.batch_size or RULES.strips_per_batch
    lines = [seal.lines for seal in seals]
    for seal, read in zip(seals, read_seals(page.image, lines, context.recogniser, settings, batch, page.strips)):
        seal.read = read


def read_seals(
    image: np.ndarray,
    seals: Sequence[Sequence[SealLine]],
    recogniser: TextRecogniser,
    settings: ReadingSettings,
    batch_size: int,
    strips: dict[StripKey, RecResult] | None = None,
) -> list[list[ReadLine]]:
    """Read the lines of the seals of one image.

    Args:
        image: (H, W, 3) uint8 BGR, the image the lines' coordinates belong to.
        seals: lines per seal.
        recogniser: reads strips.
        settings: orientations and squeezes to try.
        batch_size: strips per run of the recogniser.
        strips: what was read of this image so far; what is read is added.

    Returns:
        Per seal its lines in reading order; text "" and score 0 where nothing was read or a line has no extent.
    """
    trials = [
        [_Trial(source, options) for source, options in zip(lines, hypotheses_of(lines, settings))] for lines in seals
    ]
    every = [trial for of_seal in trials for trial in of_seal]
    strips = {} if strips is None else strips
    height = settings.height or recogniser.height
    attempt = partial(_try, image, recogniser=recogniser, height=height, batch_size=batch_size, strips=strips)
    first = [_Plan(trial, n, line) for trial in every for n, line in enumerate(trial.orientations)]
    attempt(first)
    if settings.both_directions == "auto":
        doubtful = [plan for trial in every if _is_doubtful(trial, settings) for plan in _others(trial)]
        attempt(doubtful)
    if settings.squeeze:
        again = [
            _Plan(trial, n, line, squeeze)
            for trial in every
            if trial.best_score < settings.squeeze_below
            for n, line in enumerate(trial.orientations)
            for squeeze in settings.squeeze
        ]
        attempt(again)
    read = [_settled(of_seal, settings.squeeze_margin) for of_seal in trials]
    if settings.both_directions == "never":
        return read

    def reader(lines: Sequence[LinePoly], wide: float = 1.0) -> list[RecResult]:
        return _read_each(lines, attempt, wide)

    read = parted_codes(read, reader)
    read = completed(image, parted_rings(image, read, reader), reader)
    read = widened(read, lambda lines: reader(lines, LATIN.wide))
    return in_best_order(image, read, reader)


def _try(
    image: np.ndarray,
    plans: Sequence[_Plan],
    recogniser: TextRecogniser,
    height: int,
    batch_size: int,
    strips: dict[StripKey, RecResult],
) -> None:
    """Straighten and read, in common batches, what was not read before; results go to the lines' trials."""
    fresh: dict[StripKey, np.ndarray] = {}
    for plan in plans:
        if plan.key not in strips and plan.key not in fresh:
            try:
                fresh[plan.key] = straighten(image, plan.line, height, squeeze=plan.squeeze)
            except DataError:  # a sliver without extent has no strip: it stays, unread
                continue
    strips.update(zip(fresh, recogniser.read(list(fresh.values()), batch_size)))
    for plan in plans:
        if plan.key in strips:
            plan.trial.tried.append(Hypothesis(plan.line, plan.number, plan.squeeze, strips[plan.key]))


def _read_each(lines: Sequence[LinePoly], attempt: Callable[[list[_Plan]], None], wide: float) -> list[RecResult]:
    """Each line read as it stands, its strip so many times as wide."""
    alone = [_Trial(SealLine(line, TextRegion(line.points), alone=True), [line]) for line in lines]
    attempt([_Plan(trial, 0, trial.orientations[0], wide) for trial in alone])
    return [trial.tried[0].result if trial.tried else RecResult("", 0.0) for trial in alone]


def _is_doubtful(trial: _Trial, settings: ReadingSettings) -> bool:
    """Whether a line of one orientation was read so badly that the geometry may have been wrong about it."""
    if len(trial.orientations) != 1 or not trial.tried:
        return False
    result = trial.tried[0].result
    if is_latin(result.text):  # Latin characters one below the other are rare: the column may be a line
        return trial.source.line.direction == "vertical" or result.score < settings.turn_below + RULES.latin_doubt
    return result.score < settings.turn_below


def _others(trial: _Trial) -> list[_Plan]:
    """The orientations of a line that the geometry ruled out: the other way round, and a column as a line."""
    line = trial.orientations[0]
    others = [line.turned()]
    if line.direction == "vertical":
        others += [line.as_line(), line.as_line().turned()]
    trial.orientations += others
    return [_Plan(trial, number, other) for number, other in enumerate(others, 1)]


def hypotheses_of(lines: Sequence[SealLine], settings: ReadingSettings) -> list[list[LinePoly]]:
    """Per line of one seal the orientations to try, the likeliest first."""
    found = [source.line for source in lines]
    frame = seal_frame(found)
    resolved = resolve_directions(found, frame)
    if settings.both_directions == "never":
        return [[line] for line in resolved]
    options = [orientations(line, frame.up) for line in resolved]
    if settings.both_directions == "always":
        options = [[line, line.turned()] if len(some) == 1 else some for line, some in zip(resolved, options)]
    return options


def _settled(trials: Sequence[_Trial], squeeze_margin: float) -> list[ReadLine]:
    """One seal: of each line the best hypothesis of each orientation, the orientations that fit together, reading
    order."""
    read_trials = [trial for trial in trials if trial.tried]
    best = [_best_by_orientation(trial.tried, squeeze_margin) for trial in read_trials]
    scored = [[(one.line, _rank(one, squeeze_margin)) for one in options] for options in best]
    chosen = choose_orientations(scored) if scored else []
    read: list[ReadLine] = []
    for trial, options, pick in zip(read_trials, best, chosen):
        winner = options[pick]
        text, score = text_of(winner.result, winner.line.direction), winner.result.score
        if winner.result.text.strip() and not text:  # a star between texts
            continue
        read.append(ReadLine(trial.source, winner.line, text, score, winner.number != 0, tuple(trial.tried)))
    read += [ReadLine(trial.source, trial.source.line, "", 0.0) for trial in trials if not trial.tried]
    ordered = order_lines([one.line for one in read])
    return [next(one for one in read if one.line is line) for line in ordered]


def _best_by_orientation(tried: Sequence[Hypothesis], squeeze_margin: float) -> list[Hypothesis]:
    """The best hypothesis of each orientation, in the order of orientations; the first of equals."""
    best: dict[int, Hypothesis] = {}
    for one in tried:
        known = best.get(one.number)
        if known is None or _rank(one, squeeze_margin) > _rank(known, squeeze_margin):
            best[one.number] = one
    return [best[number] for number in sorted(best)]


def _rank(one: Hypothesis, squeeze_margin: float) -> float:
    """Trust; a squeezed strip must be clearly better, and so must Latin characters one below the other."""
    column = one.line.direction == "vertical" and is_latin(one.result.text)
    return one.trust - (squeeze_margin if one.squeeze != 1.0 else 0.0) - (RULES.latin_column_loss if column else 0.0)
