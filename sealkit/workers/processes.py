"""Workers that are processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from queue import SimpleQueue
from typing import Any

from sealkit.errors import EngineError
from sealkit.runtime.signals import unheard
from sealkit.workers.serve import Died, Make, Reply, answer, begin, failure


class LocalProcesses:
    """Starts and watches worker processes.

    Args:
        one_thread: each gets one thread for BLAS and OpenMP.
    """

    jobs_at_worker = 2
    """One under way, one waiting, so that no worker waits for the parent."""

    def __init__(self, *, one_thread: bool = True) -> None:
        self._one_thread = one_thread

    def count(self, asked: int) -> int:
        """Workers to start; 0 asks for one per core."""
        return asked or cores()

    def start(self, number: int, make: Make) -> LocalProcess:
        """A new process that makes its function."""
        with one_thread() if self._one_thread else contextlib.nullcontext():
            return LocalProcess(number, make)

    def wait(self, workers: Sequence[LocalProcess], seconds: float) -> list[LocalProcess]:
        """The workers that replied or died, at the latest after so many seconds."""
        ready = set(map(id, wait([worker.connection for worker in workers], seconds)))
        return [worker for worker in workers if id(worker.connection) in ready]

    def close(self) -> None:
        """Nothing to do: workers end one by one."""


class LocalProcess:
    """A worker process and its pipe."""

    def __init__(self, number: int, make: Make) -> None:
        if getattr(multiprocessing.process.current_process(), "_inheriting", False):
            raise EngineError(
                "worker processes were started while one of them was importing your script",
                hint="put the call under `if __name__ == '__main__':`, or use one worker",
            )
        context = multiprocessing.get_context("spawn")  # engines and OpenCV's threads do not survive a fork
        self.number = number
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, make, number), name=f"sealkit-worker-{number}", daemon=True
        )
        with unheard():  # a terminal sends Ctrl-C to them, too: their parent ends them
            self._process.start()
        theirs.close()

    @property
    def name(self) -> str:
        """For messages."""
        return f"worker process {self._process.pid}"

    def send(self, ticket: int, job: Any) -> None:
        """Hand out a job; nothing where the worker is dead, which `wait` tells.

        Raises:
            Exception: the job cannot be pickled.
        """
        data = ForkingPickler.dumps((ticket, job))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send_bytes(data)

    def receive(self) -> Reply:
        """The next reply. Raises Died."""
        try:
            reply: Reply = self.connection.recv()
        except (EOFError, ConnectionResetError):
            raise Died(self._how()) from None
        return reply

    def _how(self) -> str:
        self._process.join(timeout=5)
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"killed by signal {-code}" + (", perhaps out of memory" if code == -signal.SIGKILL else "")
        return f"ended with code {code}"

    def stop(self) -> None:
        """End the process."""
        self.connection.close()  # it sees the end of its pipe
        self._process.join(timeout=1)
        if self._process.is_alive():
            self._process.kill()  # it does not hear SIGTERM
            self._process.join(timeout=5)


def _serve(connection: Connection, make: Make, number: int) -> None:
    """The life of a worker process."""
    if os.name == "nt":  # pragma: no cover
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    work, reply = begin(make, number)
    if not _sent(connection, reply) or work is None:
        return
    jobs: SimpleQueue[tuple[int, Any] | None] = SimpleQueue()
    # Read by a thread, so that neither side ever waits for the other to take a large message.
    threading.Thread(target=_fetch, args=(connection, jobs), daemon=True).start()
    while (job := jobs.get()) is not None:
        if not _sent(connection, answer(work, *job)):
            return


def _fetch(connection: Connection, jobs: SimpleQueue[tuple[int, Any] | None]) -> None:
    try:
        while True:
            jobs.put(connection.recv())
    except (EOFError, OSError):  # the parent is done, or gone
        jobs.put(None)


def _sent(connection: Connection, reply: Reply) -> bool:
    try:
        try:
            data = ForkingPickler.dumps(reply)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            data = ForkingPickler.dumps(failure(reply.ticket, error))
        connection.send_bytes(data)
    except (BrokenPipeError, ConnectionResetError, OSError):
        return False
    return True


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Processes started inside get one thread each for BLAS and OpenMP."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


__all__ = ["LocalProcess", "LocalProcesses", "cores", "one_thread"]
