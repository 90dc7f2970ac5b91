"""What frameworks write past Python goes to a log, and comes back to light where something fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sealkit.runtime import noise
from sealkit.runtime.noise import framework_noise
from sealkit.runtime.signals import import_paddle


@pytest.fixture(autouse=True)
def nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "_early", [])


def _shout(text: str) -> None:
    """As C++ code does: to the descriptors, and through a child process."""
    os.write(1, f"{text} one\n".encode())
    os.write(2, f"{text} two\n".encode())
    subprocess.run([sys.executable, "-c", f"print('{text} three')"], check=True)


def test_noise_goes_to_the_log_and_what_follows_to_the_terminal(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = tmp_path / "framework.log"
    print("before")
    with framework_noise(log):
        _shout("noise")
    print("after")
    out, err = capfd.readouterr()
    assert (out.split(), err) == (["before", "after"], "")
    assert sorted(log.read_text().splitlines()) == ["noise one", "noise three", "noise two"]


def test_noise_before_there_is_a_log_waits_for_it(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "framework.log"
    log.write_text("an older run\n")
    with framework_noise():
        _shout("early")
    with framework_noise(log):
        _shout("late")
    assert capfd.readouterr() == ("", "")
    lines = log.read_text().splitlines()
    assert lines[0] == "an older run"
    assert {line.split()[0] for line in lines[1:4]} == {"early"}
    assert {line.split()[0] for line in lines[4:]} == {"late"} and len(lines) == 7


@pytest.mark.parametrize("named", [True, False])
def test_a_failure_shows_the_end_of_the_log(capfd: pytest.CaptureFixture[str], tmp_path: Path, named: bool) -> None:
    log = tmp_path / "framework.log"
    with pytest.raises(ValueError, match="broken"), framework_noise(log if named else None):
        for number in range(100):
            os.write(2, f"line {number}\n".encode())
        raise ValueError("broken")
    out, err = capfd.readouterr()
    assert out == ""
    assert "line 99" in err and "line 85" in err and "line 10\n" not in err
    assert (str(log) in err) == named


def test_a_failure_shows_only_what_this_block_wrote(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "framework.log"
    log.write_text("an older run\n")
    with pytest.raises(ValueError), framework_noise(log):
        os.write(2, b"\xff a byte that is no text\n")
        raise ValueError
    err = capfd.readouterr().err
    assert "a byte that is no text" in err and "older" not in err


def test_a_process_without_stdout_and_stderr(tmp_path: Path) -> None:
    """As under pythonw or a service that closed them."""
    log = tmp_path / "framework.log"
    code = (
        "import os, sys; os.close(1); os.close(2); sys.stdout = sys.stderr = None\n"
        "from pathlib import Path\nfrom sealkit.runtime.noise import framework_noise\n"
        f"with framework_noise(Path({str(log)!r})): pass\n"
        "try:\n    with framework_noise(): raise ValueError\nexcept ValueError: sys.exit(7)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7


def test_import_of_paddle_is_quiet() -> None:
    code = (
        "from sealkit.runtime.signals import import_paddle; import_paddle(); import sys; print('paddle' in sys.modules)"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_missing_paddle_is_told_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paddle", None)
    monkeypatch.delitem(sys.modules, "paddle")
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [])
    with pytest.raises(ModuleNotFoundError, match="paddle"):
        import_paddle()
