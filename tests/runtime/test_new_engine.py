"""An engine is one file and one row: the table alone makes it known everywhere."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from sealkit.runtime import engines, model
from sealkit.runtime.devices import CPU
from sealkit.runtime.engines import EngineInfo
from sealkit.runtime.model import InferenceModel, load_model
from sealkit.runtime.onnx_engine import OnnxRuntimeModel

FOLDER = Path(__file__).resolve().parents[2] / "sealkit" / "assets" / "PP-OCRv6_small_rec.onnx"


@pytest.fixture
def halved(monkeypatch: pytest.MonkeyPatch) -> type:
    """An engine whose answers are half of ONNX Runtime's, in a file of its own and a row."""

    class Halved(OnnxRuntimeModel):
        def _execute(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
            return [output / 2 for output in super()._execute(arrays)]

    file = types.ModuleType("halved_engine")
    file.CLASSES = {"halved": Halved}  # type: ignore[attr-defined]
    file.device_problem = lambda name, device: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "halved_engine", file)
    row = EngineInfo("numpy", "onnx", "halved_engine", "pip install halved", ("cpu",), cpu_rank=0)
    monkeypatch.setitem(engines.ENGINES, "halved", row)  # type: ignore[arg-type]
    return Halved


def test_it_runs_by_name_and_is_ranked(halved: type) -> None:
    assert issubclass(halved, InferenceModel)
    assert engines.order("cpu")[0] == "halved" and "halved" not in engines.order("gpu")
    assert engines.proving(onnx=True) == ("paddle", "halved", "onnxruntime", "openvino")
    assert engines.proving(onnx=False) == ("paddle",)
    image = np.zeros((1, 3, 48, 320), np.float32)
    ours, theirs = (load_model(FOLDER, name, "cpu").run(image)[0] for name in ("halved", "onnxruntime"))
    assert np.allclose(ours, theirs / 2)
    assert model.installed("halved") and CPU.kind in engines.ENGINES["halved"].devices
