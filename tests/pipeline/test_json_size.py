"""How long a saved result is: outlines are written up to three times, and detectors give them many points."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapely
from shapely import Polygon

from sealkit.geometry.lines import LinePoly
from sealkit.geometry.regions import TextRegion
from sealkit.modules.json_text import compact_json
from sealkit.modules.result import plain
from sealkit.pipeline.page import DetectedSeal, FoundSeal, ReadLine, SealLine
from sealkit.pipeline.result import SealResult
from sealkit.pipeline.stages.assemble import seal_fields

MOST = 12_000
"""Bytes of a seal."""


def ring_text(rng: np.random.Generator, start: float, span: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """A text on a ring of 300 pixels: its line_poly, and a detector's outline of it, a point each pixel or two."""
    angles = np.radians(start + np.linspace(0, span, max(4, round(span / 5))))
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    line = (np.concatenate([ring * 140, ring[::-1] * 110]) + 160) * scale
    dense = Polygon(line).buffer(3 * scale).exterior.segmentize(1.5)
    outline = np.array(dense.coords)[:-1] + rng.normal(0, 0.12 * scale, (len(dense.coords) - 1, 2))
    return line.astype(np.float32), outline.astype(np.float32)


def seal_of(count: int, scale: float = 1.0) -> DetectedSeal:
    """A seal with so many texts around it."""
    rng = np.random.default_rng(0)
    read = []
    for number in range(count):
        line, outline = ring_text(rng, 360 / count * number, 360 / count - 12, scale)
        poly = LinePoly(line, "arc", ambiguous=False, score=0.9123)
        read.append(ReadLine(SealLine(poly, TextRegion(outline), True), poly, "市某某有限责任公司", 0.98765432109))
    box, side = (10.0 * scale, 10.0 * scale, 310.0 * scale, 310.0 * scale), round(320 * scale)
    return DetectedSeal(FoundSeal(box, 0.99, "area"), (0, 0, side, side), read=read)


def fields_of(seal: DetectedSeal) -> SealResult:
    call = SimpleNamespace(score_thresh=0.5, det_params={"limit_side_len": 736, "limit_type": "min", "thresh": 0.2})
    page: Any = SimpleNamespace(image=np.zeros((*seal.window[:1:-1], 3), np.uint8), layout=None)
    context: Any = SimpleNamespace(call=call)
    return seal_fields(seal, page, 1, context)


@pytest.mark.parametrize("scale", [1, 4])
def test_a_seal_with_five_dense_outlines_stays_short(scale: int) -> None:
    seal = seal_of(5, scale)
    assert sum(len(one.source.region.outline) for one in seal.read) > 1000
    text = compact_json([plain(fields_of(seal).shown())])
    assert len(text.encode("utf-8")) < MOST, len(text.encode("utf-8"))


def test_outlines_are_where_they_were() -> None:
    """Half a pixel for the points left out, and the corner of a pixel for whole numbers."""
    seal = seal_of(3)
    fields = fields_of(seal)
    for key in ("dt_polys", "rec_polys", "page_polys"):
        assert len(fields[key]) == 3
        for written, one in zip(fields[key], seal.read):
            full = Polygon(one.source.region.outline)
            assert written.dtype == np.int32 and len(written) >= 4
            corners, border = shapely.points(written.astype(np.float64)), Polygon(written).exterior
            assert shapely.distance(border, shapely.points(one.source.region.outline)).max() <= 0.5 + 0.71
            assert shapely.distance(full.exterior, corners).max() <= 0.5 + 0.71
            assert Polygon(written).intersection(full).area / Polygon(written).union(full).area > 0.97
    assert [len(one["line_poly"]) for one in fields["lines"]] == [len(one.line.points) for one in seal.read]
