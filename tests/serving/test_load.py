"""The load test itself, and a short run of it."""

from collections import Counter
from pathlib import Path

import pytest

from sealkit.bench import serving
from sealkit.images import list_images
from tests.serving.live import ROOT

IMAGES = [Path(path) for path in list_images(ROOT / "datasets" / "toy" / "images")][:4]


def test_the_mix_is_six_in_ten_images_and_all_that_is_refused() -> None:
    found = serving.questions(IMAGES, visualize=False)
    asked = serving.mix(found, 1000)
    counts = Counter(question.kind for question in asked)
    assert counts[serving.GOOD] == 600 and counts[serving.PDF] == 20 and len(asked) == 1000
    assert set(counts) == set(found) and min(counts.values()) >= 20
    assert serving.mix(found, 1000) == asked
    assert len({question.kind for question in asked[:100]}) == len(found)  # stirred


def test_answers_are_compared_without_ids_times_and_engines() -> None:
    first = {"logId": "a", "result": [{"seconds": 1.0, "text": "x", "engines": {}}]}
    second = {"logId": "b", "result": [{"seconds": 2.0, "text": "x", "engines": {"Lines": "onnxruntime"}}]}
    assert serving.comparable(first) == serving.comparable(second)
    assert serving.comparable(first) != serving.comparable(
        {"logId": "a", "result": [{"seconds": 1.0, "text": "y", "engines": {}}]}
    )


def test_every_condition_is_a_fault_of_its_own() -> None:
    sound = {serving.START: 1000, serving.END: 1100}
    assert serving.Metrics(memory=sound, lost=1, kills=1).faults() == []
    for said, metrics in {
        "1 answers differ": serving.Metrics(memory=sound, different=["image (a): 200"]),
        "1 answers have a status": serving.Metrics(memory=sound, undefined=["pdf (b): 500"]),
        "2 requests were lost, 1 may be": serving.Metrics(memory=sound, lost=2, kills=1),
        "memory grew by 11%": serving.Metrics(memory={serving.START: 1000, serving.END: 1110}),
    }.items():
        (fault,) = metrics.faults()
        assert fault.startswith(said), fault


@pytest.mark.slow
def test_a_short_load_with_a_killed_worker(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--requests", "100", "--kill", "--workers", "2", "--threads", "1"]
    assert serving.main(["--images", str(ROOT / "datasets" / "toy" / "images"), *flags]) == 0
    said = capsys.readouterr().out
    assert "different answers  0" in said and "undefined answers  0" in said and said.endswith("no fault\n")
