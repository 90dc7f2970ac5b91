"""Several machines, as two launchers on this one, and a run that goes on with another number of processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sealkit.engine.loop import fit
from sealkit.engine.resume import divide_step
from sealkit.errors import TrainingError
from sealkit.weights.checkpoint import load_checkpoint
from tests.engine.toy_task import ToyTask, recipe

SCRIPT = str(Path(__file__).parent / "run_toy.py")
TASK: dict[str, Any] = {"dropout": 0.0, "noise": 0.0, "freeze_bn": True}
WHOLE = {"max_steps": 4, "batch_size": 8, "log_every": 1}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def nodes(tmp_path: Path, changes: dict[str, Any], **fit_options: Any) -> list[subprocess.Popen]:
    """The launchers of two machines with one process each; they meet on a port of this one."""
    options = json.dumps({"task": TASK, "recipe": changes, "fit": fit_options})
    port, started = free_port(), []
    for rank in (0, 1):
        command = [sys.executable, "-m", "paddle.distributed.launch", "--nnodes", "2", "--rank", str(rank)]
        command += ["--master", f"127.0.0.1:{port}", "--nproc_per_node", "1", "--log_dir", str(tmp_path / f"log{rank}")]
        with open(tmp_path / f"node{rank}.txt", "w") as output:
            arguments = [*command, SCRIPT, str(tmp_path / "run"), options]
            started.append(subprocess.Popen(arguments, stdout=output, stderr=output, start_new_session=True))
    return started


def finish(launchers: list[subprocess.Popen], tmp_path: Path) -> None:
    try:
        for rank, launcher in enumerate(launchers):
            assert launcher.wait(timeout=280) == 0, said(tmp_path, rank)
    finally:
        end(launchers)


def end(launchers: list[subprocess.Popen]) -> None:
    for launcher in launchers:
        if launcher.poll() is None:
            os.killpg(launcher.pid, signal.SIGKILL)
            launcher.wait()


def said(tmp_path: Path, rank: int) -> str:
    logs = [tmp_path / f"node{rank}.txt", *sorted((tmp_path / f"log{rank}").glob("*"))]
    return "\n".join(path.read_text(errors="replace")[-3000:] for path in logs)


def losses(folder: Path) -> list[float]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row["loss/squared"] for row in rows if row["kind"] == "train"]


@pytest.mark.slow
def test_two_nodes_have_the_losses_of_one_process_and_one_goes_on(tmp_path: Path) -> None:
    fit(ToyTask(**TASK), recipe(train=WHOLE), tmp_path / "one", progress=False)
    half = {**WHOLE, "batch_size": 4, "max_steps": 2}
    finish(nodes(tmp_path, {"train": half}), tmp_path)
    resumed = {**half, "max_steps": 4}
    fit(ToyTask(**TASK), recipe(train=resumed), tmp_path / "run", progress=False, resume=True)
    assert len(losses(tmp_path / "one")) == 4
    np.testing.assert_allclose(losses(tmp_path / "run"), losses(tmp_path / "one"), rtol=1e-5)
    one, run = (load_checkpoint(tmp_path / name / "checkpoints/latest") for name in ("one", "run"))
    for name, weight in one.weights.items():
        np.testing.assert_allclose(run.weights[name], weight, rtol=1e-4, atol=1e-6, err_msg=name)
    assert (run.progress["world"], run.progress["settings"]["train"]["accumulate"]) == (1, 2)


@pytest.mark.slow
def test_a_killed_node_ends_the_run_with_a_message(tmp_path: Path) -> None:
    launchers = nodes(tmp_path, {"train": {"epochs": 100000, "log_every": 1}, "eval": {"every_epochs": None}})
    try:
        rows, deadline = tmp_path / "run/metrics.jsonl", time.monotonic() + 240
        while not (rows.is_file() and len(rows.read_text().splitlines()) > 2):
            assert time.monotonic() < deadline, said(tmp_path, 0)
            time.sleep(0.2)
        os.killpg(launchers[1].pid, signal.SIGKILL)  # launcher and process of that machine
        for worker in _workers(tmp_path / "log1"):
            os.kill(worker, signal.SIGKILL)
        assert launchers[0].wait(timeout=90) != 0
        text = said(tmp_path, 0)
        assert "rank 1 was killed or has crashed; rank 0 ends too" in text and "--resume" in text
    finally:
        end(launchers)


def _workers(log: Path) -> list[int]:
    """Processes whose output goes to that folder; a launcher gives its workers a session of their own."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if Path(os.readlink(entry / "fd/1")).parent == log:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def saved(world: int, batch_size: int, accumulate: int = 1) -> dict[str, Any]:
    loop = {"batch_size": batch_size, "accumulate": accumulate}
    return {"settings": recipe(train=loop).model_dump(mode="json"), "world": world}


@pytest.mark.parametrize(
    ("before", "world", "wanted"),
    [
        ((4, 8, 1), 2, (8, 2)),
        ((1, 8, 1), 2, (4, 1)),
        ((2, 6, 1), 3, (4, 1)),
        ((2, 4, 2), 4, (4, 1)),
        ((3, 2, 1), 1, (2, 3)),
    ],
)
def test_a_step_keeps_its_samples(before: tuple[int, int, int], world: int, wanted: tuple[int, int]) -> None:
    processes, batch_size, accumulate = before
    settings = recipe(train={"batch_size": batch_size, "accumulate": accumulate})
    divided, said = divide_step(settings, saved(*before), world, "latest")
    assert (divided.train.batch_size, divided.train.accumulate) == wanted
    assert world * wanted[0] * wanted[1] == processes * batch_size * accumulate
    assert f"{processes} → {world} processes" in said and "learning rate" in said


def test_the_same_processes_change_nothing() -> None:
    settings = recipe()
    assert divide_step(settings, saved(2, 4), 2, "latest") == (settings, "")


def test_a_step_that_cannot_be_divided() -> None:
    with pytest.raises(TrainingError, match="8 samples, which 3 processes") as caught:
        divide_step(recipe(train={"batch_size": 4}), saved(2, 4), 3, "latest")
    assert "use 1, 2, 4, 8 processes" in str(caught.value)
