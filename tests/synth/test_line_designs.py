"""Address blocks and notes: lines as they are set, with and without frames, in three scripts."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from sealkit.data.shapes import SHAPES
from sealkit.synth.common.fontbook import FontBook
from sealkit.synth.seals.design import Design
from sealkit.synth.seals.designs import design_seal
from sealkit.synth.seals.settings import SynthSettings

SEEDS = range(60)


@pytest.fixture(scope="module", params=["block", "note"])
def designs(request: pytest.FixtureRequest) -> list[Design]:
    book = FontBook()
    return [design_seal(request.param, np.random.default_rng([7, seed]), book) for seed in SEEDS]


def test_lines_stand_inside_one_below_the_other(designs: list[Design]) -> None:
    for design in designs:
        places = [line.polygon() for line in design.lines]
        everything = np.concatenate(places)
        assert np.abs(everything[:, 0]).max() < 1 and np.abs(everything[:, 1]).max() < design.b
        assert np.ptp(everything[:, 0]) > 1.6  # the longest line is as wide as the stamp
        for above, below in pairwise(places):
            assert above[:, 1].max() < below[:, 1].max() and above[:, 1].mean() < below[:, 1].min()


def test_frames_stand_outside_the_lines_of_those_that_have_one(designs: list[Design]) -> None:
    framed = [design for design in designs if design.borders]
    assert 0.3 * len(designs) < len(framed) < 0.85 * len(designs)
    for design in framed:
        reach = np.abs(np.concatenate([line.polygon() for line in design.lines])).max(axis=0)
        for border in design.borders:
            assert border.width > 0 and (reach < (border.a - border.width, border.b - border.width)).all()


def test_scripts_counts_and_alignment_vary(designs: list[Design]) -> None:
    said = [" ".join(line.text for line in design.lines) for design in designs]
    for script in ("[一-鿿]", "[A-Z]{2}", "[А-Я]{2}"):
        assert sum(bool(re.search(script, text)) for text in said) >= 3, script
    counts = {len(design.lines) for design in designs}
    assert counts == ({1, 2} if designs[0].shape == "note" else {2, 3, 4, 5})
    starts = [{round(float(line.polygon()[0, 0]), 2) for line in design.lines} for design in designs]
    several = [start for start, design in zip(starts, designs) if len(design.lines) > 1]
    assert any(len(start) == 1 for start in several) and any(len(start) > 1 for start in several)
    if designs[0].shape == "note":
        assert any(re.search(r"\d{4}", text) for text in said)


def test_they_are_drawn_where_they_are_asked_for_only() -> None:
    assert SynthSettings().shape_weights() | {"block": 0.0, "note": 0.0} == SynthSettings().shape_weights()
    assert {name for name, row in SHAPES.items() if not row.share} == {"block", "note"}
