"""Latin texts, after they were read once: rings of two texts are parted, cut texts completed, broken ones joined.

A Latin seal has an arc over the top and one along the foot, whose characters stand the other way round, with little
room between them; characters are narrow, and words stand apart. So the detector now and then shows both arcs as one
ring, loses the last characters of a text, or shows its words one by one. Ink tells where a text may go on and where it
has gaps; the recogniser decides: what reads worse than before is not taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

import numpy as np

from sealkit.geometry.lines import LinePoly
from sealkit.geometry.order import order_lines
from sealkit.geometry.regions import TextRegion
from sealkit.geometry.sections import (
    Track,
    bent_onto,
    common_circle,
    cosine_between,
    covered,
    gaps_along,
    goes_on,
    ink_along,
    track_of,
    within,
)
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.pipeline.look_alikes import settled
from sealkit.pipeline.page import Hypothesis, Reader, ReadLine, SealLine
from sealkit.text import is_cjk


@dataclass(frozen=True)
class LatinRules:
    """Thresholds of `parted_rings` and `completed`; heights are of characters."""

    min_share: float = 0.6
    """Share of alphabetic characters and digits in a Latin text."""
    ring_turn_degrees: float = 190.0
    """Arcs that turn less are one text."""
    settled_score: float = 0.985
    """A ring that reads as well as this is one text."""
    gap_heights: float = 0.2
    """Least gap at which a ring is looked at in parts."""
    most_parts: int = 8
    """The widest gaps part a ring into so many."""
    min_part_heights: float = 2.0
    """Shorter texts are not parted from a ring."""
    min_gain: float = 0.02
    """How much more trust the parts of a ring must have than the whole …"""
    clear_gain: float = 0.15
    """… unless the turned part has this much more than in the ring's own direction …"""
    max_loss: float = 0.03
    """… then they may have this much less than the whole."""
    rounds: int = 2
    """How often texts are made longer."""
    beyond_arc_heights: float = 15.0
    """How far beyond its ends an arc may go on …"""
    beyond_line_heights: float = 8.0
    """… and a straight text."""
    word_gap_heights: tuple[float, float] = (1.2, 2.0)
    """Most white within a text, between words: where characters stand close, and where they stand apart."""
    usual_spacing: float = 0.15
    """White between the characters of a word, in heights; wider spacing lets words stand farther apart, too …"""
    word_gap_per_spacing: float = 2.0
    """… by so many times the difference."""
    min_growth_heights: float = 0.25
    """A text that goes on by less is complete."""
    alike_cosine: float = 0.8
    """Pieces of one text run the same way: least cosine of the angle between them."""
    alike_height: float = 1.45
    """They are equally high within this factor."""
    noise_score: float = 0.7
    """What reads worse, and a single character, is no text of its own."""
    end_score: float = 0.75
    """A longer text loses characters at its ends that read worse: stars and borders, read as characters."""
    covered_share: float = 0.6
    """Share of a line that lies within a longer one it is a piece of."""
    shared_share: float = 0.1
    """Of two longer texts that share more, the one that reads better is taken."""
    kept_share: float = 0.75
    """Share of the characters of its pieces that a longer text must have."""
    min_score: float = 0.8
    """A longer text must score this much …"""
    score_loss: float = 0.05
    """… and lose no more than this against its pieces."""
    alike_texts: float = 0.9
    """A text read from a wider strip is otherwise the same: ratio of `difflib.SequenceMatcher`."""
    mark_score: float = 0.85
    """A character that stands alone at an end of an arc and reads worse is a star."""
    wide: float = 1.5
    """Factor on the width of strips with several narrow characters side by side."""
    ring_inside_heights: float = 0.7
    """A straight text ends this far inside the middle of the ring around it."""


RULES = LatinRules()

_WHOLE_CODE = re.compile(r"\d{13}")
"""Registration codes of Chinese seals have 13 digits: of such a text nothing is missing."""
_STARS = re.compile(r"^[\s★☆✩✭]+|[\s★☆✩✭]+$")
_NARROW = re.compile(r"I{2,}|l{2,}|1{2,}|i{2,}")
_RUN = re.compile(r"I+|l+|1+|i+")
_MARKS = re.compile(r"^[\s★☆✩✭￥●•·*]+|[\s★☆✩✭￥●•·*]+$")


def is_latin(text: str) -> bool:
    """Whether a text is of alphabetic characters and digits rather than Chinese ones; two of them at least."""
    bare = re.sub(r"\s", "", text)
    latin = sum(char.isalnum() and not is_cjk(char) for char in bare)
    return latin >= 2 and latin >= RULES.min_share * len(bare)


def is_whole_code(text: str) -> bool:
    """Whether a text is a registration code with all of its digits."""
    return _WHOLE_CODE.fullmatch(_bare(text)) is not None


def without_marks(text: str, direction: str) -> str:
    """A text without the stars at its ends, and an arc of Latin without other marks: they part texts and are none."""
    arc = direction in ("arc", "arc-bottom") and is_latin(text)
    return (_MARKS if arc else _STARS).sub("", text)


def text_of(result: RecResult, direction: str) -> str:
    """The text of a reading without stars at its ends, as such or read as a character of their own."""
    text, scores = settled(result), result.char_scores
    if direction in ("arc", "arc-bottom") and is_latin(text) and len(scores) == len(text) > 4:
        first = 2 if text[1] == " " and scores[0] < RULES.mark_score else 0
        last = -2 if text[-2] == " " and scores[-1] < RULES.mark_score else None
        text = text[first:last]
    return without_marks(text, direction)


# ----- rings of two texts -----


@dataclass
class _Ring:
    """A ring, the parts its gaps make, and how they read in its own direction and the other."""

    source: ReadLine
    track: Track
    bounds: list[tuple[float, float]]
    own: list[float] = field(default_factory=list)
    turned: list[float] = field(default_factory=list)
    clear: bool = False
    """The part that stands the other way round reads much better so."""


def parted_rings(image: np.ndarray, seals: Sequence[Sequence[ReadLine]], reader: Reader) -> list[list[ReadLine]]:
    """Lines of seals with rings parted that hold two texts whose characters stand the other way round.

    Args:
        image: (H, W, 3) uint8 BGR, the page of the lines.
        seals: lines per seal as they were read.
        reader: reads lines; all seals go in two calls.
    """
    rings = {
        (n, i): ring for n, read in enumerate(seals) for i, line in enumerate(read) if (ring := _ring(image, line))
    }
    if not rings:
        return [list(read) for read in seals]
    parts = [part for ring in rings.values() for part in _both_ways(ring)]
    results = iter(reader(parts))
    for ring in rings.values():
        weights = [(end - start) / ring.track.height for start, end in ring.bounds]
        ring.own = [weight * _trust(next(results)) for weight in weights]
        ring.turned = [weight * _trust(next(results)) for weight in weights]
    pieces = {key: _pieces(ring) for key, ring in rings.items()}
    results = iter(reader([line for some in pieces.values() for line in some]))
    read = {key: [(line, next(results)) for line in some] for key, some in pieces.items()}
    return [
        _ordered(
            [part for i, line in enumerate(lines) for part in _taken(line, rings.get((n, i)), read.get((n, i), []))]
        )
        for n, lines in enumerate(seals)
    ]


def _ring(image: np.ndarray, read: ReadLine) -> _Ring | None:
    """A ring that may hold two texts."""
    line = read.line
    if line.direction not in ("arc", "arc-bottom") or abs(line.turn) < RULES.ring_turn_degrees:
        return None
    if not is_latin(read.text) or read.score >= RULES.settled_score:
        return None
    track = track_of(line, 0.0)
    at, filled = ink_along(image, track, (0.0, track.length))
    gaps = [gap for gap in gaps_along(at, filled) if gap[1] - gap[0] >= RULES.gap_heights * track.height]
    if line.closed:
        gaps = [gap for gap in gaps if 0 < gap[0] < track.length]
    else:
        gaps = [gap for gap in gaps if gap[0] > 0 and gap[1] < track.length]
    gaps = sorted(gaps[: RULES.most_parts])
    if line.closed and len(gaps) >= 2:
        onward = [*gaps[1:], (gaps[0][0] + track.length, gaps[0][1] + track.length)]
        return _Ring(read, track, [(a[1], b[0]) for a, b in zip(gaps, onward)])
    if line.closed or not gaps:
        return None
    starts, ends = [0.0, *(gap[1] for gap in gaps)], [*(gap[0] for gap in gaps), track.length]
    return _Ring(read, track, list(zip(starts, ends)))


def _both_ways(ring: _Ring) -> list[LinePoly]:
    own = [ring.track.section(start, end) for start, end in ring.bounds]
    return [*own, *(line.turned() for line in own)]


def _pieces(ring: _Ring) -> list[LinePoly]:
    """The run of parts that reads better the other way round, turned, and what is left of the ring; [] without one."""
    count, closed = len(ring.bounds), ring.source.line.closed
    gains = np.array(ring.turned) - np.array(ring.own)
    runs = [
        (float(sum(gains[(first + k) % count] for k in range(length))), first, length)
        for first in range(count)
        for length in range(1, count)
        if closed or first + length <= count
    ]
    gain, first, length = max(runs, default=(0.0, 0, 0))
    if gain <= 0:
        return []
    heights = [(end - start) / ring.track.height for start, end in ring.bounds]
    ring.clear = gain >= RULES.clear_gain * sum(heights[(first + k) % count] for k in range(length))
    if not closed:
        spans = [(0, first, False), (first, first + length, True), (first + length, count, False)]
        found = [(ring.bounds[a][0], ring.bounds[b - 1][1], turned) for a, b, turned in spans if b > a]
    else:
        found = [(*_span(ring, first, length), True), (*_span(ring, first + length, count - length), False)]
    if any(end - start < RULES.min_part_heights * ring.track.height for start, end, _ in found):
        return []
    lines = [(ring.track.section(start, end), turned) for start, end, turned in found]
    return [line.turned() if turned else line for line, turned in lines]


def _span(ring: _Ring, first: int, length: int) -> tuple[float, float]:
    """Arc lengths of a run of parts of a closed ring, on a track that goes round twice."""
    count = len(ring.bounds)
    start, end = ring.bounds[first % count][0], ring.bounds[(first + length - 1) % count][1]
    start %= ring.track.length
    return start, start + (end - start) % ring.track.length


def _taken(line: ReadLine, ring: _Ring | None, parts: Sequence[tuple[LinePoly, RecResult]]) -> list[ReadLine]:
    """The parts of a ring where they read better than the whole, else the ring."""
    if ring is None or not parts:
        return [line]
    weights = [part.length for part, _ in parts]
    together = float(np.average([_trust(result) for _, result in parts], weights=weights))
    if together < _trust(RecResult(line.text, line.score)) + (-RULES.max_loss if ring.clear else RULES.min_gain):
        return [line]
    return [_read_line(part, result, [line]) for part, result in parts]


# ----- texts that are cut or broken -----


@dataclass
class _Longer:
    """A text as its ink goes on, and the lines that are pieces of it."""

    line: LinePoly
    pieces: list[ReadLine]
    result: RecResult = field(default_factory=lambda: RecResult("", 0.0))


def completed(image: np.ndarray, seals: Sequence[Sequence[ReadLine]], reader: Reader) -> list[list[ReadLine]]:
    """Lines of seals, those whose ink goes on made longer and pieces of one text joined, where that reads well.

    Args:
        image: (H, W, 3) uint8 BGR, the page of the lines.
        seals: lines per seal as they were read.
        reader: reads lines; all seals go in one call a round.

    Returns:
        Per seal its lines, in reading order where one has changed.
    """
    current = [list(read) for read in seals]
    open_seals = set(range(len(current)))
    for _ in range(RULES.rounds):  # a longer piece tells better how its ring goes on
        longer = [_longer(image, read) if n in open_seals else [] for n, read in enumerate(current)]
        if not any(longer):
            break
        results = iter(reader([one.line for some in longer for one in some]))
        for one in (one for some in longer for one in some):
            one.result = _without_bad_ends(next(results))
        after = [_with_longer(read, some) for read, some in zip(current, longer)]
        open_seals = {n for n, (old, new) in enumerate(zip(current, after)) if new is not old}
        current = after
    return current


def _longer(image: np.ndarray, read: Sequence[ReadLine]) -> list[_Longer]:
    """The texts of a seal that may be longer than they were detected."""
    found = []
    rings = [one.line for one in read if one.line.centre is not None and abs(one.line.turn) >= 60]
    for one in read:
        if one.line.direction == "vertical" or one.line.closed or not is_latin(one.text) or _is_noise(one):
            continue
        if is_whole_code(one.text):
            continue
        line = next((bent for ring in rings if (bent := bent_onto(one.line, ring)) is not None), one.line)
        straight = line.direction == "line"
        reach = RULES.beyond_line_heights if straight else RULES.beyond_arc_heights
        circle = None if straight else common_circle(line, [other.line for other in read if other is not one])
        track = track_of(line, reach * line.height, circle)
        at, filled = ink_along(image, track, (0.0, track.length))
        for other in read:
            if other is not one:
                _shut(filled, at, track, other)
        if straight:
            _keep_inside(filled, at, track, rings)
        margin = 0.3 * track.height
        known = (margin, max(track.length - margin, margin))
        start, end = goes_on(at, filled, known, _word_gap(at, filled, track))
        growth = RULES.min_growth_heights * track.height
        if start > -growth and end < track.length + growth:
            continue
        line = track.section(min(start, 0.0), max(end, track.length))
        found.append(_Longer(line, [one, *(other for other in read if other is not one and _is_piece(other, line))]))
    return found


def _word_gap(at: np.ndarray, filled: np.ndarray, track: Track) -> float:
    """Most white within a text, in pixels: more where its characters stand apart."""
    inner = [end - start for start, end in gaps_along(at, filled) if start > 0 and end < track.length]
    spacing = float(np.median(inner)) / track.height if inner else 0.0
    low, high = RULES.word_gap_heights
    return float(np.clip(low + RULES.word_gap_per_spacing * (spacing - RULES.usual_spacing), low, high)) * track.height


def _shut(filled: np.ndarray, at: np.ndarray, track: Track, other: ReadLine) -> None:
    """No ink where another text lies on a track, unless it may be a piece of the same one, or is none."""
    if _is_noise(other):
        return
    there = within(track.middle(at), other.line)
    if not there.any():
        return
    low, high = sorted((other.line.height, track.height))
    alike = cosine_between(other.line, track) > RULES.alike_cosine and high < RULES.alike_height * low
    if not (alike and is_latin(other.text)):
        filled[there] = False


def _keep_inside(filled: np.ndarray, at: np.ndarray, track: Track, rings: Sequence[LinePoly]) -> None:
    """No ink outside the smallest ring around a straight text: borders run there."""
    around = [
        ring
        for ring in rings
        if ring.radius and float(np.hypot(*(track.line.points.mean(axis=0) - ring.centre))) < ring.radius
    ]
    if not around:
        return
    ring = min(around, key=lambda one: one.radius or 0.0)
    far = np.hypot(*(track.middle(at) - ring.centre).T)
    filled[far > (ring.radius or 0.0) - RULES.ring_inside_heights * ring.height] = False


def _is_noise(read: ReadLine) -> bool:
    return read.score < RULES.noise_score or len(_bare(read.text)) < 2


def _is_piece(other: ReadLine, line: LinePoly) -> bool:
    return covered(other.line, line) >= RULES.covered_share


def _with_longer(read: list[ReadLine], longer: Sequence[_Longer]) -> list[ReadLine]:
    """Lines of a seal with the longer texts that read well in place of their pieces."""
    changed = False
    taken: list[LinePoly] = []
    for one in sorted(longer, key=lambda one: -one.result.score):
        if not all(any(piece is line for line in read) for piece in one.pieces) or not _reads_well(one):
            continue
        if any(covered(one.line, other) > RULES.shared_share for other in taken):
            continue  # the next round looks at it again
        read = [line for line in read if not any(piece is line for piece in one.pieces)]
        read.append(_read_line(one.line, one.result, one.pieces))
        taken.append(one.line)
        changed = True
    return _ordered(_once(read)) if changed else read


def _once(read: Sequence[ReadLine]) -> list[ReadLine]:
    """Lines of a seal without those that a better one shows too: pieces of one text may all have been completed."""
    kept: list[ReadLine] = []
    for line in sorted(read, key=lambda line: -line.score):
        twice = (
            _bare(line.text) == _bare(one.text) and covered(line.line, one.line) > RULES.shared_share for one in kept
        )
        if not any(twice):
            kept.append(line)
    return kept


def _ordered(read: Sequence[ReadLine]) -> list[ReadLine]:
    """Lines of a seal in reading order."""
    return [next(line for line in read if line.line is poly) for poly in order_lines([line.line for line in read])]


def _without_bad_ends(result: RecResult) -> RecResult:
    """A reading without badly read characters at its ends."""
    good = [n for n, score in enumerate(result.char_scores) if score >= RULES.end_score]
    if len(result.char_scores) != len(result.text) or not good:
        return result
    kept = slice(good[0], good[-1] + 1)
    scores = result.char_scores[kept]
    return RecResult(result.text[kept], float(np.mean(scores)), scores)


def _reads_well(one: _Longer) -> bool:
    """Whether a longer text has the characters of its pieces, more of them, and is as legible."""
    texts = [piece for piece in one.pieces if not _is_noise(piece)]
    new, old = _bare(without_marks(one.result.text, one.line.direction)), [_bare(piece.text) for piece in texts]
    if len(new) <= max(len(text) for text in old) or len(new) < RULES.kept_share * sum(map(len, old)):
        return False
    if re.search("[★☆✩✭]", new):
        return False  # two texts with a star between them
    kept = sum(
        sum(block.size for block in SequenceMatcher(None, text, new, False).get_matching_blocks()) for text in old
    )
    if kept < RULES.kept_share * sum(map(len, old)):
        return False
    before = float(np.average([piece.score for piece in texts], weights=[max(len(text), 1) for text in old]))
    return one.result.score >= max(RULES.min_score, before - RULES.score_loss)


# ----- narrow characters -----


def widened(seals: Sequence[Sequence[ReadLine]], reader: Reader) -> list[list[ReadLine]]:
    """Lines of seals, with as many I, l or 1 one after another as a wider strip shows.

    The recogniser has a step for every eight pixels, and equal characters need one between them: III is narrower.

    Args:
        seals: lines per seal as they were read.
        reader: reads lines at `RULES.wide` times the usual width.
    """
    narrow = [
        line
        for read in seals
        for line in read
        if _NARROW.search(line.text) and is_latin(line.text) and not is_whole_code(line.text)
    ]
    results = dict(zip(map(id, narrow), reader([line.line for line in narrow])))
    return [[_with_runs(line, results[id(line)]) if id(line) in results else line for line in read] for read in seals]


def _with_runs(line: ReadLine, wide: RecResult) -> ReadLine:
    """A line with the longer runs of narrow characters of another reading that is otherwise the same."""
    text = without_marks(wide.text, line.line.direction)
    runs, known = _RUN.findall(text), _RUN.findall(line.text)
    alike = SequenceMatcher(None, _bare(_RUN.sub("I", text)), _bare(_RUN.sub("I", line.text)), False).ratio()
    if len(runs) != len(known) or alike < RULES.alike_texts:
        return line
    if wide.score < max(RULES.min_score, line.score - RULES.score_loss):
        return line
    longer = iter(max(run, own, key=len) for run, own in zip(runs, known))
    return replace(line, text=_RUN.sub(lambda _: next(longer), line.text))


def _bare(text: str) -> str:
    return re.sub(r"\s", "", text)


def _trust(result: RecResult) -> float:
    return Hypothesis(_NOWHERE, 0, 1.0, result).trust


def _read_line(line: LinePoly, result: RecResult, pieces: Sequence[ReadLine]) -> ReadLine:
    """A line that takes the place of others."""
    region = TextRegion(line.points, float(np.mean([piece.source.region.score for piece in pieces])))
    tried = tuple(one for piece in pieces for one in piece.hypotheses)
    text = text_of(result, line.direction)
    return ReadLine(SealLine(replace(line), region, alone=False), line, text, result.score, True, tried)


_NOWHERE = LinePoly(np.zeros((4, 2), np.float32))

__all__ = ["completed", "is_latin", "parted_rings", "text_of", "widened", "without_marks"]
