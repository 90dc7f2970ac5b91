"""Seals of which every character was read surely in one view need no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from sealkit.geometry.directions import Direction
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.regions import TextRegion
from sealkit.images import ImageRecord
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.pipeline.call import CallSettings
from sealkit.pipeline.context import Context
from sealkit.pipeline.options import PredictOptions
from sealkit.pipeline.page import DetectedSeal, FoundSeal, Hypothesis, Page, ReadLine, SealLine
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from sealkit.pipeline.stages import detect, find_seals, read
from sealkit.pipeline.stages.more_views import is_sure
from tests.pipeline.conftest import InkModel, LengthRecogniser, MakePipeline, draw_seal, ink, lengths


class Doubting(LengthRecogniser):
    """Doubts one character of the strips it is told to, whose mean score stays high."""

    def __init__(self, doubts: int) -> None:
        super().__init__()
        self.doubts = doubts

    def read(self, strips: Sequence[np.ndarray], batch_size: int = 8) -> list[RecResult]:
        found = []
        for one in super().read(strips, batch_size):
            worst = 0.3 if self.doubts > 0 else 0.9
            self.doubts -= 1
            found.append(replace(one, score=0.97, char_scores=(*[0.99] * (len(one.text) - 1), worst)))
        return found


def context_of(pipeline: SealRecognitionPipeline) -> Context:
    """What the stages of a call without options get."""
    call = pipeline._call(PredictOptions())
    assert isinstance(call, CallSettings)
    return Context(pipeline.settings, call, pipeline.detector, pipeline.recogniser, None, None, {})


def runs(pipeline: object) -> int:
    """Of the detector, after the three of a page: for each seal one that corrects its box, and its views."""
    model = pipeline.detector.model  # type: ignore[attr-defined]
    assert isinstance(model, InkModel)
    return len(model.sizes) - 3


@pytest.mark.parametrize(("doubts", "seals"), [(0, 0), (1, 1), (4, 2)])
def test_only_doubtful_seals_are_detected_in_more_views(
    make_pipeline: MakePipeline, page: np.ndarray, doubts: int, seals: int
) -> None:
    """One of two seals, then both; the first view is not detected again."""
    pipeline = make_pipeline()
    pipeline.recogniser = Doubting(doubts)
    (result,) = pipeline.predict(page)
    assert runs(pipeline) == 2 * 2 + 3 * seals
    assert len(result.texts) == 4
    assert result["stages"].get("more_views", {}).get("seals", 0) == seals
    assert list(result["stages"])[:3] == ["search", "detection", "recognition"]


@pytest.mark.parametrize(("changes", "views"), [({"Refine.views_below": None}, 4), ({"Refine.views": 1}, 1)])
def test_no_seal_is_read_twice_where_the_config_says_so(
    make_pipeline: MakePipeline, page: np.ndarray, changes: dict[str, object], views: int
) -> None:
    pipeline = make_pipeline(**changes)
    pipeline.recogniser = Doubting(9)
    (result,) = pipeline.predict(page)
    assert runs(pipeline) == 2 + 2 * views and "more_views" not in result["stages"]


def test_a_text_that_two_doubtful_seals_show_is_read_once(make_pipeline: MakePipeline, overlapping: np.ndarray) -> None:
    pipeline = make_pipeline()
    (sure,) = pipeline.predict(overlapping)
    pipeline.recogniser = Doubting(99)
    (doubtful,) = pipeline.predict(overlapping)
    assert doubtful["stages"]["more_views"] == {**doubtful["stages"]["more_views"], "seals": 2, "texts": 4}
    assert [len(seal["rec_texts"]) for seal in doubtful["seal_res_list"]] == [2, 2]
    assert len(sure.texts) == 4


def test_lines_that_were_read_surely_are_not_read_again(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    """Of the doubtful seal's two lines the one in doubt alone; its outline in more views is another."""
    pipeline = make_pipeline()
    pipeline.recogniser = sure = Doubting(0)
    list(pipeline.predict(page))
    pipeline.recogniser = doubting = Doubting(1)
    (result,) = pipeline.predict(page)
    assert len(sure.strips) == 4 and len(doubting.strips) <= 5 and len(result.texts) == 4


def test_the_same_line_of_an_image_is_read_once(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    pipeline = make_pipeline()
    pipeline.recogniser = Doubting(0)
    context = context_of(pipeline)
    one = Page(ImageRecord(page))
    for stage in (find_seals, detect, read):
        stage.run(one, context)
    first, strips = [seal.read for seal in one.seals], len(lengths(pipeline).strips)
    read.read_into(one.seals, one, context)
    assert strips == 4 and len(lengths(pipeline).strips) == strips
    again = [[(line.text, line.score) for line in seal.read] for seal in one.seals]
    assert again == [[(line.text, line.score) for line in lines] for lines in first]
    turned = replace(one.seals[0].lines[0], line=one.seals[0].lines[0].line.turned())
    one.seals[0].lines = [turned]
    read.read_into(one.seals[:1], one, context)
    assert len(lengths(pipeline).strips) == strips + 1  # the other way round it is another strip


def test_a_clear_seal_needs_no_crop_that_corrects_its_box(
    make_pipeline: MakePipeline,
) -> None:
    """The search and one view; where that is doubtful, the other three."""
    image, counts = draw_seal(np.full((400, 400, 3), 255, np.uint8), (200, 200), 145), {}
    for doubts in (0, 1):
        pipeline = make_pipeline()
        pipeline.recogniser = Doubting(doubts)
        (result,) = pipeline.predict(image)
        counts[doubts] = len(ink(pipeline).sizes)
        assert len(result.texts) == 2 and len(result["seal_res_list"]) == 1
        np.testing.assert_allclose(result["seal_res_list"][0]["seal_box"], [55, 55, 345, 345], atol=4)
    assert counts == {0: 2, 1: 2 + 3}


def test_a_seal_that_fills_the_image_is_read_from_the_maps_of_the_search(
    make_pipeline: MakePipeline, seal_image: np.ndarray
) -> None:
    """Without another run; where a character is in doubt, in four views of its own crop."""
    runs_of, boxes = {}, {}
    for doubts in (0, 1):
        pipeline = make_pipeline(**{"Refine.background_contrast": 1.0})
        pipeline.recogniser = Doubting(doubts)
        (result,) = pipeline.predict(seal_image[:310, :310])
        (seal,) = result["seal_res_list"]
        runs_of[doubts], boxes[doubts] = len(ink(pipeline).sizes), seal["seal_box"]
        assert len(result.texts) == 2 and seal["crop_box"] == [0, 0, 310, 310]
    assert runs_of == {0: 1, 1: 1 + 4}
    np.testing.assert_allclose(boxes[0], boxes[1], atol=6)


@pytest.mark.parametrize("changes", [{"Refine.views_below": None}, {"Search.seen_share": None}, {"Refine.views": 1}])
def test_a_seal_that_no_one_looks_at_again_gets_a_crop_of_its_own(
    make_pipeline: MakePipeline, seal_image: np.ndarray, changes: dict[str, object]
) -> None:
    pipeline = make_pipeline(**{"Refine.background_contrast": 1.0, **changes})
    pipeline.recogniser = Doubting(0)
    (result,) = pipeline.predict(seal_image[:310, :310])
    views = 4 if "Refine.views_below" in changes else 1
    assert len(ink(pipeline).sizes) == 1 + views and len(result.texts) == 2


def test_a_first_view_that_shows_another_box_is_seen_again_in_it(make_pipeline: MakePipeline) -> None:
    """The search took the seal to be larger than it is."""
    image = draw_seal(np.full((400, 400, 3), 255, np.uint8), (200, 200), 145)
    pipeline = make_pipeline()
    context = context_of(pipeline)
    for box, views in (((55, 55, 345, 345), 1), ((20, 20, 380, 380), 2)):
        before = len(ink(pipeline).sizes)
        seal = DetectedSeal(FoundSeal(box, 1.0, "area", coarse=True), (0, 0, 400, 400))
        page = Page(ImageRecord(image), seals=[seal])
        detect.run(page, context)
        assert len(ink(pipeline).sizes) == before + views and len(seal.lines) == 2
        np.testing.assert_allclose(seal.found.box, (55, 55, 345, 345), atol=6)
        assert not seal.found.coarse


def test_the_size_a_call_names_needs_no_crops(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    pipeline = make_pipeline()
    pipeline.recogniser = Doubting(9)
    (result,) = pipeline.predict(page, seal_det_limit_side_len=256, seal_det_limit_type="max")
    assert "more_views" not in result["stages"] and runs(pipeline) == 2 + 2


@pytest.mark.parametrize(
    ("directions", "sure"),
    [
        (["arc", "arc-bottom", "line", "line"], True),
        (["arc", "arc"], False),
        (["line", "arc-bottom"] * 2, False),
        ([], False),
    ],
)
def test_an_arc_in_pieces_is_doubtful(directions: list[Direction], sure: bool) -> None:
    points = np.array([[0, 0], [40, 0], [40, 10], [0, 10]], np.float32)
    lines = [LinePoly(points, direction, ambiguous=False) for direction in directions]
    read = [ReadLine(SealLine(line, TextRegion(points), alone=True), line, "甲乙", 0.9) for line in lines]
    seal = DetectedSeal(FoundSeal((0, 0, 50, 50), 1.0, "area"), (0, 0, 50, 50), read=read)
    assert is_sure(seal, 0.7) is sure and not is_sure(seal, 0.95)


def test_a_line_is_as_sure_as_its_worst_character() -> None:
    line = LinePoly(np.array([[0, 0], [40, 0], [40, 10], [0, 10]], np.float32), "line", ambiguous=False)
    source = SealLine(line, TextRegion(line.points), alone=True)
    tried = [
        Hypothesis(line, 0, 1.0, RecResult("甲乙", 0.9, char_scores=(0.99, 0.81))),
        Hypothesis(line, 1, 1.0, RecResult("丙", 0.2, char_scores=(0.2,))),
    ]
    assert ReadLine(source, line, "甲乙", 0.9, hypotheses=tuple(tried)).worst_character == 0.81
    assert ReadLine(source, line, "甲", 0.7, hypotheses=tuple(tried)).worst_character == 0.7  # put together of others
