"""The pipeline's benchmark: what is counted and averaged, and folders of random weights that still find something."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from sealkit.bench import pipeline
from sealkit.bench.paddlex_side import Run
from sealkit.bench.pipeline import _lines, stand_ins
from sealkit.bench.run_pipeline import Stopwatch

DET, REC = (f"SubPipelines.SealOCR.SubModules.Text{name}.model_dir" for name in ("Detection", "Recognition"))


class Engine:
    def outer(self) -> str:
        time.sleep(0.02)
        return self.inner()

    def inner(self) -> str:
        time.sleep(0.02)
        return "done"


def test_the_stopwatch_counts_calls_within_calls_once() -> None:
    class Watched(Engine):
        outer, inner = Engine.outer, Engine.inner

    watch = Stopwatch()
    watch.around(Watched, "outer")
    watch.around(Watched, "inner")
    start = time.perf_counter()
    assert Watched().outer() == "done"
    assert 0.04 <= watch.seconds <= time.perf_counter() - start
    assert 0 <= watch.cpu < watch.seconds  # asleep, it used no processor
    threads = [threading.Thread(target=Watched().outer) for _ in range(3)]
    watch.seconds, start = 0.0, time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert watch.seconds >= 3 * 0.04  # each thread's, although they slept at the same time


def test_rounds_after_the_first_count() -> None:
    run = Run(
        seconds={"a": [9.0, 1.0, 3.0, 2.0], "b": [9.0, 4.0, 4.0, 4.0]},
        networks={"a": [8.0, 0.5, 2.5, 1.5], "b": [8.0, 1.0, 1.0, 1.0]},
        cpu={"a": [9.0, 2.0, 2.0, 2.0], "b": [9.0, 6.0, 6.0, 6.0]},
        networks_cpu={"a": [8.0, 1.5, 1.5, 1.5], "b": [8.0, 5.5, 5.5, 5.5]},
        listed=[5.0, 2.0, 3.0, 2.5],
        listed_networks=[1.0, 1.5, 1.0, 2.0],
        first=2.0,
        peak_mb=500.0,
    )
    assert (run.in_list, run.outside_in_list) == (2.5, 0.5)
    assert (run.warm, run.outside, run.busy, run.busy_outside) == (3.0, 1.75, 4.0, 0.5)
    slower = Run(
        first=8.0, seconds={"a": [6.0]}, networks={"a": [2.5]}, cpu={"a": [4.0]}, networks_cpu={"a": [2.0]},
        listed=[5.0], listed_networks=[4.0], peak_mb=1000.0, engines=["x (cpu)"],
    )  # fmt: skip
    lines = _lines({"paddlex": slower, "same": run})
    assert lines[2].split() == ["same", "3.000", "1.750", "4.000", "0.500", "2.500", "0.500", "2.00", "500"]
    assert lines[3].split()[:8] == ["2.00x", "2.00x", "1.00x", "4.00x", "2.00x", "2.00x", "4.00x", "2.00x"]


@pytest.mark.parametrize(("unequal", "code"), [(0, 0), (1, 0), (2, 1)])
def test_equality_is_wanted_on_nearly_all_images(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, unequal: int, code: int
) -> None:
    images = [str(tmp_path / f"{number}.png") for number in range(100)]
    seal = {"dt_polys": [[[0, 0], [9, 0], [9, 9]]], "rec_texts": ["seal"], "rec_scores": [0.9]}
    other = {**seal, "rec_texts": ["heal"]}

    def run(python: str, library: str, config: Path, given: list[str], rounds: int, threads: int) -> Run:
        assert rounds == 1 and python == "theirs"  # one environment for both
        odd = given[:unequal] if library == "sealkit" else []
        results = {image: [{"seal_res_list": [other if image in odd else seal]}] for image in given}
        return Run(results=results)

    monkeypatch.setattr(pipeline, "run", run)
    monkeypatch.setattr(pipeline, "write_configs", lambda folder, *given: (folder, folder))
    monkeypatch.setattr(pipeline, "_metrics", lambda run: [1.0] * 8)
    options = ["--vs", "paddlex", "--paddlex-python", "theirs", "--equality"]
    assert pipeline.main([*images, *options]) == code
    printed = capsys.readouterr().out
    assert f"same results on {100 - unequal} of 100 images" in printed
    assert printed.count("texts ['heal'] against ['seal']") == unequal


def test_folders_that_are_there_or_named_are_taken(tmp_path: Path) -> None:
    (tmp_path / "PP-OCRv4_mobile_seal_det").mkdir()
    config = "seal_recognition-nopp-nolayout-lightweight"
    found = stand_ins(config, {REC: str(tmp_path / "mine")}, tmp_path)
    assert found == {DET: str(tmp_path / "PP-OCRv4_mobile_seal_det")}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["paddle", "onnxruntime"])
def test_random_weights_answer_by_their_rule(tmp_path: Path, engine: str) -> None:
    from sealkit.bench.random_models import write_stand_in
    from sealkit.pipeline.create import create_model

    write_stand_in("PP-LCNet_x1_0_doc_ori", tmp_path / "ori")
    write_stand_in("PicoDet-S_layout_3cls", tmp_path / "layout")
    page = np.full((300, 200, 3), 230, np.uint8)
    (angle,) = create_model("PP-LCNet_x1_0_doc_ori", tmp_path / "ori", engine=engine, device="cpu").predict(page)
    assert angle["label_names"] == ["0"]
    (found,) = create_model("PicoDet-S_layout_3cls", tmp_path / "layout", engine=engine, device="cpu").predict(page)
    (box,) = found["boxes"]
    assert box["label"] == "seal"
    np.testing.assert_allclose(box["coordinate"], [0, 0, 200, 300], atol=0.01)
