"""Several images at the same time: input order, errors in their place, and the results of one after the other."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sealkit.errors import ConfigError
from sealkit.images import read_image
from sealkit.pipeline import build
from sealkit.pipeline.create import create_pipeline
from sealkit.pipeline.result import SealRecognitionResult
from sealkit.pipeline.side_by_side import several
from sealkit.workers.order import JOBS_PER_WORKER, in_order
from tests.pipeline.conftest import in_process

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., Iterator[Any]]


@pytest.fixture
def run() -> Iterator[Run]:
    """in_order with threads: (jobs, work, workers, weight) → results."""
    with ThreadPoolExecutor(4) as pool:
        yield lambda jobs, work, *options: in_order(jobs, lambda job: pool.submit(work, job), *options)


def test_results_come_in_the_order_of_the_jobs(run: Run) -> None:
    def work(job: int) -> int:
        time.sleep(0.02 * (job % 3 == 0))  # every third is overtaken
        return -job

    assert list(run(iter(range(10)), work, 3)) == [-job for job in range(10)]
    assert list(run(iter(()), work, 3)) == []


def test_jobs_run_at_the_same_time_and_only_few_are_read_ahead(run: Run) -> None:
    together, taken = threading.Barrier(2, timeout=60), []

    def jobs() -> Iterator[int]:
        for job in range(20):
            taken.append(job)
            yield job

    def work(job: int) -> int:
        together.wait()  # returns when two jobs are here
        return job

    results = run(jobs(), work, 2)
    assert next(results) == 0
    assert len(taken) == 2 * JOBS_PER_WORKER + 1  # and the one in hand
    assert list(results) == list(range(1, 20))


def test_heavy_jobs_run_alone(run: Run) -> None:
    running, most = [], []

    def work(job: int) -> int:
        running.append(job)
        most.append(sum(running))
        time.sleep(0.01)
        running.remove(job)
        return job

    weights = [0.5, 0.5, 3.0, 0.4, 0.9, 0.1, 2.0, 0.2]
    assert list(run(iter(weights), work, 4, lambda job: job)) == weights
    assert max(total for total in most if total not in (3.0, 2.0)) <= 1


def _read(results: Iterable[Any]) -> tuple[list[Any], Exception | None]:
    """What comes before the error, and the error."""
    seen = []
    try:
        for one in results:
            seen.append(one)
    except Exception as error:
        return seen, error
    return seen, None


def test_errors_come_after_the_results_before_them(run: Run) -> None:
    def jobs(count: int) -> Iterator[int]:
        yield from range(count)
        raise OSError("the folder is gone")

    def work(job: int) -> int:
        if job == 2:
            raise ConfigError("no such option")
        return job

    seen, error = _read(run(jobs(2), work, 2))
    assert seen == [0, 1] and "the folder is gone" in str(error)
    seen, error = _read(run(iter(range(100)), work, 2))
    assert seen == [0, 1] and "no such option" in str(error)
    for count in range(4):  # looking whether there are several jobs loses none
        many, found = several(jobs(count))
        seen, error = _read(found)
        assert many == (count > 1) and seen == list(range(count)) and isinstance(error, OSError)
    for count in range(4):
        many, found = several(iter(range(count)))
        assert many == (count > 1) and list(found) == list(range(count))


def test_whoever_stops_reading_stops_the_work() -> None:
    done = []
    with ThreadPoolExecutor(1) as pool:
        results = in_order(iter(range(100)), lambda job: pool.submit(lambda: (time.sleep(0.01), done.append(job))), 3)
        next(results)
        results.close()
    assert len(done) <= 3  # six had been handed over: what had not begun was cancelled


def test_images_are_read_as_one_by_one(tmp_path: Path) -> None:
    image = read_image(ROOT / "datasets" / "toy" / "images" / "000028.jpg")
    inputs: list[Any] = [np.ascontiguousarray(image[: image.shape[0] - 4 * i]) for i in range(5)]
    inputs.insert(2, str(tmp_path / "nowhere.png"))
    alone, together = (in_process(threads=2, at_once=n) for n in (1, 2))
    assert (alone.at_once, together.at_once) == (1, 2)
    assert in_process(threads=3).at_once == 3 and in_process(threads=1).at_once == 1
    expected, found = list(alone.predict(inputs)), list(together.predict(inputs))
    assert [_facts(one) for one in found] == [_facts(one) for one in expected]
    assert sum(bool(facts) for facts in map(_facts, found)) == 5 and not found[2].ok
    engine = found[0]["stages"]["engines"]["TextDetection"]
    assert engine == "onnxruntime (cpu, 1 thread)"  # each image has its share
    (single,) = together.predict(inputs[0])
    assert single["stages"]["engines"]["TextDetection"] == "onnxruntime (cpu, 2 threads)"
    together.close()


def _facts(result: SealRecognitionResult) -> list[tuple[list[str], list[float]]]:
    return [(seal["rec_texts"], np.round(seal["rec_scores"], 4).tolist()) for seal in result["seal_res_list"]]


def test_large_networks_read_one_image_at_a_time_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "SIDE_BY_SIDE", build.SideBySideRules(max_graph_bytes=1 << 20))
    assert in_process(threads=2).at_once == 1
    assert in_process(threads=2, at_once=2).at_once == 2


def test_the_first_image_is_read_though_the_second_fails(seal_image: np.ndarray) -> None:
    pipeline = in_process(threads=2, at_once=2)
    results, error = _read(
        pipeline.predict([seal_image] * 2, use_layout_detection=False, layout_det_res=[{"boxes": []}])
    )
    assert len(results) == 1 and "fewer layout results" in str(error)


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(ConfigError, match="ONNX Runtime on the CPU only") as caught:
        in_process(engine="openvino", threads=2, at_once=2)
    assert "cpu,cpu" in str(caught.value)
    assert in_process(engine="openvino", threads=2).at_once == 1
    with pytest.raises(ConfigError, match="1 or more"):
        in_process(at_once=0)
    with pytest.raises(ConfigError, match="several devices"):
        create_pipeline(device="cpu,cpu", at_once=2)
