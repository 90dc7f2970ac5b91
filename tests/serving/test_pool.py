"""The pool with real processes: deaths, slow requests, starts that fail."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving.errors import RequestError
from sealkit.serving.pool import Pool, WorkerStartError
from tests.serving.conftest import MakeJob
from tests.serving.fakes import specs

SETTINGS = ServingSettings(visualize=False)


@contextlib.contextmanager
def running(count: int = 1, settings: ServingSettings = SETTINGS, **options: Any) -> Iterator[tuple[Pool, list[Any]]]:
    causes: list[Any] = []
    pool = Pool(specs(count, settings, **options), causes.append)
    pool.start()
    try:
        yield pool, causes
    finally:
        pool.close()


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "did not happen"
        time.sleep(0.02)


def test_kill_9_costs_one_request_and_the_pool_heals(job: MakeJob) -> None:
    with running(2) as (pool, causes):
        before = set(pool.pids)
        slow, others = job("sleep 3"), [job() for _ in range(4)]
        pool.submit(slow)
        wait_for(lambda: slow.pid)
        for other in others:
            pool.submit(other)
        time.sleep(0.2)
        os.kill(slow.pid, signal.SIGKILL)
        with pytest.raises(RequestError, match="died") as caught:
            slow.future.result(20)
        assert caught.value.status == 503
        assert all(other.future.result(20).pages == 1 for other in others)
        wait_for(lambda: pool.ready == 2)
        assert causes == ["died"] and len(before & set(pool.pids)) == 1
        again = job()
        pool.submit(again)
        assert again.future.result(20).pages == 1


def test_an_idle_worker_that_dies_costs_nothing(job: MakeJob) -> None:
    with running(1) as (pool, causes):
        os.kill(pool.pids[0], signal.SIGKILL)
        now = job()
        pool.submit(now)
        assert now.future.result(20).pages == 1
        assert causes == ["died"] and pool.ready == 1


def test_a_request_that_kills_its_worker_does_not_kill_the_next(job: MakeJob) -> None:
    with running(1) as (pool, _):
        first, second = job("die"), job()
        pool.submit(first)
        pool.submit(second)
        with pytest.raises(RequestError):
            first.future.result(20)
        assert second.future.result(20).pages == 1


def test_a_request_over_its_time_is_504_and_its_worker_replaced(job: MakeJob) -> None:
    with running(1) as (pool, causes):
        pid, slow = pool.pids[0], job("sleep 30", seconds=0.5)
        pool.submit(slow)
        with pytest.raises(RequestError, match="too long") as caught:
            slow.future.result(10)
        assert caught.value.status == 504
        next_one = job()
        pool.submit(next_one)
        assert next_one.future.result(20).pages == 1
        assert causes == ["timeout"] and pool.pids != [pid]


def test_a_stopped_worker_is_no_hostage(job: MakeJob) -> None:
    """SIGSTOP: the process lives and answers nothing, the hand-over included."""
    with running(1) as (pool, causes):
        os.kill(pool.pids[0], signal.SIGSTOP)
        late = job(seconds=0.5)
        late.data = bytes(10_000_000)  # more than the pipe holds
        pool.submit(late)
        with pytest.raises(RequestError) as caught:
            late.future.result(10)
        assert caught.value.status == 504 and causes == ["timeout"]


def test_time_in_the_queue_counts(job: MakeJob) -> None:
    with running(1) as (pool, causes):
        pool.submit(job("sleep 1"))
        late = job(seconds=0.3)
        pool.submit(late)
        with pytest.raises(RequestError, match="too long") as caught:
            late.future.result(10)
        assert caught.value.status == 503 and causes == []


def test_cancelled_jobs_are_not_begun(job: MakeJob) -> None:
    with running(1) as (pool, _):
        first, second, third = job("sleep 0.5"), job(), job()
        for one in (first, second, third):
            pool.submit(one)
        assert second.future.cancel()
        third.future.result(20)
        assert second.pid == 0


def test_a_start_that_fails_keeps_its_message_and_exit_code() -> None:
    pool = Pool(specs(2, SETTINGS, fail=True))
    with pytest.raises(WorkerStartError, match="here: no such model") as caught:
        pool.start()
    assert caught.value.exit_code == 7
    assert not [slot for slot in pool._slots if slot.process.is_alive()]


def test_ctrl_c_during_the_start_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(slot: object) -> NoReturn:
        raise KeyboardInterrupt

    pool = Pool(specs(2, SETTINGS, slow=30))
    monkeypatch.setattr("sealkit.serving.pool._Slot.await_ready", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool.start()
    assert not [slot for slot in pool._slots if slot.process.is_alive()]


def test_closing_waits_for_work_and_answers_what_waits(job: MakeJob) -> None:
    with running(1) as (pool, _):
        first, second = job("sleep 0.5"), job()
        pool.submit(first)
        wait_for(lambda: first.pid)
        pool.submit(second)
        pool.close(5)
        assert first.future.result(0).pages == 1
        with pytest.raises(RequestError, match="shutting down"):
            second.future.result(0)


def test_the_pool_closes_while_a_successor_is_being_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Left alone it would hold up the exit of the server: workers do not hear SIGTERM."""
    starting, going_on = threading.Event(), threading.Event()
    start = multiprocessing.get_context("spawn").Process.start

    def slowly(process: Any) -> None:
        if starting_successor:
            starting.set()
            going_on.wait(20)
        start(process)

    starting_successor = False
    monkeypatch.setattr(multiprocessing.get_context("spawn").Process, "start", slowly)
    pool = Pool(specs(1, SETTINGS))
    pool.start()
    starting_successor = True
    os.kill(pool.pids[0], signal.SIGKILL)
    assert starting.wait(20)
    threading.Timer(1, going_on.set).start()
    pool.close(0.1)
    assert not multiprocessing.active_children()


def test_workers_end_with_the_server(tmp_path: Path) -> None:
    """kill -9 of the server leaves no workers behind: their pipe ends."""
    import subprocess
    import sys
    from pathlib import Path

    import psutil

    code = (
        "import time\nfrom sealkit.pipeline.serving_settings import ServingSettings\n"
        "from sealkit.serving.pool import Pool\n"
        "from tests.serving.fakes import specs\n"
        "if __name__ == '__main__':\n"
        "    pool = Pool(specs(2, ServingSettings()))\n    pool.start()\n    print(*pool.pids, flush=True)\n"
        "    time.sleep(60)\n"
    )
    script = tmp_path / "server.py"
    script.write_text(code)
    root = Path(__file__).resolve().parents[2]
    server = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    workers = [int(pid) for pid in server.stdout.readline().split()]
    assert len(workers) == 2 and all(psutil.pid_exists(pid) for pid in workers)
    server.kill()
    server.wait()
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in workers), 10)
