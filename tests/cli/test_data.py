"""`sealkit data …` as a user types it: exit codes, one message each, files written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealkit.cli import main
from sealkit.images import read_image, write_image
from tests.data.sets import box, draw_image, small_set, write_labels


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEALKIT_TRACEBACK", raising=False)


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main(["data", *map(str, words)])
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


def test_check_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = small_set(tmp_path / "set")
    verdict = tmp_path / "v.json"
    code, out, _ = run(capsys, "check", root, "--module", "seal_text_detection", "--json", verdict)
    assert code == 0 and "check passed: 0 errors" in out
    assert json.loads(verdict.read_text(encoding="utf-8"))["check_pass"] is True


def test_check_fails_with_an_exit_code_and_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = small_set(tmp_path / "set")
    with (root / "train.txt").open("a", encoding="utf-8") as file:
        file.write("no tab here\n")
    code, out, _ = run(capsys, "check", root, "--html", tmp_path / "page.html")
    assert code == 3
    assert "train.txt:5" in out and "check FAILED: 1 errors" in out
    assert "check FAILED" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_check_strict_fails_on_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = small_set(tmp_path)
    (root / "val.txt").unlink()
    assert run(capsys, "check", root)[0] == 0
    assert run(capsys, "check", root, "--strict")[0] == 3
    assert run(capsys, "check", root, "--val", "val.txt")[0] == 3, "asked for by name"


def test_check_fix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = small_set(tmp_path / "set")
    (root / "empty.jpg").write_bytes(b"")
    with (root / "train.txt").open("a", encoding="utf-8") as file:
        file.write("empty.jpg\t[]\n")
    code, out, _ = run(capsys, "check", root, "--fix", tmp_path / "fixed")
    assert code == 3 and "left out: train.txt:5: empty.jpg" in out
    code, out, _ = run(capsys, "check", tmp_path / "fixed", "--fix", tmp_path / "again")
    assert code == 0 and f"check it again: sealkit data check {tmp_path / 'again'}" in out
    assert "sealkit train" not in out, "on the copy, once it is checked"
    code, _, err = run(capsys, "check", root, "--fix", tmp_path / "fixed")
    assert code == 3 and "not empty" in err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["check", "nowhere"], 3, "no such folder"),
        (["check", "{empty}"], 3, "holds no images"),
        (["check", "{empty}", "--module", "seal_text_detektion"], 2, "did you mean seal_text_detection?"),
        (["check", "{empty}", "--workers", "-1"], 2, "negative"),
        (["check"], 2, "DIR"),
        (["chekc"], 2, "did you mean check?"),
        ([], 2, "COMMAND"),
        (["convert", "nowhere", "out"], 3, "no such file or folder"),
        (["convert", "{empty}", "out"], 3, "no known annotation format"),
        (["split", "{empty}"], 3, "no such label file"),
        (["split", "{empty}", "--shares", "1"], 2, "two or three shares"),
        (["show", "{empty}/train.txt"], 3, "no such label file"),
        (["show", "{empty}/train.txt", "--count", "0"], 2, "at least 1"),
    ],
)
def test_one_clear_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    got, _, err = run(capsys, *(word.replace("{empty}", str(tmp_path / "empty")) for word in words))
    assert got == code
    assert message in err and err.count("error:") == 1 and "next:" in err


def test_convert_split_check_show_in_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "labelme", tmp_path / "set"
    for seed in range(10):
        write_image(source / f"{seed}.png", draw_image(seed))
        points = box(10, 10, 60, 40)["points"]
        shapes = [{"label": f"第{seed}号有限公司", "points": points, "shape_type": "polygon"}]
        content = {"shapes": shapes, "imagePath": f"{seed}.png"}
        (source / f"{seed}.json").write_text(json.dumps(content), encoding="utf-8")
    code, text, _ = run(capsys, "convert", source, out)
    assert code == 0 and "converted 10 images with 10 texts" in text and "labelme" in text
    code, text, _ = run(capsys, "split", out)
    assert code == 0 and "train.txt: 8 images, 80.0%" in text and "val.txt: 2 images" in text
    assert run(capsys, "check", out)[0] == 0
    code, _, err = run(capsys, "split", out)
    assert code == 3 and "--force" in err
    assert run(capsys, "split", out, "--force", "--shares", "0.6", "0.2", "0.2")[0] == 0
    assert len((out / "test.txt").read_text(encoding="utf-8").splitlines()) == 2
    sheet = tmp_path / "sheet.png"
    code, text, _ = run(
        capsys, "show", out / "labels.txt", "--out", sheet, "--count", "4", "--columns", "2", "--tile", "100"
    )
    assert code == 0 and "4 of 10 images" in text
    assert read_image(sheet).shape == (236, 200, 3), "two rows of images, each with a caption"
    code, text, _ = run(capsys, "show", out / "labels.txt", "--out", sheet, "--contains", "第3号", "--random")
    assert code == 0 and "1 of 1 images" in text
    code, _, err = run(capsys, "show", out / "labels.txt", "--out", sheet, "--shape", "oval")
    assert code == 3 and "no image to show" in err


def test_convert_strict_and_texts_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(tmp_path / "in" / "a.png", draw_image(1))
    (tmp_path / "in" / "a.txt").write_text("天津公司", encoding="utf-8")
    code, text, _ = run(capsys, "convert", tmp_path / "in", tmp_path / "out")
    assert code == 0 and "without outlines" in text and (tmp_path / "out" / "texts.json").is_file()
    write_image(tmp_path / "ppocr" / "a.png", draw_image(1))
    rows = {"ppocr/a.png": [box(10, 10, 60, 40)], "ppocr/gone.png": [box(10, 10, 60, 40)]}
    write_labels(tmp_path / "ppocr" / "Label.txt", rows)
    assert run(capsys, "convert", tmp_path / "ppocr", tmp_path / "out1")[0] == 0
    assert run(capsys, "convert", tmp_path / "ppocr", tmp_path / "out2", "--strict")[0] == 3


def test_check_read_finds_a_label_that_starts_at_the_wrong_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = Path(__file__).parents[2] / "datasets" / "toy"
    rows = [line.split("\t") for line in (toy / "train.txt").read_text(encoding="utf-8").splitlines()]
    name, entries = next(
        (name, found)
        for name, content in rows
        if (found := [e for e in json.loads(content) if e.get("direction") == "arc" and len(e["transcription"]) > 8])
    )
    right = entries[0]
    half = len(right["points"]) // 2
    turned = {**right, "points": right["points"][half:] + right["points"][:half], "direction": "arc-bottom"}
    write_image(tmp_path / "right.png", read_image(toy / name))
    write_image(tmp_path / "turned.png", read_image(toy / name))
    write_labels(tmp_path / "train.txt", {"right.png": [right], "turned.png": [turned]})
    code, out, _ = run(capsys, "check", tmp_path, "--no-compare", "--read")
    assert code == 0
    assert "info: reads-turned (1)" in out and "train.txt:2: turned.png" in out
    assert "reads-differently" not in out


def test_check_model_dir_reports_a_model_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = small_set(tmp_path / "set")
    code, _, err = run(capsys, "check", root, "--model-dir", tmp_path / "nowhere")
    assert code != 0 and err.count("error:") == 1 and "nowhere" in err


def test_crop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = small_set(tmp_path / "set")
    code, out, _ = run(capsys, "crop", root, tmp_path / "strips")
    assert code == 0 and "train.txt: 8 strips" in out and "val.txt: 4 strips" in out
    assert f"next: sealkit train --data {tmp_path / 'strips'}" in out
    code, _, err = run(capsys, "crop", root, tmp_path / "strips")
    assert code == 3 and "exists" in err
    code, _, err = run(capsys, "crop", root, tmp_path / "other", "--height", "2")
    assert code == 2 and "at least 8" in err
    code, _, err = run(capsys, "crop", tmp_path / "nowhere", tmp_path / "other")
    assert code == 3 and "no such label file" in err


@pytest.mark.parametrize("command", ["check", "convert", "split", "show", "crop", "synth"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["data", command, "--help"])
    assert caught.value.code == 0
    assert "examples:" in capsys.readouterr().out
