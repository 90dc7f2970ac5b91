"""Layouts of drawn seals: Latin arcs above and below, square seals in each of four reading orders."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from sealkit.synth.common.fontbook import FontBook
from sealkit.synth.seals.designs import design_layout
from sealkit.synth.seals.grid_designs import ORDERS, grid_of
from sealkit.synth.seals.latin_designs import latin
from sealkit.synth.seals.settings import SynthSettings


def test_latin_arcs_stand_above_and_below_and_do_not_meet() -> None:
    book = FontBook()
    for seed in range(12):
        design = latin(np.random.default_rng(seed), book)
        upper, lower = design.lines[:2]
        assert (upper.direction, lower.direction) == ("arc", "arc-bottom")
        assert upper.centres()[:, 1].mean() < 0 < lower.centres()[:, 1].mean()
        ends = [line.centres()[[0, -1]] for line in (upper, lower)]
        # the lower arc is read from the left as well: its start lies near the start of the upper one
        gaps = np.linalg.norm(ends[0] - ends[1], axis=1)
        assert (gaps > 0.8 * upper.characters[0].width).all()
        inside = np.concatenate([line.centres() for line in design.lines[2:]] or [np.zeros((1, 2))])
        assert np.linalg.norm(inside, axis=1).max() < 0.8


@pytest.mark.parametrize("order", ORDERS)
def test_a_grid_reads_in_its_order(order: str) -> None:
    design = grid_of(np.random.default_rng(3), FontBook(), "甲乙丙丁戊己", 2, order, between=0.4)
    assert "".join(line.text for line in design.lines) == "甲乙丙丁戊己"
    places = np.concatenate([line.centres() for line in design.lines])
    first, second, last = places[1] - places[0], places[3] - places[0], places[5] - places[0]
    along = {"columns-right": (0, 1), "columns-left": (0, 1), "rows-left": (1, 0), "rows-right": (-1, 0)}[order]
    across = {"columns-right": (-1, 0), "columns-left": (1, 0), "rows-left": (0, 1), "rows-right": (0, 1)}[order]
    assert np.dot(first, along) > 0 and abs(np.dot(first, across)) < 1e-6
    assert np.dot(second, across) > 0 and abs(np.dot(second, along)) < 1e-6
    assert np.dot(last, along) > 0 and np.dot(last, across) > 0
    # characters of a line stand nearer to each other than lines do, relative to their size
    boxes = np.stack([line.polygon() for line in design.lines if len(line.text) > 1] or [np.zeros((4, 2))])
    assert np.isfinite(boxes).all()


def test_layouts_take_no_shapes_and_no_characters() -> None:
    for given in ({"shapes": {"oval": 1.0}}, {"characters": "犇"}):
        with pytest.raises(ValidationError, match="layout: latin"):
            SynthSettings(layout="latin", **given)  # type: ignore[arg-type]


def test_each_layout_of_the_settings_has_a_design() -> None:
    for layout in ("latin", "grid"):
        assert design_layout(SynthSettings(layout=layout).layout, np.random.default_rng(1), FontBook()).lines
