"""The first words a newcomer types, and what the shell completes."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from sealkit.cli import COMMANDS, main, make_parser
from sealkit.cli.completion import words_of
from sealkit.cli.paddlex_words import with_command


def test_sealkit_alone_shows_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    printed = capsys.readouterr().out
    assert ended.value.code == 0 and all(name in printed for name in COMMANDS)


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("read 'my seal.png' --quiet", "sealkit infer 'my seal.png' --quiet"),
        ("version", "sealkit --version"),
        ("README.md", "sealkit infer README.md"),
    ],
)
def test_words_of_other_toolkits_lead_to_a_line_that_works(
    typed: str,
    right: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.chdir(request.config.rootpath)
    assert main(shlex.split(typed)) == 2
    assert f": {right}\n" in capsys.readouterr().err
    words = shlex.split(right)[1:]
    if words[0] in COMMANDS:
        make_parser([words[0]]).parse_args(words)


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("--pipeline seal_recognition --input x.png", "infer --pipeline seal_recognition --input x.png"),
        ("--device cpu --input=x.png --pipeline a.yaml", "infer --device cpu --input=x.png --pipeline a.yaml"),
        ("--get_pipeline_config seal_recognition", "config get seal_recognition --save-path ."),
        ("--get_pipeline_config=seal_recognition --save_path p", "config get seal_recognition --save_path p"),
        ("--save_path p --get_pipeline_config seal_recognition", "config get seal_recognition --save_path p"),
        ("--serve --pipeline seal_recognition --port 1", "serve --pipeline seal_recognition --port 1"),
        ("--pipeline seal_recognition --serve", "serve --pipeline seal_recognition"),
        ("--version", "--version"),
        ("serve --pipeline x", "serve --pipeline x"),
    ],
)
def test_paddlex_lines_need_no_command(typed: str, right: str) -> None:
    words = with_command(typed.split())
    assert words == right.split()
    if words[0] in COMMANDS:
        make_parser([words[0]]).parse_args(words)


def test_the_config_of_the_tutorial_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--get_pipeline_config", "seal_recognition", "--save_path", "./my_path"]) == 0
    assert main(["--get_pipeline_config", "seal_recognition"]) == 0
    texts = [
        Path(name).read_text(encoding="utf-8") for name in ("my_path/seal_recognition.yaml", "seal_recognition.yaml")
    ]
    assert texts[0] == texts[1] and "pipeline_name: seal_recognition" in texts[0]


def test_completion_knows_every_command_and_flag() -> None:
    words = words_of(make_parser(COMMANDS))
    assert set(COMMANDS) <= set(words[""]) and "--save-csv" in words[" infer"]
    assert {"list", "get"} <= set(words[" config"]) and "--html" in words[" data check"]


def completed(shell: str, line: str, script: Path) -> list[str]:
    """What the shell offers for the last word of a line."""
    words = line.split(" ")
    if shell == "bash":
        place = f"COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}"
        command = ["bash", "-c", f'source {script}; {place}; _sealkit; echo "${{COMPREPLY[@]}}"']
    else:
        command = ["fish", "--no-config", "-c", f"source {script}; complete --do-complete {shlex.quote(line)}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_shells_complete(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    assert main(["completion", shell]) == 0
    script = tmp_path / "sealkit"
    script.write_text(capsys.readouterr().out)
    assert completed(shell, "sealkit inf", script) == ["infer"]
    assert completed(shell, "sealkit infer --save-c", script) == ["--save-csv"]
    assert completed(shell, "sealkit data check --htm", script) == ["--html"]


def test_the_zsh_script_is_zsh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("no zsh here")
    assert main(["completion", "zsh"]) == 0
    script = tmp_path / "_sealkit"
    script.write_text(capsys.readouterr().out)
    done = subprocess.run(["zsh", "-fn", str(script)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
