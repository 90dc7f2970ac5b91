"""From recipe to a folder that answers: two steps, an evaluation, an export with parity, a prediction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import sealkit
from sealkit import api
from sealkit.images import read_image
from sealkit.modules.doc_text_orientation.postprocess import turn


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["doc_ori", "doc_ori_finetune", "doc_ori_synth"])
def test_recipe_to_answer(recipe: str, upright_pages: Path, tmp_path: Path, model_row: Any) -> None:
    root = str(upright_pages)
    overrides = {
        "data.train.0.root": root, "data.train.0.labels": None, "data.val.0.root": root, "data.val.0.labels": None,
        "data.train.0.upright": True, "data.val.0.upright": True, "data.val.0.ratio": 1.0,
        "weights.init": "scratch", "train.batch_size": 2, "train.max_steps": 2, "train.num_workers": 0,
        "train.threads": 1, "resize.resize_short": 72, "resize.crop": 64, "eval.batch_size": 4, "eval.at_start": False,
        "eval.every_epochs": 1, "train.visualdl": False, "ema": None,
        "augment": [{"op": "random_resized_crop", "size": [64, 64], "scale": [0.5, 1.0]}],
    }  # fmt: skip
    result = api.train(recipe, overrides, output=tmp_path / "run", progress=False)
    assert result.step == 2
    folder = tmp_path / "run" / "inference"
    spec = yaml.safe_load((folder / "inference.yml").read_text())
    assert spec["PostProcess"]["Topk"]["label_list"] == ["0", "90", "180", "270"]
    trained = api.evaluate(checkpoint=tmp_path / "run", progress=False).metrics
    for engine in ("onnxruntime", "paddle"):
        exported = api.evaluate(model_dir=folder, engine=engine, progress=False).metrics
        assert exported == pytest.approx(trained, abs=0.05), engine
    assert trained["images"] == 24
    page = read_image(upright_pages / "0.png")
    model = sealkit.create_model("PP-LCNet_x1_0_doc_ori", folder, engine="onnxruntime")
    answers = list(model.predict([turn(page, -angle) for angle in (0, 90)], batch_size=2))
    assert [a["label_names"][0] in spec["PostProcess"]["Topk"]["label_list"] for a in answers] == [True, True]
    assert all(0.25 <= float(a["scores"][0]) <= 1 and a["class_ids"].dtype == np.int32 for a in answers)
    report = json.loads((folder / "export_report.json").read_text(encoding="utf-8"))
    model_row(recipe, "PP-LCNet_x1_0_doc_ori", folder, report, trained["top1"], exported["top1"])
