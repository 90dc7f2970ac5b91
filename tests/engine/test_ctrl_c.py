"""Ctrl-C and SIGTERM at any moment of `sealkit train`, sent to the whole process group as a terminal sends them."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sealkit.engine.loop import fit
from sealkit.engine.watchdog import Watchdog
from sealkit.errors import first_line
from sealkit.weights.checkpoint import is_checkpoint, load_checkpoint
from tests.engine.toy_task import ToyTask, recipe

ROOT = Path(__file__).resolve().parents[2]
TOY = ROOT / "datasets" / "toy"
SETTINGS = [
    f"data.train.0.root={TOY}",
    f"data.val.0.root={TOY}",
    "augment=[{op: fit, size: [64, 64]}]",
    "resize.limit_side_len=64",
    "train.epochs=1",
    "train.num_workers=1",
    "train.visualdl=false",
    "train.log_every=1",
    "train.threads=1",
    "eval.every_epochs=1",
]
NOISE = ("Traceback", "C++", "FatalError", "IndexError", "ImportError", "is gone", "process 1 died")
pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")


def hear_ctrl_c() -> None:
    """As at a terminal: what a shell starts in the background inherits an ignored SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sealkit", "train", "-c", "seal_det_cpu_small", "-o", *SETTINGS]
    return subprocess.Popen(
        [*command, "--output", str(folder), "--no-progress", "--no-export", *more],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )


def hears(process: subprocess.Popen[str], number: int) -> bool:
    """Whether the process has a handler of its own for the signal: its first lines have run."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return True
    return bool(int(next(line.split()[1] for line in lines if line.startswith("SigCgt")), 16) >> (number - 1) & 1)


def steps(folder: Path) -> int:
    latest = folder / "checkpoints" / "latest"
    return int(load_checkpoint(latest).progress["step"]) if is_checkpoint(latest) else -1


def interrupted(folder: Path, number: int, moment: float, *more: str) -> tuple[int, str]:
    """(exit code, stderr) of a run whose group gets the signal `moment` seconds after its start."""
    process = start(folder, *more)
    while not hears(process, signal.SIGTERM):
        time.sleep(0.002)
    time.sleep(moment)
    os.killpg(process.pid, number)
    try:
        _, said = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, said


def undisturbed(folder: Path) -> float:
    """Seconds it took."""
    process = start(folder)
    while not hears(process, signal.SIGTERM):
        time.sleep(0.002)
    began = time.monotonic()
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return time.monotonic() - began


def check(folder: Path, number: int, code: int, said: str) -> None:
    if (folder / "report.html").is_file():  # all was done, and the interpreter about to end
        return
    in_loop = steps(folder) > 0
    assert code in ({130, 128 + number} if in_loop else {128 + number}), said  # the loop's own end is 130
    assert in_loop or "stopped by" in said, said
    assert not [word for word in NOISE if word in said], said


def same_weights(one: Path, two: Path) -> None:
    first, second = (load_checkpoint(folder / "checkpoints" / "latest") for folder in (one, two))
    assert first.progress["step"] == second.progress["step"]
    for part in ("weights", "training", "optimizer", "ema"):
        mine, theirs = getattr(first, part), getattr(second, part)
        assert {name: array.tobytes() for name, array in mine.items()} == {
            name: array.tobytes() for name, array in theirs.items()
        }


def toy_run(folder: Path, settings: dict[str, object], number: int) -> tuple[int, str]:
    """(exit code, stderr) of the toy's run in a group of its own, which gets the signal after the first step."""
    options = json.dumps({"recipe": settings, "fit": {"progress": False}, "task": {"train": {"seconds": 0.02}}})
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "run_toy.py"), str(folder), options],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )
    rows, until = folder / "metrics.jsonl", time.monotonic() + 120
    while not (rows.is_file() and '"train"' in rows.read_text()) and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.005)
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def finish(folder: Path) -> None:
    resume = start(folder, "--resume")
    _, said = resume.communicate(timeout=300)
    assert resume.returncode == 0, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_before_the_first_step(tmp_path: Path, number: signal.Signals) -> None:
    """In the imports, which turn an exception into an ImportError, and while Paddle sets handlers of its own."""
    code, said = interrupted(tmp_path / "run", number, random.Random().uniform(0.05, 2.0))
    assert code == 128 + number and said.startswith("error: stopped by") and len(said.splitlines()) == 1, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_loop(tmp_path: Path, number: signal.Signals) -> None:
    """The loader process gets the signal too, and still delivers what the last step needs."""
    settings = {"train": {"epochs": 12, "num_workers": 1, "log_every": 1}, "ema": {"decay": 0.99}}
    fit(ToyTask(), recipe(**settings), tmp_path / "whole", progress=False)
    code, said = toy_run(tmp_path / "parts", settings, number)
    assert code == 0 and not [word for word in NOISE if word in said], said
    assert 0 < steps(tmp_path / "parts") < steps(tmp_path / "whole")
    fit(ToyTask(), recipe(**settings), tmp_path / "parts", resume=True, progress=False)
    same_weights(tmp_path / "whole", tmp_path / "parts")


def test_processes_of_other_commands(tmp_path: Path) -> None:
    """They leave Ctrl-C to the command, end with it, and say nothing."""
    command = [sys.executable, "-m", "sealkit", "data", "synth", str(tmp_path / "set"), "-n", "5000", "--workers", "2"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )
    until = time.monotonic() + 120
    while len(list(tmp_path.rglob("*.jpg"))) < 3 and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    children = psutil.Process(process.pid).children(recursive=True)
    for child in children:  # alone at first: with the group, whether they speak before they are ended is a race
        child.send_signal(signal.SIGINT)
    time.sleep(1)
    assert len(children) >= 2 and all(child.is_running() for child in children)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and said.splitlines()[-1:] == ["error: stopped by the user"], said
    assert not [word for word in NOISE if word in said], said


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ten_random_moments(tmp_path: Path, number: signal.Signals) -> None:
    seconds = undisturbed(tmp_path / "whole")
    dice = random.Random()
    for attempt in range(10):
        folder, moment = tmp_path / str(attempt), dice.uniform(0, seconds)
        code, said = interrupted(folder, number, moment)
        check(folder, number, code, f"after {moment:.2f} of {seconds:.2f} s, exit code {code}:\n{said}")
        if code and steps(folder) > 0:
            finish(folder)
            same_weights(tmp_path / "whole", folder)


def test_errors_without_text_have_a_first_line() -> None:
    assert first_line(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert first_line(MemoryError()) == "MemoryError"
    assert first_line(ValueError("\n  \n a\nb")) == "a"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), RuntimeError("\n")])
def test_the_watchdog_lets_errors_without_text_pass(error: BaseException) -> None:
    from sealkit.engine.distributed import World

    with pytest.raises(type(error)), Watchdog(World()):
        raise error
