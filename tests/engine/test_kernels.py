"""`train.kernels`: what a run chooses, says, records, and keeps when it is resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sealkit.engine.loop import fit
from sealkit.errors import TrainingError
from sealkit.weights.checkpoint import load_checkpoint, save_checkpoint
from tests.engine.toy_task import ToyTask, recipe

pytest.importorskip("numba")


def train(folder: Path, depthwise: bool = True, resume: bool = False, progress: bool = False, **loop: Any) -> Any:
    loop = {"max_steps": 6, **loop}
    return fit(ToyTask(depthwise=depthwise), recipe(train=loop), folder, progress=progress, resume=resume)


def chosen(folder: Path) -> str:
    found = load_checkpoint(folder / "checkpoints/latest").progress["kernels"]
    assert json.loads((folder / "environment.json").read_text())["kernels"] == found
    return str(found)


def tensors(folder: Path) -> dict[str, bytes]:
    state = load_checkpoint(folder / "checkpoints/latest")
    return {name: value.tobytes() for part in (state.weights, state.optimizer) for name, value in part.items()}


def test_a_resumed_run_is_exact_and_keeps_its_kernels(tmp_path: Path, capsys: Any) -> None:
    train(tmp_path / "whole", progress=True)
    assert chosen(tmp_path / "whole") == "fast" and "kernels: fast, for 1 depthwise" in capsys.readouterr().err
    train(tmp_path / "again")
    train(tmp_path / "parts", max_steps=3)
    with pytest.raises(TrainingError, match="keeps its kernels") as caught:
        train(tmp_path / "parts", resume=True, kernels="paddle")
    assert "train.kernels" in str(caught.value) and "fast or auto" in str(caught.value)
    train(tmp_path / "parts", resume=True)
    assert tensors(tmp_path / "whole") == tensors(tmp_path / "again") == tensors(tmp_path / "parts")
    assert chosen(tmp_path / "parts") == "fast"


def test_a_run_of_paddles_kernels_stays_one(tmp_path: Path) -> None:
    train(tmp_path, max_steps=3, kernels="paddle")
    with pytest.raises(TrainingError, match="keeps its kernels"):
        train(tmp_path, resume=True, kernels="fast")
    train(tmp_path, resume=True, kernels="auto")
    assert chosen(tmp_path) == "paddle"


def test_a_checkpoint_from_before_there_was_a_choice_has_paddles(tmp_path: Path) -> None:
    train(tmp_path, max_steps=3, kernels="paddle")
    saved = load_checkpoint(tmp_path / "checkpoints/latest")
    del saved.progress["kernels"], saved.progress["settings"]["train"]["kernels"]
    save_checkpoint(tmp_path / "checkpoints/latest", saved)
    train(tmp_path, resume=True)
    assert chosen(tmp_path) == "paddle"


def test_a_network_without_such_layers_asks_for_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("sealkit.nn.kernels.problem", lambda: pytest.fail("compiled for nothing"))
    train(tmp_path, depthwise=False)
    assert chosen(tmp_path) == "paddle"


def test_where_they_cannot_be_used(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    train(tmp_path / "began", max_steps=3)
    monkeypatch.setattr("sealkit.nn.kernels.problem", lambda: "Numba is not installed")
    monkeypatch.setattr("sealkit.engine.kernels._installed", lambda: False)
    train(tmp_path / "auto", max_steps=3, progress=True)
    assert chosen(tmp_path / "auto") == "paddle" and "pip install 'sealkit[fast]'" in capsys.readouterr().err
    with pytest.raises(TrainingError, match="Numba is not installed") as caught:
        train(tmp_path / "asked", kernels="fast")
    assert "pip install 'sealkit[fast]'" in str(caught.value)
    with pytest.raises(TrainingError, match="with which the run began"):
        train(tmp_path / "began", resume=True)
    monkeypatch.setattr("sealkit.nn.kernels.problem", lambda: None)
    monkeypatch.setattr("sealkit.engine.step.computes_in", lambda kind: True)  # as on another device
    with pytest.raises(TrainingError, match=r"train\.amp is bfloat16"):
        train(tmp_path / "mixed", kernels="fast", amp="bfloat16")
    capsys.readouterr()
    train(tmp_path / "auto mixed", max_steps=3, amp="bfloat16", progress=True)
    assert chosen(tmp_path / "auto mixed") == "paddle" and "kernels" not in capsys.readouterr().err


def test_a_run_that_moves_to_another_device(tmp_path: Path, monkeypatch: Any) -> None:
    train(tmp_path / "run", max_steps=3)
    monkeypatch.setattr("sealkit.engine.kernels._on_cpu", lambda: False)
    with pytest.raises(TrainingError, match="they are for CPUs"):
        train(tmp_path / "asked", kernels="fast")
    train(tmp_path / "run", resume=True)
    assert chosen(tmp_path / "run") == "paddle"


def test_mixed_precision_that_would_have_no_effect_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="does not compute in that type"):
        train(tmp_path, amp="bfloat16")
