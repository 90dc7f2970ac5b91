"""Several pictures at the same time: input order, errors in their place, and the results of one after the other."""

import threading
import time

import numpy as np
import pytest

from sealkit.errors import ConfigError
from sealkit.pipeline import create
from sealkit.pipeline.create import create_pipeline
from sealkit.pipeline.side_by_side import AHEAD, in_order


def test_results_come_in_the_order_of_the_jobs():
    def work(job):
        time.sleep(0.02 * (job % 3 == 0))  # every third is overtaken
        return [job, -job]

    assert list(in_order(iter(range(10)), work, 3)) == [v for job in range(10) for v in (job, -job)]
    assert list(in_order(iter(()), work, 3)) == []


def test_jobs_run_at_the_same_time_and_only_few_are_read_ahead():
    together, taken = threading.Barrier(2, timeout=10), []

    def jobs():
        for job in range(20):
            taken.append(job)
            yield job

    def work(job):
        together.wait()  # returns when two jobs are here
        return [job]

    results = in_order(jobs(), work, 2)
    assert next(results) == 0
    assert len(taken) == 2 * (1 + AHEAD) + 1  # and the one in hand
    assert list(results) == list(range(1, 20))


def test_heavy_jobs_run_alone():
    running, most = [], []

    def work(job):
        running.append(job)
        most.append(sum(running))
        time.sleep(0.01)
        running.remove(job)
        return [job]

    weights = [0.5, 0.5, 3.0, 0.4, 0.9, 0.1, 2.0, 0.2]
    assert list(in_order(iter(weights), work, 4, lambda job: job)) == weights
    assert max(total for total in most if total not in (3.0, 2.0)) <= 1


def test_errors_come_after_the_results_before_them():
    def jobs():
        yield from range(3)
        raise OSError("the folder is gone")

    seen = []
    with pytest.raises(OSError, match="the folder is gone"):
        for value in in_order(jobs(), lambda job: [job], 2):
            seen.append(value)
    assert seen == [0, 1, 2]

    def work(job):
        if job == 2:
            raise ConfigError("no such option")
        return [job]

    seen = []
    with pytest.raises(ConfigError, match="no such option"):
        for value in in_order(iter(range(100)), work, 2):
            seen.append(value)
    assert seen == [0, 1]


def test_whoever_stops_reading_stops_the_work():
    done = []
    results = in_order(iter(range(100)), lambda job: [done.append(job)], 2)
    next(results)
    results.close()
    count = len(done)
    assert count <= 2 * (1 + AHEAD) + 1
    time.sleep(0.05)
    assert len(done) == count


def test_pictures_are_read_as_one_by_one(seal_picture, tmp_path):
    inputs = [np.ascontiguousarray(seal_picture[: 320 - 20 * i]) for i in range(5)]
    inputs.insert(2, str(tmp_path / "nowhere.png"))
    alone, together = (create_pipeline(device="cpu", threads=2, at_once=n) for n in (1, 2))
    assert (alone.at_once, together.at_once) == (1, 2)
    assert (
        create_pipeline(device="cpu", threads=3).at_once == 3 and create_pipeline(device="cpu", threads=1).at_once == 1
    )
    expected, found = list(alone.predict(inputs)), list(together.predict(inputs))
    assert [_facts(one) for one in found] == [_facts(one) for one in expected]
    assert any(fact for fact in map(_facts, found)) and not found[2].ok
    engine = found[0]["stages"]["engines"]["TextDetection"]
    assert engine == "onnxruntime (cpu, 1 thread)"  # each picture has its share
    (single,) = together.predict(inputs[0])
    assert single["stages"]["engines"]["TextDetection"] == "onnxruntime (cpu, 2 threads)"
    together.close()


def _facts(result):
    return [(seal["rec_texts"], np.round(seal["rec_scores"], 4).tolist()) for seal in result["seal_res_list"]]


def test_large_networks_read_one_picture_at_a_time_unless_told(monkeypatch):
    monkeypatch.setattr(create, "LARGE", 1 << 20)
    assert create_pipeline(device="cpu", threads=2).at_once == 1
    assert create_pipeline(device="cpu", threads=2, at_once=2).at_once == 2


def test_what_cannot_be_done_is_refused():
    with pytest.raises(ConfigError, match="ONNX Runtime on the CPU only") as caught:
        create_pipeline(device="cpu", engine="openvino", threads=2, at_once=2)
    assert "cpu,cpu" in str(caught.value)
    assert create_pipeline(device="cpu", engine="openvino", threads=2).at_once == 1
    with pytest.raises(ConfigError, match="1 or more"):
        create_pipeline(device="cpu", at_once=0)
    with pytest.raises(ConfigError, match="several devices"):
        create_pipeline(device="cpu,cpu", at_once=2)
