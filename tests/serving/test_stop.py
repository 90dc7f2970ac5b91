"""SIGTERM ends the service within seconds of the last answer, whatever clients do with their connections."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from contextlib import AbstractContextManager, suppress
from typing import Any

import httpx

from tests.serving.live import Live, server

HEAD = b"POST /seal-recognition HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
SCRIPT = b"GET /static-offline-docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"


def fake(**settings: Any) -> AbstractContextManager[Live]:
    return server("tests.serving.serve_fake", json.dumps({"visualize": False, **settings}))


def connected(live: Live, receive_buffer: int | None = None) -> socket.socket:
    one = socket.socket()
    if receive_buffer:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    one.settimeout(30)
    host, port = live.url.removeprefix("http://").split(":")
    one.connect((host, int(port)))
    return one


def test_the_end_waits_for_requests_and_not_for_connections() -> None:
    """A body that trickles in, answers nobody takes, one who never falls silent, and connections that the process finds
    together with the signal: each of them would hold a server that waits for its connections."""
    with (
        fake() as live,
        connected(live) as slow,
        connected(live, 4096) as deaf,
        httpx.Client(base_url=live.url) as busy,
    ):
        slow.sendall(HEAD)
        deaf.sendall(8 * SCRIPT)  # one answer stands in the buffers, the next waits for room
        done, statuses = threading.Event(), []

        def trickle() -> None:
            with suppress(OSError):
                while not done.wait(0.2):
                    slow.sendall(b" ")

        def ask() -> None:
            with suppress(httpx.TransportError):
                while not done.is_set():
                    statuses.append(busy.get("/health").status_code)

        threads = [threading.Thread(target=target) for target in (trickle, ask)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        live.process.send_signal(signal.SIGSTOP)
        late = [connected(live) for _ in range(20)]  # the kernel takes them
        started = time.monotonic()
        live.process.send_signal(signal.SIGTERM)
        live.process.send_signal(signal.SIGCONT)
        try:
            assert live.process.wait(100) == 0
        finally:
            done.set()
            for thread in threads:
                thread.join()
            for one in late:
                one.close()
        assert time.monotonic() - started < 30  # 5 s, and what a busy machine adds; read_timeout is 60, timeout 120
        answer = slow.recv(1000)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"connection: close" in answer.lower()
        assert set(statuses) == {200}
