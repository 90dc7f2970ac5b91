"""Detects dead ranks and stalls, and ends this process with a message.

Every other rank keeps one connection to rank 0 open. The system closes a process's connections when it ends, however it
ends, so a killed rank is seen at once; a vanished machine is seen by its missing heartbeats.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import socket
import sys
import threading
import time
from typing import Any

from sealkit.engine.distributed import World
from sealkit.errors import TrainingError, first_line

_BEAT_SECONDS = 2.0
_SILENCE_SECONDS = 40.0  # without a heartbeat: a machine that vanished
_STALL_SECONDS = 1800.0  # without any progress: a deadlock
_BYE, _BEAT = "bye", "beat"


class Watchdog:
    """Watches from a thread while the run lasts; a context manager.

    Args:
        world: one process needs no connections, only the stall check.
        stall_seconds: end the run, with the stacks of all threads, when `beat` and `busy` are silent for so long.
    """

    def __init__(self, world: World, stall_seconds: float = _STALL_SECONDS) -> None:
        self._world, self._stall = world, stall_seconds
        self._doing, self._moved = "setting up", time.monotonic()
        self._done = threading.Event()
        self._links: dict[int, socket.socket] = {}
        self._threads: list[threading.Thread] = []

    def beat(self, step: int) -> None:
        """A step is finished."""
        self.busy(f"step {step + 1}")

    def busy(self, doing: str) -> None:
        """Something else moves on; `doing` names it in messages."""
        self._doing, self._moved = doing, time.monotonic()

    def __enter__(self) -> Watchdog:
        if self._world.size > 1:
            self._connect()
            for rank, link in self._links.items():
                self._start(self._listen, rank, link)
            self._start(self._send_beats)
        self._start(self._watch_stall)
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._done.set()
        word = _BYE if error is None else f"failed: {type(error).__name__}: {first_line(error)}"
        for link in self._links.values():
            _send(link, word)
        for link in self._links.values():
            link.close()

    def _start(self, target: Any, *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True, name="sealkit-watchdog")
        thread.start()
        self._threads.append(thread)

    def _connect(self) -> None:
        """Rank 0 listens on a free port and tells it to the others; they call with their rank."""
        if self._world.is_main:
            server = socket.create_server(("", 0))
            endpoints = os.environ.get("PADDLE_TRAINER_ENDPOINTS", "")  # rank 0's address comes first
            host = endpoints.split(",")[0].rpartition(":")[0] or socket.gethostbyname(socket.gethostname())
            token = os.urandom(8).hex()
            self._world.broadcast((host, server.getsockname()[1], token))
            server.settimeout(60)
            while len(self._links) < self._world.size - 1:
                try:
                    link, _ = server.accept()
                    link.settimeout(10)
                    words = link.makefile("r", encoding="utf-8").readline().split()
                except OSError as failure:
                    raise TrainingError(f"a process of the run did not report to rank 0: {failure}") from failure
                if len(words) == 2 and words[0] == token and words[1].isdigit():
                    self._links[int(words[1])] = link
                else:
                    link.close()
            server.close()
        else:
            host, port, token = self._world.broadcast(None)
            try:
                link = socket.create_connection((host, port), timeout=60)
            except OSError as failure:
                raise TrainingError(f"rank 0 at {host}:{port} cannot be reached: {failure}") from failure
            _send(link, f"{token} {self._world.rank}")
            self._links[0] = link

    def _listen(self, rank: int, link: socket.socket) -> None:
        link.settimeout(_SILENCE_SECONDS)
        gone = "was killed or has crashed"
        try:
            for line in link.makefile("r", encoding="utf-8"):
                word = line.strip()
                if word == _BYE or self._done.is_set():
                    return
                if word != _BEAT:
                    gone = word
                    break
        except TimeoutError:
            gone = f"has been silent for {_SILENCE_SECONDS:.0f} s"
        except OSError:
            pass
        if not self._done.is_set():
            self._end(f"rank {rank} {gone}; rank {self._world.rank} ends too (it was at: {self._doing})")

    def _send_beats(self) -> None:
        while not self._done.wait(_BEAT_SECONDS):
            for link in self._links.values():
                _send(link, _BEAT)

    def _watch_stall(self) -> None:
        while not self._done.wait(min(_BEAT_SECONDS, self._stall / 4)):
            silent = time.monotonic() - self._moved
            if silent > self._stall:
                faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr)
                self._end(f"no progress for {silent:.0f} s (at: {self._doing}); the stacks of all threads are above")

    def _end(self, reason: str) -> None:
        """End the process from a thread: the main one may wait for ever in a collective operation."""
        self._done.set()
        for rank, link in self._links.items():
            if self._world.is_main:
                _send(link, f"ended the run: rank 0 saw that {reason.split(';')[0]}" if rank else _BEAT)
        hint = "its own log says why; continue with --resume"
        print(f"\nerror: {TrainingError(reason, where='the run', hint=hint)}", file=sys.stderr, flush=True)
        os._exit(TrainingError.exit_code)


def _send(link: socket.socket, word: str) -> None:
    with contextlib.suppress(OSError):  # the listener of this connection deals with its loss
        link.sendall(f"{word}\n".encode())
