import subprocess
import sys
from pathlib import Path

import pytest

from sealkit.engine.mkl import VARIABLE, kernels

ZEN = "processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu sse2 fma avx avx2 f16c\n\nprocessor\t: 1\n"


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")  # so that the value after the test is what it was before
    monkeypatch.delenv(VARIABLE)


def machine(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    return path


def test_other_makers_processors_with_avx2_get_it(tmp_path: Path, unset: None) -> None:
    assert kernels(machine(tmp_path, ZEN)) == "5"


@pytest.mark.parametrize(
    "text",
    [
        ZEN.replace("AuthenticAMD", "GenuineIntel"),
        ZEN.replace("avx2 ", ""),
        ZEN.replace("fma ", ""),
        "processor\t: 0\nFeatures\t: fp asimd\n",  # an ARM processor names neither
    ],
    ids=["Intel", "no AVX2", "no FMA", "ARM"],
)
def test_every_other_processor_is_left_alone(tmp_path: Path, unset: None, text: str) -> None:
    assert kernels(machine(tmp_path, text)) is None


def test_a_machine_without_the_file_is_left_alone(tmp_path: Path, unset: None) -> None:
    assert kernels(tmp_path / "none") is None


def test_the_users_value_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "4")
    assert kernels(machine(tmp_path, ZEN)) == "4"


def test_training_asks_for_it_and_importing_does_not(unset: None) -> None:
    code = f"""
import os, sealkit.nn.conv, sealkit.engine.mkl
before = os.environ.get({VARIABLE!r})
from sealkit.engine.threads import set_threads
set_threads(1)
print(before, os.environ.get({VARIABLE!r}))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["None", str(kernels())]
