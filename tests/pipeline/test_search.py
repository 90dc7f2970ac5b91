"""Which of several scales decides about a seal, and what is left where the found seals are taken away."""

import cv2
import numpy as np

from sealkit.modules.seal_text_detection.predictor import DetectionMaps
from sealkit.modules.seal_text_detection.preprocess import ResizeInfo
from sealkit.pipeline.page import FoundSeal
from sealkit.pipeline.settings import SearchSettings
from sealkit.pipeline.stages.find_seals import coarse_sides, is_clear, is_shown, merge_scales, residual_regions


def seal(x1: float, y1: float, x2: float, y2: float) -> FoundSeal:
    return FoundSeal((float(x1), float(y1), float(x2), float(y2)), 0.9, "area")


def boxes(seals: list[FoundSeal]) -> set[tuple[float, ...]]:
    return {one.box for one in seals}


UNION = seal(0, 0, 200, 300)
UPPER, LOWER = seal(5, 0, 195, 160), seal(10, 150, 200, 300)


def test_a_larger_scale_tells_two_seals_apart() -> None:
    assert boxes(merge_scales([UNION], [UPPER, LOWER], largest=300)) == boxes([UPPER, LOWER])


def test_pieces_of_a_seal_that_is_too_large_for_the_scale_are_none() -> None:
    other = seal(400, 0, 480, 80)
    assert boxes(merge_scales([UNION], [UPPER, LOWER, other], largest=200)) == boxes([UNION, other])


def test_the_larger_scale_s_box_of_the_same_seal_is_taken() -> None:
    better = seal(2, 3, 190, 280)
    assert boxes(merge_scales([UNION], [better], largest=300)) == boxes([better])


def test_one_part_alone_or_a_speck_does_not_replace_a_seal() -> None:
    assert boxes(merge_scales([UNION], [], largest=300)) == boxes([UNION])
    part = seal(10, 20, 150, 150)
    assert boxes(merge_scales([UNION], [part, seal(20, 200, 50, 230)], largest=300)) >= boxes([UNION])


def area_of(*discs: tuple[int, int, int]) -> DetectionMaps:
    area = np.zeros((200, 300), np.float32)
    for x, y, radius in discs:
        cv2.circle(area, (x, y), radius, 1.0, -1)
    return DetectionMaps(np.stack([np.zeros_like(area)] * 3 + [area]), ResizeInfo((400, 600), (400, 600), (200, 300)))


def test_area_outside_the_found_seals_is_a_region() -> None:
    look = area_of((100, 100, 60), (170, 100, 50))
    t = np.linspace(0, 2 * np.pi, 40)
    hull = 2 * (np.array([100, 100]) + 60 * np.stack([np.cos(t), np.sin(t)], axis=1))
    first = FoundSeal((80, 80, 320, 320), 0.9, "area", hull)
    (rest,) = residual_regions(look, [first], SearchSettings())
    x1, y1, x2, y2 = rest.box  # the crescent of the other disc
    assert 290 < x1 < 360 and abs(x2 - 440) < 8 and abs(y1 - 100) < 30 and abs(y2 - 300) < 30
    assert residual_regions(area_of((100, 100, 60)), [first], SearchSettings()) == []


def test_what_another_scale_does_not_show_is_no_seal() -> None:
    maps = area_of((100, 100, 60))
    assert is_shown(seal(80, 80, 320, 320), maps, SearchSettings())
    assert is_shown(seal(80, 80, 560, 320), maps, SearchSettings())  # two seals, one of them faint here
    assert not is_shown(seal(300, 10, 590, 390), maps, SearchSettings())
    assert not is_shown(seal(599, 399, 600, 400), maps, SearchSettings())


def test_small_images_are_not_enlarged_beyond_twice_their_size() -> None:
    image = np.zeros((300, 340, 3), np.uint8)
    assert coarse_sides(image, SearchSettings(coarse_sides=(288, 448, 736))) == [288, 448]
    assert coarse_sides(np.zeros((20, 30, 3), np.uint8), SearchSettings()) == [288]


def test_a_seal_is_clear_where_it_is_large_sure_and_alone() -> None:
    alone, found = area_of((100, 100, 60)), FoundSeal((80, 80, 320, 320), 0.99, "area")  # 120 pixels of the maps
    settings = SearchSettings(clear_side=110)
    assert is_clear([found], alone, settings)
    assert not is_clear([found], alone, SearchSettings(clear_side=130))
    assert not is_clear([found], alone, SearchSettings())
    assert not is_clear([seal(80, 80, 320, 320)], alone, settings)  # of score 0.9
    assert not is_clear([found], area_of((100, 100, 60), (250, 100, 40)), settings)  # something lies beside it
    assert not is_clear([found, found], alone, settings) and not is_clear([], alone, settings)
