"""URLs: off unless allowed, bounded, and no way into the own network."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from sealkit.errors import ImageError
from sealkit.images import iter_images
from sealkit.images.fetch import fetch_url

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 20, 3)).astype(np.uint8)
PNG = cv2.imencode(".png", PICTURE)[1].tobytes()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/a.png":
            self._answer(200, PNG)
        elif path == "/endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(1000):
                self.wfile.write(bytes(10_000))
        elif path == "/away":
            self._answer(302, b"", Location="/a.png")
        elif path == "/file":
            self._answer(302, b"", Location="file:///etc/passwd")
        elif path == "/loop":
            self._answer(302, b"", Location="/loop")
        else:
            self._answer(404, b"gone")

    def _answer(self, code: int, body: bytes, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def local(url: str) -> bytes:
    return fetch_url(url, allow_private=True, max_bytes=100_000, timeout=5)


@pytest.mark.parametrize("path", ["/a.png", "/a.png?token=1", "/away"])
def test_pictures_are_read_from_urls_where_allowed(server: str, path: str) -> None:
    (record,) = iter_images(server + path, fetch=local)
    assert record.image is not None and np.array_equal(record.image, PICTURE)
    assert record.input_path == server + path and record.page_index is None


def test_nothing_is_fetched_unless_allowed(server: str) -> None:
    (record,) = iter_images(server + "/a.png")
    assert record.image is None and "a URL is not a path" in str(record.error)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/none.png", "404"),
        ("/endless", "over the limit of 100000 bytes"),
        ("/loop", "redirect"),
        ("/file", "not allowed"),
    ],
)
def test_failures_are_entries(server: str, path: str, words: str) -> None:
    first, second = iter_images([server + path, server + "/a.png"], fetch=local)
    assert words in str(first.error) and second.image is not None


def test_own_machine_and_network_are_refused(server: str) -> None:
    for url in (server + "/a.png", "http://[::1]:1/a.png", "http://10.0.0.1/a", "http://169.254.169.254/x"):
        with pytest.raises(ImageError, match="own machine or network"):
            fetch_url(url)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.com/a.png", "http://", "http://[broken/a", "a.png"]
)
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(ImageError, match="not a"):
        fetch_url(url, allow_private=True)


def test_no_connection() -> None:
    with pytest.raises(ImageError, match="cannot be fetched"):
        fetch_url("http://127.0.0.1:9/a.png", allow_private=True, timeout=2)
