"""No command dies because the terminal cannot show a character: each one runs under the encodings users have."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from sealkit.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
TERMINALS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "gbk": {"PYTHONIOENCODING": "gbk"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "C": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},  # what C means to a program without coercion
}


def run(words: Sequence[object], terminal: str, folder: Path, code: int = 0, stream: str = "stdout") -> bytes:
    """Run sealkit and return the bytes of one stream; no traceback, the expected exit code."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHON"))}
    environment = {**kept, **TERMINALS[terminal], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "sealkit", *map(str, words)],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode("utf-8", "replace")
    assert b"Logging error" not in done.stderr
    assert done.returncode == code, done.stderr.decode("utf-8", "replace")
    return getattr(done, stream)


@pytest.mark.parametrize("terminal", TERMINALS)
def test_help_of_everything(terminal: str, tmp_path: Path) -> None:
    """The top help imports every command and shows its line; it holds 印章 and dashes."""
    shown = run(["--help"], terminal, tmp_path)
    expected = {"gbk": "印章".encode("gbk")}.get(terminal, rb"\u5370\u7ae0")
    assert expected in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_without_a_process(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All commands' helps in one encoding, in this process: text that Latin-1 lacks must not stop them."""
    import io

    from sealkit.cli import main

    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict"))
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0


@pytest.mark.parametrize("terminal", TERMINALS)
def test_an_error_about_a_chinese_name(terminal: str, tmp_path: Path) -> None:
    said = run(["show", "没有"], terminal, tmp_path, code=2, stream="stderr")
    assert said.startswith(b"error: ")


@pytest.mark.parametrize("terminal", ["ascii", "cp1252"])
def test_texts_that_were_read(terminal: str, tmp_path: Path) -> None:
    """Chinese text is data, not decoration: it is written in a form that tells which characters they are."""
    labels = '1.png\t[{"transcription": "印章公司", "points": [[4, 4], [60, 4], [60, 20], [4, 20]]}]\n'
    (tmp_path / "train.txt").write_text(labels * 2, encoding="utf-8")
    cv2.imwrite(str(tmp_path / "1.png"), np.full((64, 64, 3), 255, np.uint8))
    run(["data", "check", tmp_path, "--module", "seal_text_detection"], terminal, tmp_path)
    shown = run(["infer", ROOT / "sealkit" / "assets" / "example_seal.png"], terminal, tmp_path)
    assert rb"\u" in shown


@pytest.mark.skipif(sys.platform != "linux", reason="only there are file names bytes without an encoding")
def test_a_file_name_that_the_locale_cannot_write(tmp_path: Path) -> None:
    labels = '印章.png\t[{"transcription": "印章", "points": [[4, 4], [60, 4], [60, 20], [4, 20]]}]\n'
    (tmp_path / "train.txt").write_text(labels, encoding="utf-8")
    cv2.imwrite(str(tmp_path / "印章.png"), np.full((64, 64, 3), 255, np.uint8))
    words = ["data", "check", tmp_path, "--module", "seal_text_detection"]
    said = run(words, "C", tmp_path, code=1, stream="stderr")
    assert said.startswith(b"error: ") and b"PYTHONUTF8=1" in said
    run(words, "ascii", tmp_path)  # here only the terminal is poor


def test_names_of_files_do_not_command_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from sealkit.cli import main

    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    assert main(["show", "a\x1b]0;title\x07\x1b[2J\x9b\u202egpj.yaml"]) == 2
    print("\x1b[31m印\tb\x1b[0m\r", end="")
    said = {name: stream.buffer.getvalue().decode("utf-8") for name, stream in streams.items() if not stream.flush()}
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said["stderr"]) and "title" in said["stderr"]
    assert said["stdout"] == "\x1b[31m印\tb\x1b[0m\r"  # colours, tabs and bars are nothing of the kind


@pytest.mark.skipif(sys.platform != "linux", reason="only there are file names bytes without an encoding")
def test_images_whose_names_are_no_utf8_are_read_and_saved(tmp_path: Path) -> None:
    image = cv2.imencode(".png", np.full((64, 64, 3), 255, np.uint8))[1].tobytes()
    for name in (b"\xff\xfe.png", b"b\x1b[2J.png", b"c.png"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(image)
    said = run(["infer", tmp_path, "--save-path", "out", "--resume"], "ascii", tmp_path)
    assert b"\x1b" not in said
    saved = sorted(os.listdir(os.fsencode(tmp_path / "out")))
    assert [name for name in saved if name.endswith(b"_res.json")] == [
        b"b\x1b[2J_res.json", b"c_res.json", b"\xff\xfe_res.json",
    ]  # fmt: skip
    import json

    content = json.loads((tmp_path / "out" / os.fsdecode(b"\xff\xfe_res.json")).read_text(encoding="utf-8"))
    assert os.fsencode(content["input_path"]).endswith(b"\xff\xfe.png")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device on which nothing can be written")
@pytest.mark.parametrize("words", [["models"], ["config", "list"]])
def test_a_full_disk_behind_stdout_is_told(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "sealkit", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )
    assert done.returncode == 1 and "error: <stdout>: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
