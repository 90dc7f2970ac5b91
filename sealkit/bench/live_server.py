"""A `sealkit serve` of one's own: started as a process, found by the port its log names, ended with SIGTERM."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from sealkit.errors import SealkitError

START_SECONDS = 300.0


class LiveServer:
    """A server process.

    Attributes:
        url: where it listens.
        lines: its log so far; plain: what it wrote that is no log line.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.plain: list[str] = []
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._listening.wait(START_SECONDS)
        found = self.of("listening")
        if not found:
            raise SealkitError("the server did not start", value="".join(self.plain)[-1000:])
        self.url = f"http://127.0.0.1:{found[0]['port']}"

    def of(self, message: str) -> list[dict[str, Any]]:
        """Log lines with this message."""
        return [line for line in list(self.lines) if line["message"] == message]

    def worker_pids(self) -> list[int]:
        """Every worker that ever was ready, in that order."""
        return [line["worker"] for line in self.of("worker ready")]

    def stop(self, seconds: float = 150) -> int:
        """SIGTERM; the exit code. A drain may take as long as the limits of requests allow."""
        self.process.terminate()
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code

    def _read(self) -> None:
        for line in self.process.stderr or ():
            try:
                self.lines.append(json.loads(line))
            except json.JSONDecodeError:
                self.plain.append(line)
                continue
            if self.lines[-1]["message"] == "listening":
                self._listening.set()
        self._listening.set()


@contextlib.contextmanager
def live_server(*arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[LiveServer]:
    """`python -m ARGUMENTS` until the block ends.

    Raises:
        SealkitError: it did not start.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], stderr=subprocess.PIPE, encoding="utf-8", env=environment
    )
    try:
        yield LiveServer(process)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
