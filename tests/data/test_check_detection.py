"""check_dataset of seal_text_detection: everything is read, everything is said, nothing twice."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sealkit.data.check_report import CheckReport, report_json, report_sections, report_text, write_report_json
from sealkit.errors import DataError
from sealkit.images import write_image
from sealkit.modules.seal_text_detection.check import check_dataset
from sealkit.modules.seal_text_detection.fix import write_fixed_copy
from sealkit.reports.page import write_page
from tests.data.sets import arc, box, draw_image, small_set, write_labels


def kinds(report: CheckReport, *severities: str) -> list[str]:
    return sorted(p.code for p in report.problems if p.severity in (severities or ("error", "warning", "info")))


def test_a_sound_set_passes_with_its_metrics(tmp_path: Path) -> None:
    report = check_dataset(small_set(tmp_path))
    assert report.problems == []
    assert report.passed and report.verdict() == "check passed: 0 errors, 0 warnings, 0 notes"
    train, val = report.sets
    assert train.counts["images"] == 4 and train.counts["texts"] == 8 and val.counts["images"] == 2
    assert train.histograms["shape"] == {"circle": 8}
    assert train.histograms["direction"] == {"arc": 4, "line": 4}
    assert train.histograms["angle"] == {"0°": 8}


def test_all_problems_at_once(tmp_path: Path) -> None:
    root = small_set(tmp_path)
    (root / "images/empty.jpg").write_bytes(b"")
    lines = (root / "train.txt").read_text(encoding="utf-8").splitlines()
    name = "images/train_0.png"
    lines += [
        "images/empty.jpg\t[]",
        f"images/none.png\t{json.dumps([box(1, 1, 50, 20)])}",
        f"images/train_1.png\t{json.dumps([box(100, 10, 300, 40)])}",
        f"{name} {json.dumps([box(1, 1, 50, 20)])}",
        "",
        f"{name}\t[{{broken",
    ]
    (root / "train.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = check_dataset(root)
    assert kinds(report, "error") == sorted(
        ["empty-image", "missing-image", "outside", "label-conflict", "bad-separator", "bad-json"]
    )
    places = {p.code: p.where for p in report.problems}
    assert places["empty-image"] == "train.txt:5" and places["missing-image"] == "train.txt:6"
    assert places["bad-separator"] == "train.txt:8" and places["bad-json"] == "train.txt:10"
    assert not report.passed


def test_missing_image_that_lies_elsewhere(tmp_path: Path) -> None:
    root = small_set(tmp_path)
    text = (root / "train.txt").read_text(encoding="utf-8").replace("images/train_1.png", "imgs/train_1.png")
    (root / "train.txt").write_text(text, encoding="utf-8")
    report = check_dataset(root)
    found = [p for p in report.problems if p.code == "missing-image"]
    assert len(found) == 1 and f"{root}/images/train_1.png" in found[0].hint


def test_leaks_copies_and_conflicts(tmp_path: Path) -> None:
    root = small_set(tmp_path)
    train = (root / "train.txt").read_text(encoding="utf-8")
    val = (root / "val.txt").read_text(encoding="utf-8")
    labels = train.splitlines()[0].partition("\t")[2]
    shutil.copy(root / "images/train_0.png", root / "images/copy.png")
    write_image(root / "images/saved_again.jpg", draw_image(1), quality=60)
    shutil.copy(root / "images/train_2.png", root / "images/leaked.png")
    write_image(root / "images/turned.png", np.ascontiguousarray(np.rot90(draw_image(3))))
    rows = f"images/copy.png\t{labels}\nimages/saved_again.jpg\t{labels}\nimages/train_1.png\t[]\n"
    (root / "train.txt").write_text(train + rows, encoding="utf-8")
    (root / "val.txt").write_text(f"{val}images/leaked.png\t[]\nimages/turned.png\t[]\n", encoding="utf-8")
    report = check_dataset(root)
    assert Counter(kinds(report)) == Counter(
        ["duplicate-image", "look-alike", "label-conflict", "leak", "look-alike-leak"]
    )
    turned = next(p for p in report.problems if p.code == "look-alike-leak")
    assert "turned or mirrored" in turned.message and turned.where == "val.txt:4"
    assert "compare" not in report_text(check_dataset(root, compare=False))
    assert "leak" not in kinds(check_dataset(root, compare=False))


def test_a_third_part_is_held_out_from_both(tmp_path: Path) -> None:
    root = small_set(tmp_path)
    rows = [(root / f"{name}.txt").read_text(encoding="utf-8").splitlines()[0] for name in ("train", "val")]
    (root / "test.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    report = check_dataset(root, test="test.txt")
    leaks = [p for p in report.problems if p.code == "leak"]
    assert [p.where for p in leaks] == ["test.txt:1", "test.txt:2"]
    assert "training image (train.txt:1)" in leaks[0].message and "validation image (val.txt:1)" in leaks[1].message
    assert [checked.name for checked in report.sets] == ["train", "val", "test"]
    fixed = write_fixed_copy(root, report.sets, tmp_path / "out")
    assert fixed.written == {"train.txt": 3, "val.txt": 1, "test.txt": 2}


def test_a_label_file_of_the_working_folder_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_set(tmp_path / "one")
    write_image(tmp_path / "two" / "a.png", draw_image(0))
    monkeypatch.chdir(tmp_path / "one")
    with pytest.raises(DataError, match=r"no label file train\.txt"):
        check_dataset(tmp_path / "two")


def test_owners_in_both_sets(tmp_path: Path) -> None:
    root = small_set(tmp_path)
    train = (root / "train.txt").read_text(encoding="utf-8").splitlines()
    val = (root / "val.txt").read_text(encoding="utf-8").splitlines()
    val[0] = val[0].partition("\t")[0] + "\t" + train[0].partition("\t")[2]
    (root / "val.txt").write_text("\n".join(val) + "\n", encoding="utf-8")
    report = check_dataset(root)
    assert kinds(report) == ["shared-owners"]
    assert "1 of 2 names" in report.problems[0].message and "--group owner" in report.problems[0].hint


def test_without_validation_set(tmp_path: Path) -> None:
    root = small_set(tmp_path)
    (root / "val.txt").unlink()
    report = check_dataset(root)
    assert kinds(report, "warning") == ["no-validation-set"] and report.passed
    assert kinds(report, "info") == ["unlabelled-images"]
    with pytest.raises(DataError, match=r"no label file val\.txt"):
        check_dataset(root, val_required=True)


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda root: shutil.rmtree(root), ["no such folder"]),
        (lambda root: None, ["holds no images (no files)", ".jpg"]),
        (lambda root: (root / "notes.md").write_text("x"), ["holds no images (1 other files)"]),
        (lambda root: write_image(root / "a.png", draw_image(0)), ["no label file train.txt", "--train"]),
        (
            lambda root: write_labels(root / "train.txt", {"a.png": [box(1, 1, 50, 20)], "b.png": []}),
            ["none of the 2 labelled images exists", "holds no images at all"],
        ),
        (
            lambda root: (
                write_image(root / "imgs/a.png", draw_image(0)),
                write_labels(root / "train.txt", {"a.png": [box(1, 1, 50, 20)]}),
            ),
            ["none of the 1 labelled images exists", "imgs/a.png"],
        ),
        (
            lambda root: (
                write_image(root / "a.png", draw_image(0)),
                write_labels(root / "train.txt", [("a.png", "天津君和缘商贸有限公司"), ("b.png", "发票专用章")]),
            ),
            ["labels of text recognition", "--module text_recognition", "train.txt:1"],
        ),
        (
            lambda root: (
                write_image(root / "a.png", draw_image(0)),
                (root / "train.txt").write_text("just\nsome\nwords\n", encoding="utf-8"),
            ),
            ["no line of this file is a detection label", "train.txt:1"],
        ),
        (
            lambda root: (
                write_image(root / "a.png", draw_image(0)),
                (root / "a.json").write_text(json.dumps({"shapes": [], "imagePath": "a.png"}), encoding="utf-8"),
            ),
            ["no label file train.txt", "LabelMe", "sealkit data convert"],
        ),
    ],
)
def test_nothing_to_check_is_one_clear_message(tmp_path: Path, prepare: Any, words: list[str]) -> None:
    root = tmp_path / "set"
    root.mkdir()
    prepare(root)
    with pytest.raises(DataError) as caught:
        check_dataset(root)
    message = str(caught.value)
    for word in words:
        assert word in message, message
    assert "next:" in message


def test_an_empty_label_file(tmp_path: Path) -> None:
    root = small_set(tmp_path)
    (root / "train.txt").write_text("")
    report = check_dataset(root)
    assert kinds(report, "error") == ["empty-file"] and not report.passed
    assert report.sets[0].counts["images"] == 0
    assert "check FAILED" in report_text(report)


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("x")
    with pytest.raises(DataError, match="a file, not a dataset's folder"):
        check_dataset(tmp_path / "train.txt")


def _fuzzed_lines(count: int, names: list[str]) -> list[str]:
    """Label lines damaged in many ways; none of them is sound."""
    rng = np.random.default_rng(7)
    good = json.dumps([arc(), box(60, 50, 100, 66, "专用章")], ensure_ascii=False)
    crossing = {"transcription": "x", "points": [[10, 10], [90, 60], [90, 10], [10, 60]]}
    bad_points: list[Any] = [[[1, 1]], [], "points", None, [[1, 1], [2, 2], [3, 3]], [[0, 0], [9, "x"], [9, 9]]]
    bad_points += [[[0, 0], [9, float("nan")], [9, 9]], [[0, 0], [1e300, 0], [9, 9]], {"x": 1}, 7]
    lines = []
    for number in range(count):
        name = names[number % len(names)]
        choice = int(rng.integers(0, 12))
        cut = int(rng.integers(1, len(good) - 1))
        place = int(rng.integers(1, len(good) - 1))
        lines.append(
            [
                f"{name}\t{good[:cut]}",
                f"{name} {good}",
                f"{name}{good}",
                f"{name}\t{good}\t{good}",
                f"\t{good}",
                f"{name}\t{good[:place]}\x00{good[place:]}",
                f"{name}\t{json.dumps([{'transcription': 'x', 'points': bad_points[number % len(bad_points)]}])}",
                f"{name}\t{json.dumps([number % 3, 'x', None])}",
                f"{name}\t{json.dumps([{'points': [[0, 0], [9, 0], [9, 9]]}, {'transcription': 'x'}])}",
                f"{name}\t{json.dumps([crossing])}",
                f"{name}\t{json.dumps([box(500, 500, 600, 600)])}",
                "".join(chr(int(c)) for c in rng.integers(33, 0x9FFF, 40)).replace("\x85", "x"),
            ][choice]
        )
    return lines


def test_a_thousand_damaged_lines(tmp_path: Path) -> None:
    """No crash; every line is reported, no fault of it twice."""
    names = []
    for seed in range(5):
        write_image(tmp_path / f"{seed}.png", draw_image(seed))
        names.append(f"{seed}.png")
    lines = _fuzzed_lines(1000, names)
    sound = [f"{name}\t{json.dumps([box(60, 50, 100, 66)])}" for name in names]
    (tmp_path / "train.txt").write_bytes("\n".join(sound + lines).encode("utf-8", "surrogatepass") + b"\n")
    report = check_dataset(tmp_path, compare=False)
    reported = Counter(p.where for p in report.problems if p.severity == "error")
    silent = [n for n in range(len(sound) + 1, len(sound) + 1001) if not reported[f"train.txt:{n}"]]
    assert silent == [], f"first silent line: {lines[silent[0] - len(sound) - 1][:200] if silent else ''}"
    said = Counter((p.where, p.code, p.message) for p in report.problems)
    assert [key for key, times in said.items() if times > 1] == []
    assert not any(reported[f"train.txt:{n}"] for n in range(1, len(sound) + 1))
    report_text(report)
    json.dumps(report_json(report), allow_nan=False)


def test_json_verdict_has_the_keys_of_paddlex(tmp_path: Path) -> None:
    root = small_set(tmp_path / "set")
    path = write_report_json(check_dataset(root), tmp_path / "out" / "verdict.json")
    verdict = json.loads(path.read_text(encoding="utf-8"))
    assert verdict["done_flag"] is True and verdict["check_pass"] is True
    assert verdict["attributes"]["train_samples"] == 4 and verdict["attributes"]["val_samples"] == 2
    assert len(verdict["attributes"]["train_sample_paths"]) == 4
    assert verdict["dataset_type"] == "TextDetDataset" and verdict["module"] == "seal_text_detection"
    assert verdict["problems"] == []


def test_page_sections_draw_the_cases(tmp_path: Path) -> None:
    root = small_set(tmp_path)
    with (root / "train.txt").open("a", encoding="utf-8") as file:
        file.write(f"images/train_0.png\t{json.dumps([box(100, 10, 300, 40)])}\n")
    sections = report_sections(check_dataset(root))
    titles = [section["title"] for section in sections]
    assert titles[:3] == ["Verdict", "Sets", "Problems by kind"]
    drawn = next(s for s in sections if s["title"] == "error: outside, drawn")
    caption, image = drawn["images"][0]
    assert caption.startswith("train.txt:5") and image.dtype == np.uint8 and image.ndim == 3
    assert "Samples of train" in titles and "Samples of val" in titles
    text = write_page(tmp_path / "page.html", "check", sections).read_text(encoding="utf-8")
    assert "outside" in text and "data:image/jpeg;base64," in text and 'src="http' not in text


def test_text_groups_by_kind_and_says_a_fix_once(tmp_path: Path) -> None:
    root = small_set(tmp_path)
    with (root / "train.txt").open("a", encoding="utf-8") as file:
        for _ in range(8):
            file.write("images/gone.png\t[]\n")
    report = check_dataset(root)
    text = report_text(report)
    assert "error: missing-image (8)" in text and "… and 3 more" in text
    assert text.count("images/gone.png: no such image") == 5
    assert report_text(report, limit=0).count("images/gone.png: no such image") == 8


def test_a_thousand_images_take_seconds(tmp_path: Path) -> None:
    """300 images of 640 x 640: 4 ms of processor time each on a quiet core; other programs must not fail the test."""
    import time

    rows = {}
    for seed in range(20):
        data = write_image(tmp_path / f"{seed}.jpg", draw_image(seed, 640, 640)).read_bytes()
        for copy in range(15):
            (tmp_path / f"{seed}_{copy}.jpg").write_bytes(data)
            rows[f"{seed}_{copy}.jpg"] = [box(60, 50, 100, 66)]
    write_labels(tmp_path / "train.txt", rows)
    began = time.process_time()
    report = check_dataset(tmp_path)
    took = time.process_time() - began
    assert sum(p.code == "duplicate-image" for p in report.problems) == 20 * 14
    assert took < 300 * 0.03


def test_a_name_that_no_file_can_have_is_a_missing_image(tmp_path: Path) -> None:
    root = small_set(tmp_path)
    line = (root / "train.txt").read_text(encoding="utf-8").splitlines()[0].partition("\t")[2]
    with open(root / "train.txt", "a", encoding="utf-8") as file:
        file.write(f"images/a\0b.jpg\t{line}\n")
    report = check_dataset(root)
    assert {"odd-blank", "missing-image"} <= set(kinds(report, "error", "warning")), kinds(report)


def test_a_layout_image_that_no_file_can_have_is_a_missing_image(tmp_path: Path) -> None:
    from sealkit.modules.layout_detection.check import check_dataset as check_layout

    shutil.copytree(Path(__file__).parents[2] / "datasets" / "toy_layout", tmp_path / "set")
    for path in (tmp_path / "set/annotations").glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        for entry, name in zip(content["images"], ("a\0b.jpg", "a\ud800b.jpg"), strict=False):
            entry["file_name"] = name
        path.write_text(json.dumps(content), encoding="utf-8")
    report = check_layout(tmp_path / "set")
    assert kinds(report, "error").count("missing-image") >= 2
