"""Results in the order of the jobs, from whatever works on several of them at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Protocol, TypeVar

Job = TypeVar("Job")
Result_co = TypeVar("Result_co", covariant=True)

JOBS_PER_WORKER = 2
"""Jobs begun or waiting per worker: enough to keep it busy, few enough to keep memory flat."""


class Begun(Protocol[Result_co]):
    """A job that was handed out, such as a `concurrent.futures.Future`."""

    def result(self) -> Result_co:
        """What it gave; waits for it. Raises what it raised."""

    def done(self) -> bool:
        """Whether `result` returns at once."""

    def cancel(self) -> bool:
        """Nobody will ask for its result."""


def in_order(
    jobs: Iterator[Job],
    submit: Callable[[Job], Begun[Result_co]],
    workers: int,
    weight: Callable[[Job], float] = lambda job: 0.0,
    ahead: int = JOBS_PER_WORKER,
) -> Generator[Result_co, None, None]:
    """The results of all jobs, in the order of the jobs; jobs that wait are cancelled when the reader stops.

    What a job or the source of jobs raises comes in its place, after the results before it.

    Args:
        submit: begins a job, or lets it wait for a free worker.
        weight: share of the memory a job needs; jobs that together need more than 1 are not begun together.
        ahead: jobs begun per worker whose results were not taken yet.
    """
    waiting: deque[tuple[Begun[Result_co], float]] = deque()
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
                len(waiting) >= workers * ahead
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


__all__ = ["JOBS_PER_WORKER", "Begun", "in_order"]
