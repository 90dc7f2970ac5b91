"""Ring texts at all angles, spans and facings: exact map → decode → lines → strips → recogniser.

The reference's character error on rings that do not stand upright is 0.9 to 1.0; here every cell has to stay within
0.03.
"""

from __future__ import annotations

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from benchmarks.strips import StripReader
from sealkit.geometry.lines import lines_from_region
from sealkit.modules.seal_text_detection.postprocess import decode
from tests.geometry.rings import DEGREES_PER_CHARACTER, Ring, compose, draw_ring

SPANS = (90, 150, 210, 270, 310, 335)
LIMIT = 0.03
# span of the characters, gap of the map: a ring that ran together, and two with a slit
CLOSED = ((340, 0), (340, 4), (356, 4))
ANGLES, TEXTS = 24, 6


@pytest.fixture(scope="module")
def reader() -> StripReader:
    return StripReader(engine="onnxruntime")


def _error(ring: Ring, reader: StripReader) -> float:
    text = ""
    for region in decode(ring.probability[None], ring.image.shape[:2]):
        for line in lines_from_region(region, image=ring.image):
            text += reader.read_line(ring.image, line)[0].text
    return Levenshtein.distance(text, ring.text) / len(ring.text)


def _cell(reader: StripReader, middles: list[float], texts: int, span: int, inward: bool, gap: float | None) -> float:
    errors = []
    for number, middle in enumerate(middles):
        for copy in range(texts):
            rng = np.random.default_rng([span, number, copy, inward])
            text = compose(round(span / DEGREES_PER_CHARACTER), rng)
            errors.append(_error(draw_ring(text, middle, span, inward, gap), reader))
    return float(np.mean(errors))


@pytest.mark.parametrize("inward", [False, True], ids=["outward", "inward"])
@pytest.mark.parametrize("span", SPANS)
def test_coarse_grid(reader: StripReader, span: int, inward: bool) -> None:
    # the angles differ from span to span, so that together they are dense
    first = SPANS.index(span) * 15 + 7.0 * inward
    assert _cell(reader, [first, first + 120, first + 240], 1, span, inward, None) <= LIMIT


@pytest.mark.parametrize("inward", [False, True], ids=["outward", "inward"])
@pytest.mark.parametrize(("span", "gap"), CLOSED)
def test_closed_and_narrow_rings(reader: StripReader, span: int, gap: float, inward: bool) -> None:
    assert _cell(reader, [17.0 + span + 90 * inward], 1, span, inward, gap) <= LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("middle", [i * 360 / ANGLES for i in range(ANGLES)])
@pytest.mark.parametrize("inward", [False, True], ids=["outward", "inward"])
@pytest.mark.parametrize("span", SPANS)
def test_full_grid(reader: StripReader, span: int, inward: bool, middle: float) -> None:
    assert _cell(reader, [middle], TEXTS, span, inward, None) <= LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("middle", [i * 360 / ANGLES for i in range(ANGLES)])
@pytest.mark.parametrize("inward", [False, True], ids=["outward", "inward"])
@pytest.mark.parametrize(("span", "gap"), CLOSED)
def test_full_grid_of_closed_rings(reader: StripReader, span: int, gap: float, inward: bool, middle: float) -> None:
    assert _cell(reader, [middle], TEXTS, span, inward, gap) <= LIMIT
