"""Closed rings are cut where the text begins, as far as anything tells."""

from __future__ import annotations

import numpy as np
import pytest

from sealkit.geometry.lines import lines_from_region
from sealkit.geometry.regions import TextRegion
from sealkit.geometry.rings import longest_run
from sealkit.modules.seal_text_detection.postprocess import decode
from tests.geometry.rings import BAND, CENTRE, RADIUS, draw_ring
from tests.geometry.shapes import arc_band


def _ring(cut: np.ndarray | None = None) -> TextRegion:
    outer, inner = arc_band(0, 360, RADIUS + BAND / 2, 1e-3, 90), arc_band(0, 360, RADIUS - BAND / 2, 1e-3, 90)
    outline, hole = (path[:89] - 200 + CENTRE for path in (outer, inner))
    return TextRegion(outline.astype(np.float32), holes=[hole.astype(np.float32)], cut=cut)


def _angle(point: np.ndarray) -> float:
    return float(np.degrees(np.arctan2(*(point - CENTRE)[::-1])))


@pytest.mark.parametrize("at", [-150, -90, 0, 60, 170])
def test_cut_at_a_given_place(at: float) -> None:
    place = CENTRE + RADIUS * np.array([np.cos(np.radians(at)), np.sin(np.radians(at))])
    (line,) = lines_from_region(_ring(place))
    assert line.closed and abs(line.turn) > 350
    assert (_angle(line.middle[0]) - at + 180) % 360 - 180 == pytest.approx(0, abs=4)
    assert line.length == pytest.approx(2 * np.pi * RADIUS, rel=0.02)
    assert line.height == pytest.approx(BAND, rel=0.03)


@pytest.mark.parametrize("middle", [-90, 20, 130, 200])
def test_cut_in_the_gap_of_the_ink(middle: float) -> None:
    ring = draw_ring("北京信恒盛泰达康科技贸易有限公司建筑工程食品信息", middle, 330, gap=0)
    (line,) = lines_from_region(_ring(), image=ring.image)
    assert (_angle(line.middle[0]) - (middle + 180) + 180) % 360 - 180 == pytest.approx(0, abs=10)


def test_cut_at_the_bottom_without_any_sign() -> None:
    blank = np.full((640, 640, 3), 255, np.uint8)
    for image in (None, blank):
        (line,) = lines_from_region(_ring(), image=image)
        assert _angle(line.middle[0]) == pytest.approx(90, abs=4)


@pytest.mark.parametrize("middle", [-90, 0, 77, 250])
def test_narrow_gap_of_the_map_is_found(middle: float) -> None:
    ring = draw_ring("北京信恒盛泰达康科技贸易有限公司建筑工程食品信息", middle, 350, gap=4)
    (region,) = decode(ring.probability[None], (640, 640))
    assert region.holes and region.cut is not None
    assert (_angle(region.cut) - (middle + 180) + 180) % 360 - 180 == pytest.approx(0, abs=3)


def test_longest_run_wraps() -> None:
    assert longest_run(np.array([1, 1, 0, 1, 0, 0, 1], dtype=bool)) == (6, 3)
    assert longest_run(np.zeros(4, dtype=bool)) == (0, 0)
    assert longest_run(np.ones(4, dtype=bool)) == (0, 4)
