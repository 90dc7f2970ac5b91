"""`reading: reference`: paddlex's strips and fields, quirks included."""

from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.pipeline.reference import strips
from sealkit.pipeline.reference.strips import (
    bends,
    crop_strip,
    merge_vertices,
    rectangle_corners,
    rectangle_strip,
    rectify,
    warp,
)
from tests.pipeline.conftest import MakePipeline, lengths

PLAIN = {
    "reading": "reference",
    "Search": None,
    "Refine": None,
    "Reading": None,
    "Lines": None,
    "whole_page_fallback": False,
}


def test_an_arc_becomes_a_strip_of_its_height() -> None:
    """A band of 40 pixels from 200 to 340 degrees; its polygon has few points where it is straight, as a detector's."""
    image = np.full((320, 320, 3), 255, np.uint8)
    cv2.ellipse(image, (160, 160), (110, 110), 0, 200, 340, (0, 0, 200), 40)
    mask = (image[..., 0] < 100).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    polygon = cv2.approxPolyDP(contours[0], 0.004 * cv2.arcLength(contours[0], True), True).reshape(-1, 2)
    strip = crop_strip(image, polygon)
    assert strip.shape[0] == pytest.approx(40, abs=8) and strip.shape[1] > 4 * strip.shape[0]
    inside = strip[8:-8, 30:-30]
    assert (inside[..., 2] > 150).mean() > 0.95 and (inside[..., 0] < 100).mean() > 0.95


def test_what_does_not_bend_is_cropped_as_a_rectangle() -> None:
    image = np.random.default_rng(0).integers(0, 255, (100, 200, 3), np.uint8)
    box = np.array([[20, 30], [150, 30], [150, 70], [20, 70]])
    np.testing.assert_array_equal(crop_strip(image, box), image[30:70, 20:150])
    tall = crop_strip(image, np.array([[20, 10], [40, 10], [40, 90], [20, 90]]))
    assert tall.shape == (20, 80, 3)  # turned to lie
    crossing = np.array([[10, 10], [150, 90], [150, 10], [10, 90]])
    assert crop_strip(image, crossing).shape == (80, 140, 3)


def test_sizes_of_nothing_are_the_image_s() -> None:
    """What OpenCV 4.10 does with them, and so what paddlex reads: seen on specks of small images."""
    image = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    strip = rectangle_strip(image, np.zeros((4, 2), np.float32))
    assert strip.shape == image.shape and (strip == image[0, 0]).all()
    t = np.linspace(0.2, np.pi - 0.2, 16)
    speck = [np.stack([20 - r * np.cos(t), 15 - r * np.sin(t)], axis=1) for r in (4, 2)]
    strip = rectify(image, np.concatenate([speck[0], speck[1][::-1]]))
    assert strip.shape == (30, 15 * 40, 3)  # each quad is less than a pixel wide
    wide = np.broadcast_to(image[:1, :1], (3000, 3000, 3))
    with pytest.raises(ValueError, match="45000x3000"):
        rectify(wide, np.concatenate([speck[0], speck[1][::-1]]))


def test_specks_never_raise() -> None:
    """Outlines of a few pixels, whose sides may have no length once they are cut off to whole numbers."""
    rng, image = np.random.default_rng(0), np.full((60, 80, 3), 200, np.uint8)
    for _ in range(600):
        strip = strips.crop_strip(image, rng.uniform(20, 20 + rng.uniform(1, 9), (int(rng.integers(4, 14)), 2)))
        assert strip.dtype == np.uint8 and strip.ndim == 3
    np.testing.assert_array_equal(strips.resample(np.array([[7, 3], [7, 3]])), np.tile([7.0, 3.0], (16, 1)))


def test_a_square_on_its_tip_lies_on_its_lower_left_side() -> None:
    """Two corners are as far left, and the order in which OpenCV 4.10 gives them decides."""
    corners = rectangle_corners(np.array([[30, 10], [50, 30], [30, 50], [10, 30]], np.int32))
    assert np.round(corners).tolist() == [[30, 10], [50, 30], [30, 50], [10, 30]]


def test_large_warps_are_made_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    matrix, how = np.array([[1.1, 0.2, -5], [-0.1, 0.9, 3], [1e-3, -2e-3, 1]]), (cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)
    whole = warp(image, [matrix], [30], 20, *how)
    monkeypatch.setattr(strips, "RULES", strips.StripRules(band_px=100))
    np.testing.assert_array_equal(warp(image, [matrix], [30], 20, *how), whole)


def test_how_much_of_its_rectangle_a_polygon_fills() -> None:
    """Near the limit the overlap is computed; farther off the areas suffice. What crosses itself is never bent."""

    def angle(share: float) -> Any:  # an L in a rectangle of 100 x 100
        gap = round(100 * (1 - share) ** 0.5)
        points = np.array([[0, 0], [100 - gap, 0], [100 - gap, gap], [100, gap], [100, 100], [0, 100]])
        frame = np.array([[0, 0], [100, 0], [100, 100], [0, 100]], np.float32)
        return bends(points.astype(np.int32), frame)

    assert [angle(share) for share in (0.4, 0.67, 0.69, 0.71, 0.73, 0.9)] == [True] * 3 + [False] * 3
    crossing = np.array([[0, 0], [100, 100], [100, 0], [0, 100]], np.int32)
    assert not bends(crossing, np.array([[0, 0], [100, 0], [100, 100], [0, 100]], np.float32))


def test_close_vertices_become_one() -> None:
    points = np.array([[0, 0], [50, 0], [52, 1], [100, 0], [100, 40], [0, 40]])
    merged = merge_vertices(points)
    assert len(merged) < len(points) and [51, 0] in merged.tolist()


def test_warp_at_thirty_seconds_of_a_pixel() -> None:
    image = np.arange(64, dtype=np.uint8).reshape(1, 64, 1).repeat(8, 0).repeat(3, 2)
    shift = np.array([[1.0, 0, -0.51], [0, 1, 0], [0, 0, 1]])  # the result's x lies at x + 0.51 of the image
    warped = warp(image * 4, [shift], [60], 4, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
    np.testing.assert_array_equal(warped[0, :3, 0], [2, 6, 10])  # 16/32 of the way from 0 to 4, not 0.51
    nothing = np.array([[1.0, 0, 0], [1, 0, 0], [0, 0, 1]])
    flat = warp(image + 7, [nothing], [9], 5, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
    assert (flat == 7).all()  # a quad without area shows the corner of the image, and is no error
    assert warp(image, [shift], [0], 5, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT).shape == (5, 0, 3)


def test_pieces_are_warped_as_if_alone() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    matrices = [np.array([[1.1, 0.2, -dx], [-0.1, 0.9, 3], [1e-3, -2e-3, 1]]) for dx in (0.5, 7, 20)]
    widths, how = [13, 0, 7], (9, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
    together = warp(image, matrices, widths, *how)
    alone = [warp(image, [matrix], [width], *how) for matrix, width in zip(matrices, widths)]
    assert together.any()
    np.testing.assert_array_equal(together, np.concatenate(alone, axis=1))


def test_fields_are_paddlex_s_and_no_other(make_pipeline: MakePipeline, seal_image: np.ndarray) -> None:
    pipeline = make_pipeline(**PLAIN)
    (result,) = pipeline.predict(seal_image)
    assert list(result) == [
        "input_path", "page_index", "doc_preprocessor_res", "layout_det_res", "seal_res_list", "model_settings",
    ]  # fmt: skip
    (seal,) = result["seal_res_list"]
    assert list(seal.shown()) == [
        "input_path", "page_index", "model_settings", "dt_polys", "text_det_params", "text_type",
        "textline_orientation_angles", "text_rec_score_thresh", "return_word_box", "rec_texts", "rec_scores",
        "rec_polys", "rec_boxes",
    ]  # fmt: skip
    assert len(seal["dt_polys"]) == 2 and seal.lines[0]["role"] is None and result.stages["reading"]["texts"] == 2
    assert list(result.img) == ["seal_res_region1"]
    assert len(lengths(pipeline).strips) == 2


def test_zero_means_as_configured_but_is_shown(make_pipeline: MakePipeline, seal_image: np.ndarray) -> None:
    (result,) = make_pipeline(**PLAIN).predict(seal_image, seal_det_thresh=0.0, seal_det_limit_side_len=320)
    shown = result["seal_res_list"][0]["text_det_params"]
    assert (
        shown["thresh"] == 0.0 and shown["limit_side_len"] == 320 and len(result["seal_res_list"][0]["dt_polys"]) == 2
    )


def test_stages_that_are_not_there_are_answered_as_paddlex_does(
    make_pipeline: MakePipeline, seal_image: np.ndarray
) -> None:
    results = list(make_pipeline(**PLAIN).predict(seal_image, use_layout_detection=True))
    assert results == [{"error": "the input params for model settings are invalid!"}] and not results[0].ok
