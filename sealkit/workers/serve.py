"""What a worker does, wherever it runs: makes its function once, then answers jobs with replies."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sealkit.errors import SealkitError

Make = Callable[[int], "tuple[Callable[[Any], Any], Any]"]
"""Called once in every worker with its number: what it does with a job, and what it tells of itself."""

START = -1
"""Ticket of the reply that says a worker is ready."""


@dataclass
class Reply:
    """Answer to a job.

    Attributes:
        ticket: of the job; START: the worker is ready.
        value: what the job gave, or what a worker tells of itself.
        error: what it raised instead.
        trace: the traceback of that error, "" where it is a SealkitError, which says all.
    """

    ticket: int
    value: Any = None
    error: Exception | None = None
    trace: str = ""

    def result(self) -> Any:
        """The value. Raises the error."""
        if self.error is None:
            return self.value
        if self.trace:
            raise self.error from InWorker(self.trace)
        raise self.error


class InWorker(Exception):
    """Cause of an error that was raised in a worker; its text is the traceback there."""


class Died(Exception):
    """A worker is gone; the text says how."""


def failure(ticket: int, error: Exception) -> Reply:
    """The reply for an exception that is being handled; one that cannot be sent is told in words."""
    trace = "" if isinstance(error, SealkitError) else "\n" + traceback.format_exc()
    try:
        pickle.loads(pickle.dumps(error))  # of our own making, never bytes from outside: whether it survives the pipe
    except Exception:  # an exception's __reduce__ may raise anything; its name and text are sent instead
        error = RuntimeError(f"{type(error).__name__}: {error}")
    return Reply(ticket, error=error, trace=trace)


def begin(make: Make, number: int) -> tuple[Callable[[Any], Any] | None, Reply]:
    """The worker's function, None where making it failed, and the reply that says so."""
    try:
        work, about = make(number)
    except Exception as error:
        return None, failure(START, error)
    return work, Reply(START, about)


def answer(work: Callable[[Any], Any], ticket: int, job: Any) -> Reply:
    """Do a job."""
    try:
        return Reply(ticket, work(job))
    except Exception as error:
        return failure(ticket, error)


def plain(work: Callable[[Any], Any], number: int) -> tuple[Callable[[Any], Any], None]:
    """Make a function that needs no preparation; `partial(plain, work)` is a `Make`. OpenCV gets one thread: there is
    a process per core already.
    """
    import cv2

    cv2.setNumThreads(1)
    return work, None


__all__ = ["START", "Died", "InWorker", "Make", "Reply", "answer", "begin", "failure", "plain"]
