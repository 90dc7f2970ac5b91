"""Function golden recognition: strips through a real recogniser, on every ONNX engine that is installed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from sealkit.images import read_image
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.pipeline.locate import locate_model
from sealkit.runtime.model import installed, load_model


def check_folder(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    path = locate_model("PP-OCRv6_small_rec", weights="rapidocr").path
    assert hashlib.sha256(path.read_bytes()).hexdigest() == manifest["model"]["sha256"]
    engines = [engine for engine in ("onnxruntime", "openvino") if installed(engine)]
    assert engines and manifest["cases"]
    for engine in engines:
        recogniser = TextRecogniser(load_model(path, engine=engine, device="cpu"))
        for case in manifest["cases"]:
            strip = read_image(folder / case["crop"])
            assert list(strip.shape) == case["shape"]
            (found,) = recogniser.read([strip])
            assert found.text == case["text"], engine
            assert found.score == pytest.approx(case["score"], abs=manifest["tolerance"]["score_abs"]), engine
