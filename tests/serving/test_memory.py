"""A worker's memory limit, and a worker that crashes by itself."""

from __future__ import annotations

import sys

import pytest

from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving.errors import RequestError
from sealkit.serving.memory import is_out_of_memory
from sealkit.serving.pool import Job, Pool
from tests.serving.conftest import MakeJob
from tests.serving.fakes import specs
from tests.serving.test_pool import running, wait_for

LIMITED = ServingSettings(visualize=False, worker_memory=300_000_000)
linux = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is held on Linux")


def asked(job: MakeJob, pool: Pool, order: str) -> RequestError:
    one: Job = job(order)
    pool.submit(one)
    with pytest.raises(RequestError) as caught:
        one.future.result(30)
    return caught.value


@linux
@pytest.mark.parametrize("order", ["take 400000000", "engine 280000000"])
def test_a_request_that_needs_more_is_refused_and_its_worker_replaced(job: MakeJob, order: str) -> None:
    """Whether Python notices or an engine that has exceptions of its own."""
    with running(1, LIMITED) as (pool, causes):
        pid = pool.pids[0]
        error = asked(job, pool, order)
        assert error.status == 422 and error.message.endswith("it needs more memory than a worker may use")
        assert "Retry-After" not in error.headers
        wait_for(lambda: pool.ready == 1 and pool.pids != [pid])
        assert causes == ["memory"]
        again = job()
        pool.submit(again)
        assert again.future.result(30).pages == 1


@linux
def test_what_is_within_the_limit_is_answered(job: MakeJob) -> None:
    with running(1, LIMITED) as (pool, causes):
        for order in ("take 100000000", "take 100000000"):
            one = job(order)
            pool.submit(one)
            assert one.future.result(30).pages == 1
        assert asked(job, pool, "raise").status == 500 and causes == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_that_crashes_by_itself_is_not_sent_the_request_again(job: MakeJob) -> None:
    with running(1) as (pool, causes):
        error = asked(job, pool, "crash")
        assert error.status == 500 and "will not help" in error.message and "Retry-After" not in error.headers
        again = job()
        pool.submit(again)
        assert again.future.result(30).pages == 1 and causes == ["died"]


def test_out_of_memory_is_seen_in_causes() -> None:
    import cv2
    import numpy as np

    try:
        try:
            raise MemoryError
        except MemoryError as inner:
            raise RuntimeError("wrapped") from inner
    except RuntimeError as error:
        assert is_out_of_memory(error)
    with pytest.raises(cv2.error) as caught:
        cv2.resize(np.zeros((1, 1), np.uint8), (0, 0))
    assert not is_out_of_memory(caught.value) and not is_out_of_memory(ValueError("out of memory"))


def test_specs_are_made_for_the_settings() -> None:
    assert specs(1, LIMITED)[0].limited
