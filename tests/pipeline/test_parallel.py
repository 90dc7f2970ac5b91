"""Several devices: how they are written, and that results come in the order of the input."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sealkit.errors import ConfigError, DeviceError, EngineError
from sealkit.images import ImageRecord
from sealkit.pipeline import parallel
from sealkit.pipeline.create import create_pipeline
from sealkit.pipeline.parallel import Reading, split_devices
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline


def test_how_devices_are_written() -> None:
    assert [str(d) for d in split_devices("cpu,cpu")] == ["cpu", "cpu"]
    assert [str(d) for d in split_devices("gpu:0,1")] == ["gpu:0", "gpu:1"]
    assert [str(d) for d in split_devices("gpu:1, gpu:3")] == ["gpu:1", "gpu:3"]
    for wrong, why in (("gpu:0,gpu:0", "listed twice"), ("cpu,1", "unknown device"), ("cuda:0,1", "unknown device")):
        with pytest.raises(DeviceError, match=why):
            split_devices(wrong)


@pytest.mark.slow
def test_order_is_kept_and_devices_that_are_not_there_are_refused(seal_image: np.ndarray, tmp_path: Path) -> None:
    pipeline = create_pipeline(device="cpu,cpu", threads=1)
    try:
        assert pipeline.engines["TextDetection"].endswith("(cpu, 1 thread)")
        inputs: list[Any] = [seal_image[: 320 - 20 * i] for i in range(5)]
        inputs.insert(2, str(tmp_path / "nowhere.png"))
        results = list(pipeline.predict(inputs))
        heights = [None if r["doc_preprocessor_res"]["output_img"] is None else
                   r["doc_preprocessor_res"]["output_img"].shape[0] for r in results]  # fmt: skip
        assert heights == [320, 300, None, 280, 260, 240] and not results[2].ok
        with pytest.raises(TypeError, match="tresh"):
            pipeline.predict(np.zeros((9, 9, 3), np.uint8), tresh=1)  # type: ignore[call-arg]
    finally:
        pipeline.close()
    with pytest.raises((DeviceError, EngineError), match="npu"):
        create_pipeline(device="npu:0,1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cpu,cpu", "workers": 2}, "says how many workers"),
        ({"device": "gpu:0", "workers": 2}, "workers read on CPUs"),
        ({"workers": -1}, "negative"),
        ({"workers": 2, "at_once": 2}, "one image at a time"),
    ],
)
def test_wrong_workers_have_one_clear_message(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create_pipeline(**options)


def test_one_worker_is_this_process() -> None:
    assert isinstance(create_pipeline(workers=1), SealRecognitionPipeline)


def read_or_die(job: Reading) -> tuple[Any, str | None]:
    """The name of an image; at one of them the process dies."""
    if job.record.input_path == "deadly.png" and job.record.error is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return job.record.input_path, None if job.record.error is None else job.record.error.what


def make_deadly(*_: object) -> tuple[Callable[[Reading], Any], dict[str, Any]]:
    return read_or_die, {}


def test_an_image_that_kills_workers_has_a_result_with_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_make", make_deadly)
    pipeline = create_pipeline(workers=2)
    names = ["a.png", "deadly.png", "b.png"]
    records = [ImageRecord(np.zeros((8, 8, 3), np.uint8), None, name) for name in names]
    monkeypatch.setattr(parallel, "iter_images", lambda *_, **__: iter(records))
    try:
        assert list(pipeline.predict("x")) == [
            ("a.png", None),
            ("deadly.png", "2 worker processes died at this item"),
            ("b.png", None),
        ]
    finally:
        pipeline.close()


@pytest.mark.slow
def test_results_are_the_same_for_any_number_of_workers() -> None:
    """All that `infer --jsonl` tells, but for the seconds."""
    toy = Path(__file__).resolve().parents[2] / "datasets" / "toy" / "images"
    told = []
    for workers in (1, 2):
        pipeline = create_pipeline(workers=workers)
        told.append([result.json["res"] for result in pipeline.predict([str(p) for p in sorted(toy.iterdir())[:5]])])
        pipeline.close()
        for result in told[-1]:
            for stage in result["stages"].values():
                stage.pop("seconds", None)
    assert len(told[0]) == 5 and told[0] == told[1]
