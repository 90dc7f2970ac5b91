"""The demo tells what happened; it fails only where something is broken."""

import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from sealkit.cli import COMMANDS, demo
from sealkit.cli import _parse as parse
from tests.cli.conftest import CommandLine

ROOT = Path(__file__).resolve().parents[2]


class Read:
    """What a pipeline found."""

    def __init__(self, texts: list[str]) -> None:
        self.texts, self.ok = texts, True
        self.overview, self.img = None, {"seal_res_region1": Image.new("RGB", (40, 30))}

    def save_to_img(self, path: str) -> None:
        Path(path).mkdir(parents=True, exist_ok=True)

    save_to_json = save_to_img


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], None]:
    """The demo with everything that takes minutes replaced; the scores are given."""

    def set_up(before: float, after: float) -> None:
        def train(data: Path, replay: Path, output: Path, steps: int) -> SimpleNamespace:
            output.mkdir(parents=True)
            (output / "framework.log").write_text("noise")
            return SimpleNamespace(run_dir=output, baseline={"hmean": before}, best={"hmean": after})

        monkeypatch.setattr(demo, "_pipeline", lambda *_: SimpleNamespace(predict=lambda path: [Read(["印章"])]))
        held_out = [SimpleNamespace(image_path=Path(f"{n}.jpg"), lines=[]) for n in range(2)]
        monkeypatch.setattr(demo, "_draw", lambda out, count, seed: held_out)
        monkeypatch.setattr(demo, "_train", train)
        monkeypatch.setattr(demo, "_parity", lambda folder: "proved")

    return set_up


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0.3, 0.7, "fine-tuning works here: 0.300 -> 0.700"),
        (0.731, 0.773, "gained little: 0.731 -> 0.773"),
        (0.9, 0.9, "gained nothing: 0.900 -> 0.900"),
    ],
)
def test_any_gain_is_told_and_none_is_an_error(
    sealkit: CommandLine,
    played: Callable[[float, float], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: float,
    after: float,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)  # no checkout here
    played(before, after)
    code, out, err = sealkit("demo")
    assert (code, err) == (0, "")
    assert said in out
    assert "framework.log" in out
    seen = tmp_path / "runs" / "demo" / "before_after.png"
    assert f"see:     {seen.relative_to(tmp_path)}" in out and Image.open(seen).size == (40, 68)


def test_the_image_that_gained_most_counts_its_labelled_texts() -> None:
    line = SimpleNamespace(text="天津 印章", ignore=False)
    sample: Any = SimpleNamespace(lines=[line, SimpleNamespace(text="###", ignore=True)])
    assert demo._right(Read([]), sample) == 0
    assert demo._right(Read(["无", "天津印章"]), sample) == 1
    assert 0 < demo._right(Read(["天津"]), sample) < 1


def test_the_next_commands_are_commands() -> None:
    lines = [line for line in demo.NEXT.splitlines() if line.strip().startswith("sealkit ")]
    assert [line.split()[1] for line in lines] == ["data", "data", "train", "infer"]
    for line in lines:
        module, _ = parse(shlex.split(line)[1:])
        assert module.__name__ in COMMANDS.values()


def test_too_few_images_are_refused(sealkit: CommandLine) -> None:
    code, _, err = sealkit("demo", "--images", "3")
    assert code == 2 and "at least 20" in err


@pytest.mark.slow
def test_the_demo_itself(tmp_path: Path) -> None:
    """The whole way, as short as it goes, where there is no checkout, no home and an ASCII terminal."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG"))},
        "HOME": str(tmp_path), "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    command = [sys.executable, "-m", "sealkit", "demo", "--images", "20", "--steps", "2"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "runs" / "demo" / "before_after.png").is_file()
    for noise in ("ReduceMean", "OMP_NUM_THREADS", "WARNING", "W1", "ccache"):
        assert noise not in done.stdout + done.stderr


@pytest.mark.skipif(os.name == "nt", reason="there is no make")
@pytest.mark.parametrize("code", [0, 3])
def test_pip_is_heard_only_when_it_fails(tmp_path: Path, code: int) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\n[ "$2" = pip ] || exit 0\necho a WARNING of pip\nexit {code}\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    words = ["make", "install", f"VENV={tmp_path / 'venv'}", f"PYTHON={sys.executable}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (code == 0)
    assert ("a WARNING of pip" in done.stdout + done.stderr) == (code != 0)
    assert "a WARNING of pip" in (tmp_path / "venv" / "install.log").read_text()


def test_an_image_without_seals_is_shown_as_it_is(tmp_path: Path) -> None:
    Image.new("RGB", (50, 20), "red").save(tmp_path / "a.png")
    nothing = SimpleNamespace(overview=None, img={})
    assert demo._view(nothing, tmp_path / "a.png").size == (50, 20)
    assert demo._view(nothing, tmp_path / "a.png").getpixel((5, 5)) == (255, 0, 0)
    assert demo._view(Read([]), tmp_path / "a.png").size == (40, 30)
