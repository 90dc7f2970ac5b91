"""Ctrl-C while a thread is inside an engine, and before the command has begun."""

from __future__ import annotations

import signal
import subprocess
import sys

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


def started(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
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


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs an interval timer")
def test_a_signal_inside_a_callback_of_c_code_is_not_lost() -> None:
    """Numba's compiler calls back by ctypes, which prints and drops exceptions: a training went on to its end."""
    with started(DROPPED) as process:
        said, _ = ended(process)
    assert said == "stopped\ndone\n" and process.returncode == 0
