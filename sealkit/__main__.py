"""Where the command `sealkit`, and `python -m sealkit`, begin and end."""

import atexit
import contextlib
import os
import signal
import sys
from typing import NoReturn

_STOPPED = (128 + signal.SIGINT, 128 + signal.SIGTERM)


def run() -> NoReturn:
    """Run the command line of this process.

    Until the command has a handler of its own, Ctrl-C just ends the process: Python would print which of its imports it
    was in.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from sealkit.cli import main

    code = main()
    if code in _STOPPED:
        _end(code)
    sys.exit(code)


def _end(code: int) -> NoReturn:
    """End a stopped command at once: threads may still be inside an engine.

    A `Thread.join` that a signal interrupts gives its thread up for finished (python/cpython#89437), so that the
    interpreter does not wait for it, tears it out of the engine's C++ code, and aborts.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    run()
