"""The table of seal shapes: adding one is a design and a row, and everything that names shapes follows."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from sealkit.cli import data_synth
from sealkit.data import shapes
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.shapes import SHAPES, SealShape
from sealkit.synth.pages.stamping import choose_half, choose_shape
from sealkit.synth.seals.settings import SynthSettings

DESIGN = """
from sealkit.synth.seals.design import Border, Design, straight

def diamond(rng, book):
    design = Design("diamond", 1.0)
    design.borders.append(Border("diamond", 1.0, 1.0, 0.05))
    design.lines.append(straight(rng, book, "财务专用", 0.0, 0.3, 1.0, role="other"))
    return design
"""
CORNERS = ((0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0))


@pytest.fixture
def diamond(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A shape whose module and row are all there is of it."""
    (tmp_path / "my_shape.py").write_text(DESIGN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    row = SealShape("my_shape.diamond", CORNERS, 0.1, 0.1, ("uniform", 0.1, 0.2))
    monkeypatch.setitem(shapes.SHAPES, "diamond", row)  # type: ignore[arg-type]
    yield
    sys.modules.pop("my_shape", None)


def test_a_new_shape_is_a_design_and_a_row(diamond: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    data_synth.add_arguments(parser)
    out = tmp_path / "set"
    flags = f"{out} -n 4 --workers 1 --val-share 0.25 --size 160 200 --scenes crops=1 --shapes diamond"
    assert data_synth.run(parser.parse_args(flags.split())) == 0
    samples, problems = read_det_labels(out, "train.txt", check_files=True)
    assert not problems and {line.shape for sample in samples for line in sample.lines} == {"diamond"}
    assert "diamond" in re.sub(r"\s+", " ", parser.format_help())
    rng = np.random.default_rng(0)
    assert choose_shape(rng, ("diamond",)) == "diamond"
    assert 0.05 <= choose_half(rng, "diamond", 1.0, (0.01, 0.5)) * 2 <= 0.5


def test_the_page_of_formats_names_the_shapes() -> None:
    page = (Path(__file__).parents[2] / "datasets" / "FORMATS.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith("| `shape` |"))
    assert re.findall(r"`(\w+)`", row)[1:] == list(SHAPES)


@pytest.mark.parametrize("weights", [{"star": 1.0}, {"circle": -1.0, "oval": 2.0}, {"circle": 0.0}, {}])
def test_weights_of_shapes_are_checked(weights: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="shape"):
        SynthSettings(shapes=weights)
    assert SynthSettings(shapes={"oval": 1.0}).shape_weights() == dict.fromkeys(SHAPES, 0.0) | {"oval": 1.0}
