"""Work for pools: functions that worker processes can import."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np


def square(job: int) -> int:
    time.sleep(0.02 * (job % 3 == 0))  # every third is overtaken
    return job * job


def fail_at(wrong: int, job: int) -> int:
    if job == wrong:
        raise ValueError(f"no {job}")
    return job


def square_slowly(job: int) -> int:
    """In a fifth of a second: a machine that is gone is missed before all is done."""
    time.sleep(0.2)
    return job * job


def die_once(folder: str, deadly: int, job: int) -> tuple[int, int]:
    """Kills its process at one job, the first time; (job, process)."""
    mark = Path(folder) / f"died-{job}"
    if job == deadly and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return job, os.getpid()


def die_at(deadly: int, job: int) -> int:
    if job == deadly:
        os._exit(7)
    time.sleep(0.01)
    return job


def large(job: np.ndarray) -> np.ndarray:
    return job + 1


def unsendable(job: int) -> Any:
    return (lambda: job) if job == 1 else job


def counting(number: int) -> tuple[Callable[[int], tuple[int, int]], str]:
    """Makes a function that knows its worker and how many jobs that had."""
    done: list[int] = []
    return partial(_count, number, done), f"worker {number}"


def _count(number: int, done: list[int], job: int) -> tuple[int, int]:
    done.append(job)
    return number, len(done)


def unmade(number: int) -> Any:
    raise ValueError(f"worker {number} has no model")


def stillborn(number: int) -> Any:
    os._exit(3)


def note_and_wait(folder: str, job: int) -> int:
    """Writes its process to a file, then takes a while."""
    (Path(folder) / f"{os.getpid()}.pid").touch()
    time.sleep(0.2)
    return job
