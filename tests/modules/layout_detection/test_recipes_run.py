"""Every recipe of the module from training to an image: two steps, an evaluation, an export with parity, a prediction.

    pytest -q -m models tests/modules          these and those of the other modules, with a table at the end

The smallest one runs in the default run, too.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import pytest

from sealkit import api, zoo
from sealkit.config.find import shipped
from sealkit.data.labels.coco import TRAIN, VAL

RECIPES = sorted(name for name in shipped("recipes") if name.startswith("layout_"))
SAMPLE = "layout_picodet_s_synth"


def overrides(page_set: Path) -> dict[str, Any]:
    """The recipe on a toy set: batch 2, small input, no workers, weights from nothing."""
    return {
        "data.train": [{"root": str(page_set), "labels": TRAIN}],
        "data.val": [{"root": str(page_set), "labels": VAL}],
        "batch.sizes": [[128, 128], [160, 128]],
        "resize.target_size": [128, 160],
        "postprocess.score_threshold": 0.001,  # two steps give no scores that the published limit lets through
        "weights.init": "scratch",
        "train.max_steps": 2,
        "train.batch_size": 2,
        "train.num_workers": 0,
        "train.threads": 1,
        "train.visualdl": False,
        "eval.at_start": False,
        "eval.batch_size": 2,
    }


def test_there_are_recipes() -> None:
    assert len(RECIPES) == 22 and SAMPLE in RECIPES
    models = {api.load(name).settings.model for name in RECIPES}
    assert models == set(zoo.list_models(module="layout_detection"))


@pytest.mark.models
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == SAMPLE else pytest.mark.slow) for name in RECIPES]
)
def test_recipe(name: str, page_set: Path, tmp_path: Path, model_row: Any) -> None:
    changes = overrides(page_set)
    result = api.train(name, changes, output=tmp_path / "run", progress=False)
    assert (result.step, result.stopped) == (2, "done") and result.last is not None
    report = json.loads((tmp_path / "run" / "inference" / "export_report.json").read_text(encoding="utf-8"))
    assert {"paddle", "onnxruntime"} <= set(report["max_abs_difference"]) and len(report["images"]) == 4
    assert all(max(parts.values()) < 1e-3 for parts in report["max_abs_difference"].values())
    assert "Worst pages" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")

    model = api.load(name).settings.model
    detector = api.create_model(model, tmp_path / "run" / "inference", device="cpu", threads=1)
    page = page_set / "images" / "1.png"
    (found,) = detector.predict(str(page), threshold=0.0, layout_nms=True, layout_merge_bboxes_mode="large")
    height, width = cv2.imread(str(page)).shape[:2]
    assert found["boxes"] and {box["label"] for box in found["boxes"]} <= {"image", "table", "seal"}
    for box in found["boxes"]:
        x1, y1, x2, y2 = box["coordinate"]
        assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height

    exported = api.evaluate(model_dir=tmp_path / "run" / "inference", engine="paddle", progress=False).metrics["map"]
    assert abs(result.last["map"] - exported) < 5e-3
    if name == SAMPLE:
        again = api.evaluate(tmp_path / "run", checkpoint=tmp_path / "run", progress=False).metrics
        assert again["map"] == pytest.approx(result.last["map"], abs=1e-6)
    model_row(name, model, tmp_path / "run" / "inference", report, result.last["map"], exported)
    shutil.rmtree(tmp_path / "run")  # gigabytes of the largest


def test_a_resumed_run_is_the_same_run(page_set: Path, tmp_path: Path) -> None:
    """Batches of changing size, EMA and augmentation: stopping in between changes no bit."""
    from sealkit.weights.checkpoint import load_checkpoint

    changes = {**overrides(page_set), "train.epochs": 2, "eval.every_epochs": 10}
    whole = api.train(
        SAMPLE, {**changes, "train.max_steps": 4}, output=tmp_path / "whole", export=False, progress=False
    )
    api.train(SAMPLE, {**changes, "train.max_steps": 2}, output=tmp_path / "parts", export=False, progress=False)
    parts = api.train(
        SAMPLE, {**changes, "train.max_steps": 4}, output=tmp_path / "parts", resume=True, export=False, progress=False
    )
    assert whole.step == parts.step == 4
    one, two = (load_checkpoint(tmp_path / run / "checkpoints" / "latest") for run in ("whole", "parts"))
    for name, array in (one.training or one.weights).items():
        assert (array == (two.training or two.weights)[name]).all(), name
    assert one.ema is not None and all((one.ema[name] == (two.ema or {})[name]).all() for name in one.ema)
