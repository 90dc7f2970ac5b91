"""Finds start and reading direction of labelled texts whose labels do not state them.

No labelling tool writes `direction`. What there is: the order of the points (a careful annotator starts at the text's
start), the geometry (titles stand with their tops outward), the other texts of the seal, and the text itself: a
recogniser reads the right direction far more like the label than the others. The last one decides where it is clear;
the others decide the rest, the order of the points only as far as it proved right in the same set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from sealkit.data.records import DetSample, TextLine
from sealkit.errors import DataError, EngineError, ImageError
from sealkit.geometry.lines import RULES as LINE_RULES
from sealkit.geometry.lines import LinePoly, lines_from_region
from sealkit.geometry.polyline import arc_lengths, at_lengths
from sealkit.geometry.seals import group_seals, resolve_directions, seal_frame
from sealkit.geometry.straighten import straighten
from sealkit.images import read_image
from sealkit.text import comparable, similarity
from sealkit.workers.journal import Journal, resumed
from sealkit.workers.pool import Workers

ReadStrips = Callable[[list[np.ndarray]], Sequence[tuple[str, float]]]
"""Strips (h, w, 3) uint8 BGR → text and score of each."""


@dataclass(frozen=True)
class DirectionRules:
    """Thresholds of `find_directions`."""

    clear_lead: float = 0.2
    """A reading decides when its 1-NED leads that of every other direction by this much."""
    least_similarity: float = 0.25
    """Readings less like the label than this decide nothing."""
    column_share: float = 0.5
    """A text is a column when its 1-NED as one is at least this share of that as a lying row."""
    trusted_order: float = 0.8
    """The order of the points decides what reading leaves open where it is right for this share of what reading
    decided; else the geometry decides."""
    least_decided: int = 3
    """With fewer decided texts the order of the points counts as right."""
    band_spread: float = 0.45
    """A polygon whose two long sides run side by side varies less in height than this (deviation over mean)."""
    spread_cost: float = 4.0
    """Cost of pairs of points that lie unequally far apart, relative to that of their distance."""
    band_length: float = 0.8
    """And is at least this share as long as the region it encloses."""
    turn_difference: float = 30.0
    """Degrees. And turns as far as the region, give or take this."""
    compact_aspect: float = 1.5
    """Boxes whose sides differ by less are tried along either side."""
    same_place_heights: float = 0.6
    """A hypothesis starts where the points start when its first corner is nearer than so many heights."""
    ring_turn: float = 330.0
    """Degrees. Texts that turn further and end where they begin are closed rings."""


RULES = DirectionRules()


@dataclass
class Found:
    """The direction of one text.

    Attributes:
        line: how it is read.
        by: `label` (it says so), `reading`, `order` (of its points), `geometry`, or `seal` (as the others of its seal).
        sure: False where a person should look.
        readings: (direction, first point, text read, 1-NED with the label) of each hypothesis, the best first.
    """

    line: LinePoly
    by: str
    sure: bool
    readings: list[tuple[str, list[float], str, float]] = field(default_factory=list)


@dataclass
class _Open:
    """A text while its direction is looked for."""

    index: int
    text: str
    hypotheses: list[LinePoly]
    by_order: int | None
    by_geometry: int
    scores: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def decided(self) -> int | None:
        """The hypothesis that reading decides for, None where it decides nothing.

        A column reads well lying on its side too (recognisers are trained so), a row does not read as a column: where
        both read well it is a column.
        """
        if len(self.hypotheses) == 1:
            return 0
        if not self.scores:
            return None
        order = [int(i) for i in np.argsort(self.scores)[::-1]]
        best, second = order[0], order[1]
        if self.scores[best] < RULES.least_similarity:
            return None
        column = self._column_of(best)
        if column is not None and self.scores[column] >= RULES.column_share * self.scores[best]:
            lying, best = best, column
            second = next((i for i in order if i not in (lying, column)), lying)
        elif self._column_of(second) == best:
            second = next((i for i in order[2:]), second)
        return best if self.scores[best] - self.scores[second] >= RULES.clear_lead else None

    def _column_of(self, number: int) -> int | None:
        """The hypothesis that stands the characters of a lying line up, None where there is none."""
        line = self.hypotheses[number]
        if line.direction != "line":
            return None
        columns = [i for i, one in enumerate(self.hypotheses) if one.direction == "vertical"]
        start = line.points[[0, -1]].mean(axis=0)
        return min(
            columns,
            key=lambda i: float(np.hypot(*(self.hypotheses[i].top.mean(axis=0) - start))),
            default=None,
        )


def find_directions(
    samples: Sequence[DetSample],
    read: ReadStrips | None = None,
    *,
    height: int = 48,
    progress: Callable[[int], object] | None = None,
    reader: Callable[[], ReadStrips | None] | None = None,
    workers: Workers | None = None,
    journal: Journal | None = None,
    name: str = "directions",
) -> list[dict[int, Found]]:
    """The direction of every usable text of a set.

    Args:
        samples: images with texts; texts with a `direction` keep it.
        read: reads strips; None: order of the points and geometry alone.
        height: of the strips that are read, pixels.
        progress: called with 1 after each image.
        reader: makes `read`, in each worker; picklable.
        workers: who reads; None: this process.
        journal: what an earlier run read, under `name`.

    Returns:
        Per sample: index of the text → Found. Ignored and empty texts, texts without extent and those of images that
        cannot be read have none.
    """
    make = partial(_make_opener, read, reader, height)
    every = []
    for done in resumed(
        None, samples, workers or Workers(1), journal or Journal(None, {}), name, make=make, lost=_unopened
    ):
        known = {number: Found(unpacked_line(line), "label", True) for number, line in done["known"]}
        texts = [_Open(**{**one, "hypotheses": [unpacked_line(h) for h in one["hypotheses"]]}) for one in done["open"]]
        every.append((known, texts))
        if progress is not None:
            progress(1)
    trusted = _order_is_trusted([one for _, texts in every for one in texts])
    return [_settled(known, texts, trusted) for known, texts in every]


def _make_opener(
    read: ReadStrips | None, reader: Callable[[], ReadStrips | None] | None, height: int, number: int
) -> tuple[Callable[[DetSample], Any], None]:
    return partial(_open_packed, read if reader is None else reader(), height), None


def _open_packed(read: ReadStrips | None, height: int, sample: DetSample) -> dict[str, Any]:
    known, texts = _opened(sample, read, height)
    return {
        "known": [[index, packed_line(one.line)] for index, one in known.items()],
        "open": [{**vars(one), "hypotheses": [packed_line(line) for line in one.hypotheses]} for one in texts],
    }


def _unopened(sample: DetSample, error: EngineError) -> dict[str, Any]:
    """An image at which workers died; where strips are cut it is reported."""
    return {"known": [], "open": []}


def packed_line(line: LinePoly) -> dict[str, Any]:
    """A line as JSON holds it; `unpacked_line` gives it back to the last bit."""
    arrays = {name: getattr(line, name) for name in ("points", "centre")}
    return {**vars(line), **{name: None if a is None else [str(a.dtype), a.tolist()] for name, a in arrays.items()}}


def unpacked_line(packed: dict[str, Any]) -> LinePoly:
    """The line of `packed_line`."""
    arrays = {name: packed[name] and np.array(packed[name][1], packed[name][0]) for name in ("points", "centre")}
    line = LinePoly(**{**packed, **arrays})
    line.centre, line.radius = arrays["centre"], packed["radius"]
    return line


def _order_is_trusted(texts: Sequence[_Open]) -> bool:
    """Whether this set's annotators started where the text starts, by the texts that reading decided."""
    judged = [(one.by_order, one.decided()) for one in texts if one.by_order is not None and len(one.hypotheses) > 1]
    right = [order == decided for order, decided in judged if decided is not None]
    return len(right) < RULES.least_decided or float(np.mean(right)) >= RULES.trusted_order


def _opened(sample: DetSample, read: ReadStrips | None, height: int) -> tuple[dict[int, Found], list[_Open]]:
    """The texts of an image whose direction is given, and those to be settled, with what was read of them."""
    known: dict[int, Found] = {}
    texts: list[_Open] = []
    wanted = [(i, line) for i, line in enumerate(sample.lines) if not line.ignore and line.text.strip()]
    for index, line in wanted:
        if line.direction is not None:
            poly: Any = LinePoly(line.points, direction=line.direction, ambiguous=False)  # type: ignore[arg-type]
            known[index] = Found(poly, "label", True)
    try:
        image = read_image(sample.image_path) if len(known) < len(wanted) else None
    except ImageError:  # reported where strips are cut
        return known, texts
    for index, line in wanted:
        if index not in known:
            one = open_text(index, line, image)
            if one is not None:
                texts.append(one)
    if image is not None and read is not None:
        _read_all(image, texts, read, height)
        for one in texts:
            _start_rings(image, one, read, height)
    return known, texts


def open_text(index: int, line: TextLine, image: np.ndarray | None = None) -> _Open | None:
    """The ways a text may run, and which of them its points and the geometry speak for; None without extent."""
    found = lines_from_region(line.points, image=image)
    if not found:
        return None
    directed = found[0]
    band = _band_of_points(line.points, directed)
    base = directed if band is None else band
    hypotheses = _hypotheses(base, len(comparable(line.text)))
    by_geometry = min(range(len(hypotheses)), key=lambda i: _apart(hypotheses[i], directed))
    return _Open(index, line.text, hypotheses, _as_drawn(line.points, hypotheses), by_geometry)


def _band_of_points(points: np.ndarray, directed: LinePoly) -> LinePoly | None:
    """The polygon's own points as a line_poly, wherever they start; None where its two sides do not run in pairs."""
    count = len(points)
    if count % 2 or count < 4:
        return None
    every = [np.roll(points, -shift, axis=0) for shift in range(count // 2)]
    across = [np.hypot(*(one[: count // 2] - one[count // 2 :][::-1]).T) for one in every]
    costs = [float(heights.mean() + RULES.spread_cost * heights.std()) for heights in across]
    line = LinePoly(every[int(np.argmin(costs))].astype(np.float32), "line")
    heights = np.hypot(*(line.top - line.bottom).T)
    if heights.std() > RULES.band_spread * heights.mean() or line.length < RULES.band_length * directed.length:
        return None
    if count > 4 and abs(abs(line.turn) - abs(directed.turn)) > RULES.turn_difference:
        return None
    if abs(np.radians(line.turn)) >= LINE_RULES.arc_turn and count > 4:
        line = LinePoly(line.points, "arc" if line.turn > 0 else "arc-bottom")
        gap = float(np.hypot(*(line.middle[0] - line.middle[-1])))
        line.closed = abs(line.turn) >= RULES.ring_turn and gap < line.height
    return line


def _hypotheses(line: LinePoly, characters: int) -> list[LinePoly]:
    """Every way a text may run in its polygon; a single character may stand on any side and forms no column."""
    if line.direction in ("arc", "arc-bottom"):
        return [line, line.turned()]
    lying = line.as_line() if line.direction == "vertical" else line
    found = [lying, lying.turned()]
    if lying.length < RULES.compact_aspect * lying.height or characters == 1:
        found += [lying.quarter_turned(), lying.quarter_turned().turned()]
    if characters > 1:
        found += [one.as_column() for one in list(found)]
    return found


def _apart(one: LinePoly, other: LinePoly) -> float:
    """How differently two hypotheses of one text run: 0 the same."""
    different = 10.0 * (one.direction != other.direction)
    if one.direction in ("arc", "arc-bottom"):
        return different
    return different + float(np.hypot(*(one.up - other.up)))


def _as_drawn(points: np.ndarray, hypotheses: Sequence[LinePoly]) -> int | None:
    """The hypothesis that starts where the points start and goes their way; None where they start elsewhere."""
    gaps = [
        (float(np.hypot(*(one.points[0] - points[0]))) + float(np.hypot(*(one.points[-1] - points[-1])))) / one.height
        for one in hypotheses
    ]
    best = int(np.argmin(gaps))
    return best if gaps[best] < 2 * RULES.same_place_heights else None


def _read_all(image: np.ndarray, texts: Sequence[_Open], read: ReadStrips, height: int) -> None:
    """Read every hypothesis of an image's texts in one batch."""
    planned: list[tuple[_Open, int]] = []
    strips: list[np.ndarray] = []
    for one in texts:
        one.scores, one.texts = [0.0] * len(one.hypotheses), [""] * len(one.hypotheses)
        for number, line in enumerate(one.hypotheses if len(one.hypotheses) > 1 or one.hypotheses[0].closed else []):
            try:
                strips.append(straighten(image, line, height, characters=len(comparable(one.text)) or None))
            except DataError:  # a sliver: reported where strips are cut
                continue
            planned.append((one, number))
    for (one, number), (text, _) in zip(planned, read(strips) if strips else []):
        one.texts[number] = text
        one.scores[number] = similarity(comparable(text), comparable(one.text))


# ----- closed rings -----


def _start_rings(image: np.ndarray, one: _Open, read: ReadStrips, height: int) -> None:
    """Turn a closed ring so that it starts with the label's first character, as far as reading shows where that is."""
    truth = comparable(one.text)
    for number, line in enumerate(one.hypotheses):
        got = comparable(one.texts[number])
        if not line.closed or len(truth) < 2 or not got:
            continue
        alike = [similarity(got, truth[k:] + truth[:k]) for k in range(len(truth))]
        first = int(np.argmax(alike))  # the strip begins with the label's character of this number
        if not first or alike[first] < alike[0] + RULES.clear_lead:
            continue
        tried = [rolled_ring(line, (len(truth) - first + part) / len(truth)) for part in (-0.5, -0.25, 0.0, 0.25, 0.5)]
        for ring, (text, _) in zip(tried, read([straighten(image, ring, height) for ring in tried])):
            score = similarity(comparable(text), truth)
            if score > one.scores[number]:
                one.hypotheses[number], one.scores[number], one.texts[number] = ring, score, text


def rolled_ring(line: LinePoly, share: float) -> LinePoly:
    """A closed ring that starts at another place, `share` (0..1) of its length further on."""
    count = len(line.top)

    def side(points: np.ndarray) -> np.ndarray:
        closed = np.concatenate([points, points[:1]]).astype(np.float64)
        lengths = arc_lengths(closed)
        twice = np.concatenate([closed, closed[1:]])
        at = share % 1.0 * lengths[-1] + np.linspace(0.0, lengths[count - 1], count)
        return at_lengths(twice, np.concatenate([lengths, lengths[1:] + lengths[-1]]), at)

    points = np.concatenate([side(line.top), side(line.bottom)[::-1]]).astype(np.float32)
    return replace(line, points=points)


# ----- the decision -----


def _settled(known: dict[int, Found], texts: Sequence[_Open], trusted: bool) -> dict[int, Found]:
    found = dict(known)
    for one in texts:
        decided = one.decided()
        if decided is not None:
            found[one.index] = Found(one.hypotheses[decided], "reading", True, _readings(one))
    frames = _by_the_seal(found, [one for one in texts if one.index not in found])
    for one in texts:
        if one.index not in found:
            found[one.index] = _undecided(one, frames.get(one.index), trusted)
    return dict(sorted(found.items()))


def _by_the_seal(found: dict[int, Found], texts: Sequence[_Open]) -> dict[int, int]:
    """What the decided texts of the same seal say of the others: index of the text → hypothesis."""
    if not found or not texts:
        return {}
    lines = {index: replace(one.line, ambiguous=False, up_known=True, seal=0) for index, one in found.items()}
    lines |= {one.index: replace(one.hypotheses[one.by_geometry], ambiguous=True, up_known=False) for one in texts}
    order = list(lines)
    for index, line in lines.items():
        line.score = float(index)  # carries the index through group_seals, which copies and sorts
    chosen: dict[int, int] = {}
    for group in group_seals([lines[index] for index in order]):
        frame = seal_frame([line for line in group if int(line.score) in found])
        if not frame.sure:
            continue
        for line in resolve_directions(group, frame):
            one = next((text for text in texts if text.index == int(line.score)), None)
            if one is not None:
                chosen[one.index] = min(range(len(one.hypotheses)), key=lambda i: _apart(one.hypotheses[i], line))
    return chosen


def _undecided(one: _Open, by_seal: int | None, trusted: bool) -> Found:
    """A text that reading could not decide: by order, seal and geometry; sure where they agree among themselves."""
    near = [i for i in range(len(one.hypotheses)) if not one.scores or max(one.scores) - one.scores[i] < 1e-6]
    votes = [(one.by_order if trusted else None, "order"), (by_seal, "seal"), (one.by_geometry, "geometry")]
    given = [(vote, by) for vote, by in votes if vote is not None]
    pick, by = next(((vote, by) for vote, by in given if vote in near), given[0])
    sure = len({vote for vote, _ in given}) == 1 and len(given) > 1 and pick in near
    return Found(one.hypotheses[pick], by, sure, _readings(one))


def _readings(one: _Open) -> list[tuple[str, list[float], str, float]]:
    if not one.scores:
        return []
    return [
        (one.hypotheses[i].direction, one.hypotheses[i].points[0].tolist(), one.texts[i], round(one.scores[i], 3))
        for i in np.argsort(one.scores)[::-1]
    ]


__all__ = ["Found", "ReadStrips", "find_directions", "open_text", "packed_line", "rolled_ring", "unpacked_line"]
