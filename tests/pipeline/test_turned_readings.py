"""A line whose first reading is bad is read the other way round, whatever the geometry said of its direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from sealkit.geometry.lines import LinePoly
from sealkit.geometry.regions import TextRegion
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.pipeline.page import SealLine
from sealkit.pipeline.settings import ReadingSettings
from sealkit.pipeline.stages import read


class ByBrightEnd(TextRecogniser):
    """Reads strips whose left end is bright surely; `worst` is its score for the others."""

    height = 48

    def __init__(self, worst: float) -> None:
        self.worst, self.strips = worst, 0

    def read(self, strips: Sequence[np.ndarray], batch_size: int = 8) -> list[RecResult]:
        self.strips += len(strips)
        right = [strip[:, : strip.shape[1] // 2].mean() > strip[:, strip.shape[1] // 2 :].mean() for strip in strips]
        return [RecResult("印章", 0.99) if good else RecResult("草卬", self.worst) for good in right]


def line() -> SealLine:
    """A line that the geometry is sure of, and has upside down: its bright half lies at its end."""
    points = np.array([[40, 40], [240, 40], [240, 80], [40, 80]], np.float32)
    region = TextRegion(points, 0.9)
    return SealLine(LinePoly(points, "line", ambiguous=False), region, True)


@pytest.mark.parametrize(
    ("worst", "settings", "text", "strips"),
    [
        (0.6, {}, "印章", 2),
        (0.95, {}, "草卬", 1),
        (0.6, {"turn_below": 0.5}, "草卬", 1),
        (0.6, {"both_directions": "never"}, "草卬", 1),
    ],
)
def test_a_bad_reading_overrules_the_geometry(
    monkeypatch: pytest.MonkeyPatch, worst: float, settings: dict[str, Any], text: str, strips: int
) -> None:
    monkeypatch.setattr(read, "hypotheses_of", lambda lines, _: [[source.line] for source in lines])
    image = np.zeros((120, 280, 3), np.uint8)
    image[:, 140:] = 255
    recogniser = ByBrightEnd(worst)
    [[found]] = read.read_seals(image, [[line()]], recogniser, ReadingSettings(**settings), 8)
    assert (found.text, recogniser.strips) == (text, strips)
    assert found.turned is (text == "印章")
