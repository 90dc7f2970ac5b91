"""Lines of one seal: which belong together, which way is up, which way each one runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sealkit.geometry.lines import RULES as LINE_RULES
from sealkit.geometry.lines import LinePoly

IMAGE_UP = np.array([0.0, -1.0])


@dataclass(frozen=True)
class SealRules:
    """Thresholds of `group_seals`, `seal_frame`, `resolve_directions` and `choose_orientations`."""

    same_ring_ratio: float = 1.15
    """Radii within this factor are one ring."""
    same_centre_share: float = 0.35
    """Arcs whose centres are nearer than this share of the larger radius run around one seal."""
    disc_min_turn_degrees: float = 60.0
    """Shorter arcs do not tell where the circle of a seal lies."""
    min_vote_agreement: float = 0.3
    """Least length of the sum of the votes for the up direction, relative to the sum of their lengths."""
    clear_lead: float = 0.15
    """Hypotheses whose confidence leads by this much decide by themselves and vote for the others."""
    upright_cosine: float = 0.3
    """Cosine with the up direction of the seal from which a line stands with it."""


RULES = SealRules()


@dataclass
class Frame:
    """How a seal stands.

    Attributes:
        centre: (2,) pixels.
        up: (2,) unit vector of the seal's own up direction.
        sure: lines told the direction, not just the image's own.
    """

    centre: np.ndarray
    up: np.ndarray
    sure: bool

    @property
    def angle(self) -> float:
        """Degrees clockwise from upright, -180..180."""
        return float(np.degrees(np.arctan2(self.up[0], -self.up[1])))

    @property
    def right(self) -> np.ndarray:
        """(2,) unit vector to the seal's right."""
        return np.array([-self.up[1], self.up[0]])


def seal_frame(lines: Sequence[LinePoly]) -> Frame:
    """Up direction and centre of one seal from its lines.

    Lines whose direction is certain vote with their own up; long arcs without one are taken to open at the seal's
    bottom, as titles do. Without either the image's up is taken.
    """
    if not lines:
        return Frame(np.zeros(2), IMAGE_UP.copy(), False)
    votes = [line.up * weight for line, weight in ((line, _vote(line)) for line in lines) if weight > 0]
    rings = [
        line
        for line in lines
        if line.centre is not None and abs(line.turn) >= np.degrees(LINE_RULES.title_arc_turn) / 2
    ]
    if rings:
        centre = max(rings, key=lambda line: abs(line.turn)).centre
    else:
        centre = None
    if centre is None:
        centre = np.mean([line.middle.mean(axis=0) for line in lines], axis=0)
    total = np.sum(votes, axis=0) if votes else np.zeros(2)
    strength = float(np.hypot(*total))
    if strength < RULES.min_vote_agreement * sum(float(np.hypot(*vote)) for vote in votes) or strength == 0:
        return Frame(centre, IMAGE_UP.copy(), False)
    return Frame(centre, total / strength, True)


def _vote(line: LinePoly) -> float:
    if line.up_known or not line.ambiguous:
        return 2.0 if line.centre is None else 1.0  # a title is not always centred on the seal's axis
    return 0.5 if line.direction == "arc" and abs(line.turn) >= np.degrees(LINE_RULES.title_arc_turn) else 0.0


def resolve_directions(lines: Sequence[LinePoly], frame: Frame | None = None) -> list[LinePoly]:
    """Lines of one seal turned the way its up direction suggests; lines of a known direction stay as they are.

    Lines the frame decides with certainty (another line's direction is known, this one is straight along the seal's
    rows, or an arc on its upper half) are no longer `ambiguous`.
    """
    frame = frame or seal_frame(lines)
    known = any(line.up_known for line in lines)
    return [line if not line.ambiguous else _resolved(line, frame, known) for line in lines]


def _resolved(line: LinePoly, frame: Frame, known: bool) -> LinePoly:
    if line.direction in ("arc", "arc-bottom"):
        outward = line if line.direction == "arc" else line.turned()
        if abs(line.turn) >= np.degrees(LINE_RULES.title_arc_turn):
            return replace(outward, ambiguous=not known)
        centre = frame.centre if line.centre is None else line.centre
        above = float(np.dot(line.middle[len(line.middle) // 2] - centre, frame.up)) > 0
        return replace(outward, ambiguous=not known) if above else outward.turned()
    lying = line.as_line() if line.direction == "vertical" else line
    if line.compact:
        orientations = [lying, lying.turned(), lying.quarter_turned(), lying.quarter_turned().turned()]
        return max(orientations, key=lambda one: float(np.dot(one.up, frame.up)))
    axis = lying.middle[-1] - lying.middle[0]
    along = float(np.dot(axis / max(float(np.hypot(*axis)), 1e-9), frame.up))
    if abs(along) >= LINE_RULES.steep_cosine:
        return (lying if along < 0 else lying.turned()).as_column()
    upright = lying if np.dot(lying.up, frame.up) > 0 else lying.turned()
    return replace(upright, ambiguous=not (known and frame.sure))


def choose_orientations(hypotheses: Sequence[Sequence[tuple[LinePoly, float]]]) -> list[int]:
    """The orientation of each line of one seal, after a recogniser read all hypotheses.

    Lines with a clear winner keep it and vote for the seal's up direction; the others take, of the hypotheses that
    nearly win, the one that stands best with it.

    Args:
        hypotheses: per line, its `orientations` with their confidences, higher is better.

    Returns:
        Index of the chosen hypothesis per line.
    """
    best = [int(np.argmax([score for _, score in line])) for line in hypotheses]
    clear = []
    for line, top in zip(hypotheses, best):
        others = [score for i, (_, score) in enumerate(line) if i != top]
        clear.append(not others or line[top][1] - max(others) >= RULES.clear_lead)
    voters = [replace(line[top][0], ambiguous=False) for line, top, sure in zip(hypotheses, best, clear) if sure]
    frame = seal_frame(voters)
    if not frame.sure:
        return best
    return [
        top if sure else _standing_best(line, line[top][1], frame.up)
        for line, top, sure in zip(hypotheses, best, clear)
    ]


def _standing_best(hypotheses: Sequence[tuple[LinePoly, float]], top: float, up: np.ndarray) -> int:
    near = [i for i, (_, score) in enumerate(hypotheses) if score > top - RULES.clear_lead]
    return max(near, key=lambda i: (float(np.dot(hypotheses[i][0].up, up)) > RULES.upright_cosine, hypotheses[i][1]))


def group_seals(lines: Sequence[LinePoly]) -> list[list[LinePoly]]:
    """Lines of an image by seal, seals from top to bottom and left to right; `seal` is set on each line.

    A ring takes every line whose middle lies inside its circle and every arc about the same centre; lines outside all
    rings join others less than a character's height away (square seals, slices).
    """
    parent = list(range(len(lines)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    discs = sorted(
        (
            i
            for i, line in enumerate(lines)
            if line.radius is not None and abs(line.turn) >= RULES.disc_min_turn_degrees
        ),
        key=lambda i: lines[i].radius or 0.0,
    )
    for j, line in enumerate(lines):
        home = next((i for i in discs if i != j and _belongs(line, lines[i])), None)
        if home is not None:
            parent[root(j)] = root(home)
    alone = [i for i in range(len(lines)) if not any(root(i) == root(d) for d in discs)]
    for k, i in enumerate(alone):
        for j in alone[k + 1 :]:
            if _apart(lines[i], lines[j]) < min(lines[i].height, lines[j].height):
                parent[root(j)] = root(i)
    groups: dict[int, list[LinePoly]] = {}
    for i, line in enumerate(lines):
        groups.setdefault(root(i), []).append(line)
    ordered = sorted(
        groups.values(), key=lambda group: tuple(np.concatenate([g.points for g in group]).min(axis=0)[::-1])
    )
    return [[replace(line, seal=index) for line in group] for index, group in enumerate(ordered)]


def _belongs(line: LinePoly, ring: LinePoly) -> bool:
    if ring.centre is None or ring.radius is None:
        return False
    if line.centre is not None and line.radius is not None and abs(line.turn) >= RULES.disc_min_turn_degrees:
        apart = float(np.hypot(*(line.centre - ring.centre)))
        return (
            apart < RULES.same_centre_share * max(ring.radius, line.radius)
            and line.radius <= ring.radius * RULES.same_ring_ratio
        )
    middle = line.middle[len(line.middle) // 2] if line.centre is not None else line.points.mean(axis=0)
    return float(np.hypot(*(middle - ring.centre))) < ring.radius * RULES.same_ring_ratio


def _apart(one: LinePoly, two: LinePoly) -> float:
    """Gap between the bounding boxes of two lines."""
    low = np.maximum(one.points.min(axis=0), two.points.min(axis=0))
    high = np.minimum(one.points.max(axis=0), two.points.max(axis=0))
    return float(np.hypot(*np.maximum(low - high, 0)))
