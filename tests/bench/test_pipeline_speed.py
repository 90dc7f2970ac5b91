"""The pipeline's benchmark: what is counted and averaged, and folders of random weights that still find something."""

import time

import numpy as np
import pytest

from sealkit.bench.paddlex_side import Run
from sealkit.bench.pipeline import _lines, stand_ins
from sealkit.bench.run_pipeline import Stopwatch

DET, REC = (f"SubPipelines.SealOCR.SubModules.Text{name}.model_dir" for name in ("Detection", "Recognition"))


class Engine:
    def outer(self):
        time.sleep(0.02)
        return self.inner()

    def inner(self):
        time.sleep(0.02)
        return "done"


def test_the_stopwatch_counts_calls_within_calls_once():
    class Watched(Engine):
        outer, inner = Engine.outer, Engine.inner

    watch = Stopwatch()
    watch.around(Watched, "outer")
    watch.around(Watched, "inner")
    start = time.perf_counter()
    assert Watched().outer() == "done"
    assert 0.04 <= watch.seconds <= time.perf_counter() - start


def test_rounds_after_the_first_count():
    run = Run(
        seconds={"a": [9.0, 1.0, 3.0, 2.0], "b": [9.0, 4.0, 4.0, 4.0]},
        networks={"a": [8.0, 0.5, 2.5, 1.5], "b": [8.0, 1.0, 1.0, 1.0]},
        cpu={"a": [9.0, 2.0, 2.0, 2.0], "b": [9.0, 6.0, 6.0, 6.0]},
        first=2.0,
        peak_mb=500.0,
    )
    assert (run.warm, run.outside, run.busy) == (3.0, 1.75, 4.0)
    slower = Run(
        first=8.0, seconds={"a": [6.0]}, networks={"a": [2.5]}, cpu={"a": [4.0]}, peak_mb=1000.0, engines=["x (cpu)"]
    )
    lines = _lines({"paddlex": slower, "same": run})
    assert lines[2].split() == ["same", "3.000", "1.750", "4.000", "2.00", "500"]
    assert lines[3].split()[:5] == ["2.00x", "2.00x", "1.00x", "4.00x", "2.00x"]


def test_folders_that_are_there_or_named_are_taken(tmp_path):
    (tmp_path / "PP-OCRv4_mobile_seal_det").mkdir()
    config = "seal_recognition-nopp-nolayout-lightweight"
    found = stand_ins(config, {REC: str(tmp_path / "mine")}, tmp_path)
    assert found == {DET: str(tmp_path / "PP-OCRv4_mobile_seal_det")}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["paddle", "onnxruntime"])
def test_random_weights_answer_by_their_rule(tmp_path, engine):
    from sealkit.bench.stand_ins import write_stand_in
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
