"""The layout benchmark on a model that holds no network."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks import layout_pages
from sealkit import api
from sealkit.errors import ConfigError, DataError
from sealkit.modules.layout_detection.postprocess import LayoutOptions

SEAL, TABLE = 1, 0
PAGES = {
    "two.png": [
        [SEAL, 0.9, 10, 10, 50, 50],  # the circle
        [SEAL, 0.8, 12, 12, 60, 60],  # the circle again, IoU 0.54 with it: suppressed only where boxes of IoU 0.6 are
        [TABLE, 0.95, 100, 100, 160, 166],  # on the square, of another class
        [SEAL, 0.45, 100, 101, 160, 160],  # the square, with less certainty
    ],
    "slice.png": [[SEAL, 0.7, 0, 20, 9, 80], [SEAL, 0.2, 100, 100, 120, 120]],
    "empty.png": [[SEAL, 0.6, 30, 30, 90, 90]],
}
SEALS: dict[str, list[dict[str, Any]]] = {
    "two.png": [
        {"box": [10, 10, 50, 50], "shape": "circle", "partial": False},
        {"box": [100, 100, 160, 160], "shape": "square", "partial": False},
    ],
    "slice.png": [{"box": [0, 20, 10, 80], "shape": "circle", "partial": True}],
    "empty.png": [],
}


class FakeDetector:
    """Knows a page by the grey of its first pixel."""

    labels = ("table", "seal")
    options = LayoutOptions(threshold=0.5, layout_nms=True)
    rules = SimpleNamespace(size=(128, 96))

    def detections(self, images: list[np.ndarray]) -> list[np.ndarray]:
        return [np.array(list(PAGES.values())[int(image[0, 0, 0])], np.float32) for image in images]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    items = []
    for number, name in enumerate(PAGES):
        cv2.imwrite(str(tmp_path / name), np.full((200, 180, 3), number, np.uint8))
        items.append({"file": name, "kind": "page", "seals": SEALS[name]})
    items.append({"file": "gone.png", "kind": "circle"})
    (tmp_path / "marks.json").write_text(json.dumps(items))
    return tmp_path / "marks.json"


def run(labels: Path, thresholds: tuple[float, ...] = (0.1, 0.5)) -> dict[float, list[layout_pages.PageScore]]:
    pages = layout_pages.load_pages(labels, ["page"])
    return layout_pages.search(FakeDetector(), labels.parent, pages, thresholds, "seal")


def test_second_boxes_are_false_and_other_classes_find_nothing(labels: Path) -> None:
    scores = run(labels)
    assert [page.owner.tolist() for page in scores[0.5]] == [[0, -1], [0], [-1]]
    assert [page.owner.tolist() for page in scores[0.1]] == [[0, -1, 1], [0, -1], [-1]]
    assert scores[0.5][0].nearest(1) == 0 and scores[0.5][0].has(0) and not scores[0.5][0].has(1)


def test_metrics(labels: Path) -> None:
    scores = run(labels)
    found = layout_pages.metrics(scores[0.5])
    assert found["recall"] == {
        "all": pytest.approx(2 / 3), "whole": 0.5, "partial": 1, "shape circle": 1, "shape square": 0,
    }  # fmt: skip
    assert (found["false"], found["false_on_pages_without_seals"], found["pages_without_seals"]) == (2, 1, 1)
    assert found["false_per_page"] == pytest.approx(2 / 3) and not layout_pages.reaches(found)
    low = layout_pages.metrics(scores[0.1])
    assert low["recall"]["all"] == 1 and low["false_per_page"] == 1 and not layout_pages.reaches(low)
    assert layout_pages.reaches(layout_pages.metrics(scores[0.5][1:2]))
    nothing = layout_pages.metrics(scores[0.5][2:])
    assert nothing["recall"] == {"all": None, "whole": None, "partial": None} and not layout_pages.reaches(nothing)


def test_the_better_score_comes_first_and_a_seal_is_found_once() -> None:
    seals = [{"box": [0, 0, 10, 10]}, {"box": [0, 4, 10, 14]}]
    boxes = [[0, 3, 10, 13], [0, 0, 10, 10], [0, 1, 10, 11]]
    page = layout_pages.match("a", seals, [{"score": s, "coordinate": b} for s, b in zip((0.5, 0.9, 0.7), boxes)])
    assert page.scores.tolist() == [0.9, 0.7, 0.5] and page.owner.tolist() == [0, 1, -1]


def test_the_command_prints_writes_and_draws(
    labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: dict[str, Any] = {}
    meta = SimpleNamespace(read_meta=lambda: SimpleNamespace(model_name="PicoDet-S_layout_3cls"))
    monkeypatch.setattr(layout_pages, "ModelFiles", SimpleNamespace(find=lambda folder: meta))
    monkeypatch.setattr(api, "create_model", lambda *args, **options: given.update(options) or FakeDetector())
    arguments = ["--model-dir", str(tmp_path), "--labels", str(labels), "--threshold", "0.55"]
    outputs = ["--json", str(tmp_path / "out.json"), "--draw", str(tmp_path / "drawn")]
    assert layout_pages.main([*arguments, *outputs]) == 0
    assert given["layout_nms"] is True and given["layout_merge_bboxes_mode"] == "large"
    said = capsys.readouterr().out
    assert "3 pages, 1 without seals; 3 seals" in said and "input 128x96" in said
    assert "missed square 60x60, nearest IoU 0.00" in said and ">= 0.80" in said and "<= 0.5" in said
    table = [line.split() for line in said.splitlines() if line.strip()[:3] in ("0.1", "0.4", "0.8")]
    assert [row[:5] for row in table] == [
        ["0.1", "1.000", "1.000", "1.000", "1.00"],
        ["0.4", "1.000", "1.000", "1.000", "0.67"],
        ["0.8", "0.333", "0.500", "0.000", "0.00"],
    ]
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["threshold"] == 0.55 and len(written["thresholds"]) == 10
    assert [seal["found"] for seal in written["pages"][0]["seals"]] == [True, False]
    assert [box["seal"] for box in written["pages"][0]["boxes"]] == [0, -1]
    assert cv2.imread(str(tmp_path / "drawn" / "two.png.jpg")).shape == (200, 180, 3)


def test_drawn_colours_tell_what_happened(labels: Path) -> None:
    page = run(labels)[0.5][0]
    drawn = layout_pages.draw(np.zeros((200, 180, 3), np.uint8), page)
    expected = {(30, 10): (60, 160, 0), (130, 100): (30, 30, 220), (55, 60): (0, 140, 255)}  # found, missed, second box
    for place, colour in expected.items():
        np.testing.assert_allclose(drawn[place], colour, atol=25, err_msg=str(place))


def test_refusals(labels: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no image of these kinds"):
        layout_pages.load_pages(labels, ["oval"])
    with pytest.raises(DataError, match="no such label file"):
        layout_pages.load_pages(tmp_path / "none.json", ["page"])
    with pytest.raises(ConfigError, match="the model has no such class"):
        layout_pages.search(FakeDetector(), tmp_path, [], [0.5], "stamp")
    with pytest.raises(ConfigError, match="lies in no run"):
        layout_pages.model_folder(tmp_path, (128, 128), tmp_path / "scratch")
    assert layout_pages.model_folder(tmp_path, None, tmp_path / "scratch") == tmp_path
    (tmp_path / "bad.json").write_text(json.dumps([{"file": "a.png", "kind": "page", "texts": []}]))
    with pytest.raises(DataError, match="it needs `file` and `seals`"):
        layout_pages.load_pages(tmp_path / "bad.json", ["page"])
    (tmp_path / "bad.json").write_text(json.dumps([{"file": "a.png", "kind": "page", "seals": [{"box": [1, 2]}]}]))
    with pytest.raises(DataError, match="without a box of four numbers"):
        layout_pages.load_pages(tmp_path / "bad.json", ["page"])
    (tmp_path / "bad.json").write_text('{"a.png": []')
    with pytest.raises(DataError, match="the JSON is broken"):
        layout_pages.load_pages(tmp_path / "bad.json", ["page"])


def test_the_tool_knows_it() -> None:
    spec = importlib.util.spec_from_file_location("benchmark", Path(__file__).parents[2] / "tools" / "benchmark.py")
    assert spec is not None and spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.BENCHMARKS["layout-pages"] == layout_pages.__name__
