"""Several devices in one setting: a process for each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from sealkit import api
from sealkit.cli import main
from sealkit.engine.launch import SeveralDevices, device_list, device_of_process, launcher_command
from sealkit.errors import ConfigError
from tests.engine.test_ctrl_c import start, steps


@pytest.mark.parametrize(
    ("name", "devices"),
    [
        (None, []),
        ("gpu", ["gpu"]),
        ("gpu:1", ["gpu:1"]),
        ("gpu:0,1", ["gpu:0", "gpu:1"]),
        ("gpu:0, gpu:2", ["gpu:0", "gpu:2"]),
        ("cpu,cpu", ["cpu", "cpu"]),
    ],
)
def test_lists_of_devices(name: str | None, devices: list[str]) -> None:
    assert device_list(name) == devices


@pytest.mark.parametrize("name", ["gpu:0,cpu", "gpu:0,0", "gpu:0,", "gpu,gpu"])
def test_lists_that_make_no_sense(name: str) -> None:
    with pytest.raises(ConfigError, match="list of devices"):
        device_list(name)


def test_the_device_of_a_process(monkeypatch: Any) -> None:
    assert (device_of_process("gpu:1"), device_of_process("gpu:0,1")) == ("gpu:1", "gpu:0")
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    assert (device_of_process("gpu:1"), device_of_process("gpu:0,1")) == ("gpu:1", "gpu")


def test_python_is_told_and_the_command_starts_them(tmp_path: Path, monkeypatch: Any) -> None:
    options = {"output": str(tmp_path / "run"), "train.device": "gpu:0,2"}
    with pytest.raises(SeveralDevices, match="a process for each"):
        api.train("seal_det_cpu_small", options)
    started: list[list[str]] = []

    class Launcher:
        def __init__(self, command: list[str], start_new_session: bool) -> None:
            started.append(command)

        def wait(self) -> int:
            return 3

    monkeypatch.setattr(subprocess, "Popen", Launcher)
    arguments = ["train", "-c", "seal_det_cpu_small", "--device", "gpu:0,2", "--output", str(tmp_path / "run")]
    assert main(arguments) == 3
    assert started == [
        [*launcher_command(["gpu:0", "gpu:2"], f"{tmp_path / 'run'}.log"), sys.executable, "-m", "sealkit", *arguments]
    ]
    assert started[0][3:5] == ["--devices", "0,2"] and not (tmp_path / "run").exists()


@pytest.mark.slow
def test_two_processes_on_the_cpu(tmp_path: Path) -> None:
    arguments = ["train", "-c", "seal_det_demo", "--data", "datasets/toy", "--device", "cpu,cpu", "--no-export"]
    arguments += ["--output", str(tmp_path / "run"), "-o", "max_steps=2", "batch_size=1", "num_workers=0"]
    done = subprocess.run([sys.executable, "-m", "sealkit", *arguments, "eval.at_start=false"], timeout=580)
    assert done.returncode == 0
    assert json.loads((tmp_path / "run/environment.json").read_text())["processes"] == 2
    assert list((tmp_path / "run.log").iterdir())


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="signals of POSIX")
@pytest.mark.parametrize(("number", "group"), [(signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGINT, True)])
def test_a_signal_ends_them_with_a_checkpoint(tmp_path: Path, number: signal.Signals, group: bool) -> None:
    """To the command alone, as `docker stop` and `kill` send it: all processes trained on without it."""
    run = tmp_path / "run"
    process = start(run, "--device", "cpu,cpu", "-o", "train.epochs=500")
    rows, until = run / "metrics.jsonl", time.monotonic() + 120
    while not (rows.is_file() and '"train"' in rows.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    (os.killpg if group else os.kill)(process.pid, number)
    _, said = process.communicate(timeout=60)
    _, alive = psutil.wait_procs(children, timeout=10)
    for child in alive:
        child.kill()
    assert process.returncode == 128 + number and said.splitlines()[-1].startswith("error: stopped by"), said
    assert len(children) > 4 and not alive and steps(run) > 0
