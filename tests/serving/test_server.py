"""The server as a process: sockets, signals, deaths."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from tests.serving.live import Live, server


def fake(**settings: Any) -> AbstractContextManager[Live]:
    return server("tests.serving.serve_fake", json.dumps({"visualize": False, **settings}))


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "did not happen"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def small() -> Iterator[Live]:
    """One worker, one place in the queue, ten million bytes."""
    with fake(queue=1, max_bytes=10_000_000) as live:
        yield live


def test_sigterm_answers_who_is_inside_and_ends_with_0(png: str) -> None:
    """The signal goes to the workers too, as service managers and terminals send it."""
    with fake() as live, ThreadPoolExecutor(2) as threads:
        working = threads.submit(live.post, file=png, fileType=1, sealDetLimitType="sleep 1.5")
        waiting = threads.submit(live.post, file=png, fileType=1)
        time.sleep(0.5)
        for pid in (live.of("worker ready")[0]["worker"], live.process.pid):
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: live.of("draining"))
        time.sleep(0.3)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{live.url}/health")
        assert working.result().status_code == 200 and waiting.result().status_code == 200
        assert live.process.wait(20) == 0


def test_kill_9_of_a_worker_costs_its_own_request(png: str) -> None:
    with fake(workers=2) as live, ThreadPoolExecutor(4) as threads:
        doomed = threads.submit(live.post, file=png, fileType=1, sealDetLimitType="sleep 5")
        wait_for(lambda: "sealkit_requests_in_progress 1.0" in httpx.get(f"{live.url}/metrics").text)
        time.sleep(0.5)  # and is with its worker
        others = [threads.submit(live.post, file=png, fileType=1) for _ in range(3)]
        assert [other.result().status_code for other in others] == [200] * 3
        idle = {other.result().json()["result"]["sealRecResults"][0]["prunedResult"]["pid"] for other in others}
        (busy,) = {line["worker"] for line in live.of("worker ready")} - idle
        os.kill(busy, signal.SIGKILL)
        answer = doomed.result().json()
        assert doomed.result().status_code == answer["errorCode"] == 503 and "died" in answer["errorMsg"]
        assert live.post(file=png, fileType=1).status_code == 200
        wait_for(lambda: len(live.of("worker ready")) == 3)
        assert 'sealkit_worker_restarts_total{cause="died"} 1.0' in httpx.get(f"{live.url}/metrics").text


def test_overflow_is_429_with_a_large_body_too(small: Live, png: str) -> None:
    """The answer must reach a client that is still sending."""
    with ThreadPoolExecutor(6) as threads:
        fields: dict[str, Any] = {"file": png + "\n" * 4_000_000, "fileType": 1, "sealDetLimitType": "sleep 1.5"}
        answers = [threads.submit(small.post, **fields) for _ in range(6)]
        statuses = sorted(answer.result().status_code for answer in answers)
        assert statuses == [200, 200, 429, 429, 429, 429]
        refused = next(a.result() for a in answers if a.result().status_code == 429)
        assert refused.json()["errorCode"] == 429 and int(refused.headers["retry-after"]) >= 1


def test_too_large_a_body_is_answered(small: Live, png: str) -> None:
    answer = small.post(file="A" * 19_000_000, fileType=1)
    assert answer.status_code == answer.json()["errorCode"] == 413
    assert small.post(file=png, fileType=1).status_code == 200


def test_a_client_that_leaves_does_not_stop_the_others(small: Live, png: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        small.post(timeout=0.3, file=png, fileType=1, sealDetLimitType="sleep 1")
    assert small.post(file=png, fileType=1).status_code == 200
    wait_for(lambda: any(line.get("status") == 499 for line in small.of("request")))


def test_one_connection_serves_many_requests_and_threads_do_not_pile_up(small: Live, png: str) -> None:
    import psutil

    with httpx.Client() as client:
        for _ in range(20):
            answer = client.post(f"{small.url}/seal-recognition", json={"file": png, "fileType": 1})
            assert answer.status_code == 200
            assert client.post(f"{small.url}/seal-recognition", content=b"{").status_code == 422
            assert client.get(f"{small.url}/health").status_code == 200
    assert psutil.Process(small.process.pid).num_threads() < 20  # each request had a timer of its own


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--pipeline", "nothing"], 2, "nothing"),
        (["-o", "Serving.workerz=2"], 2, "workerz"),
        (["--workers", "0"], 2, "workers"),
        (["-o", "Serving.return_urls=true"], 2, "return_urls"),
    ],
)
def test_wrong_settings_are_told_before_anything_is_loaded(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from sealkit.cli import main

    assert main(["serve", "--host", "127.0.0.1", "--port", "0", *arguments]) == code
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said


def test_a_pipeline_that_cannot_be_made_is_told_before_listening() -> None:
    import subprocess
    import sys

    from tests.serving.live import ROOT

    arguments = ["--engine", "nonsense"]
    command = [sys.executable, "-m", "sealkit", "serve", "--host", "127.0.0.1", "--port", "0", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert done.returncode == 7 and "nonsense" in done.stderr
    assert "listening" not in done.stderr and "Traceback" not in done.stderr


def test_a_port_in_use_is_told() -> None:
    import socket

    from sealkit.errors import SealkitError
    from sealkit.serving.server import bound

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SealkitError, match="cannot listen on this address"):
            bound("127.0.0.1", taken.getsockname()[1])
