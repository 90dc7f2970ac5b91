"""Long and large images: at which scales they are searched, and that tiles lose and double no seal."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from sealkit.geometry.boxes import iou
from sealkit.modules.seal_text_detection.predictor import TextDetector
from sealkit.pipeline.settings import SearchSettings
from sealkit.pipeline.stages.find_seals import search
from sealkit.pipeline.tiles import ScaledMaps, larger_sides, second_look, tile_spans
from tests.pipeline.conftest import MakePipeline, draw_seal, in_process, ink

ROOT = Path(__file__).parents[2]
SETTINGS = SearchSettings()


@pytest.mark.parametrize("length", [700, 736, 737, 1018, 2910, 14720])
def test_spans_cover_the_length_and_overlap(length: int) -> None:
    spans = tile_spans(length, 736, 192)
    assert spans[0][0] == 0 and spans[-1][1] == length
    assert len({end - start for start, end in spans}) == 1 and spans[0][1] <= 736
    assert all(before[1] - after[0] >= 192 for before, after in pairwise(spans))
    assert len(spans) == 1 or spans[0][1] % 32 == 0


def test_only_long_and_large_images_are_searched_at_larger_scales() -> None:
    for ordinary in ((900, 675), (2339, 1654), (400, 400), (67, 274), (1, 1)):
        assert larger_sides(ordinary, SETTINGS).sides == ()
    a0 = larger_sides((9362, 6622), SETTINGS)
    assert a0.why == "large image" and a0.sides == (1872, 3745)  # 100 pixels become 40
    long = larger_sides((16000, 800), SETTINGS)
    assert long.why == "long image" and long.sides == (1840, 3680, 7360, 14720)  # squares of 736
    assert larger_sides((800, 16000), SETTINGS) == long
    assert larger_sides((6000, 300), SETTINGS).sides[-1] == 6000  # nothing is enlarged
    assert larger_sides((16000, 800), SearchSettings(long_aspect=100, small_seal=10000)).sides == ()


def test_inputs_grow_with_the_area_and_no_faster() -> None:
    def inputs(h: int, w: int) -> float:
        return sum((side / max(h, w)) ** 2 * h * w for side in larger_sides((h, w), SETTINGS).sides)

    assert inputs(16000, 800) == pytest.approx(2 * inputs(8000, 800), rel=0.1)
    assert inputs(9362, 6622) == pytest.approx(2 * inputs(6622, 4681), rel=0.3)


def test_a_page_without_seals_is_searched_once_more() -> None:
    assert second_look((2339, 1654), SETTINGS).sides == (736 * 2,)
    assert second_look((1000, 750), SETTINGS).sides == (1000,)
    assert second_look((400, 300), SETTINGS).sides == ()
    assert second_look((2339, 1654), SearchSettings(second_look=1)).sides == ()


@pytest.mark.parametrize("upright", [True, False])
def test_a_seal_on_the_border_of_two_tiles_is_found_once(make_pipeline: MakePipeline, upright: bool) -> None:
    page = np.full((3200, 400, 3), 255, np.uint8)
    centres = [(200, y) for y in range(100, 3100, 277)]
    for centre in centres:
        draw_seal(page, centre, 80)
    pipeline = make_pipeline(**{"Search.coarse_sides": [160, 320], "Refine.views": 1})
    image = page if upright else np.ascontiguousarray(np.rot90(page))
    (result,) = pipeline.predict(image)
    found = [seal["seal_box"] for seal in result["seal_res_list"]]
    assert len(found) == len(centres)
    first = 1 if upright else 0
    middles = sorted((box[first] + box[first + 2]) / 2 for box in found)
    assert np.allclose(middles, [y for _, y in centres], atol=12)
    assert result["stages"]["search"]["larger_scales"].startswith("long image: ")
    assert max(max(size) for size in ink(pipeline).sizes) <= 384  # the crops of single seals


def test_detectors_without_seal_area_see_tiles_too(make_pipeline: MakePipeline) -> None:
    page = np.full((3200, 400, 3), 255, np.uint8)
    for y in (300, 1600, 2900):
        draw_seal(page, (200, y), 80)
    pipeline = make_pipeline(channels=1, **{"Search.coarse_sides": [160, 320], "Refine.views": 1})
    (result,) = pipeline.predict(page)
    assert len(result["seal_res_list"]) == 3 and result["stages"]["search"]["found_by"] == "texts"


def test_empty_paper_is_not_detected(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline()
    maps = ScaledMaps(pipeline.detector, np.full((3000, 3000, 3), 250, np.uint8), 736)
    found = maps.at(1500)
    assert maps.tiles == 0 and found.area is not None and not found.area.any()
    assert found.area.shape == (1500, 1500) and found.scale.tolist() == [2, 2]


@pytest.fixture(scope="module")
def detector() -> TextDetector:
    return in_process(threads=1).detector


@pytest.fixture(scope="module")
def seal() -> np.ndarray:
    return cv2.imread(str(ROOT / "sealkit/assets/example_seal.png"))


@pytest.mark.parametrize(
    ("hw", "side"), [((3307, 4677), 157), ((16000, 800), 400), ((800, 8000), 400)], ids=["A2", "long", "turned"]
)
def test_the_shipped_detector_finds_a_seal_of_any_sheet(
    detector: TextDetector, seal: np.ndarray, hw: tuple[int, int], side: int
) -> None:
    page = np.full((*hw, 3), 255, np.uint8)
    y, x = (hw[0] - side) // 2, (hw[1] - side) // 2
    page[y : y + side, x : x + side] = cv2.resize(seal, (side, side), interpolation=cv2.INTER_AREA)
    found = search(detector, page, SETTINGS).seals
    assert len(found) == 1 and iou(found[0].box, (x, y, x + side, y + side)) > 0.5
