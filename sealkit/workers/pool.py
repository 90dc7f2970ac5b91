"""A pool of workers, processes of this machine or of a Ray cluster: jobs in, results out in the order of the jobs.

A worker that dies costs nothing but time: its name and job are logged, a new one takes its place, and the job is tried
once more. A job that kills two workers is given up, alone.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from sealkit.errors import ConfigError, EngineError
from sealkit.workers.order import in_order
from sealkit.workers.processes import LocalProcesses, cores
from sealkit.workers.serve import START, Died, Make, Reply, plain

log = logging.getLogger(__name__)
Job = TypeVar("Job")
Result = TypeVar("Result")
Lost = Callable[[Any, EngineError], Any]
"""What becomes of a job that killed two workers: (job, why) → its result."""


@dataclass(frozen=True)
class PoolRules:
    """How a pool deals out jobs."""

    ahead: int = 8
    """Jobs per worker that may be done before their turn: a slow one holds nobody up for a while."""
    deaths_of_a_job: int = 2
    """A job that killed so many workers is given up."""
    deaths_at_start: int = 3
    """So many workers in a row that die before they are ready: there is no use in another one."""
    start_seconds: float = 600.0
    """Time in which some worker must be ready; loading large models on a busy machine takes minutes."""


RULES = PoolRules()


@dataclass(frozen=True)
class Workers:
    """Where a command works on its items.

    Attributes:
        count: 1: in this process; more: in so many processes; 0: one per core (of the cluster, with `ray`).
        ray: address of a Ray cluster (`auto`, `host:6379`, `ray://host:10001`; `local`: one on this machine), or None.
        most: as many have enough to do, however large the cluster is; None: any number.
    """

    count: int = 1
    ray: str | None = None
    most: int | None = None

    @property
    def here(self) -> bool:
        """Whether this process does the work itself."""
        return self.count == 1 and self.ray is None

    @classmethod
    def of(cls, given: int | Workers, flag: str = "workers") -> Workers:
        """From a number. Raises ConfigError: negative."""
        found = given if isinstance(given, Workers) else cls(given)
        if found.count < 0:
            raise ConfigError("workers cannot be negative", where=flag, value=found.count, hint="0: one per core")
        return found

    def for_jobs(self, jobs: int, per_worker: int) -> Workers:
        """No more than these, and only so many as have enough to do to be worth their start."""
        most = max(1, jobs // per_worker)
        if self.ray is not None:
            return replace(self, most=most)
        return replace(self, count=min(self.count or cores(), most))


class _Worker(Protocol):
    number: int

    @property
    def name(self) -> str: ...
    def send(self, ticket: int, job: Any) -> None: ...
    def receive(self) -> Reply: ...
    def stop(self) -> None: ...


class _Place(Protocol):
    """Where workers run.

    Attributes:
        jobs_at_worker: handed to a worker before it has replied. More than one only where the reply to a job is safe
            before the next one begins: else a death is blamed on the wrong one.
    """

    jobs_at_worker: int

    def count(self, asked: int) -> int: ...
    def start(self, number: int, make: Make) -> Any: ...
    def wait(self, workers: Sequence[Any], seconds: float) -> list[Any]: ...
    def close(self) -> None: ...


class Task(Generic[Result]):
    """A job that was handed to a pool."""

    def __init__(self, pool: Pool, ticket: int, job: Any, lost: Lost | None) -> None:
        self.ticket, self.job, self.lost, self.deaths = ticket, job, lost, 0
        self.reply: Reply | None = None
        self._pool = pool

    def done(self) -> bool:
        """Whether `result` returns at once."""
        return self.reply is not None

    def result(self) -> Result:
        """What the job gave; waits for it. Raises what it raised."""
        self._pool.wait_for(self.done)
        assert self.reply is not None
        result: Result = self.reply.result()
        return result

    def cancel(self) -> bool:
        """Do not begin it, if it was not begun yet."""
        return self._pool.forget(self)


class Pool:
    """Workers that keep what they made (models) from job to job; close it, or use it in a `with` block.

    Args:
        make: makes the function that works on a job, once in each worker; must be picklable.
        workers: how many and where.
        place: where, in place of what `workers` says.
    """

    def __init__(self, make: Make, workers: Workers, place: _Place | None = None) -> None:
        self._make, self._lock = make, threading.RLock()
        self._place = place if place is not None else _place(workers)
        self.count = min(self._place.count(workers.count), workers.most or sys.maxsize)
        self.about: dict[int, Any] = {}
        """What each worker told of itself, by its number."""
        self._queue: deque[Task[Any]] = deque()
        self._at: dict[int, deque[Task[Any]]] = {}
        self._workers: dict[int, _Worker] = {}
        self._deaths_at_start, self._tickets = 0, 0
        self._broken: Exception | None = None
        self._waiting_since = time.monotonic()
        try:
            for number in range(self.count):
                self._workers[number] = self._place.start(number, make)
        except BaseException:  # Ctrl-C too
            self.close()
            raise

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers; jobs under way are given up."""
        workers, self._workers = self._workers, {}
        for worker in workers.values():
            worker.stop()
        self._place.close()

    def until_ready(self) -> None:
        """Wait for every worker. Raises what kept one of them from being made."""
        self.wait_for(lambda: len(self._at) == self.count)

    def submit(self, job: Any, lost: Lost | None = None) -> Task[Any]:
        """Hand out a job."""
        with self._lock:
            self._tickets += 1
            task: Task[Any] = Task(self, self._tickets, job, lost)
            self._queue.append(task)
            self._deal()
        return task

    def map(
        self, jobs: Iterable[Any], lost: Lost | None = None, ahead: int = RULES.ahead
    ) -> Generator[Any, None, None]:
        """The results of all jobs, in their order; see `in_order`."""
        return in_order(iter(jobs), lambda job: self.submit(job, lost), self.count, ahead=ahead)

    def wait_for(self, happened: Callable[[], bool]) -> None:
        """Take replies until something has happened.

        Raises:
            Exception: the workers cannot be made, or die while they start.
        """
        while True:
            with self._lock:
                if happened():
                    return
                if self._broken is not None:
                    raise self._broken
                self._step()

    def forget(self, task: Task[Any]) -> bool:
        """Do not begin a task; whether it was not begun yet."""
        with self._lock:
            if task in self._queue:
                self._queue.remove(task)
                return True
            return False

    def _step(self) -> None:
        """Wait for a reply or a death, and act on it."""
        for worker in self._place.wait(list(self._workers.values()), 1.0):
            try:
                self._take(worker, worker.receive())
            except Died as death:
                self._bury(worker, str(death))
        if self._at:
            self._waiting_since = time.monotonic()
        elif time.monotonic() - self._waiting_since > RULES.start_seconds:
            self._broken = EngineError(
                "no worker became ready",
                value=f"{RULES.start_seconds:.0f} s",
                hint="use fewer workers; on a cluster, look at `ray status`",
            )
        self._deal()

    def _take(self, worker: _Worker, reply: Reply) -> None:
        if reply.ticket != START:
            self._at[worker.number].popleft().reply = reply
            return
        if reply.error is not None:
            self._broken = reply.error
            return
        self._deaths_at_start = 0
        self._at[worker.number], self.about[worker.number] = deque(), reply.value

    def _bury(self, worker: _Worker, how: str) -> None:
        """Give a dead worker's jobs to others, and start a new worker."""
        left = self._at.pop(worker.number, None)
        self.about.pop(worker.number, None)
        worker.stop()
        if left is None:
            self._deaths_at_start += 1
            if self._deaths_at_start >= RULES.deaths_at_start:
                self._broken = EngineError(
                    "worker processes die while they start",
                    value=f"{worker.name}: {how}",
                    hint="use fewer workers: each needs memory of its own",
                )
                return
        elif left:
            self._blame(left[0], worker, how)
            self._queue.extendleft(task for task in reversed(left) if task.reply is None)
        else:
            log.warning("%s died (%s) without a job", worker.name, how)
        self._workers[worker.number] = self._place.start(worker.number, self._make)

    def _blame(self, task: Task[Any], worker: _Worker, how: str) -> None:
        task.deaths += 1
        again = task.deaths < RULES.deaths_of_a_job
        log.warning(
            "%s died (%s) at %s; %s", worker.name, how, _named(task.job), "trying again" if again else "left out"
        )
        if again:
            return
        error = EngineError(
            f"{task.deaths} worker processes died at this item",
            where=_named(task.job),
            value=how,
            hint="it may need more memory than there is: use fewer workers, or leave it out",
        )
        if task.lost is None:
            task.reply = Reply(task.ticket, error=error)
        else:
            task.reply = Reply(task.ticket, task.lost(task.job, error))

    def _deal(self) -> None:
        """Give waiting jobs to workers that have least to do."""
        while self._queue and self._at:
            number = min(self._at, key=lambda key: len(self._at[key]))
            if len(self._at[number]) >= self._place.jobs_at_worker:
                return
            task = self._queue.popleft()
            try:
                self._workers[number].send(task.ticket, task.job)
            except Exception as error:  # it cannot be pickled
                task.reply = Reply(task.ticket, error=error)
                continue
            self._at[number].append(task)


def _place(workers: Workers) -> _Place:
    if workers.ray is None:
        return LocalProcesses()
    from sealkit.workers.cluster import RayCluster

    return RayCluster(workers.ray)


_NAME_LENGTH = 120


def _named(job: Any) -> str:
    text = str(job)
    return text if len(text) <= _NAME_LENGTH else text[: _NAME_LENGTH - 3] + "..."


def mapped(
    work: Callable[[Job], Result],
    jobs: Iterable[Job],
    workers: Workers,
    lost: Callable[[Job, EngineError], Result] | None = None,
) -> Generator[Result, None, None]:
    """`work` of every job, in the order of the jobs, whoever does them; memory does not grow with their number.

    Args:
        work: picklable where there are several workers, and so are jobs and results. A job's `str` names it.
        workers: one without a cluster works here.
        lost: the result of a job that killed two workers; None: that ends it.

    Raises:
        Exception: what `work` raises, in its place.
        EngineError: a job killed two workers; no workers.
    """
    return made(partial(plain, work), jobs, workers, lost)


def made(
    make: Make, jobs: Iterable[Any], workers: Workers, lost: Lost | None = None, ahead: int = RULES.ahead
) -> Generator[Any, None, None]:
    """As `mapped`, with a function that each worker makes for itself: one that holds models."""
    if workers.here:
        work, _ = make(0)
        yield from map(work, jobs)
        return
    with Pool(make, workers) as pool, closing(pool.map(jobs, lost, ahead)) as results:
        yield from results


__all__ = ["Pool", "Task", "Workers", "made", "mapped"]
