"""Ctrl-C while a thread is inside an engine, and before the command has begun."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.live import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
LOADING = """
import os, sys, time
from sealkit.__main__ import run
from sealkit.pipeline import build
opened, until = build.open_model, time.monotonic() + 15

def again_and_again(*arguments):
    os.write(1, b"loading\\n")  # in one piece: two threads load
    while time.monotonic() < until:
        model = opened(*arguments)
    return model

build.open_model = again_and_again
sys.argv = ["sealkit", "infer", "sealkit/assets/example_seal.png", "--engine", "onnxruntime", "--threads", "1"]
run()
"""

AT_AN_IMPORT = """
import os, signal, sys, time
from sealkit.__main__ import run

number, module, *command = sys.argv[1:]

class Sender:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(number))
            time.sleep(0.3)  # for another thread to hear it

if __name__ == "__main__":
    sys.meta_path.insert(0, Sender())
    sys.argv = ["sealkit", *command]
    run()
"""
DROPPED = """
import ctypes, os, signal, time
from sealkit.runtime.signals import Stopped, stopping

@ctypes.CFUNCTYPE(None)
def called_back():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)

with stopping() as stop:
    try:
        called_back()
        time.sleep(30)
    except Stopped:
        stop.handled = True
        print("stopped", flush=True)
        time.sleep(0.7)  # what follows is left alone
        print("done")
"""


def started(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "2"},  # at least one thread besides the main one, whoever tests
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as at a terminal
    )


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """(stdout, stderr) of a process that ends by itself."""
    try:
        return process.communicate(timeout=60)
    finally:
        process.kill()


def test_a_thread_that_loads_a_model_is_not_torn_out_of_it() -> None:
    with started(LOADING) as process:
        assert process.stdout is not None and process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        _, said = ended(process)
    assert process.returncode == 130, said
    assert said.splitlines()[-1] == "error: stopped by the user"


def test_before_the_command_has_a_handler_of_its_own_nothing_is_printed() -> None:
    code = "import signal, sealkit.cli\nfrom sealkit.__main__ import run\n"
    code += "sealkit.cli.main = lambda: signal.raise_signal(signal.SIGINT)\nrun()\n"
    with started(code) as process:
        _, said = ended(process)
    assert process.returncode == -signal.SIGINT and not said


TRAIN = ["train", "-c", "seal_det_cpu_small", "--no-progress", "--output"]
IMPORT = ["import-weights", "sealkit", "--model", "PP-OCRv6_small_rec", "--output"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("command", "module"),
    [
        (TRAIN, "numpy.linalg"),
        (TRAIN, "cv2.data"),
        (TRAIN, "paddle.base"),  # before Paddle sets its own handler of SIGTERM
        (TRAIN, "paddle.vision"),  # while that one stands
        (IMPORT, "paddle.vision"),
    ],
)
def test_while_a_library_is_imported(tmp_path: Path, command: list[str], module: str, number: signal.Signals) -> None:
    with started(AT_AN_IMPORT, str(int(number)), module, *command, str(tmp_path / "out")) as process:
        _, said = ended(process)
    assert process.returncode == 128 + number and len(said.splitlines()) == 1, said
    assert said.startswith("error: stopped by")


def test_the_message_is_not_taken_for_noise(tmp_path: Path) -> None:
    """An import inside `framework_noise`, as of the converter during an export."""
    (tmp_path / "ends_it.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)")
    code = "from sealkit.runtime import noise, signals\nimport sys\nsys.path.append(sys.argv[1])\n"
    code += "with signals.stopping(), noise.framework_noise(), noise.framework_noise(): import ends_it"
    with started(code, str(tmp_path)) as process:
        _, said = ended(process)
    assert (process.returncode, said) == (130, "error: stopped by the user\n")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs an interval timer")
def test_a_signal_inside_a_callback_of_c_code_is_not_lost() -> None:
    """Numba's compiler calls back by ctypes, which prints and drops exceptions: a training went on to its end."""
    with started(DROPPED) as process:
        said, _ = ended(process)
    assert said == "stopped\ndone\n" and process.returncode == 0
