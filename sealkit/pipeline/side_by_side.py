"""Several images at the same time, results in input order: the queue that threads and worker processes share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class QueueRules:
    """How far several images at the same time may get ahead of the reader."""

    jobs_per_worker: int = 2
    """Jobs begun or waiting per worker: enough to keep it busy, few enough to keep memory flat."""
    max_whole_image_pixels: int = 4_000_000
    """Pixels of images that the detector sees as they are, and that may be read at the same time: a server detector
    needs two kilobytes for each."""


QUEUE = QueueRules()


def in_order(
    jobs: Iterator[Job],
    submit: Callable[[Job], Future[Result]],
    workers: int,
    weight: Callable[[Job], float] = lambda job: 0.0,
) -> Generator[Result, None, None]:
    """The results of all jobs, in the order of the jobs; jobs that wait are cancelled when the reader stops.

    What a job or the source of jobs raises comes in its place, after the results before it.

    Args:
        submit: begins a job, or lets it wait for a free worker.
        weight: share of the memory a job needs; jobs that together need more than 1 are not begun together.
    """
    waiting: deque[tuple[Future[Result], float]] = deque()
    try:
        trouble: Exception | None = None
        while True:
            try:
                job = next(jobs)
            except StopIteration:
                break
            except Exception as error:
                trouble = error
                break
            heavy = weight(job)
            while waiting and (
                len(waiting) >= workers * QUEUE.jobs_per_worker
                or heavy + sum(other for future, other in waiting if not future.done()) > 1
            ):
                yield waiting.popleft()[0].result()
            waiting.append((submit(job), heavy))
        while waiting:
            yield waiting.popleft()[0].result()
        if trouble is not None:
            raise trouble
    finally:
        for future, _ in waiting:
            future.cancel()


def in_threads(
    jobs: Iterator[Job], run: Callable[[Job], Result], workers: int, weight: Callable[[Job], float]
) -> Iterator[Result]:
    """As `in_order`, each job run in one of so many threads."""
    with (
        ThreadPoolExecutor(workers, thread_name_prefix="sealkit-page") as pool,
        closing(in_order(jobs, lambda job: pool.submit(run, job), workers, weight)) as ordered,
    ):
        yield from ordered


def several(jobs: Iterator[Job]) -> tuple[bool, Iterator[Job]]:
    """Whether there are at least two jobs, and all of them; an error of the second is raised in its turn."""
    first: list[Job] = []
    try:
        for job in jobs:
            first.append(job)
            if len(first) == 2:
                return True, chain(first, jobs)
    except Exception as error:
        return False, _then(first, error)
    return False, iter(first)


def _then(jobs: list[Job], error: Exception) -> Iterator[Job]:
    yield from jobs
    raise error
