"""A run is killed at random moments and resumed; its final weights are those of an undisturbed one."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sealkit.engine.loop import fit
from sealkit.errors import TrainingError
from sealkit.weights.checkpoint import load_checkpoint
from tests.engine.toy_task import ToySamples, ToyTask, recipe

SCRIPT = str(Path(__file__).parent / "run_toy.py")
RECIPE: dict[str, Any] = {
    "train": {"epochs": 12, "save_every_steps": 1, "num_workers": 1},
    "ema": {"decay": 0.99},
    "eval": {"every_epochs": 2.0},
}


def start(folder: Path, task: dict[str, Any], **fit_options: Any) -> subprocess.Popen[bytes]:
    options = {"task": task, "recipe": RECIPE, "fit": {"progress": False, **fit_options}}
    return subprocess.Popen([sys.executable, SCRIPT, str(folder), json.dumps(options)])


def steps_of(folder: Path) -> int:
    path = folder / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.is_file() else 0


@pytest.mark.parametrize("kernels", ["paddle", pytest.param("fast", marks=pytest.mark.slow)])
def test_kill_9_at_three_random_moments(tmp_path: Path, kernels: str) -> None:
    task: dict[str, Any] = {"depthwise": kernels == "fast"}
    if kernels == "fast":
        pytest.importorskip("numba")
    fit(ToyTask(**task), recipe(**RECIPE), tmp_path / "whole", progress=False)
    whole = load_checkpoint(tmp_path / "whole/checkpoints/latest")
    dice = random.Random()
    for attempt in range(3):
        process = start(tmp_path / "parts", task, resume=attempt > 0)
        rows, deadline = steps_of(tmp_path / "parts"), time.monotonic() + 120
        while steps_of(tmp_path / "parts") < rows + 2 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(dice.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
    killed_at = load_checkpoint(tmp_path / "parts/checkpoints/latest").progress["step"]
    assert start(tmp_path / "parts", task, resume=True).wait() == 0
    parts = load_checkpoint(tmp_path / "parts/checkpoints/latest")
    assert parts.progress["kernels"] == whole.progress["kernels"] == kernels
    assert killed_at > 0 and parts.progress["step"] == whole.progress["step"]
    for part in ("weights", "training", "optimizer", "ema"):
        one, two = getattr(whole, part), getattr(parts, part)
        assert {k: v.tobytes() for k, v in one.items()} == {k: v.tobytes() for k, v in two.items()}
    assert parts.progress["best"] == whole.progress["best"]


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    process = start(tmp_path / "run", {})
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "run/metrics.jsonl").is_file() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGSTOP)  # alive, and not done before we try
        with pytest.raises(TrainingError, match="another run is writing to this folder"):
            fit(ToyTask(train=ToySamples()), recipe(**RECIPE), tmp_path / "run", resume=True, progress=False)
    finally:
        process.kill()
        process.wait()
