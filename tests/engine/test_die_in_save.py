"""A run that ends at any operation on files inside a save goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sealkit.engine.loop import fit
from sealkit.weights.checkpoint import is_checkpoint, load_checkpoint
from tests.engine.test_ctrl_c import same_weights
from tests.engine.toy_task import ToyTask, recipe

SCRIPT = Path(__file__).with_name("die_in_save.py")
RECIPE: dict[str, Any] = {"train": {"epochs": 2, "save_every_steps": 2}, "ema": {"decay": 0.9}}
START, LATER, LAST = 0, 2, 12
"""Steps whose saves differ: nothing is there yet; `latest` alone is replaced; `best` as well, and no save follows."""
OPERATIONS = {"open", "write", "os.fsync", "os.rename", "os.mkdir", "shutil.rmtree"}
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def died(folder: Path, step: int, first: int, last: int) -> dict[int, str]:
    """The operation at which each child ended."""
    command = [sys.executable, str(SCRIPT), str(folder), json.dumps(RECIPE), str(first), str(last), str(step)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, str | None] = json.loads(done.stdout.splitlines()[-1])
    return {int(number): name for number, name in told.items() if name is not None}


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in (folder / "checkpoints").rglob("*"))


def check(folder: Path, whole: Path, step: int) -> None:
    """Whole checkpoints, whatever happened; and after a resume those of the undisturbed run, and nothing else."""
    latest, best = folder / "checkpoints/latest", folder / "checkpoints/best"
    assert step == START or is_checkpoint(latest)
    if is_checkpoint(latest):
        assert load_checkpoint(latest).progress["step"] in ({START} if step == START else {step - 2, step})
    if is_checkpoint(best):
        assert load_checkpoint(best).progress["step"] <= step
    fit(ToyTask(), recipe(**RECIPE), folder, resume=True, progress=False)
    same_weights(whole, folder)
    assert load_checkpoint(latest).progress["best"] == load_checkpoint(whole / "checkpoints/latest").progress["best"]
    assert load_checkpoint(best).progress["step"] == load_checkpoint(whole / "checkpoints/best").progress["step"]
    assert names(folder) == names(whole)


@pytest.mark.slow
@pytest.mark.parametrize(("step", "least"), [(START, 50), (LATER, 35), (LAST, 50)])
def test_every_operation(tmp_path: Path, step: int, least: int) -> None:
    fit(ToyTask(), recipe(**RECIPE), tmp_path / "whole", progress=False)
    told = died(tmp_path, step, 0, 150)
    print(f"step {step}: {len(told)} operations: {' '.join(told.values())}")
    assert len(told) >= least and set(told.values()) >= OPERATIONS and list(told) == list(range(len(told)))
    for number in told:
        check(tmp_path / str(number), tmp_path / "whole", step)


def test_between_latest_and_best(tmp_path: Path) -> None:
    """What is the best of a run that goes on only to its end would stay an earlier one, and be exported."""
    fit(ToyTask(), recipe(**RECIPE), tmp_path, progress=False)
    best = tmp_path / "checkpoints/best"
    assert load_checkpoint(best).progress["step"] == LAST
    shutil.rmtree(best)
    fit(ToyTask(), recipe(**RECIPE), tmp_path, resume=True, progress=False)
    assert load_checkpoint(best).progress["step"] == LAST
