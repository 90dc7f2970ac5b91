"""Several pictures of one call at the same time: threads that each run a whole picture, results in input order.

On a CPU that is faster than all threads on one network after the other: decoding, contours and strips have one thread
each, and small networks do not divide well (two threads at 736 x 736: the mobile detector's 188 ms become 113 side by
side with themselves and 97 with another picture's).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

AHEAD = 1
"""Jobs that wait for each worker: pictures are read in time, and memory stays flat."""


def in_order(
    jobs: Iterator[Job],
    work: Callable[[Job], list[Result]],
    workers: int,
    weight: Callable[[Job], float] = lambda job: 0.0,
) -> Iterator[Result]:
    """The results of all jobs, in the order of the jobs.

    What a job or the source of jobs raises comes in its place, after the results before it.

    Args:
        weight: share of the memory a job needs; jobs that together need more than 1 are not begun together.
    """
    waiting: deque[tuple[Future[list[Result]], float]] = deque()
    trouble: BaseException | None = None
    pool = ThreadPoolExecutor(workers, thread_name_prefix="sealkit-page")
    try:
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
                len(waiting) >= workers * (1 + AHEAD)
                or heavy + sum(other for future, other in waiting if not future.done()) > 1
            ):
                yield from waiting.popleft()[0].result()
            waiting.append((pool.submit(work, job), heavy))
        while waiting:
            yield from waiting.popleft()[0].result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if trouble is not None:
        raise trouble
