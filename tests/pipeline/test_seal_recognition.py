"""The flow: seals found, each detected in its own crop, texts outside left out, results in PaddleX's form."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.errors import ConfigError
from tests.pipeline.conftest import InkModel, MakePipeline, ink


def test_page_with_two_seals(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    pipeline = make_pipeline()
    (result,) = pipeline.predict(page)
    assert [seal["seal_region_id"] for seal in result["seal_res_list"]] == [1, 2]
    first, second = result["seal_res_list"]
    assert first["seal_box"] == pytest.approx([80, 230, 321, 471], abs=3)  # one row: left before right
    assert second["seal_box"] == pytest.approx([510, 210, 691, 391], abs=3)
    for seal in (first, second):
        assert [line["direction"] for line in seal["lines"]] == ["arc", "line"]
        assert [line["role"] for line in seal["lines"]] == ["title", "purpose"]
        assert len(seal["rec_texts"]) == len(seal["rec_polys"]) == len(seal["rec_scores"]) == 2
    assert result.texts == [*first["rec_texts"], *second["rec_texts"]]
    sizes = ink(pipeline).sizes
    assert sizes[:3] == [(256, 320), (320, 448), (544, 736)]  # coarse scales
    assert len(sizes) == 3 + 2 * (1 + 1)  # per seal one that corrects its box, and one view
    assert all(max(size) == 320 for size in sizes[3:5])
    assert all(max(size) == pytest.approx(288 * 1.3, abs=17) for size in sizes[5:])


def test_a_seal_that_fills_the_image_is_settled_at_the_first_scale(
    make_pipeline: MakePipeline, seal_image: np.ndarray
) -> None:
    pipeline = make_pipeline()
    (result,) = pipeline.predict(cv2.resize(seal_image, (900, 900)))
    assert len(result["seal_res_list"]) == 1 and len(result.texts) == 2
    assert ink(pipeline).sizes == [(320, 320)], ink(pipeline).sizes


def test_seals_that_overlap_are_detected_one_by_one(make_pipeline: MakePipeline, overlapping: np.ndarray) -> None:
    (result,) = make_pipeline().predict(overlapping)
    first, second = (seal["seal_box"] for seal in result["seal_res_list"])
    assert first[:2] == pytest.approx([170, 170], abs=8) and second[2:] == pytest.approx([630, 450], abs=8)
    assert first[2] < 465 and second[0] > 385, "each box ends soon after the neck"
    assert [len(seal["dt_polys"]) for seal in result["seal_res_list"]] == [2, 2]


class Blurred(InkModel):
    """Sees on a whole image larger discs than there are, and one where there is none."""

    def run(self, x: Any) -> list[np.ndarray]:
        (maps,) = super().run(x)
        if max(maps.shape[2:]) != self.crop_side:
            maps[0, 3] = cv2.dilate(maps[0, 3], np.ones((25, 25)))
            maps[0, 3, -60:, -60:] = 1
        return [maps]


def test_refining_corrects_boxes_and_drops_what_is_no_seal(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    pipeline = make_pipeline()
    pipeline.detector.model = Blurred()
    (result,) = pipeline.predict(page)
    boxes = [seal["seal_box"] for seal in result["seal_res_list"]]
    assert len(boxes) == 2
    assert boxes[0] == pytest.approx([80, 230, 321, 471], abs=3) and boxes[1] == pytest.approx(
        [510, 210, 691, 391], abs=3
    )
    pipeline = make_pipeline(**{"Search.corrections": 0})
    pipeline.detector.model = Blurred()
    (result,) = pipeline.predict(page)
    assert len(result["seal_res_list"]) > 2 and result["seal_res_list"][0]["seal_box"][0] < 70


def test_what_lies_outside_a_seal_s_box_is_dimmed_where_asked(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    seen = []

    class Watching(InkModel):
        def run(self, x: Any) -> list[np.ndarray]:
            seen.append(x[0])
            return super().run(x)

    page[335:365, 64:76] = 0  # beside the seal, in its crop
    for contrast in (1.0, 0.3):
        pipeline = make_pipeline(**{"Refine.background_contrast": contrast, "Refine.views": 1})
        pipeline.detector.model = Watching()
        list(pipeline.predict(page[:, :420].copy()))  # the first seal alone, the line of text above it
    plain, dimmed = (inputs[-1] for inputs in (seen[: len(seen) // 2], seen[len(seen) // 2 :]))
    assert plain.shape == dimmed.shape and not np.array_equal(plain, dimmed)
    middle = np.s_[:, 60:-60, 60:-60]
    assert np.array_equal(plain[middle], dimmed[middle])


def test_texts_lie_where_they_were_drawn(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    (result,) = make_pipeline().predict(page)
    bar = result["seal_res_list"][1]["page_polys"][1]
    assert bar.dtype == np.int32
    (x1, y1), (x2, y2) = bar.min(axis=0), bar.max(axis=0)
    assert (x1, y1, x2, y2) == pytest.approx((560, 318, 640, 333), abs=5)


def test_text_outside_the_seals_is_not_read(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    page[335:365, 64:76] = 0  # beside the first seal, in its crop
    (result,) = make_pipeline(**{"Refine.background_contrast": 1.0}).predict(page)
    assert [len(seal["dt_polys"]) for seal in result["seal_res_list"]] == [2, 2]
    assert result["stages"]["detection"]["outside_seals"] == 1


def _without_area_left_of(
    run: Callable[[np.ndarray], list[np.ndarray]], share: float
) -> Callable[[np.ndarray], list[np.ndarray]]:
    def changed(x: np.ndarray) -> list[np.ndarray]:
        (maps,) = run(x)
        maps[0, 3, :, : int(maps.shape[3] * share)] = 0
        return [maps]

    return changed


def test_no_seal_found(make_pipeline: MakePipeline) -> None:
    blank = np.full((200, 300, 3), 255, np.uint8)
    cv2.rectangle(blank, (50, 80), (250, 110), (0, 0, 0), -1)
    pipeline = make_pipeline(whole_page_fallback=False)
    pipeline.detector.model.run = _without_area_left_of(pipeline.detector.model.run, 1.0)  # type: ignore[assignment]
    (result,) = pipeline.predict(blank)
    assert result["seal_res_list"] == [] and "no seal found" in result["stages"]["search"]["note"]
    fallback = make_pipeline(whole_page_fallback=True)
    fallback.detector.model.run = pipeline.detector.model.run
    (result,) = fallback.predict(blank)
    assert result["seal_res_list"] == [] and result.img == {}
    assert result["stages"]["search"]["note"] == "no seal found, and no text in the whole image"
    assert "note" not in result["stages"]["detection"]
    assert result["stages"]["detection"]["outside_seals"] == 1


def test_detector_without_area_channel_groups_texts(make_pipeline: MakePipeline, seal_image: np.ndarray) -> None:
    pipeline = make_pipeline(channels=1, **{"Search.coarse_sides": [160, 240, 320], "Refine.views": 1})
    (result,) = pipeline.predict(seal_image)
    assert result["stages"]["search"]["found_by"] == "texts"
    assert len(result.texts) == 2
    assert [max(size) for size in ink(pipeline).sizes[:-1]] == [160, 320]  # then the crop


def test_without_search_the_whole_image_is_one_region(make_pipeline: MakePipeline, seal_image: np.ndarray) -> None:
    pipeline = make_pipeline(**{"Search": None, "Refine": None})
    (result,) = pipeline.predict(seal_image)
    (seal,) = result["seal_res_list"]
    assert seal["crop_box"] == [0, 0, 320, 320] and len(seal["rec_texts"]) == 2
    assert ink(pipeline).sizes == [(736, 736)]


def test_given_layout_boxes(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    boxes = [
        {"cls_id": 1, "label": "text", "score": 0.9, "coordinate": [60, 40, 400, 70]},
        {"cls_id": 2, "label": "Seal", "score": 0.8, "coordinate": [505.7, 205.2, 695.9, 395.1]},
        {"cls_id": 2, "label": "seal", "score": 0.8, "coordinate": [900, 10, 950, 60]},
    ]
    pipeline = make_pipeline()
    (result,) = pipeline.predict(page, layout_det_res={"boxes": boxes})
    (seal,) = result["seal_res_list"]
    assert seal["coordinates"] == "crop" and seal["crop_box"] == [505, 205, 695, 395]
    np.testing.assert_array_equal(seal["rec_polys"][1] + [505, 205], seal["page_polys"][1])
    assert [box["label"] for box in result.json["res"]["layout_det_res"]["boxes"]] == ["text", "Seal", "seal"]
    with pytest.raises(ConfigError, match="fewer layout results than images"):
        list(pipeline.predict([page, page], layout_det_res=[{"boxes": boxes}]))


def test_score_threshold_and_size_of_the_call(make_pipeline: MakePipeline, seal_image: np.ndarray) -> None:
    pipeline = make_pipeline()
    (result,) = pipeline.predict(
        seal_image, seal_rec_score_thresh=0.95, seal_det_limit_side_len=640, seal_det_thresh=0.3
    )
    (seal,) = result["seal_res_list"]
    assert seal["rec_texts"] == [] and len(seal["dt_polys"]) == 2
    assert len(result["stages"]["recognition"]["below_score_thresh"]) == 2
    assert seal["text_det_params"] == {
        "limit_side_len": 640,
        "limit_type": "min",
        "thresh": 0.3,
        "max_side_limit": 4000,
        "box_thresh": 0.6,
        "unclip_ratio": 0.1,
    }
    assert min(ink(pipeline).sizes[-1]) == 640


def test_stages_that_are_not_there_are_refused_at_once(make_pipeline: MakePipeline, seal_image: np.ndarray) -> None:
    pipeline = make_pipeline()
    with pytest.raises(ConfigError, match="use_layout_detection: this pipeline was built without a layout model"):
        pipeline.predict(seal_image, use_layout_detection=True)
    with pytest.raises(ConfigError, match="layout_threshold"):
        pipeline.predict(seal_image, layout_threshold=0.4)
    with pytest.raises(ConfigError, match=r"predict\('a.png'\)"):
        pipeline.predict({"img": "a.png"})
    with pytest.raises(ConfigError, match="seal_det_limit_type"):
        pipeline.predict(seal_image, seal_det_limit_type="shortest")
    assert next(pipeline.predict(seal_image, use_doc_unwarping=False)).ok


def test_one_bad_image_does_not_end_the_run(
    make_pipeline: MakePipeline, seal_image: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nxxxx")
    results = list(make_pipeline().predict([seal_image, str(tmp_path / "broken.png"), seal_image]))
    assert [r.ok for r in results] == [True, False, True]
    assert "broken.png" in results[1]["error"] and results[1]["seal_res_list"] == []
    assert "error" in results[1].json["res"]


def test_keys_in_the_reference_order(make_pipeline: MakePipeline, seal_image: np.ndarray, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "seal.png"), seal_image)
    (result,) = make_pipeline().predict(tmp_path / "seal.png")
    keys = ["input_path", "page_index", "doc_preprocessor_res", "layout_det_res", "seal_res_list", "model_settings"]
    assert list(result)[:6] == keys
    inner = result.json["res"]
    assert list(inner) == ["input_path", "page_index", "model_settings", "seal_res_list", "stages"]
    assert list(inner["seal_res_list"][0])[:13] == [
        "input_path",
        "page_index",
        "model_settings",
        "dt_polys",
        "text_det_params",
        "text_type",
        "textline_orientation_angles",
        "text_rec_score_thresh",
        "return_word_box",
        "rec_texts",
        "rec_scores",
        "rec_polys",
        "rec_boxes",
    ]
    seal = inner["seal_res_list"][0]
    assert seal["rec_boxes"] == [] and seal["textline_orientation_angles"] == [-1, -1]
    assert isinstance(seal["dt_polys"][0][0][0], int)
    json.dumps(result.json)
    assert "page_index" not in result.str["res"] and isinstance(
        result.str["res"]["seal_res_list"][0]["rec_scores"], np.ndarray
    )


def test_files_and_print(
    make_pipeline: MakePipeline, seal_image: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "seal.JPG"), seal_image)
    (result,) = make_pipeline().predict(str(tmp_path / "seal.JPG"))
    result.save_all(tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["seal_res.json", "seal_seal_res_region1.JPG"]
    saved = json.loads((tmp_path / "out" / "seal_res.json").read_text(encoding="utf-8"))
    assert saved["seal_res_list"][0]["rec_texts"] == result.texts and "章" in (
        tmp_path / "out/seal_res.json"
    ).read_text("utf-8")
    crop = result["seal_res_list"][0]["crop_box"]
    image = cv2.imread(str(tmp_path / "out" / "seal_seal_res_region1.JPG"))
    assert image.shape[1] == 2 * (crop[2] - crop[0]) and image.shape[0] == crop[3] - crop[1]
    result.save_to_json(tmp_path / "deep" / "x.json")
    result.save_to_img(tmp_path / "one.png")
    assert (tmp_path / "deep" / "x.json").is_file() and (tmp_path / "one.png").is_file()
    result.print(format_json=True)
    captured = capsys.readouterr()
    assert captured.err == "" and json.loads(captured.out)["res"]["seal_res_list"]
    result.print()
    first = result["seal_res_list"][0]["dt_polys"][0]
    row = (
        re.escape(f"array([[{first[0][0]}") + r"[^\]]*\],\n +\.\.\.,\n"
    )  # the first and the last point, as in the tutorial
    assert len(first) > 2 and re.search(row, capsys.readouterr().out)
    assert "..." not in repr(first), "NumPy's own setting is as it was"
    (array_result,) = make_pipeline().predict(seal_image)
    array_result.save_all(tmp_path / "arrays")
    stems = {p.name.split("_res")[0].split("_seal")[0] for p in (tmp_path / "arrays").iterdir()}
    assert len(stems) == 1  # named once per result


def test_unwritable_output(make_pipeline: MakePipeline, seal_image: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (result,) = make_pipeline().predict(seal_image)
    with pytest.raises(Exception, match="cannot write"):
        result.save_to_json(tmp_path / "file" / "below")


def test_the_search_s_threshold_decides_nothing_where_it_is_off(
    make_pipeline: MakePipeline, seal_image: np.ndarray
) -> None:
    """What counts as seal in a crop is a setting of its own."""
    off = {"Search": None, "Refine.views": 1, "whole_page_fallback": False}
    (kept,) = make_pipeline(**off).predict(seal_image)
    (none,) = make_pipeline(**off, **{"Refine.area_thresh": 1.0}).predict(seal_image)
    assert len(kept.texts) == 2 and none.texts == [] and none["stages"]["detection"]["outside_seals"] == 2


def test_strips_go_in_batches_of_the_configured_size(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    sizes = []
    for changes in ({}, {"SubPipelines.SealOCR.SubModules.TextRecognition.batch_size": 3}):
        pipeline = make_pipeline(**changes)

        def read(strips: Sequence[np.ndarray], batch_size: int = 8, plain: Any = pipeline.recogniser.read) -> Any:
            sizes.append(batch_size)
            return plain(strips, batch_size)

        pipeline.recogniser.read = read
        list(pipeline.predict(page))
    assert set(sizes) == {8, 3} and sizes == sorted(sizes, reverse=True)


def test_a_file_for_several_images_loses_none(make_pipeline: MakePipeline, page: np.ndarray, tmp_path: Path) -> None:
    (result,) = make_pipeline().predict(page)
    assert len(result.img) > 1
    written = result.save_to_img(tmp_path / "all.png")
    assert written == [tmp_path / "all.png", *(tmp_path / f"all_{name}.png" for name in list(result.img)[1:])]
    assert sorted(tmp_path.iterdir()) == sorted(written)


def test_text_det_params_say_how_each_seal_was_detected(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    pipeline = make_pipeline()
    (result,) = pipeline.predict(page)
    sides = [seal["text_det_params"]["limit_side_len"] for seal in result["seal_res_list"]]
    window = [seal["crop_box"] for seal in result["seal_res_list"]]
    crop = pipeline.detector.spec.crop
    for side, (left, top, right, bottom), seal in zip(sides, window, result["seal_res_list"]):
        found = seal["seal_box"]
        scale = crop.side / max(found[2] - found[0], found[3] - found[1])
        assert side == pytest.approx(max(right - left, bottom - top) * scale, abs=2)
        assert seal["text_det_params"]["limit_type"] == "resize_long"
    (asked,) = pipeline.predict(page, seal_det_limit_side_len=256, seal_det_limit_type="max")
    assert {s["text_det_params"]["limit_side_len"] for s in asked["seal_res_list"]} == {256}


def test_parameters_by_position_are_paddlexs(make_pipeline: MakePipeline, page: np.ndarray) -> None:
    pipeline = make_pipeline()
    boxes = {"boxes": [{"label": "seal", "coordinate": [60, 210, 340, 490]}]}
    (result,) = pipeline.predict(page, None, None, False, boxes)
    assert len(result["seal_res_list"]) == 1
    with pytest.raises(ConfigError, match="use_layout_detection: this pipeline was built without"):
        pipeline.predict(page, None, None, True)


@pytest.mark.parametrize("name", ["use_doc_unwarping", "use_doc_orientation_classify"])
def test_the_parameter_that_was_given_is_named(make_pipeline: MakePipeline, page: np.ndarray, name: str) -> None:
    """The config's own default is on for both steps, and neither was built."""
    with pytest.raises(ConfigError, match=f"^{name}: this pipeline was built without the document preprocessor"):
        pipeline = make_pipeline(config="seal_recognition", use_doc_preprocessor=False)
        options: dict[str, Any] = {name: True}
        pipeline.predict(page, **options)
