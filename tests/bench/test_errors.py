"""The stage at fault of every text a pipeline gets wrong, and the page that shows it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.bench import misses
from sealkit.bench.error_report import stage_rows, text_diff, verdict, write_errors
from sealkit.bench.misses import STAGES, Miss, find_misses
from sealkit.bench.real_seals import Found, PipelineReader, score_image
from sealkit.cli import main
from sealkit.errors import ConfigError
from sealkit.geometry.lines import LinePoly
from sealkit.images import read_image
from sealkit.pipeline.page import ReadLine

ROOT = Path(__file__).resolve().parents[2]
NAME, PURPOSE = "青石镇望江文具店", "收款专用章"


@pytest.fixture(scope="module")
def reader() -> PipelineReader:
    return PipelineReader(None, {"threads": 1})


@pytest.fixture(scope="module")
def scene(reader: PipelineReader, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], Found]:
    """A sheet with one seal at the upper left, its labels, and what the shipped models read there."""
    folder = tmp_path_factory.mktemp("scene")
    seal = read_image(ROOT / "sealkit" / "assets" / "example_seal.png")
    sheet = np.full((400, 500, 3), 250, np.uint8)
    sheet[20 : 20 + seal.shape[0], 20 : 20 + seal.shape[1]] = seal
    assert cv2.imwrite(str(folder / "a.png"), sheet)
    item: dict[str, Any] = {"file": "a.png", "kind": "page", "seals": [{}], "texts": []}
    found = reader(item, sheet)
    assert sorted(found.texts) == sorted([NAME, PURPOSE]), "the shipped models read their example"
    for line in found.seals[0].read:
        item["texts"].append(
            {"text": line.text, "poly": line.line.points.tolist(), "direction": line.line.direction, "seal": 0}
        )
    return folder, item, found


def labelled(scene: tuple[Path, dict[str, Any], Found], which: str, /, **changed: Any) -> dict[str, Any]:
    """The labels with one of them changed."""
    item = scene[1]
    return {**item, "texts": [{**one, **changed} if one["text"] == which else one for one in item["texts"]]}


def read_as(found: Found, which: str, /, **changed: Any) -> Found:
    """What was found, with one line changed."""

    def with_change(line: ReadLine) -> ReadLine:
        return replace(line, **changed) if line.text == which else line

    (seal,) = found.seals
    seals = [replace(seal, read=[with_change(line) for line in seal.read])]
    kept = [line.text for line in seals[0].read if line.score >= found.score_thresh]
    return replace(found, texts=kept, seals=seals)


def stages(scene: Any, reader: PipelineReader, item: dict[str, Any], found: Found) -> list[Miss]:
    return find_misses(scene[0], [item], {item["file"]: found}, reader)


def test_all_right_is_no_miss(scene: tuple[Path, dict[str, Any], Found], reader: PipelineReader) -> None:
    assert stages(scene, reader, scene[1], scene[2]) == []


@pytest.mark.parametrize(
    ("text", "stage", "lost"),
    [("青石镇望江文县店", misses.RECOGNISER, 1), ("广州某某有限公司", misses.LABEL_ISSUE, 8)],
)
def test_both_strips_read_otherwise_than_the_label(
    scene: tuple[Path, dict[str, Any], Found], reader: PipelineReader, text: str, stage: str, lost: int
) -> None:
    """One character is the recogniser's fault; another text altogether is a label issue."""
    (miss,) = stages(scene, reader, labelled(scene, NAME, text=text), scene[2])
    assert (miss.stage, miss.lost) == (stage, lost)
    assert miss.label_reading.text == NAME and miss.line.text == NAME == miss.text


def test_a_label_that_starts_at_the_wrong_end_is_a_label_issue(
    scene: tuple[Path, dict[str, Any], Found], reader: PipelineReader
) -> None:
    line = next(one for one in scene[2].seals[0].read if one.text == NAME).line.turned()
    item = labelled(scene, NAME, poly=line.points.tolist(), direction=line.direction)
    (miss,) = stages(scene, reader, item, read_as(scene[2], NAME, text="青石", hypotheses=()))
    assert miss.stage == misses.LABEL_ISSUE and any("from the other end" in note for note in miss.notes)


@pytest.mark.parametrize("direction", ["arc", None])
def test_half_an_outline(
    scene: tuple[Path, dict[str, Any], Found], reader: PipelineReader, direction: str | None
) -> None:
    """Found: the first half of the ring. Labels of drawing tools have no direction: it is found."""
    whole = next(one for one in scene[2].seals[0].read if one.text == NAME).line
    half = len(whole.top) // 2
    points = np.concatenate([whole.top[:half], whole.bottom[:half][::-1]])
    cut = read_as(scene[2], NAME, text=NAME[:4], line=LinePoly(points, "arc"), hypotheses=())
    (miss,) = stages(scene, reader, labelled(scene, NAME, direction=direction), cut)
    assert (miss.stage, miss.lost, miss.label_reading.text) == (misses.OUTLINE, 4, NAME)
    overlap = float(re.search(r"IoU of the outlines (\S+)", " ".join(miss.notes)).group(1))
    assert 0.3 < overlap < 0.6


def test_the_right_reading_lost_or_was_dropped(
    scene: tuple[Path, dict[str, Any], Found], reader: PipelineReader
) -> None:
    found = scene[2]
    (miss,) = stages(scene, reader, scene[1], read_as(found, PURPOSE, text="收款"))
    assert miss.stage == misses.CHOICE, "its hypotheses hold the right one"
    (miss,) = stages(scene, reader, scene[1], read_as(found, PURPOSE, score=0.1))
    assert miss.stage == misses.DROPPED and miss.text == "" and miss.lost == len(PURPOSE)
    assert f"score 0.10 is below the threshold of {found.score_thresh:.2f}" in miss.notes


def test_where_nothing_was_found(scene: tuple[Path, dict[str, Any], Found], reader: PipelineReader) -> None:
    """A label inside the seal's box is the text detector's, one far from it the search's."""
    (x1, y1, x2, y2) = scene[2].seals[0].found.box
    middle = [[x1 + 5, y1 + 5], [x1 + 20, y1 + 5], [x1 + 20, y1 + 10], [x1 + 5, y1 + 10]]
    far = [[x2 + 150, y2 + 100], [x2 + 200, y2 + 100], [x2 + 200, y2 + 120], [x2 + 150, y2 + 120]]
    item = {**scene[1], "texts": [*scene[1]["texts"]]}
    item["texts"] += [{"text": "甲乙", "poly": middle}, {"text": "丙", "poly": far}, {"text": "丁"}]
    item["texts"].append({"text": "戊", "poly": [[1, 1], [1, 1], [1, 1], [1, 1]]})
    found = {miss.truth: miss.stage for miss in stages(scene, reader, item, scene[2])}
    assert found == {
        "甲乙": misses.NO_TEXT, "丙": misses.NO_SEAL, "丁": misses.UNKNOWN, "戊": misses.UNKNOWN,
    }  # fmt: skip


def test_what_is_not_labelled_is_extra_unless_an_ignored_line_excuses_it(
    scene: tuple[Path, dict[str, Any], Found], reader: PipelineReader
) -> None:
    item = {**scene[1], "texts": [one for one in scene[1]["texts"] if one["text"] == NAME]}
    (miss,) = stages(scene, reader, item, scene[2])
    assert (miss.stage, miss.text, miss.lost) == (misses.EXTRA, PURPOSE, len(PURPOSE))
    assert stages(scene, reader, labelled(scene, PURPOSE, ignore=True), scene[2]) == []
    empty = {**scene[1], "texts": [], "seals": []}
    assert [miss.stage for miss in stages(scene, reader, empty, scene[2])] == [misses.EXTRA] * 2


def test_misses_are_those_of_the_score(scene: tuple[Path, dict[str, Any], Found], reader: PipelineReader) -> None:
    item = labelled(scene, NAME, text="青石镇望江文县店")
    item["texts"] = [*item["texts"], {"text": "甲乙", "poly": [[1, 1], [9, 1], [9, 5], [1, 5]]}]
    score, found = score_image(item, scene[2].texts), stages(scene, reader, item, scene[2])
    assert len(found) == sum(one < 1 for one in score.sims) + score.extra
    assert [miss.lost for miss in found] == sorted((miss.lost for miss in found), reverse=True)


def test_places_on_a_turned_page_are_not_compared(
    scene: tuple[Path, dict[str, Any], Found], reader: PipelineReader
) -> None:
    item = labelled(scene, NAME, text="青石镇望江文县店")
    (miss,) = stages(scene, reader, item, replace(scene[2], moved=True))
    assert miss.stage == misses.UNKNOWN and miss.line is None and miss.label_reading.text == NAME


def test_words_of_the_page() -> None:
    items = [{"file": "a", "kind": "page", "seals": [], "texts": [{"text": "甲"}, {"text": "乙"}, {"text": "丙"}]}]
    wrong = [Miss("a", misses.NO_TEXT, "甲", ""), Miss("a", misses.EXTRA, "", "丁丁")]
    wrong.append(Miss("a", misses.EXTRA, "", "戊"))
    assert verdict(items, wrong) == (
        "2 of 3 texts were read exactly (0.667). Most often at fault: extra text (2 of 3 misses)."
    )
    assert verdict(items, []).startswith("3 of 3 texts were read exactly (1.000).")
    rows = {row["stage at fault"]: (row["misses"], row["characters"]) for row in stage_rows(wrong)}
    assert rows == {misses.NO_TEXT: (1, 1), misses.EXTRA: (2, 3)} and list(rows) == [misses.NO_TEXT, misses.EXTRA]
    assert set(rows) <= set(STAGES)
    pieces = [("甲", ""), ("乙", "missing"), ("丁", "wrong"), ("丙", ""), ("戊", "wrong")]
    assert text_diff("甲乙丙", "甲丁丙戊") == pieces


def test_the_page_of_a_set_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two images of the toy set with the shipped models; one label is a text that is not there."""
    root = tmp_path / "set"
    (root / "images").mkdir(parents=True)
    rows = (ROOT / "datasets" / "toy" / "val.txt").read_text(encoding="utf-8").splitlines()[:2]
    first, entries = rows[0].split("\t")
    lines = json.loads(entries)
    lines[0]["transcription"] = "不在<b>"
    rows[0] = f"{first}\t{json.dumps(lines, ensure_ascii=False)}"
    for row in rows:
        shutil.copy(ROOT / "datasets" / "toy" / row.split("\t")[0], root / "images")
    (root / "val.txt").write_text("\n".join(rows), encoding="utf-8")
    page = tmp_path / "deep" / "errors.html"
    assert main(["eval", "--pipeline", "--data", str(root), "--errors", str(page), "--no-progress"]) == 0
    assert f"errors {page}" in capsys.readouterr().out
    html = page.read_text(encoding="utf-8")
    assert "http" not in html and "<script" not in html and "不在&lt;b&gt;" in html and "<b>" not in html
    wrong = re.findall(r"<h3>\d+\. ([a-z ]+):", html)
    assert wrong and set(wrong) <= set(STAGES)
    assert html.index("texts were read exactly") < html.index("stage at fault") < html.index("<h3>1. ")
    assert html.count("labelled outline:") >= 1 and html.count("data:image/jpeg;base64,") >= len(wrong)


def test_what_errors_does_not_go_with(
    tmp_path: Path, scene: tuple[Path, dict[str, Any], Found], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "--checkpoint", "runs/x", "--errors", "e.html"]) == 2
    assert "need --pipeline" in capsys.readouterr().err
    assert main(["eval", "--table", "rec", "--errors", "e.html"]) == 2
    assert "mean nothing with --table" in capsys.readouterr().err

    class Reference:
        class pipeline:
            class settings:
                reading = "reference"

    with pytest.raises(ConfigError, match="reading: sealkit"):
        write_errors(tmp_path / "e.html", tmp_path, [], {}, Reference())  # type: ignore[arg-type]
