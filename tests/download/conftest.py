"""A server of this machine that fails as it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sealkit.download.sources import SOURCES
from sealkit.download.transfer import TransferRules

QUICK = TransferRules(answer_s=30, idle_s=2.0, wait_s=0.01, longest_wait_s=0.02)


@dataclass
class File:
    """One file of the server, and its faults."""

    content: bytes = b""
    drop_at: list[int] = field(default_factory=list)
    """Where in the file the connections end, one after another; those that come then get all of it."""
    ranges: bool = True
    etag: str | None = '"v1"'
    modified: str | None = None
    status: list[int] = field(default_factory=list)
    """Answers of the first requests, in place of the file."""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    """Content-Length in place of the true one; -1: none."""
    pause: float = 0
    """Seconds before the answer."""
    drip: float = 0
    """Seconds between single bytes."""
    requests: list[dict[str, str]] = field(default_factory=list)
    change_to: bytes | None = None
    """What the file becomes after the first answer."""


class Server:
    """The files by their paths."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.url = ""

    def __setitem__(self, path: str, file: File | bytes) -> None:
        self.files[path] = file if isinstance(file, File) else File(file)

    def __getitem__(self, path: str) -> File:
        return self.files[path]

    def asked(self) -> list[str]:
        return [path for path, file in self.files.items() for _ in file.requests]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: dict[str, File]

    def do_GET(self) -> None:
        self.close_connection = True
        file = self.files.get(self.path)
        if file is None:
            self._head(404, 4)
            self.wfile.write(b"gone")
            return
        file.requests.append({name.lower(): value for name, value in self.headers.items()})
        time.sleep(file.pause)
        if file.status:
            self._head(file.status.pop(0), 0, file.headers)
            return
        content, start, status = file.content, 0, 200
        asked = self.headers.get("Range")
        same = self.headers.get("If-Range") in (file.etag, file.modified)
        if asked and file.ranges and same:
            start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
            if start >= len(content):
                self._head(416, 0)
                return
        extra = dict(file.headers)
        if file.etag:
            extra["ETag"] = file.etag
        if file.modified:
            extra["Last-Modified"] = file.modified
        if status == 206:
            extra["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        length = len(content) - start if file.length is None else file.length
        self._head(status, length, extra)
        end = file.drop_at.pop(0) if file.drop_at else len(content)
        if file.drip:
            for byte in content[start:end]:
                self.wfile.write(bytes([byte]))
                time.sleep(file.drip)
        else:
            self.wfile.write(content[start:end])
        if file.change_to is not None:
            file.content, file.change_to, file.etag = file.change_to, None, '"v2"'

    def _head(self, code: int, length: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if length >= 0:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Silent."""

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):  # the client had enough
            self.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    handler = type("Handler", (_Handler,), {"files": found.files})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.handle_error = lambda *args: None  # type: ignore[method-assign]
        threading.Thread(target=running.serve_forever, daemon=True).start()
        found.url = f"http://127.0.0.1:{running.server_port}"
        yield found
        running.shutdown()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> Path:
    """Folders of a test's own, and every source at the server of this machine."""
    for name, folder in (
        ("SEALKIT_MODELS_DIR", "models"), ("SEALKIT_WEIGHTS_DIR", "weights"), ("PADDLE_PDX_CACHE_HOME", "paddlex")
    ):  # fmt: skip
        monkeypatch.setenv(name, str(tmp_path / folder))
    for source, row in SOURCES.items():
        monkeypatch.setenv(row.variables[0], f"{server.url}/{source}")
    for name in ("PADDLE_PDX_MODEL_SOURCE", "SEALKIT_DOWNLOAD", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path
