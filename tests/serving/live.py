"""Servers of tests."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from sealkit.bench.live_server import LiveServer, live_server

ROOT = Path(__file__).resolve().parents[2]


class Live:
    """A running server, and how a test speaks with it."""

    def __init__(self, server: LiveServer) -> None:
        self.server, self.url, self.process = server, server.url, server.process

    def of(self, message: str) -> list[dict[str, Any]]:
        return self.server.of(message)

    def post(self, timeout: float = 60, **fields: Any) -> httpx.Response:
        return httpx.post(f"{self.url}/seal-recognition", json=fields, timeout=timeout)

    def read(self, path: Path, **fields: Any) -> httpx.Response:
        file = base64.b64encode(path.read_bytes()).decode("ascii")
        return self.post(file=file, fileType=0 if path.suffix == ".pdf" else 1, **fields)


@contextlib.contextmanager
def server(*arguments: str) -> Iterator[Live]:
    """`python -m ARGUMENTS` until the block ends; it must end cleanly and write nothing but its log."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with live_server(*arguments, environment=environment) as running:
        yield Live(running)
        if running.process.poll() is None:
            assert running.stop() == 0
        assert not running.plain, "".join(running.plain)
