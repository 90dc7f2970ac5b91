"""`sealkit infer`: what is printed where, what is saved, exit codes."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

from sealkit.cli import main
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from tests.cli.conftest import CommandLine
from tests.pipeline.conftest import MakePipeline


@pytest.fixture
def asked() -> dict[str, Any]:
    """What the command asked of create_pipeline."""
    return {}


@pytest.fixture
def infer(
    make_pipeline: MakePipeline,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    asked: dict[str, Any],
) -> CommandLine:
    """Runs the command with the exact detector in place of the embedded one: exit code, stdout, stderr."""

    def create(config: Any = None, **options: Any) -> SealRecognitionPipeline:
        asked.update(options, config=config)
        return make_pipeline()

    monkeypatch.setattr("sealkit.pipeline.create.create_pipeline", create)

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["infer", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def folder(tmp_path: Path, seal_image: np.ndarray, page: np.ndarray) -> Path:
    images = tmp_path / "images"
    images.mkdir()
    cv2.imwrite(str(images / "a.png"), seal_image)
    (images / "b.png").write_bytes(b"no image")
    cv2.imwrite(str(images / "c.png"), page)
    return images


def test_texts_with_roles_on_stdout(infer: CommandLine, folder: Path) -> None:
    code, out, err = infer(folder / "a.png")
    assert code == 0
    assert err == "nothing was saved: --save-path out keeps JSON and images; --save-csv texts.csv a table\n"
    lines = out.splitlines()
    assert lines[0] == str(folder / "a.png") and lines[1] == "  seal 1"
    assert lines[2].endswith("(title)") and lines[3].endswith("(purpose)")


def test_a_broken_file_is_told_and_the_rest_is_read(infer: CommandLine, folder: Path, tmp_path: Path) -> None:
    code, out, err = infer(folder, "--save-path", tmp_path / "out")
    assert code == 3 and "b.png" in err and "1 image(s) could not be read" in err
    assert "c.png" in out and "seal 2" in out and "b.png" not in out
    saved = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert saved == [
        "a_res.json",
        "a_seal_res_region1.png",
        "c_overview.png",
        "c_res.json",
        "c_seal_res_region1.png",
        "c_seal_res_region2.png",
    ]


def test_jsonl_is_one_object_per_image_and_nothing_else(infer: CommandLine, folder: Path) -> None:
    code, out, _ = infer(folder, "--jsonl")
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 3 and [len(r["seal_res_list"]) for r in records] == [1, 0, 2]
    assert "error" in records[1] and records[0]["seal_res_list"][0]["rec_texts"]


def test_quiet_verbose_and_parameters(infer: CommandLine, asked: dict[str, Any], folder: Path) -> None:
    assert infer(folder / "a.png", "--quiet")[1] == ""
    _, out, err = infer(folder / "a.png", "--verbose", "--engine", "onnxruntime", "--threads", "1", "-o", "engine=auto")
    assert "search: seals 1" in out and "TextDetection: ink" in err
    assert asked["engine"] == "onnxruntime" and asked["overrides"] == ["engine=auto"]
    _, out, _ = infer(folder / "a.png", "--seal_rec_score_thresh", "0.95")
    assert "no text read" in out


def test_all_parameters_of_paddlex_s_command_line(
    make_pipeline: MakePipeline, infer: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    class Spy:
        engines: ClassVar[dict[str, str]] = {}

        def predict(self, inputs: Any, **options: Any) -> Iterator[Any]:
            seen.update(options, inputs=inputs)
            return iter(())

    monkeypatch.setattr("sealkit.pipeline.create.create_pipeline", lambda *a, **k: seen.update(k) or Spy())
    code, _, err = infer(
        "--input", folder / "a.png", "--use_doc_orientation_classify", "False", "--use_doc_unwarping", "none",
        "--use-layout-detection", "T", "--layout_nms", "--layout_threshold", "{16: 0.3}", "--layout_unclip_ratio",
        "(1.0, 0.9)", "--layout_merge_bboxes_mode", "'union'", "--seal_det_limit_type", "max", "--allow-url",
        "--engine-config", "{run_mode: paddle}", "--use-hpip",
    )  # fmt: skip
    assert code == 0 and err == ""
    assert seen["inputs"] == [str(folder / "a.png")] and "use_doc_unwarping" not in seen
    assert (seen["use_doc_orientation_classify"], seen["use_layout_detection"], seen["layout_nms"]) == (
        False,
        True,
        True,
    )
    assert seen["layout_threshold"] == {"16": 0.3} or seen["layout_threshold"] == {16: 0.3}
    assert seen["layout_unclip_ratio"] == [1.0, 0.9] and seen["layout_merge_bboxes_mode"] == "union"
    assert seen["allow_url"] is True and seen["engine_config"] == {"run_mode": "paddle"} and seen["use_hpip"] is True
    code, _, err = infer(folder / "a.png", "--layout-nms", "perhaps")
    assert code == 2 and "perhaps" in err
    code, _, err = infer("--quiet")
    assert code == 2 and "nothing to read" in err


def test_reference_reading_from_the_command_line(
    make_pipeline: MakePipeline, infer: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = {"reading": "reference", "Search": None, "Refine": None, "Reading": None, "Lines": None}
    monkeypatch.setattr("sealkit.pipeline.create.create_pipeline", lambda *a, **k: make_pipeline(**plain))
    code, out, _ = infer(folder / "a.png", "--verbose")
    assert code == 0 and "seal 1" in out and "reading: texts 2" in out
    code, out, err = infer(folder / "a.png", "--use-layout-detection", "--jsonl")
    assert code == 3 and "the input params for model settings are invalid!" in err
    assert json.loads(out) == {"error": "the input params for model settings are invalid!"}


def test_flags_that_do_not_go_together(infer: CommandLine, folder: Path) -> None:
    code, _, err = infer(folder / "a.png", "--model-dir", folder)
    assert code == 2 and "--model-dir belongs to --model" in err
    code, _, err = infer(folder / "a.png", "--model", "PP-OCRv6_small_det", "--seal-det-thresh", "0.4")
    assert code == 2 and "--seal-det-thresh" in err


def test_unwritable_output(infer: CommandLine, folder: Path) -> None:
    code, _, err = infer(folder / "a.png", "--save-path", folder / "a.png" / "out")
    assert code == 1 and "cannot write" in err and "Traceback" not in err


def test_a_table_of_all_texts_and_where_it_lies(infer: CommandLine, folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "new" / "texts.csv"
    code, _, err = infer(folder / "a.png", folder / "c.png", "--save-csv", table, "--save-path", tmp_path / "out")
    assert code == 0 and err == f"saved to {tmp_path / 'out'} and {table}\n"
    rows = list(csv.DictReader(table.open(encoding="utf-8-sig", newline="")))
    assert {row["file"] for row in rows} == {str(folder / "a.png"), str(folder / "c.png")}
    assert {row["seal"] for row in rows if row["file"].endswith("c.png")} == {"1", "2"}


def test_a_pattern_the_shell_left_alone(infer: CommandLine, folder: Path) -> None:
    code, out, _ = infer(folder / "[ac].png")
    assert code == 0 and out.count(".png") == 2
    (folder / "[b].png").write_bytes((folder / "a.png").read_bytes())
    code, out, _ = infer(folder / "[b].png")  # a file of this name: not a pattern
    assert code == 0 and out.count("[b].png") == 1
    code, _, err = infer(folder / "*.bmp")
    assert code == 3 and "*.bmp" in err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["-o", "out"], "the output goes to --save-path out"),
        (["--save-csv", "."], "name a file: texts.csv"),
        (["--save-csv", "x.csv", "--model", "PP-OCRv6_small_rec"], "leave --model out"),
    ],
)
def test_where_to_save_is_checked_before_anything_is_read(
    infer: CommandLine, asked: dict[str, Any], folder: Path, more: list[str], said: str
) -> None:
    code, out, err = infer(folder / "a.png", *more)
    assert code == 2 and said in err and out == ""
    assert asked == {}
