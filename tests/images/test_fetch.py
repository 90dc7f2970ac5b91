"""URLs: off unless allowed, bounded, and no way into the own network."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.errors import ImageError
from sealkit.images import fetch, iter_images
from sealkit.images.fetch import RefusedUrl, fetch_url, host_listed, is_public

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 20, 3)).astype(np.uint8)
PNG = cv2.imencode(".png", IMAGE)[1].tobytes()


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
        elif path == "/inside":
            self._answer(302, b"", Location=f"http://[::1]:{self.connection.getsockname()[1]}/a.png")
        elif path == "/metadata":
            self._answer(302, b"", Location="http://169.254.169.254/latest")
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
def test_images_are_read_from_urls_where_allowed(server: str, path: str) -> None:
    (record,) = iter_images(server + path, fetch=local)
    assert record.image is not None and np.array_equal(record.image, IMAGE)
    assert record.input_path == server + path and record.page_index is None


def test_nothing_is_fetched_unless_allowed(server: str) -> None:
    (record,) = iter_images(server + "/a.png")
    assert record.image is None and "fetching URLs is not allowed" in str(record.error)


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


@pytest.fixture
def public_name(monkeypatch: pytest.MonkeyPatch, server: str) -> str:
    """The test server under the name of a public host: 127.0.0.1 counts as public, other private addresses do not."""
    real, port = socket.getaddrinfo, int(server.rpartition(":")[2])

    def resolve(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        if host == "seals.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(fetch, "is_public", lambda address: address == "127.0.0.1" or is_public(address))
    return f"http://seals.example:{port}"


def test_a_public_host_is_read_and_its_redirects_inwards_are_not(public_name: str) -> None:
    assert fetch_url(public_name + "/a.png") == PNG
    for path in ("/inside", "/metadata"):
        with pytest.raises(RefusedUrl, match="own machine or network"):
            fetch_url(public_name + path)


def test_only_listed_hosts_also_after_redirects(public_name: str) -> None:
    port = public_name.rpartition(":")[2]
    assert fetch_url(public_name + "/a.png", hosts=[f"seals.example:{port}"]) == PNG
    for url in (public_name + "/a.png", "http://other.example/a.png"):
        with pytest.raises(RefusedUrl, match="not on the list"):
            fetch_url(url, hosts=["seals.example"])  # without a port: 80 and 443
    with pytest.raises(RefusedUrl, match="not on the list"):
        fetch_url(public_name + "/inside", hosts=[f"*.example:{port}"])


def test_a_name_that_turns_private_after_the_check_is_not_reached(
    public_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve, calls = socket.getaddrinfo, []

    def rebind(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        calls.append(host)
        found = resolve(host, *args, **kwargs)
        return found if len(calls) == 1 else [(*found[0][:4], ("10.0.0.1", found[0][4][1]))]

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    with pytest.raises(RefusedUrl, match="own machine or network"):
        fetch_url(public_name + "/a.png")
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("host", "port", "scheme", "listed"),
    [
        ("a.com", None, "https", True),
        ("A.COM.", 443, "https", True),
        ("a.com", 8080, "http", False),
        ("x.b.com", None, "http", True),
        ("b.com", None, "http", False),
        ("evilb.com", None, "http", False),
        ("c.com", 8443, "https", True),
        ("c.com", None, "https", False),
        ("2001:db8::1", 80, "http", True),
    ],
)
def test_list_of_hosts(host: str, port: int | None, scheme: str, listed: bool) -> None:
    hosts = ["a.com", "*.b.com", "c.com:8443", "[2001:db8::1]:80"]
    assert host_listed(host, port, scheme, hosts) is listed


def drip(*pieces: bytes, every: float) -> tuple[str, threading.Thread]:
    """A server for one connection that sends these and then one byte at a time."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening, contextlib.suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)
                for _ in range(int(20 / every)):
                    time.sleep(every)
                    connection.sendall(b"x")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/a.png", thread


@pytest.mark.parametrize(
    "sent",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\n\r\n"],  # no length: its end would pass as that of the content
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5"],
        [b"HTTP/1.1 200 OK\r\nX-Slow: "],
        [],
    ],
)
@pytest.mark.parametrize("by_deadline", [True, False])
def test_a_server_that_drips_is_left_in_time(sent: list[bytes], by_deadline: bool) -> None:
    """Each byte comes within the limit of a read; all together do not."""
    url, thread = drip(*sent, every=0.05)
    started = time.monotonic()
    limits: dict[str, Any] = {"timeout": 10, "deadline": started + 0.6} if by_deadline else {"timeout": 0.2}
    with pytest.raises(ImageError, match="not complete in time"):
        fetch_url(url, allow_private=True, **limits)
    assert time.monotonic() - started < 3
    thread.join(5)
    assert not thread.is_alive()  # the connection was closed


def test_content_that_ends_early_is_not_an_image(server: str) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    threading.Thread(target=serve, daemon=True).start()
    with pytest.raises(ImageError, match="cannot be fetched"):
        fetch_url(f"http://127.0.0.1:{listening.getsockname()[1]}/a", allow_private=True, timeout=5)


@pytest.mark.parametrize("allow_private", [True, False])
def test_a_resolver_without_an_answer_is_left_in_time(monkeypatch: pytest.MonkeyPatch, allow_private: bool) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answered.wait(20) and [])
    started = time.monotonic()
    with pytest.raises(ImageError, match=r"not (resolved|complete) in time"):
        fetch_url("http://seals.example/a.png", allow_private=allow_private, deadline=started + 0.3)
    assert time.monotonic() - started < 5
    answered.set()
