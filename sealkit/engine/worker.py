"""Loader process: reads samples, collates them, hands the batch over. Imports no Paddle.

Large arrays go through anonymous memory files (Linux `memfd`) that the trainer maps: no copy through a pipe, no limit
of /dev/shm, and nothing left behind when a process is killed. Elsewhere they are pickled through the pipe.
"""

from __future__ import annotations

import mmap
import os
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sealkit.engine.sampler import Pick
from sealkit.engine.seeds import sample_rng
from sealkit.engine.task import SampleSource
from sealkit.errors import DataError

_LARGE = 1 << 16  # bytes; smaller arrays are cheaper to pickle than to map
_ALIGN = 64
CAN_SHARE = hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd")


@dataclass
class Stream:
    """Samples and how they are put together."""

    source: SampleSource
    collate: Callable[[Sequence[dict[str, Any]]], dict[str, Any]]


@dataclass
class Request:
    """A batch that a loader process is asked for."""

    ticket: int
    stream: str
    epoch: int
    picks: list[Pick]
    slot: int


@dataclass
class Response:
    """One batch, or why there is none.

    Attributes:
        batch: large arrays replaced by None where they lie in `layout`; None when every sample was broken or on
            failure.
        layout: key -> (offset, shape, dtype) inside the slot's memory file.
        memory: (file descriptor in the worker's process, size) of the slot's memory file.
        broken: (index, reason) of samples that could not be read.
        failure: text of an exception that is a fault of the program, not of the data.
        seconds: time the worker spent.
    """

    ticket: int
    batch: dict[str, Any] | None = None
    samples: int = 0
    layout: dict[str, tuple[int, tuple[int, ...], str]] = field(default_factory=dict)
    memory: tuple[int, int] | None = None
    broken: list[tuple[int, str]] = field(default_factory=list)
    failure: str | None = None
    seconds: float = 0.0


def load_batch(stream: Stream, seed: int, request: Request) -> Response:
    """Read and collate the samples of one batch; broken ones are left out and reported.

    A program fault in `get` or `collate` ends up in `Response.failure` with its traceback and the sample's place.
    """
    started = time.perf_counter()
    response = Response(request.ticket)
    samples: list[dict[str, Any]] = []
    place = ""
    try:
        for index, repeat in request.picks:
            place = f"sample {index} of {request.stream}"
            try:
                rng = sample_rng(seed, request.epoch, index, repeat)
                sample = stream.source.get(index, request.epoch, rng)
                reason = "broken"
            except DataError as error:
                sample, reason = None, str(error)
            if sample is None:
                response.broken.append((index, reason))
            else:
                sample.setdefault("index", index)
                samples.append(sample)
        place = f"collating samples {[index for index, _ in request.picks]} of {request.stream}"
        if samples:
            response.batch = stream.collate(samples)
            response.batch.setdefault("index", [sample["index"] for sample in samples])
            response.batch.setdefault("name", [str(sample.get("name", sample["index"])) for sample in samples])
    except Exception:
        response.batch, response.failure = None, f"{place}:\n{traceback.format_exc()}"
    response.samples = len(samples)
    response.seconds = time.perf_counter() - started
    return response


class _Slot:
    """A memory file that grows to the largest batch it held."""

    def __init__(self, number: int) -> None:
        self.descriptor = os.memfd_create(f"sealkit-batch-{number}")
        self.memory: mmap.mmap | None = None
        self.size = 0

    def reserve(self, size: int) -> mmap.mmap:
        if self.memory is None or self.size < size:
            self.size = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
            os.ftruncate(self.descriptor, self.size)
            self.memory = mmap.mmap(self.descriptor, self.size)
        return self.memory


def _share(response: Response, slots: dict[int, _Slot], number: int) -> None:
    """Move the batch's large arrays into the slot's memory file."""
    if not CAN_SHARE or response.batch is None:
        return
    large = {
        key: value
        for key, value in response.batch.items()
        if isinstance(value, np.ndarray) and value.nbytes >= _LARGE and not value.dtype.hasobject
    }
    offset = 0
    for key, value in large.items():
        response.layout[key] = (offset, value.shape, value.dtype.str)
        offset += -(-value.nbytes // _ALIGN) * _ALIGN
    if not large:
        return
    slot = slots.setdefault(number, _Slot(number))
    memory = slot.reserve(offset)
    for key, value in large.items():
        start = response.layout[key][0]
        np.ndarray(value.shape, value.dtype, memory, start)[...] = value
    response.batch = {key: None if key in large else value for key, value in response.batch.items()}
    response.memory = (slot.descriptor, slot.size)


def serve(connection: Any, streams: dict[str, Stream], seed: int) -> None:
    """A loader process: answer requests until the pipe closes, which it also does when the trainer is killed.

    Ctrl-C and SIGTERM to the whole group are the trainer's: it still wants batches for its last step.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        import cv2

        cv2.setNumThreads(1)  # the trainer's matrix threads have the cores
    except ImportError:
        pass
    slots: dict[int, _Slot] = {}
    try:
        while True:
            request: Request | None = connection.recv()
            if request is None:
                return
            response = load_batch(streams[request.stream], seed, request)
            _share(response, slots, request.slot)
            connection.send(response)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
