"""The pool of worker processes.

Own code in place of a library, because `kill -9` of a worker may cost its own request only: executors that share one
pipe among workers (concurrent.futures, pebble) break or stall when a worker dies while it holds the pipe. Here each
worker has a pipe and a thread of its own. The thread takes a request from the common queue, hands it over, and waits;
a timer kills a worker that takes too long. A dead worker shows as the end of its pipe, and is replaced.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import queue
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from sealkit.errors import SealkitError
from sealkit.serving.errors import CLOSING, CRASHED, RequestError
from sealkit.serving.worker import BEGUN, WorkerSpec, main

logger = logging.getLogger("sealkit.serving")
START_SECONDS = 300.0
"""A worker that has not loaded its pipeline after this long is taken for stuck."""
_LONGEST_PAUSE = 30.0
_POLL = 0.5  # seconds between two looks whether an idle worker still lives

_CRASHES = frozenset(
    int(getattr(signal, name)) for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL") if hasattr(signal, name)
)
"""Signals with which a process ends by its own fault; SIGKILL comes from outside."""

TIMED_OUT = "The request took too long"
WORKER_DIED = "The worker process died while handling the request; it may be sent again"


class WorkerStartError(SealkitError):
    """A worker could not load its pipeline."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Reply:
    """What a worker made of a request: the result's JSON."""

    body: bytes
    pages: int


@dataclass
class Job:
    """A request on its way.

    Attributes:
        head: kind, parameters, visualize, beta; see `sealkit.serving.worker.handle`.
        deadline: of `time.monotonic`; after it the request is dropped, or its worker killed.
        future: gets the Reply, or a RequestError; cancelled where the client has gone.
        waited, worked: seconds in the queue and in the worker.
        pid: of that worker.
    """

    head: dict[str, Any]
    data: bytes
    deadline: float
    log_id: str = ""
    future: Future[Reply] = field(default_factory=Future)
    taken_in: float = field(default_factory=time.monotonic)
    waited: float = 0.0
    worked: float = 0.0
    pid: int = 0


class Pool:
    """Workers, each answering one request at a time.

    Args:
        specs: one per worker.
        on_restart: called with why ("died", "timeout", "start") whenever a worker has to be replaced.
    """

    def __init__(self, specs: list[WorkerSpec], on_restart: Callable[[str], None] = lambda why: None) -> None:
        self._slots = [_Slot(number, spec, self) for number, spec in enumerate(specs)]
        self.queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.on_restart = on_restart
        self.closing = threading.Event()

    @property
    def workers(self) -> int:
        """Number of workers."""
        return len(self._slots)

    @property
    def ready(self) -> int:
        """Workers that have a pipeline loaded."""
        return sum(slot.is_ready for slot in self._slots)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self.queue.qsize()

    @property
    def pids(self) -> list[int]:
        """Process ids of the running workers."""
        return [slot.process.pid for slot in self._slots if slot.process is not None and slot.process.pid is not None]

    def start(self) -> None:
        """Start every worker and wait until all are ready.

        Raises:
            WorkerStartError: one could not start; all are stopped again.
        """
        try:
            for slot in self._slots:
                slot.spawn()
            for slot in self._slots:
                slot.await_ready()
        except BaseException:  # Ctrl-C too: workers ignore SIGTERM, on which Python's clean-up at exit relies
            self.close(0)
            raise
        for slot in self._slots:
            slot.thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job; its future is set later. The queue has no bound of its own: admission counts requests."""
        self.queue.put(job)

    def close(self, seconds: float = 5.0) -> None:
        """Stop: nothing new is begun, workers at work get `seconds` to finish, then they are killed."""
        self.closing.set()
        for _ in self._slots:
            self.queue.put(None)
        until = time.monotonic() + seconds
        for slot in self._slots:
            slot.end(max(0.0, until - time.monotonic()))
        with suppress(queue.Empty):
            while True:
                job = self.queue.get_nowait()
                if job is not None:
                    _fail(job, RequestError(503, CLOSING))


class _Slot:
    """One place in the pool: the process that holds it now, its pipe, and the thread that feeds it."""

    def __init__(self, number: int, spec: WorkerSpec, pool: Pool) -> None:
        self.number, self.spec, self.pool = number, spec, pool
        self.process: BaseProcess | None = None
        self.pipe: Connection | None = None
        self.is_ready = False
        self.thread = threading.Thread(target=self._feed, name=f"sealkit-worker-{number}", daemon=True)

    def spawn(self) -> None:
        context = multiprocessing.get_context("spawn")  # fork copies locks of running threads in an unknown state
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=main, args=(theirs, self.spec), name=f"sealkit-worker-{self.number}", daemon=True
        )
        self.process.start()
        theirs.close()  # the worker's death must close the pipe's last other end

    def await_ready(self) -> None:
        assert self.pipe is not None and self.process is not None
        try:
            answer = json.loads(self.pipe.recv_bytes()) if self._speaks() else None
        except (EOFError, OSError):
            answer = None
        if answer is None:
            self.kill()
            raise WorkerStartError(f"worker {self.number} died while loading the pipeline, or never finished", 1)
        if not answer["ready"]:
            self.kill()
            raise WorkerStartError(answer["message"], answer["exit_code"])
        self.is_ready = True
        logger.info(
            "worker ready", extra={"worker": self.process.pid, **{key: answer[key] for key in ("engines", "memory")}}
        )

    def _speaks(self) -> bool:
        """Whether the worker says something before its time to start is over, or the pool closes."""
        assert self.pipe is not None
        until = time.monotonic() + START_SECONDS
        while not self.pipe.poll(_POLL):
            if self.pool.closing.is_set() or time.monotonic() > until:
                return False
        return True

    def kill(self) -> None:
        """End the process at once; safe to call twice."""
        self.is_ready = False
        if self.process is not None and self.process.pid is not None:  # None: the thread is about to start it
            self.process.kill()
            self.process.join()
        if self.pipe is not None:
            self.pipe.close()

    def end(self, seconds: float) -> None:
        if self.thread.is_alive():
            self.thread.join(seconds)
        self.kill()
        if self.thread.is_alive():  # it may have been about to start a successor
            self.thread.join()
            self.kill()

    def _feed(self) -> None:
        """Body of the thread: one job after the other, until the pool closes."""
        while not self.pool.closing.is_set():
            if not self._lives():
                self._replace()
                continue
            try:
                job = self.pool.queue.get(timeout=_POLL)
            except queue.Empty:
                continue
            if job is not None:
                self._work_on(job)

    def _lives(self) -> bool:
        if self.is_ready and self.process is not None and not self.process.is_alive():
            logger.error("worker died", extra={"worker": self.process.pid, "exit_code": self.process.exitcode})
            self.pool.on_restart("died")
            self.kill()
        return self.is_ready

    def _replace(self) -> None:
        """A new process, tried again with growing pauses: what stops it, such as a lack of memory, may pass."""
        pause = 1.0
        while not self.pool.closing.is_set():
            try:
                self.spawn()
                self.await_ready()
                return
            except (WorkerStartError, OSError) as error:
                logger.error("worker cannot start: %s", error)
                self.pool.on_restart("start")
            self.pool.closing.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _work_on(self, job: Job) -> None:
        """Hand over, wait, deliver. A worker found dead before it had the whole job does not cost the job."""
        started = time.monotonic()
        job.waited = started - job.taken_in
        if not job.future.set_running_or_notify_cancel():
            return
        while not self.pool.closing.is_set():
            if started >= job.deadline:
                return _fail(job, RequestError(503, TIMED_OUT, {"Retry-After": "1"}))
            if self._hand_over(job):
                break
            self._replace()
            started = time.monotonic()
        else:
            _fail(job, RequestError(503, CLOSING))

    def _hand_over(self, job: Job) -> bool:
        """One exchange with the worker; False where it was dead before it had the job. Delivers whatever came of it."""
        assert self.pipe is not None and self.process is not None
        job.pid, started = self.process.pid or 0, time.monotonic()
        late = threading.Event()

        def end_it() -> None:
            late.set()
            if self.process is not None:
                self.process.kill()

        timer = threading.Timer(max(0.0, job.deadline - time.monotonic()), end_it)
        timer.daemon = True
        timer.start()
        handed = False
        try:
            self.pipe.send_bytes(json.dumps(job.head).encode("utf-8"))
            self.pipe.send_bytes(job.data)
            handed = self.pipe.recv_bytes() == BEGUN
            reply = json.loads(self.pipe.recv_bytes())
            body = self.pipe.recv_bytes()
        except (EOFError, OSError):
            timer.cancel()
            self._bury(job, late.is_set())
            if late.is_set():
                _fail(job, RequestError(504, TIMED_OUT))
            elif handed:
                _fail(job, self._why_it_died())
            return handed or late.is_set()
        job.worked = time.monotonic() - started
        timer.cancel()
        timer.join()  # where it fired after all, the kill has been sent and `_lives` will see it
        if "spent" in reply:
            logger.warning("worker ends: its memory limit is reached", extra={"logId": job.log_id, "worker": job.pid})
            self.kill()
            self.pool.on_restart("memory")
        if "traceback" in reply:
            logger.error("request failed\n%s", reply["traceback"], extra={"logId": job.log_id, "worker": job.pid})
        if reply["status"]:
            _fail(job, RequestError(reply["status"], reply["message"]))
        else:
            job.future.set_result(Reply(body, reply["pages"]))
        return True

    def _why_it_died(self) -> RequestError:
        """Of a worker that had a request: that one may be sent again, unless it is what the process crashed on."""
        if self.pool.closing.is_set():
            return RequestError(503, CLOSING, {"Retry-After": "1"})
        code = self.process.exitcode if self.process is not None else None
        if code is not None and -code in _CRASHES:
            return RequestError(500, CRASHED)
        return RequestError(503, WORKER_DIED, {"Retry-After": "1"})

    def _bury(self, job: Job, late: bool) -> None:
        self.kill()
        code = self.process.exitcode if self.process is not None else None
        what = "worker killed: the request took too long" if late else "worker died"
        logger.error(what, extra={"logId": job.log_id, "worker": job.pid, "exit_code": code})
        self.pool.on_restart("timeout" if late else "died")


def _fail(job: Job, error: RequestError) -> None:
    if not job.future.done():
        job.future.set_exception(error)
