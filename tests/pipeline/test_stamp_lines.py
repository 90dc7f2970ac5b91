"""Rectangular and line stamps: a general text detector where the seal detector finds nothing."""

import json
from typing import Any, ClassVar, NoReturn

import cv2
import numpy as np
import pytest

from sealkit.errors import ConfigError, WeightsError
from sealkit.geometry.regions import TextRegion
from sealkit.pipeline import line_detector
from sealkit.pipeline.create import load_config
from sealkit.pipeline.line_detector import LineDetector
from sealkit.pipeline.page import ReadLine, SealLine
from sealkit.pipeline.result import SealRecognitionResult
from sealkit.pipeline.stages.stamp_lines import agreed
from tests.geometry.stamp_pages import BLUE, RED, Sheet
from tests.pipeline.conftest import MakePipeline, in_process


class FakeLines(LineDetector):
    """In place of the general detector: the lines that were drawn."""

    name, missing = "fake (test)", None
    models: ClassVar[dict[str, Any]] = {}

    def __init__(self, sheet: Sheet) -> None:
        self.sheet, self.calls = sheet, 0

    def regions(self, image: np.ndarray) -> list[TextRegion]:
        self.calls += 1
        return [TextRegion(line.points, 0.9) for line in self.sheet.lines]


def read(make_pipeline: MakePipeline, sheet: Sheet, **changes: Any) -> tuple[SealRecognitionResult, FakeLines]:
    pipeline, lines = make_pipeline(**changes), FakeLines(sheet)
    pipeline.lines = lines
    (result,) = pipeline.predict(sheet.image)
    return result, lines


def stamp() -> Sheet:
    return (
        Sheet(420, 200)
        .write("GREEN RIVER", 60, 90, BLUE)
        .write("12 Mill Lane", 90, 140, BLUE)
        .frame(30, 40, 330, 170, BLUE)
    )


def test_a_stamp_is_read_and_the_result_says_by_what(make_pipeline: MakePipeline) -> None:
    result, _ = read(make_pipeline, stamp(), **{"Lines.min_score": 0.5})
    (seal,) = result["seal_res_list"]
    assert seal["found_by"] == "lines" and len(seal["rec_texts"]) == 2
    assert seal["seal_box"] == pytest.approx([30, 40, 330, 170], abs=4)
    tops = [line["line_poly"][:, 1].min() for line in seal["lines"]]
    assert tops == sorted(tops)
    said = result["stages"]["stamp_lines"]
    assert (said["lines"], said["stamps"], said["evidence"], said["detector"]) == (2, 1, ["ink"], "fake (test)")
    assert json.loads(json.dumps(result.json))["res"]["seal_res_list"][0]["found_by"] == "lines"


def test_texts_that_read_badly_are_no_stamp(make_pipeline: MakePipeline) -> None:
    """LengthRecogniser scores .9: what is not the charset's script reads like that."""
    result, lines = read(make_pipeline, stamp())
    assert lines.calls == 1 and result.texts == [] and result["stages"]["stamp_lines"]["stamps"] == 0


def test_an_image_with_seals_is_looked_at_again_only_where_asked(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    sheet = Sheet()
    sheet.image = page.copy()
    sheet.write("PAID", 360, 90, RED).frame(340, 50, 480, 110, RED)
    result, lines = read(make_pipeline, sheet)
    before = result.texts
    assert before and lines.calls == 0 and "stamp_lines" not in result["stages"]
    result, lines = read(make_pipeline, sheet, **{"Lines.when": "always", "Lines.min_score": 0.5})
    assert lines.calls == 1 and len(result.texts) == len(before) + 1
    first, *others = [seal["found_by"] for seal in result["seal_res_list"]]  # in reading order
    assert first == "lines" and set(others) == {"area"}


def test_boxes_of_the_caller_are_all_there_is(make_pipeline: MakePipeline) -> None:
    sheet, pipeline = stamp(), make_pipeline()
    lines = pipeline.lines = FakeLines(sheet)
    (result,) = pipeline.predict(sheet.image, layout_det_res={"boxes": []}, use_layout_detection=False)
    assert result["seal_res_list"] == [] and lines.calls == 0


def test_without_the_wheel_the_result_names_the_package(
    make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(tag: str, model: str) -> NoReturn:
        raise WeightsError(f"the package {tag} is not installed", hint="pip install 'rapidocr==3.10.*'")

    monkeypatch.setattr(line_detector, "find_in_wheel", absent)
    pipeline = in_process(threads=1)
    (result,) = pipeline.predict(np.full((90, 120, 3), 255, np.uint8))
    assert "not installed: pip install 'rapidocr==3.10.*'" in result["stages"]["stamp_lines"]["hint"]
    assert "hint: rectangular and line stamps were not looked for" in str(result)


def test_paddlexs_reading_has_no_such_stage() -> None:
    with pytest.raises(ConfigError, match="Lines"):
        load_config("embedded", ["reading=reference", "Search=null", "Refine=null", "Reading=null"])
    load_config("embedded", ["reading=reference", "Search=null", "Refine=null", "Reading=null", "Lines=null"])


def test_the_shipped_recogniser_reads_what_the_general_detector_finds() -> None:
    pytest.importorskip("rapidocr", reason="its wheel has the general detector")
    pipeline = in_process(threads=1)
    blank = np.full((220, 460, 3), 250, np.uint8)
    cv2.rectangle(blank, (25, 45), (435, 175), (150, 60, 30), 4, cv2.LINE_AA)
    cv2.putText(blank, "APPROVED", (70, 130), cv2.FONT_HERSHEY_DUPLEX, 2.0, (150, 60, 30), 3, cv2.LINE_AA)
    results = list(pipeline.predict([blank, cv2.rotate(blank, cv2.ROTATE_180)]))
    assert [result.texts for result in results] == [["APPROVED"]] * 2
    assert all(result["seal_res_list"][0]["found_by"] == "lines" for result in results)
    assert "Lines" in pipeline.models


def test_what_most_readings_say_is_kept() -> None:
    def reading(text: str, score: float) -> ReadLine:
        line = Sheet().write(text, 50, 50).lines[0]
        return ReadLine(SealLine(line, TextRegion(line.points), True), line, text, score)

    assert agreed([reading("Te1.", 0.99), reading("Tel.", 0.96), reading("Tel.", 0.97)]).score == 0.97
    assert agreed([reading("A", 0.7), reading("B", 0.9), reading("C", 0.8)]).text == "B"
