"""Map → regions: rings survive, touching texts are told apart, the reference loses what it loses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.geometry import touching
from sealkit.geometry.regions import polygon_area
from sealkit.modules.seal_text_detection import postprocess
from sealkit.modules.seal_text_detection.postprocess import decode, int_polygons, sort_regions
from sealkit.modules.seal_text_detection.settings import DetPostprocessSettings

REFERENCE = DetPostprocessSettings(rings="reference")


def _blank(side: int = 320) -> np.ndarray:
    return np.zeros((side, side), np.float32)


def _row(canvas: np.ndarray, x: int, y: int, w: int, h: int, value: float = 0.9) -> np.ndarray:
    canvas[y : y + h, x : x + w] = value
    return canvas


def _ring(span: float, radius: int = 100, width: int = 24, value: float = 0.9) -> np.ndarray:
    canvas = _blank()
    cv2.ellipse(canvas, (160, 160), (radius, radius), -90, -span / 2, span / 2, value, width)
    return canvas


def test_one_row_both_ways() -> None:
    canvas = _row(_blank(), 50, 100, 200, 30)
    keep, reference = decode(canvas[None], (320, 320)), decode(canvas[None], (320, 320), REFERENCE)
    assert len(keep) == len(reference) == 1
    assert keep[0].score == pytest.approx(0.9) == reference[0].score
    assert np.abs(keep[0].outline.min(axis=0) - reference[0].outline.min(axis=0)).max() <= 1
    grown = 200 * 30 * 0.5 / (2 * 230)
    assert keep[0].outline[:, 0].min() == pytest.approx(50 - grown, abs=0.7)


def test_outlines_are_scaled_to_the_source_and_clamped() -> None:
    canvas = _row(_blank(), 0, 100, 320, 30)
    (region,) = decode(canvas[None], (640, 960))
    assert region.outline[:, 0].min() == 0 and region.outline[:, 0].max() == 960
    assert region.outline[:, 1].min() == pytest.approx((100 - 6.5) * 2, abs=2)
    (points,) = int_polygons([region], (640, 960))
    assert points.dtype == np.int32 and points[:, 0].max() <= 960


def test_padding_of_tiny_images_is_taken_out() -> None:
    canvas = _row(_blank(), 40, 40, 120, 40)
    (padded,) = decode(canvas[None], (20, 30), padded_hw=(32, 32))
    assert padded.outline[:, 0].min() == pytest.approx((40 - 7.5) / 10, abs=0.2)
    (wrong,) = decode(canvas[None], (20, 30))
    assert wrong.outline[:, 1].max() < padded.outline[:, 1].max()


def test_closed_ring_survives_only_with_keep() -> None:
    canvas = _ring(360)
    assert decode(canvas[None], (320, 320), REFERENCE) == []
    (region,) = decode(canvas[None], (320, 320))
    assert len(region.holes) == 1 and region.score == pytest.approx(0.9)
    assert region.area == pytest.approx(np.pi * (118**2 - 82**2), rel=0.1)
    assert polygon_area(region.outline) > 0 and polygon_area(region.holes[0]) > 0


def test_narrow_gap_survives_only_with_keep() -> None:
    canvas = _ring(360)
    canvas[230:, 157:163] = 0
    assert decode(canvas[None], (320, 320), REFERENCE) == []
    (region,) = decode(canvas[None], (320, 320))
    assert region.holes and region.cut is not None
    assert region.cut[1] > 240 and abs(region.cut[0] - 160) < 8  # the gap is at the bottom


def test_holes_of_noise_are_no_rings() -> None:
    canvas = _row(_blank(), 50, 100, 200, 40)
    cv2.circle(canvas, (150, 120), 4, 0.0, -1)
    (region,) = decode(canvas[None], (320, 320))
    assert region.holes == [] and region.cut is None


def test_thresholds() -> None:
    canvas = _row(_row(_blank(), 50, 50, 200, 30, 0.5), 50, 150, 200, 30, 0.7)
    assert len(decode(canvas[None], (320, 320))) == 1
    assert len(decode(canvas[None], (320, 320), DetPostprocessSettings(box_thresh=0.4))) == 2
    assert len(decode(canvas[None], (320, 320), DetPostprocessSettings(box_thresh=0.4, max_candidates=1))) == 1
    assert decode(_row(_blank(), 50, 50, 100, 2)[None], (320, 320)) == []
    assert decode(_blank()[None], (320, 320)) == []


def test_quads() -> None:
    canvas = _ring(120)
    for rings in ("keep", "reference"):
        (region,) = decode(
            canvas[None], (320, 320), DetPostprocessSettings(box_type="quad", rings=rings, box_thresh=0.2)
        )
        assert region.outline.shape == (4, 2)


def test_regions_come_from_top_to_bottom() -> None:
    canvas = _row(_row(_row(_blank(), 20, 250, 100, 20), 20, 20, 100, 20), 200, 120, 100, 20)
    tops = [region.outline[:, 1].min() for region in decode(canvas[None], (320, 320))]
    assert tops == sorted(tops) and len(tops) == 3
    assert sort_regions([np.array([[0, 9], [1, 7]]), np.array([[0, 3], [1, 8]])]) == [1, 0]
    assert sort_regions([]) == []


def _with_up(probability: np.ndarray, row_from: int) -> np.ndarray:
    """Four channels: characters of the ring point away from the centre, those below `row_from` up."""
    y, x = np.mgrid[0:320, 0:320].astype(np.float32) // 4 * 4 + 2
    away = np.stack([x - 160, y - 160]) / np.maximum(np.hypot(x - 160, y - 160), 1)
    up = np.where(y[None] >= row_from, np.array([0.0, -1.0])[:, None, None], away)
    return np.concatenate([probability[None], up, np.ones((1, 320, 320))]).astype(np.float32)


def test_texts_that_meet_are_cut_where_up_jumps() -> None:
    canvas = np.maximum(_ring(250), _row(_blank(), 60, 216, 200, 24))
    assert len(decode(canvas[None], (320, 320))) == 1
    regions = decode(_with_up(canvas, 216), (320, 320))
    assert len(regions) == 2
    ring, row = regions
    assert row.outline[:, 1].min() > 200
    assert row.up is not None and np.allclose(row.up[:, 2:].mean(axis=0), [0, -1], atol=0.15)
    assert ring.up is not None and len(ring.up) > 100


def test_even_up_field_cuts_nothing() -> None:
    (region,) = decode(_with_up(_ring(250), 400), (320, 320))
    assert region.up is not None
    spots, ups = region.up[:, :2], region.up[:, 2:]
    assert np.abs(np.hypot(*ups.T) - 1).max() < 1e-5
    away = (spots - 160) / np.hypot(*(spots - 160).T)[:, None]
    assert (away * ups).sum(axis=1).min() > 0.95


def test_rows_that_ran_together_are_told_apart_but_faint_text_is_not() -> None:
    stacked = _row(_row(_row(_blank(), 50, 100, 200, 24), 50, 124, 200, 3, 0.4), 50, 127, 200, 24)
    assert len(decode(stacked[None], (320, 320))) == 2
    faint = _row(_row(_row(_blank(), 20, 100, 120, 24), 140, 100, 6, 24, 0.4), 146, 100, 120, 24)
    assert len(decode(faint[None], (320, 320))) == 1


def test_ring_with_two_faint_places_stays_one() -> None:
    canvas = _ring(360)
    canvas[:, 155:165] = np.minimum(canvas[:, 155:165], 0.4)
    (region,) = decode(canvas[None], (320, 320))
    assert len(region.holes) == 1


@pytest.mark.parametrize("faint", [0.3, 0.45, 0.6])
def test_faint_places_part_texts_whose_characters_stand_differently(faint: float) -> None:
    """The title of a closed ring stands outward, the purpose below towards the centre; between them the field turns
    too slowly to jump."""
    canvas = _ring(360)
    y, x = np.mgrid[0:320, 0:320].astype(np.float32) // 4 * 4 + 2
    below = np.degrees(np.abs(np.arctan2(x - 160, y - 160)))  # 0 at the foot of the ring
    fading = np.abs(below - 90) < 14
    canvas[fading] = np.minimum(canvas[fading], faint)
    facing = np.arctan2(x - 160, -(y - 160))
    turn = np.pi * np.clip((104 - below) / 28, 0, 1)  # a half turn across the faint place
    up = np.stack([np.sin(facing + turn), -np.cos(facing + turn)])
    fields = np.concatenate([canvas[None], up, np.ones((1, 320, 320))]).astype(np.float32)
    title, purpose = decode(fields, (320, 320))
    assert title.outline[:, 1].max() < 175 and purpose.outline[:, 1].min() > 145
    alike = np.concatenate([canvas[None], [np.sin(facing), -np.cos(facing)], np.ones((1, 320, 320))])
    assert len(decode(alike.astype(np.float32), (320, 320))) == 1, "one title, faint at two places"


@pytest.mark.parametrize("slope", [2.0, 4.0])
@pytest.mark.parametrize("fields", [False, True])
def test_noise_of_an_untrained_network_costs_little(
    slope: float, fields: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in pixels looked at, so that no slow machine matters: regions of noise touch in thousands of places, and
    what is done per piece must not be done on the whole map for each of them."""
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((320, 320)).astype(np.float32)
    maps = (1 / (1 + np.exp(-slope * (noise + 0.5))))[None]
    if fields:
        up = rng.standard_normal((2, 80, 80)).repeat(4, axis=1).repeat(4, axis=2)
        maps = np.concatenate([maps, up / np.hypot(*up), np.ones_like(maps)])
    looked = 0

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def count(piece: np.ndarray, *rest: Any) -> Any:
            nonlocal looked
            looked += piece.size
            return work(piece, *rest)

        return count

    for module, names in (
        (postprocess, ("_component_shape", "split_at_jumps", "split_at_faint_places", "up_samples")),
        (touching, ("_band", "_nearest_piece", "_large_parts")),
    ):
        for name in names:
            monkeypatch.setattr(module, name, counted(getattr(module, name)))
    regions = decode(maps.astype(np.float32), (320, 320))
    assert len(regions) <= DetPostprocessSettings().max_candidates
    assert looked < 60 * 320 * 320
