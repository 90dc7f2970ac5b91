"""Pools of processes: order, errors in their place, deaths told and made good, flat memory, an end with the parent."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from sealkit.errors import ConfigError, EngineError
from sealkit.workers.pool import RULES, Pool, Workers, made, mapped
from sealkit.workers.processes import cores
from sealkit.workers.serve import InWorker, plain
from tests.workers import jobs

TWO = Workers(2)


@pytest.fixture(scope="module")
def squares() -> Iterator[Pool]:
    with Pool(partial(plain, jobs.square), TWO) as pool:
        yield pool


def test_results_come_in_the_order_of_the_jobs_whoever_does_them(squares: Pool) -> None:
    wanted = [n * n for n in range(40)]
    assert list(mapped(jobs.square, range(40), Workers(1))) == wanted
    assert list(squares.map(range(40))) == wanted
    assert list(squares.map([])) == []


def test_only_so_many_jobs_are_taken_ahead(squares: Pool) -> None:
    taken = []

    def source() -> Iterator[int]:
        for job in range(1000):
            taken.append(job)
            yield job

    results = squares.map(source())
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(taken) <= 5 + 2 * RULES.ahead
    results.close()
    assert list(squares.map(range(7))) == [n * n for n in range(7)], "a reader that stopped leaves nothing behind"


def test_two_readers_of_one_pool_do_not_mix(squares: Pool) -> None:
    pairs = zip(squares.map(range(20)), squares.map(range(100, 120)))
    assert list(pairs) == [(n * n, (100 + n) ** 2) for n in range(20)]


def test_an_error_comes_in_its_place_with_the_workers_traceback() -> None:
    with Pool(partial(plain, partial(jobs.fail_at, 4)), TWO) as pool:
        results = pool.map(range(9))
        assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
        with pytest.raises(ValueError, match="no 4") as caught:
            next(results)
        assert isinstance(caught.value.__cause__, InWorker) and "jobs.py" in str(caught.value.__cause__)
        assert list(pool.map(range(4))) == [0, 1, 2, 3], "the pool goes on"


def test_large_jobs_and_results_block_nobody() -> None:
    sent = [np.full((400, 500, 3), n, np.uint8) for n in range(12)]  # ten times what a pipe holds
    for n, array in enumerate(mapped(jobs.large, sent, TWO)):
        assert (array == n + 1).all()


def test_what_cannot_be_sent_is_an_error_of_its_job() -> None:
    with Pool(partial(plain, jobs.unsendable), TWO) as pool:
        tasks = [pool.submit(job) for job in (0, 1, 2, lambda: 3)]
        assert tasks[0].result() == 0 and tasks[2].result() == 2
        for task in (tasks[1], tasks[3]):
            with pytest.raises(Exception, match=r"pickle|local object"):
                task.result()


def test_a_dead_worker_is_named_and_its_job_done_by_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make = partial(plain, partial(jobs.die_once, str(tmp_path), 5))
    with caplog.at_level(logging.WARNING), Pool(make, TWO) as pool:
        found = list(pool.map(range(12)))
        pool.until_ready()
        assert len(pool.about) == 2, "a third process took the place of the dead one"
    assert [job for job, _ in found] == list(range(12))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1 and "killed by signal 9" in told[0] and "at 5; trying again" in told[0]


def test_a_job_that_kills_two_workers_is_given_up_alone(caplog: pytest.LogCaptureFixture) -> None:
    def lost(job: int, error: EngineError) -> int:
        assert error.where == str(job) == "3" and error.value == "ended with code 7"
        return -1

    with caplog.at_level(logging.WARNING):
        assert list(mapped(partial(jobs.die_at, 3), range(8), TWO, lost)) == [0, 1, 2, -1, 4, 5, 6, 7]
        with pytest.raises(EngineError, match="2 worker processes died at this item"):
            list(mapped(partial(jobs.die_at, 3), range(8), TWO))


def test_each_worker_makes_its_function_once() -> None:
    with Pool(jobs.counting, TWO) as pool:
        pool.until_ready()
        assert pool.about == {0: "worker 0", 1: "worker 1"}
        found = list(pool.map(range(50)))
    most = {number: max(count for n, count in found if n == number) for number in (0, 1)}
    assert sum(most.values()) == 50 and min(most.values()) > 0
    assert list(made(jobs.counting, range(3), Workers(1))) == [(0, 1), (0, 2), (0, 3)]


def test_workers_that_cannot_be_made_say_why() -> None:
    with Pool(jobs.unmade, TWO) as pool:
        with pytest.raises(ValueError, match="has no model"):
            pool.until_ready()
        with pytest.raises(ValueError, match="has no model"):
            pool.submit(1).result()
    with (
        Pool(jobs.stillborn, TWO) as pool,
        pytest.raises(EngineError, match=r"die while they start.*ended with code 3"),
    ):
        pool.until_ready()


def test_how_many_workers() -> None:
    assert Workers.of(3) == Workers(3) and Workers.of(Workers(2)) == Workers(2)
    assert Workers(4).for_jobs(100, 50) == Workers(2) and Workers(4).for_jobs(10, 50).here
    assert Workers(0).for_jobs(10**6, 50).count == cores()
    assert Workers(0, "auto").for_jobs(100, 50) == Workers(0, "auto", 2), "a large cluster gets no more than that"
    with Pool(partial(plain, jobs.square), Workers(3, None, 1)) as pool:
        assert pool.count == 1 and pool.submit(3).result() == 9
    with pytest.raises(ConfigError, match="negative"):
        Workers.of(-1, "--workers")


SCRIPT = """
import sys
from functools import partial
from sealkit.workers.pool import Workers, mapped
from tests.workers.jobs import note_and_wait
if __name__ == "__main__":
    for job in mapped(partial(note_and_wait, sys.argv[1]), range(1000), Workers(2)):
        print(job, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "run.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "run.py"), str(tmp_path)], env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert parent.stdout is not None and parent.stdout.readline() == b"0\n"
    workers = [int(file.stem) for file in tmp_path.glob("*.pid")]
    assert workers
    os.killpg(parent.pid, number) if number == signal.SIGINT else parent.send_signal(number)
    parent.wait(timeout=20)
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{one}").exists() for one in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{one}").exists() for one in workers)
