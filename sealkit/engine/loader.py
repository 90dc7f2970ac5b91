"""Batches from worker processes, in a fixed order, ahead of the trainer.

Each batch goes to the worker whose turn it is and is taken back in the same order, so the order never depends on speed.
One pool serves training and evaluation.
"""

from __future__ import annotations

import mmap
import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sealkit.engine.sampler import Pick
from sealkit.engine.worker import CAN_SHARE, Request, Response, Stream, load_batch, serve
from sealkit.errors import TrainingError
from sealkit.runtime.signals import unheard
from sealkit.workers.processes import one_thread

_AHEAD = 2  # batches per worker that may be under way or ready


@dataclass
class Batch:
    """A loaded batch.

    Attributes:
        arrays: what `collate` returned. Large arrays are views of memory that is used again as soon as the next batch
            is asked for: turn them into tensors first. None when every sample was broken.
        samples: samples in it.
        broken: (index, reason) of samples left out.
        epoch: epoch it belongs to.
        picks: (index, repeat) asked for.
        seconds: time a worker spent on it.
    """

    arrays: dict[str, Any] | None
    samples: int
    broken: list[tuple[int, str]]
    epoch: int
    picks: list[Pick]
    seconds: float


class Loader:
    """Loads batches of named streams, in this process (`workers=0`) or in others.

    Raises:
        TrainingError: a worker died, or `get` or `collate` raised something that is no DataError.
    """

    def __init__(self, streams: Mapping[str, Stream], workers: int, seed: int) -> None:
        self._streams, self._seed = dict(streams), seed
        self._workers: list[_Worker] = []
        self._tickets = 0
        try:
            for number in range(workers):
                self._workers.append(_Worker(number, self._streams, seed))
        except BaseException:  # Ctrl-C too
            self.close()
            raise

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes."""
        for worker in self._workers:
            worker.stop()
        self._workers = []

    def batches(self, stream: str, plan: Iterable[tuple[int, list[Pick]]]) -> Iterator[Batch]:
        """Load the batches of `plan` ((epoch, picks) each), in its order.

        The arrays of a batch are valid until the next one is asked for. Several of these iterators may be under way at
        once (an evaluation inside a training run).
        """
        plan = iter(plan)
        waiting: deque[tuple[_Worker | None, Request]] = deque()
        try:
            for epoch, picks in plan:
                waiting.append(self._submit(stream, epoch, picks))
                if len(waiting) > max(1, len(self._workers) * _AHEAD) - 1:
                    yield from self._take(waiting)
            while waiting:
                yield from self._take(waiting)
        finally:
            for worker, request in waiting:  # given up: forget what was asked for
                if worker is not None:
                    worker.abandon(request)

    def _submit(self, stream: str, epoch: int, picks: list[Pick]) -> tuple[_Worker | None, Request]:
        request = Request(self._tickets, stream, epoch, picks, slot=-1)
        worker = self._workers[self._tickets % len(self._workers)] if self._workers else None
        self._tickets += 1
        if worker is not None:
            worker.send(request)
        return worker, request

    def _take(self, waiting: deque[tuple[_Worker | None, Request]]) -> Iterator[Batch]:
        worker, request = waiting.popleft()
        if worker is None:
            response = load_batch(self._streams[request.stream], self._seed, request)
            arrays = response.batch
        else:
            response = worker.receive(request.ticket)
            arrays = worker.arrays(request, response)
        if response.failure is not None:
            raise TrainingError(
                f"the data code failed at {response.failure}",
                hint="a bug, or data it does not expect: see the traceback above",
            )
        try:
            yield Batch(arrays, response.samples, response.broken, request.epoch, request.picks, response.seconds)
        finally:
            if worker is not None:
                worker.free_slots.append(request.slot)


class _Worker:
    """One loader process, its pipe, and the memory files it fills."""

    def __init__(self, number: int, streams: dict[str, Stream], seed: int) -> None:
        if getattr(multiprocessing.process.current_process(), "_inheriting", False):
            raise TrainingError(
                "training started while a loader process was importing your script",
                hint="put the call under `if __name__ == '__main__':`, or set train.num_workers=0",
            )
        methods = multiprocessing.get_all_start_methods()
        # never plain fork: Paddle's and OpenMP's threads do not survive it
        context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if context.get_start_method() == "forkserver":
            context.set_forkserver_preload(["sealkit.engine.worker", "cv2"])
        self.number = number
        self._connection, theirs = context.Pipe(duplex=True)
        self._process = context.Process(
            target=serve, args=(theirs, streams, seed), name=f"sealkit-loader-{number}", daemon=True
        )
        with one_thread(), unheard():
            self._process.start()
        theirs.close()
        self._ready: dict[int, Response] = {}
        self._abandoned: dict[int, Request] = {}
        self.free_slots: list[int] = []
        self._slots = 0
        self._maps: dict[int, tuple[int, mmap.mmap]] = {}

    def send(self, request: Request) -> None:
        while not self.free_slots and self._abandoned:
            self._pull()  # their memory first, before more is taken
        if not self.free_slots:
            self.free_slots.append(self._slots)
            self._slots += 1
        request.slot = self.free_slots.pop()
        try:
            self._connection.send(request)
        except (BrokenPipeError, ConnectionResetError):
            raise self._dead() from None

    def receive(self, ticket: int) -> Response:
        """The response to `ticket`; others that arrive before it are kept."""
        while ticket not in self._ready:
            self._pull()
        return self._ready.pop(ticket)

    def _pull(self) -> None:
        """Take the next response out of the pipe."""
        try:
            # a dead worker's pipe reads as closed, so this cannot wait for ever
            response: Response = self._connection.recv()
        except (EOFError, ConnectionResetError):
            raise self._dead() from None
        forgotten = self._abandoned.pop(response.ticket, None)
        if forgotten is None:
            self._ready[response.ticket] = response
        else:
            self.free_slots.append(forgotten.slot)

    def abandon(self, request: Request) -> None:
        """Nobody will ask for this response: take its slot back once it has arrived."""
        if self._ready.pop(request.ticket, None) is not None:
            self.free_slots.append(request.slot)
        else:
            self._abandoned[request.ticket] = request

    def arrays(self, request: Request, response: Response) -> dict[str, Any] | None:
        """The batch with its large arrays as views of the worker's memory file."""
        if response.batch is None or response.memory is None:
            return response.batch
        descriptor, size = response.memory
        known = self._maps.get(request.slot)
        if known is None or known[0] != size:
            try:
                with open(f"/proc/{self._process.pid}/fd/{descriptor}", "r+b") as file:
                    known = (size, mmap.mmap(file.fileno(), size))
            except FileNotFoundError:
                raise self._dead() from None
            self._maps[request.slot] = known
        memory = known[1]
        return {
            key: np.ndarray(response.layout[key][1], response.layout[key][2], memory, response.layout[key][0])
            if key in response.layout
            else value
            for key, value in response.batch.items()
        }

    def _dead(self) -> TrainingError:
        self._process.join(timeout=5)
        code = self._process.exitcode
        how = f"killed by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
        hint = "its own messages are above; set train.num_workers=0 to see the fault directly"
        if code == -9:
            hint = "the system kills processes when memory runs out: lower train.num_workers or train.batch_size"
        return TrainingError(f"loader process {self.number} died: {how}", hint=hint)

    def stop(self) -> None:
        self._connection.close()  # the worker sees the end of its pipe
        self._process.join(timeout=1)
        if self._process.is_alive():
            self._process.kill()  # it does not hear SIGTERM
            self._process.join(timeout=5)
        self._maps.clear()


__all__ = ["CAN_SHARE", "Batch", "Loader", "Stream"]
