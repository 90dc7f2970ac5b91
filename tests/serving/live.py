"""Servers of tests: started in a process of their own, found by the port their log names."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


class Live:
    """A running server: `url`, `process`, and the lines of its log so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.plain: list[str] = []
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._listening.wait(START_SECONDS) and process.poll() is None, "".join(self.plain)
        self.url = f"http://127.0.0.1:{self.of('listening')[0]['port']}"

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                self.lines.append(json.loads(line))
            except json.JSONDecodeError:
                self.plain.append(line)
                continue
            if self.lines[-1]["message"] == "listening":
                self._listening.set()
        self._listening.set()

    def of(self, message: str) -> list[dict[str, Any]]:
        return [line for line in list(self.lines) if line["message"] == message]

    def post(self, timeout: float = 60, **fields: Any) -> httpx.Response:
        return httpx.post(f"{self.url}/seal-recognition", json=fields, timeout=timeout)

    def read(self, path: Path, **fields: Any) -> httpx.Response:
        file = base64.b64encode(path.read_bytes()).decode("ascii")
        return self.post(file=file, fileType=0 if path.suffix == ".pdf" else 1, **fields)

    def stop(self, seconds: float = 30) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code


@contextlib.contextmanager
def server(*arguments: str) -> Iterator[Live]:
    """`python -m ARGUMENTS` until the block ends; it must end cleanly and without a traceback."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )
    try:
        live = Live(process)
        yield live
        if process.poll() is None:
            assert live.stop() == 0
        assert not live.plain, "".join(live.plain)
    finally:
        process.kill()
        process.wait()
