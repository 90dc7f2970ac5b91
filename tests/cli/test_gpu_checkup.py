"""`sealkit doctor --gpu` where there is no GPU, and what it makes of a training that goes wrong."""

from __future__ import annotations

import json
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from sealkit.bench.device_check import _judged, _tried
from sealkit.cli import gpu_checkup, main


@pytest.fixture
def without_gpu(monkeypatch: Any) -> None:
    """What Paddle's CPU build says."""
    said = SimpleNamespace(returncode=0, stdout='noise\n{"cuda": false, "names": []}\n', stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: said)


def test_a_machine_without_a_gpu(without_gpu: None, monkeypatch: Any, capsys: Any) -> None:
    asked = []
    monkeypatch.setattr(gpu_checkup, "probe", lambda device: asked.append(device) or iter(()))
    assert main(["doctor", "--gpu"]) == 1
    text = capsys.readouterr().out
    assert "this Paddle is a CPU build" in text and "train-base" in text and "send us" in text
    assert asked == ["cpu"]


def test_without_paddle(monkeypatch: Any) -> None:
    monkeypatch.setattr(gpu_checkup, "installed_versions", lambda: {"numpy": "2.0"})
    (finding,) = gpu_checkup.examine_gpu()
    assert finding.status == "error" and "train-base" in str(finding.advice)


def test_training_on_the_cpu() -> None:
    found = {finding.name: finding for finding in gpu_checkup.probe("cpu", steps=3)}
    assert found["cpu float32"].status == "ok" and "→" in found["cpu float32"].value
    mixed = {found[f"cpu {kind} {level}"].status for kind in ("float16", "bfloat16") for level in ("O1", "O2")}
    assert mixed == {"note"}  # Paddle's autocast has no effect on a CPU: it must not be called tested


def test_a_driver_that_ends_the_process(monkeypatch: Any) -> None:
    line = json.dumps({"name": "cpu float32", "status": "ok", "detail": "loss 2 → 1"})
    died = SimpleNamespace(returncode=-11, stdout=f"{line}\n", stderr="cuDNN error\n")
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: died)
    findings = list(gpu_checkup.probe("gpu"))
    assert [finding.status for finding in findings] == ["ok", "error"]
    assert "code -11 after cpu float32: cuDNN error" in findings[1].value

    def late(*args: Any, **options: Any) -> Any:
        raise subprocess.TimeoutExpired("python", 1)

    monkeypatch.setattr(subprocess, "run", late)
    (finding,) = gpu_checkup.probe("gpu")
    assert finding.status == "error" and "no end within" in finding.value


@pytest.mark.parametrize(
    ("losses", "kind", "status", "what"),
    [
        ([1.5, 1.0], "float32", "ok", "1.5000 → 1.0000"),
        ([1.5, float("nan")], "float32", "failed", "not finite"),
        ([1.6, 1.0], "float32", "failed", "6.7% away from the CPU's 1.5000"),
        ([1.52, 1.0], "float16", "ok", ""),
        ([1.5, 1.5], "bfloat16", "failed", "does not fall"),
    ],
)
def test_verdicts(losses: list[float], kind: str, status: str, what: str) -> None:
    found = _judged(losses, [1.5, 1.0], kind)
    assert found[0] == status and what in found[1]


def test_a_way_that_raises_is_an_outcome() -> None:
    def broken() -> list[float]:
        raise RuntimeError("line one\nno kernel image is available")

    probe = _tried("gpu float32", broken, [1.5], "float32")
    assert (probe.status, probe.detail) == ("failed", "no kernel image is available")
