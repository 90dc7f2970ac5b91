"""Redirects the terminal output of Paddle, paddle2onnx and their C++ code to a log file; errors quote its end."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

LOG = "framework.log"
"""Name of the log in a run folder."""
_SHOWN = 20  # lines of the log that a failure shows

_early: list[str] = []
"""Noise from before there was a folder to write it to (the import of Paddle)."""
_terminals: list[int] = []
"""Descriptors of what stderr was before each block that is open, the outermost first."""


def stderr_descriptor() -> int:
    """Descriptor of stderr as the user sees it, also inside `framework_noise`."""
    return _terminals[0] if _terminals else 2


@contextlib.contextmanager
def framework_noise(log: Path | None = None) -> Iterator[None]:
    """Keep everything that is written to stdout and stderr inside the block from the terminal.

    The redirection is that of the file descriptors, since C++ code does not ask Python where to write. Nothing of the
    user's may be written inside the block: it would go to the log as well. Errors, and interruptions, pass through.

    Args:
        log: file to append to; its folder must exist. None: the noise waits for the next block that has one.

    An exception (of any kind) shows the log's last lines on stderr before it is raised on.
    """
    with tempfile.TemporaryFile() if log is None else open(log, "ab+") as file:
        start = file.seek(0, os.SEEK_END)
        if log is not None and _early:
            file.write("".join(_early).encode("utf-8", "replace"))
            file.flush()
            _early.clear()
        try:
            with _redirected(file.fileno()):
                yield
        except BaseException as error:
            if isinstance(error, Exception):
                _show_end(_written(file.fileno(), start), log)
            raise
        finally:
            if log is None:
                _early.append(_written(file.fileno(), start))


@contextlib.contextmanager
def _redirected(descriptor: int) -> Iterator[None]:
    """File descriptors 1 and 2 lead to `descriptor`.

    sys.stdout and sys.stderr stay the objects they are: Paddle's loggers keep the one they find while it is imported.
    """
    _flush()
    saved: dict[int, int] = {}
    for number in (1, 2):
        with contextlib.suppress(OSError):  # a service without a terminal may have none
            saved[number] = os.dup(number)
            os.dup2(descriptor, number)
    if 2 in saved:
        _terminals.append(saved[2])
    try:
        yield
    finally:
        if 2 in saved:
            _terminals.remove(saved[2])
        _flush()
        for number, kept in saved.items():
            os.dup2(kept, number)
            os.close(kept)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):  # closed, or its reader is gone: not this block's matter
                stream.flush()


def _written(descriptor: int, start: int) -> str:
    size = os.fstat(descriptor).st_size - start
    os.lseek(descriptor, start, os.SEEK_SET)
    parts = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts).decode("utf-8", "replace")


def _show_end(text: str, log: Path | None) -> None:
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and sys.stderr is not None:
        where = f"; full log: {log}" if log is not None else ""
        print(f"the framework's last messages{where}", file=sys.stderr)
        for line in lines[-_SHOWN:]:
            print(f"  {line}", file=sys.stderr)
