"""Several images at the same time in threads, results in input order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from sealkit.workers.order import in_order

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class QueueRules:
    """How far several images at the same time may get ahead of the reader."""

    max_whole_image_pixels: int = 4_000_000
    """Pixels of images that the detector sees as they are, and that may be read at the same time: a server detector
    needs two kilobytes for each."""


QUEUE = QueueRules()


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
