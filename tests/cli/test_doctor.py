import json
import os
import subprocess
from typing import Any, NoReturn

import pytest

from sealkit.cli import checkup
from tests.cli.conftest import CommandLine


@pytest.mark.parametrize(
    ("versions", "what"),
    [
        ({"paddlepaddle": (3, 3, 1)}, "Paddle 3.3"),
        ({"paddlepaddle-gpu": (3, 3, 0)}, "Paddle 3.3"),
        ({"paddlepaddle": (2, 6, 2)}, "Paddle 2"),
        ({"paddlepaddle": (3, 2, 2), "setuptools": (82, 0, 0)}, "setuptools"),
        ({"paddlepaddle": (3, 2, 2), "paddlepaddle-gpu": (3, 2, 2)}, "overwrite each other"),
        ({"opencv-python": (4, 10), "opencv-python-headless": (5, 0)}, "two OpenCV packages"),
        ({"opencv-contrib-python": (4, 10), "opencv-python-headless": (5, 0)}, "two OpenCV packages"),
        ({"onnxruntime": (1, 20), "onnxruntime-gpu": (1, 20)}, "overwrite each other"),
        ({"paddle2onnx": (2, 1, 0), "onnx": (1, 18, 0), "packaging": (24,)}, "onnx 1.17.0"),
        ({"paddle2onnx": (2, 1, 0), "onnx": (1, 17, 0)}, "packaging"),
        ({"rapidocr": (3, 9, 1)}, "rapidocr"),
    ],
)
def test_known_faults(versions: dict[str, Any], what: str) -> None:
    findings = checkup.known_bad(versions)
    assert [finding for finding in findings if what in finding.value]
    assert all(finding.advice and finding.status in ("warning", "error") for finding in findings)


def test_a_good_set_of_versions() -> None:
    versions = {
        "paddlepaddle": (3, 2, 2), "paddle2onnx": (2, 1, 0), "onnx": (1, 17, 0), "packaging": (24,),
        "setuptools": (81,), "opencv-python-headless": (5, 0, 0), "rapidocr": (3, 10, 0),
        "onnxruntime": (1, 31, 1),
    }  # fmt: skip
    assert checkup.known_bad(versions) == []


def test_what_is_needed_to_read_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    (finding,) = checkup._embedded()
    assert (
        finding.status == "ok" and "PP-OCRv6_small_det on " in finding.value and "PP-OCRv6_small_rec" in finding.value
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # no package is installed
    (finding,) = checkup._embedded()
    assert finding.status == "warning" and "no installed engine can run" in finding.value and finding.advice


def test_the_kernels_of_matrix_products_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_DEBUG_CPU_TYPE", "5")
    assert [f.value for f in checkup._threads()][1:] == ["MKL_DEBUG_CPU_TYPE=5: AVX2 kernels"]
    monkeypatch.setenv("MKL_DEBUG_CPU_TYPE", "0")
    assert [f.value for f in checkup._threads()][1:] == ["MKL_DEBUG_CPU_TYPE=0"]


def test_the_memory_limit_of_the_service_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    (finding,) = checkup._service()
    assert finding.status == "ok" and "4.0 GB" in finding.value and "Serving.worker_memory" in finding.value
    monkeypatch.setattr(os, "sysconf", lambda name: 4096 if name == "SC_PAGE_SIZE" else 500_000)
    (finding,) = checkup._service()
    assert finding.status == "warning" and "--worker-memory" in (finding.advice or "")


def test_report(sealkit: CommandLine) -> None:
    code, out, _ = sealkit("doctor", "--quick")
    assert code in (0, 1)
    for name in ("python", "packages", "threads", "service", "disk", "fonts", "recipes", "configs", "reading"):
        assert f" {name} " in out
    findings = json.loads(sealkit("doctor", "--quick", "--json")[1])
    assert {finding["status"] for finding in findings} <= {"ok", "note", "warning", "error"}
    assert code == any(finding["status"] == "error" for finding in findings)


@pytest.mark.parametrize(
    ("done", "status", "what"),
    [
        (
            subprocess.CompletedProcess([], -11, "", "Segmentation fault"),
            "error",
            "fails with code -11: Segmentation fault",
        ),
        (subprocess.CompletedProcess([], 0, "", ""), "error", "fails with code 0: no output"),
        (
            subprocess.CompletedProcess(
                [], 0, '{"version": "3.2.2", "devices": ["cpu"], "inference": {"inference": null, "oneDNN": "no"}}', ""
            ),
            "ok",
            "3.2.2, devices: cpu",
        ),
    ],
)
def test_what_paddle_answers(
    monkeypatch: pytest.MonkeyPatch, done: subprocess.CompletedProcess[str], status: str, what: str
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: done)
    findings = list(checkup._paddle_smoke())
    assert (findings[0].status, findings[0].value) == (status, what)
    if status == "ok":
        assert [finding.status for finding in findings[1:]] == ["ok", "warning"]


def test_paddle_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*args: object, **kwargs: object) -> NoReturn:
        raise subprocess.TimeoutExpired("python", 1)

    monkeypatch.setattr(subprocess, "run", hang)
    (finding,) = checkup._paddle_smoke()
    assert finding.status == "error" and "no answer" in finding.value
