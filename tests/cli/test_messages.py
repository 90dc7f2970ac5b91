"""One clear message for everything a user can get wrong: place, value, next step, exit code, no traceback."""

import argparse
import json
import os
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from sealkit.cli import COMMANDS, EXTRAS, main
from tests.cli.conftest import CommandLine

COMMAND_FILES = sorted(COMMANDS.items())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["trian"], 2, ["unknown command", "'trian'", "did you mean train?"]),
        (["config", "lst"], 2, ["sealkit config: unknown action (got 'lst')", "did you mean list? one of list, get"]),
        (["config", "list", "embedded"], 2, ["list takes no name", "'embedded'", "sealkit config get NAME"]),
        (["config", "get"], 2, ["which config?", "one of embedded, "]),
        (["data", "chek"], 2, ["sealkit data: unknown command (got 'chek')", "did you mean check?"]),
        (["import-weights", "paddle"], 2, ["unknown source (got 'paddle')", "one of sealkit, rapidocr"]),
        (["doctor", "now"], 2, ["unknown argument: now", "sealkit doctor --help"]),
        (["show", "embeded"], 2, ["no such recipe or pipeline config", "did you mean embedded?", "config list"]),
        (["export", "nowhere"], 2, ["no such run folder (got 'nowhere')", "or a recipe with -c"]),
        (["serve", "--port", "99999"], 2, ["--port: a port is a number from 0 to 65535, not 99999"]),
        (["serve", "--threads", "0"], 2, ["--threads: must be a whole number of at least 1, not 0"]),
        (["infer", "a.png", "--threads", "0"], 2, ["--threads: must be a whole number of at least 1, not 0"]),
        (["infer"], 2, ["nothing to read", "name an image, PDF or folder"]),
        (["infer", "a.png", "--pipeline", "embeded"], 2, ["no such pipeline config", "did you mean embedded?"]),
        (["infer", "a.png", "--seal-det-limit-type", "foo"], 2, ["seal_det_limit_type", "'resize_long' (got 'foo')"]),
        (["infer", "a.png", "--use-layout-detection"], 2, ["this pipeline was built without a layout model"]),
        (["train", "-c", "seal_det_mobile"], 3,
         ["datasets/toy/train.txt: there is no such label file", "relative paths start where the command runs"]),
        (["models", "zzzz"], 2, ["no model matches", "'zzzz'", "`sealkit models` lists all"]),
        (["models", "PP-OCRv4_mobil_seal_det"], 2, ["no model matches", "did you mean PP-OCRv4_mobile_seal_det"]),
        (["models", "--module", "seal"], 2, ["unknown module", "seal_text_detection"]),
        (["models", "--jsn"], 2, ["unknown argument: --jsn; did you mean --json?", "sealkit models --help"]),
        (["show"], 2, ["the following arguments are required: RECIPE", "sealkit show --help"]),
        (["show", "seal_det_mobil"], 2, ["no such recipe", "did you mean seal_det_mobile"]),
        (["show", "seal_det_mobile", "-o", "train.batch_sise=2"], 2,
         ["train.batch_sise: unknown key (got 2)", "did you mean train.batch_size?"]),
        (["show", "seal_det_mobile", "-o", "train.batch_size", "=", "2"], 2,
         ["3 problems", "is not key=value", "no spaces around '='"]),
        (["show", "-o", "batch_size=2", "seal_det_mobile"], 2, ["RECIPE"]),
        (["show", "seal_det_mobile", "--opt", "Global.epochs=2"], 2,
         ["--opt is not a flag here", "settings are given with -o: -o Global.epochs=2"]),
        (["show", "seal_det_mobile", "-o", "Global.epoch_num=2"], 2,
         ["is a key of PaddleX or PaddleOCR", "here it is train.epochs"]),
        (["train"], 2, ["neither a recipe nor data is given", "--data DIR", "-c RECIPE"]),
        (["train", "-c", "none.yaml"], 2, ["no such recipe (got 'none.yaml')"]),
        (["train", "-c", "seal_det_mobile", "-o", "model=PP-OCRv4_mobil_seal_det"], 2,
         ["model: unknown model", "did you mean PP-OCRv4_mobile_seal_det?"]),
        (["train", "-c", "seal_det_mobile", "-o", "optimizer.lr=fast"], 2,
         ["optimizer.lr: must be a number > 0", '"fast"']),
        (["eval", "-c", "seal_det_mobile"], 2, ["nothing to evaluate", "--checkpoint", "--model-dir"]),
        (["eval", "-c", "seal_det_mobile", "--checkpoint", "a", "--model-dir", "b"], 2,
         ["both a checkpoint and an exported folder are given"]),
        (["eval", "--checkpoint", "a"], 2, ["a: there is no such checkpoint or folder", "check the path"]),
        (["eval", "-c", "seal_det_mobile", "--model-dir", "nowhere"], 7, ["no such model folder or file", "'nowhere'"]),
        (["export"], 2, ["nothing to export", "sealkit export RUN_FOLDER"]),
        (["export", "a", "-c", "b"], 2, ["give a run folder or a recipe, not both"]),
        (["export", "-c", "seal_det_mobile"], 2, ["--checkpoint is not given"]),
        (["export", "-c", "seal_det_mobile", "--checkpoint", "a"], 2, ["--output is not given"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value and not value[0].count(" ") else "",
)  # fmt: skip
def test_one_message(
    sealkit: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    said: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    found, out, err = sealkit(*arguments)
    assert found == code
    assert err.startswith("error: ")
    assert out == ""
    for part in said:
        assert part in err, err


def test_missing_weights(sealkit: CommandLine, tmp_path: Path, tiny_set: Path) -> None:
    root = [f"data.train.0.root={tiny_set}", f"data.val.0.root={tiny_set}"]
    code, _, err = sealkit(
        "train",
        "-c",
        "seal_det_mobile",
        "-o",
        *root,
        "weights.init=weights/nowhere.pdparams",
        "--output",
        tmp_path / "run",
    )
    assert code == 4
    assert "weights not found" in err and "nowhere.pdparams" in err and "`scratch` trains from random weights" in err


def test_missing_labels(sealkit: CommandLine, tmp_path: Path) -> None:
    code, _, err = sealkit(
        "train", "-c", "seal_det_mobile", "-o", f"data.train.0.root={tmp_path}", "--output", tmp_path / "run"
    )
    assert code == 3
    assert "train.txt" in err


def test_unwritable_output(sealkit: CommandLine, tmp_path: Path, tiny_set: Path) -> None:
    (tmp_path / "file").write_text("")
    root = [f"data.train.0.root={tiny_set}", f"data.val.0.root={tiny_set}"]
    code, _, err = sealkit("train", "-c", "seal_det_mobile", "-o", *root, "--output", tmp_path / "file" / "run")
    assert code == 5
    assert "cannot write to the output folder" in err and "choose another" in err


def test_infer_refuses_an_unwritable_folder_before_anything_is_read(
    sealkit: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealkit.cli.infer._pipeline_results", lambda *_: pytest.fail("it began to read"))
    (tmp_path / "file").write_text("")
    code, out, err = sealkit("infer", tmp_path / "none.png", "--save-path", tmp_path / "file" / "out")
    assert code == 1 and out == ""
    assert "cannot write: not a folder" in err and str(tmp_path / "file") in err and "--save-path" in err


def test_a_wrong_label_line(sealkit: CommandLine, tmp_path: Path, tiny_set: Path) -> None:
    for path in tiny_set.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    labels = (tmp_path / "train.txt").read_text(encoding="utf-8").splitlines()
    (tmp_path / "train.txt").write_text("\n".join([labels[0], labels[1].replace("\t", " ")]), encoding="utf-8")
    root = [f"data.train.0.root={tmp_path}", f"data.val.0.root={tmp_path}"]
    code, _, err = sealkit("train", "-c", "seal_det_mobile", "-o", *root, "--output", tmp_path / "run")
    assert code == 3
    assert "train.txt:2" in err and "sealkit data check" in err


def test_an_empty_image(sealkit: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    code, out, err = sealkit(
        "infer", tmp_path / "empty.png", "--model", "PP-OCRv6_small_det", "--engine", "onnxruntime"
    )
    assert code == 3
    assert "empty.png" in err and "empty" in err.replace("empty.png", "")
    assert out == ""


def test_a_folder_without_images(sealkit: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    code, _, err = sealkit("infer", tmp_path, "--model", "PP-OCRv6_small_det", "--engine", "onnxruntime")
    assert code == 3
    assert str(tmp_path) in err and "next: " in err


def test_weights_that_would_run_code(sealkit: CommandLine, tmp_path: Path, tiny_set: Path) -> None:
    """Refused by name, and not run."""
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
            return os.system, (f"touch {marker}",)

    path = tmp_path / "evil.pdparams"
    path.write_bytes(pickle.dumps({"conv.weight": Evil()}))
    code, _, err = sealkit("eval", "-c", "seal_det_mobile", "--checkpoint", path, "-o", f"data.val.0.root={tiny_set}")
    assert code == 4
    assert "evil.pdparams" in err and "system" in err
    assert not marker.exists()


def test_a_missing_package_names_its_extra(sealkit: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    import sealkit.cli.doctor as doctor

    def fail(args: argparse.Namespace) -> NoReturn:
        raise ModuleNotFoundError("No module named 'paddle'", name="paddle.nn")

    monkeypatch.setattr(doctor, "run", fail)
    code, _, err = sealkit("doctor")
    assert code == 1
    assert "this needs paddle.nn, which is not installed" in err
    assert "pip install 'sealkit[train]'" in err


def test_extras_are_those_of_pyproject() -> None:
    from importlib.metadata import metadata

    assert set(EXTRAS.values()) <= set(metadata("sealkit").get_all("Provides-Extra"))


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "stopped by the user"),
        (PermissionError(13, "Permission denied", "/root/x"), 1, "/root/x: Permission denied"),
    ],
)
def test_what_is_no_sealkit_error(
    sealkit: CommandLine, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    import sealkit.cli.doctor as doctor

    def fail(args: argparse.Namespace) -> NoReturn:
        raise error

    monkeypatch.setattr(doctor, "run", fail)
    found, _, err = sealkit("doctor")
    assert (found, said in err) == (code, True)


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    import sealkit.cli.doctor as doctor

    def fail(args: argparse.Namespace) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(doctor, "run", fail)
    with pytest.raises(ZeroDivisionError):
        main(["doctor"])


def test_traceback_on_request(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALKIT_TRACEBACK", "1")
    assert main(["models", "zzzz"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "file"), COMMAND_FILES)
def test_every_command_is_whole(sealkit: CommandLine, name: str, file: str) -> None:
    from importlib import import_module

    command = import_module(file)
    assert name == command.NAME
    assert f"sealkit {name}" in command.EXAMPLES or f"tools/{name}" in command.EXAMPLES
    code, out, _ = sealkit(name, "--help")
    assert code == 0
    assert f"usage: sealkit {name}" in out and "examples:" in out
    for line in out.splitlines():
        assert len(line) <= 120, line


def test_flags_take_both_dashes_and_underscores(sealkit: CommandLine) -> None:
    code, _, err = sealkit("eval", "-c", "seal_det_mobile", "--model_dir=no_where", "--no_progress")
    assert code == 7
    assert "'no_where'" in err  # values keep their underscores


def test_no_flag_is_declared_with_an_underscore() -> None:
    import argparse
    from importlib import import_module

    from sealkit.cli.parser import Parser

    def flags(parser: argparse.ArgumentParser) -> Iterator[str]:
        for action in parser._actions:
            yield from action.option_strings
            if isinstance(action, argparse._SubParsersAction):
                for sub in action.choices.values():
                    yield from flags(sub)

    for name, file in COMMAND_FILES:
        parser = Parser(prog=name)
        import_module(file).add_arguments(parser)
        assert [flag for flag in flags(parser) if "_" in flag] == []


def test_top_help_lists_every_command(sealkit: CommandLine) -> None:
    code, out, _ = sealkit("--help")
    assert code == 0
    for name in COMMANDS:
        assert re.search(rf"^    {name}\b", out, re.MULTILINE)
    assert sealkit("--version")[1].startswith("sealkit 0.")


def test_models_as_table_and_json(sealkit: CommandLine) -> None:
    code, out, _ = sealkit("models", "*seal_det")
    assert code == 0
    assert "PP-OCRv4_mobile_seal_det" in out and "Hmean 96.36" in out and "Published, not reproduced here" in out
    assert "PP-OCRv6" not in out
    rows = json.loads(sealkit("models", "PP-OCRv6*_det", "--json")[1])
    assert {row["model"] for row in rows} == {"PP-OCRv6_tiny_det", "PP-OCRv6_small_det", "PP-OCRv6_medium_det"}
    small = next(row for row in rows if row["model"] == "PP-OCRv6_small_det")
    assert "seal_det_v6_small" in small["recipes"] and "rapidocr" in small["weights"]


def test_show_prints_a_recipe_that_can_be_used(sealkit: CommandLine, tmp_path: Path) -> None:
    _, out, _ = sealkit("show", "seal_det_mobile", "-o", "batch_size=3")
    assert "batch_size: 3" in out and "# -o batch_size=3" in out and "seal_det_server.yaml:" in out
    (tmp_path / "mine.yaml").write_text(out, encoding="utf-8")
    again = sealkit("show", tmp_path / "mine.yaml", "--plain")[1]
    assert again == sealkit("show", "seal_det_mobile", "-o", "batch_size=3", "--plain")[1]
    assert "PaddleX" not in sealkit("show", "embedded", "--plain")[1]
    assert "Samples per process" in sealkit("show", "seal_det_mobile", "--explain")[1]
