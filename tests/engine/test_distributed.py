"""Two processes on CPU (gloo), started as users start them."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sealkit.engine.loop import fit
from sealkit.engine.threads import set_threads
from sealkit.weights.checkpoint import load_checkpoint
from tests.engine.toy_task import ToyTask, recipe

SCRIPT = str(Path(__file__).parent / "run_toy.py")
TASK: dict[str, Any] = {"dropout": 0.0, "noise": 0.0, "freeze_bn": True}


def launch(tmp_path: Path, folder: Path, task: dict[str, Any], changes: dict[str, Any]) -> subprocess.Popen[bytes]:
    options = {"task": task, "recipe": changes}
    command = [sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node", "2", "--backend", "gloo"]
    command += ["--log_dir", str(tmp_path / "log"), SCRIPT, str(folder), json.dumps(options)]
    with open(tmp_path / "launcher.txt", "w") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)


def finish(process: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert process.wait(timeout=240) == 0, (tmp_path / "launcher.txt").read_text()[-3000:]


@pytest.mark.parametrize(
    ("ratio", "depthwise"),
    [
        pytest.param(False, False, marks=pytest.mark.slow, id="mean"),
        pytest.param(True, False, id="ratio"),
        pytest.param(True, True, marks=pytest.mark.slow, id="fast kernels"),
    ],
)
def test_two_halves_equal_the_whole_batch(tmp_path: Path, ratio: bool, depthwise: bool) -> None:
    """Gradients, seen through Momentum's velocity after one step and the weights after four, and the evaluation."""
    task = {**TASK, "ratio_loss": ratio, "depthwise": depthwise}
    if depthwise:
        pytest.importorskip("numba")
    changes = {"optimizer": {"name": "Momentum", "lr": 0.001}, "eval": {"batch_size": 2}}
    whole = {"max_steps": 4, "batch_size": 8, "accumulate": 1}
    one = fit(ToyTask(**task), recipe(**changes, train=whole), tmp_path / "one", progress=False)
    train = {**whole, "batch_size": 2, "accumulate": 1 if ratio else 2}
    if ratio:
        train["batch_size"] = 4
    finish(launch(tmp_path, tmp_path / "two", task, {**changes, "train": train}), tmp_path)
    a, b = (load_checkpoint(tmp_path / name / "checkpoints/latest") for name in ("one", "two"))
    for name, velocity in a.optimizer.items():
        scale = max(1e-3, np.abs(velocity).max())
        assert np.abs(velocity - b.optimizer[name]).max() < 1e-5 * scale, name
    for name, weight in a.weights.items():
        np.testing.assert_allclose(b.weights[name], weight, rtol=1e-5, atol=1e-6, err_msg=name)
    assert a.progress["kernels"] == b.progress["kernels"] == ("fast" if depthwise else "paddle")
    assert b.progress["baseline"] == pytest.approx(a.progress["baseline"], rel=1e-9)
    assert b.progress["last"]["samples"] == one.last["samples"] == 7


@pytest.mark.slow
def test_running_statistics_resume_and_broken_samples_with_two_processes(tmp_path: Path) -> None:
    """All ranks keep the same running statistics, so a resumed pair of processes equals an undisturbed one."""
    task = {"train": {"broken": [3]}}
    changes = {"train": {"max_broken_share": 0.5}, "ema": {"decay": 0.9}}
    finish(launch(tmp_path, tmp_path / "whole", task, changes), tmp_path)
    part = {**changes, "train": {**changes["train"], "max_steps": 2}}
    finish(launch(tmp_path, tmp_path / "parts", task, part), tmp_path)
    options = {"task": task, "recipe": changes, "fit": {"resume": True}}
    command = [sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node", "2", "--backend", "gloo"]
    command += ["--log_dir", str(tmp_path / "log"), SCRIPT, str(tmp_path / "parts"), json.dumps(options)]
    subprocess.run(command, check=True, timeout=240)
    whole, parts = (load_checkpoint(tmp_path / name / "checkpoints/latest") for name in ("whole", "parts"))
    for name in ("weights", "optimizer", "ema"):
        a, b = getattr(whole, name), getattr(parts, name)
        assert {k: v.tobytes() for k, v in a.items()} == {k: v.tobytes() for k, v in b.items()}
    assert whole.progress["broken"] == {"3": "broken"}
    assert np.abs(whole.weights["1._mean"]).max() > 0


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_rank_ends_the_other_within_a_minute(tmp_path: Path, victim: int) -> None:
    process = launch(tmp_path, tmp_path / "run", TASK, {"train": {"epochs": 100000}, "eval": {"every_epochs": None}})
    try:
        log, deadline = tmp_path / "launcher.txt", time.monotonic() + 200
        while not _rows(tmp_path / "run") and time.monotonic() < deadline:
            time.sleep(0.1)
        (pid,) = re.findall(rf"proc_id:(\d+) idx:{victim}", log.read_text())
        subprocess.run(["kill", "-9", pid], check=True)
        killed = time.monotonic()
        assert process.wait(timeout=60) != 0
        assert time.monotonic() - killed < 60
    finally:
        process.send_signal(signal.SIGKILL)
    survivor = 1 - victim
    text = (tmp_path / "log" / f"workerlog.{survivor}").read_text()
    assert f"rank {victim} was killed or has crashed; rank {survivor} ends too" in text and "--resume" in text


def _rows(folder: Path) -> bool:
    path = folder / "metrics.jsonl"
    return path.is_file() and len(path.read_text().splitlines()) > 2


def test_threads_are_shared_between_the_processes_of_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from sealkit.engine import threads

    monkeypatch.setattr(threads, "available_cores", lambda: 8)
    monkeypatch.setattr("sys.modules", {})
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert set_threads() == 8 and os.environ["OMP_NUM_THREADS"] == "8"
    assert set_threads(3) == 3 and set_threads() == 3
    monkeypatch.setenv("PADDLE_CURRENT_ENDPOINT", "10.0.0.1:5001")
    monkeypatch.setenv("PADDLE_TRAINER_ENDPOINTS", "10.0.0.1:5000,10.0.0.1:5001,10.0.0.2:5000,10.0.0.2:5001")
    assert set_threads() == 4
