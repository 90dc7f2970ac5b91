"""Runs the parts of a kernel that holds no lock on several threads.

Paddle's own OpenMP (libiomp5 of its CPU wheels) is asked for its team: a second pool of threads beside it would fight
for the cores with Paddle's threads, which go on spinning after each operator; and libiomp5 survives a fork. Where there
is none (macOS, Windows, ARM), Python's threads take the parts.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import paddle

Kernel = Callable[[Any, int, int], None]
"""Takes what describes the call, the number of the part, and how many parts there are."""
LIBRARY = Path(paddle.__file__).parent / "libs" / "libiomp5.so"


class Team(Protocol):
    """Threads of a process."""

    @property
    def count(self) -> int:
        """How many there are."""

    def run(self, kernel: Kernel, call: Any, parts: int) -> None:
        """Run parts 0 … parts - 1; returns when all are done."""


class OpenMP:
    """The team of Paddle's OpenMP library."""

    def __init__(self, library: Path = LIBRARY) -> None:
        self._omp = ctypes.CDLL(str(library))  # the one Paddle has loaded
        self._task = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

    @property
    def count(self) -> int:
        """Threads of Paddle's next parallel region: `OMP_NUM_THREADS`, or what was set since."""
        return int(self._omp.omp_get_max_threads())

    def run(self, kernel: Kernel, call: Any, parts: int) -> None:
        """See `Team.run`. A single part runs in the calling thread, without a parallel region."""
        if parts == 1:
            kernel(call, 0, 1)
            return
        left = iter(range(parts))
        task = self._task(lambda _: _take(left, kernel, call, parts))
        self._omp.GOMP_parallel(task, None, ctypes.c_uint(parts), ctypes.c_uint(0))


class PythonThreads:
    """Python's threads, made when first needed, and anew in a forked child, which inherits none."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: ThreadPoolExecutor | None = None
        self._owner = 0

    def run(self, kernel: Kernel, call: Any, parts: int) -> None:
        """See `Team.run`. The calling thread takes parts as well; an error of a part is raised here."""
        if parts == 1:
            kernel(call, 0, 1)
            return
        if self._pool is None or self._owner != os.getpid():
            self._pool, self._owner = ThreadPoolExecutor(max(1, self.count - 1)), os.getpid()
        left = iter(range(parts))
        others = [self._pool.submit(_take, left, kernel, call, parts) for _ in range(self.count - 1)]
        _take(left, kernel, call, parts)
        for other in others:
            other.result()


def _take(left: Iterator[int], kernel: Kernel, call: Any, parts: int) -> None:
    """Run parts that no other thread has taken; the interpreter's lock makes taking one atomic."""
    for part in left:
        kernel(call, part, parts)


def team() -> Team:
    """The threads of this process."""
    if LIBRARY.is_file():
        return OpenMP()
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    return PythonThreads(int(threads) if threads.isdigit() else 1)
