"""The image of a whole page: sealkit's own, beside PaddleX's images of the seals."""

import numpy as np

from sealkit.pipeline.overview import STYLE, ring_box
from tests.pipeline.conftest import MakePipeline


def test_seals_are_boxed_and_listed(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    (result,) = make_pipeline().predict(page)
    image = np.asarray(result.overview)[:, :, ::-1].astype(int)
    scale = STYLE.min_long_side_px / 800  # of a page of 800 x 600
    assert image.shape[0] == 600 * scale and image.shape[1] > 1.5 * STYLE.min_long_side_px
    first, second = (ring_box(seal["seal_box"], (600, 800)) for seal in result["seal_res_list"])
    marks = [image[round((box[1] + box[3]) / 2 * scale), round(box[0] * scale)] for box in (first, second)]
    for mark in marks:  # a colour each, dark enough for white numbers, at the middle of the box's left side
        assert mark.max() <= 256 * STYLE.palette_brightness and np.ptp(mark) > 80
    assert np.abs(marks[0] - marks[1]).max() > 80
    panel = image[:, STYLE.min_long_side_px :]
    assert (panel[:5] == 255).all() and (panel.min(axis=2) < 200).any()
    assert "overview" not in result.img  # PaddleX's images stay PaddleX's


def test_long_lists_fit(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    (result,) = make_pipeline().predict(page)
    line = {**result["seal_res_list"][0]["lines"][0], "text": "章" * 60}
    result["seal_res_list"][0]["lines"] = [line] * 40
    result["seal_res_list"][1]["lines"] = []
    panel = np.asarray(result.overview)[:, STYLE.min_long_side_px :]
    assert (panel[:, -2:] == 255).all() and (panel[:4] == 255).all() and (panel[-4:] == 255).all()


def test_nothing_where_it_would_say_no_more(
    make_pipeline: MakePipeline, seal_image: np.ndarray, page: np.ndarray
) -> None:
    (single,) = make_pipeline().predict(seal_image)
    assert single["seal_res_list"] and single.overview is None
    (empty,) = make_pipeline(whole_page_fallback=False).predict(np.full((200, 200, 3), 255, np.uint8))
    assert not empty["seal_res_list"] and empty.overview is None
    plain = {"reading": "reference", "Search": None, "Refine": None, "Reading": None, "Lines": None}
    (reference,) = make_pipeline(**plain).predict(page)
    assert reference["seal_res_list"] and reference.overview is None
    (broken,) = make_pipeline().predict(["nowhere.png"])
    assert broken.overview is None
