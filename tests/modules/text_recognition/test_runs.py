"""Whole runs: training to folder, exact resume with batches of changing size, the same metrics on every way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from sealkit import api
from sealkit.errors import ConfigError
from sealkit.modules.text_recognition.settings import TextRecognitionRecipe
from sealkit.runtime.onnx_fields import onnx_metadata
from sealkit.weights.checkpoint import load_checkpoint, read_state
from tests.modules.text_recognition.conftest import TEXTS, draw

Make = Callable[..., TextRecognitionRecipe]
SHAPE = {"scales": [[96, 48], [96, 32]], "by_ratio": True}
LOOP = {"batch_size": 3, "num_workers": 0, "threads": 1, "visualdl": False}


@pytest.fixture
def run(make_recipe: Make, tmp_path: Path) -> Callable[..., Path]:
    def train(name: str, steps: int, resume: bool = False, **changes: object) -> Path:
        recipe = make_recipe(
            input=SHAPE, train={**LOOP, "max_steps": steps, "epochs": 3}, output=str(tmp_path / name), **changes
        )
        api.train(recipe, resume=resume, progress=False, export=bool(changes))
        return tmp_path / name

    return train


def test_resume_is_exact_with_batches_of_changing_size(run: Callable[..., Path]) -> None:
    whole = load_checkpoint(run("whole", 6) / "checkpoints" / "latest").weights
    run("parts", 3)
    parts = load_checkpoint(run("parts", 6, resume=True) / "checkpoints" / "latest").weights
    assert whole.keys() == parts.keys()
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)


def test_from_training_to_a_folder_that_reads_the_same(run: Callable[..., Path], tmp_path: Path) -> None:
    folder = run("all", 2, eval={"batch_size": 4})
    extras = read_state(folder / "checkpoints" / "best")["extras"]
    characters = sorted({character for text in TEXTS for character in text} - {" "})
    assert extras["charset"]["characters"] == characters
    inference = folder / "inference"
    assert onnx_metadata(inference / "inference.onnx")["character"].split("\n") == characters
    by_checkpoint = api.evaluate(checkpoint=folder, progress=False)
    by_folder = api.evaluate(model_dir=inference, progress=False)
    assert by_folder.metric == by_checkpoint.metric == "acc (preprocess=pipeline, spaces=kept)"
    assert by_folder.metrics == pytest.approx(by_checkpoint.metrics)
    assert [r["pred"] for r in by_folder.records] == [r["pred"] for r in by_checkpoint.records]
    for number, text in enumerate(TEXTS):
        cv2.imwrite(str(tmp_path / f"{number:02d}.png"), draw(text))
    model = api.create_model("PP-OCRv6_tiny_rec", inference, engine="onnxruntime", threads=1)
    paths = sorted(str(path) for path in tmp_path.glob("*.png"))
    one_by_one = [result["rec_text"] for result in model.predict(paths)]
    assert one_by_one == [result["rec_text"] for result in model.predict(paths, batch_size=6)]
    with pytest.raises(ConfigError, match="does not match this recipe"):
        api.evaluate(checkpoint=folder, overrides={"network.auxiliary_head": "official"}, progress=False)
    assert "Worst strips" in (folder / "report.html").read_text(encoding="utf-8")


def test_known_rows_stay_through_a_resumed_run(run: Callable[..., Path], strip_set: Path) -> None:
    start = run("start", 1, eval={"batch_size": 4})
    (strip_set / "more.txt").write_text("".join(f"images/train_{n}.png\t{text}~\n" for n, text in enumerate(TEXTS)))
    sets = {name: [{"root": str(strip_set), "labels": "more.txt"}] for name in ("train", "val")}
    changes = {"weights": {"init": str(start)}, "dictionary": None, "charset": "union", "keep_known": True}
    run("kept", 2, data=sets, **changes)
    kept = load_checkpoint(run("kept", 3, resume=True, data=sets, **changes) / "checkpoints" / "latest")
    before = load_checkpoint(start / "checkpoints" / "best").weights
    old, new = (
        read_state(f / "checkpoints" / "best")["extras"]["charset"]["characters"]
        for f in (start, start.with_name("kept"))
    )
    assert set(new) - set(old) == {"~"}
    for name in ("head.ctc_head.fc2.weight", "head.ctc_head.fc2.bias"):
        for character in old:
            a, b = old.index(character) + 1, new.index(character) + 1
            assert np.array_equal(before[name][..., a], kept.weights[name][..., b]), (name, character)
    trained = [n for n in before if n.startswith("backbone") and not np.array_equal(before[n], kept.weights[n])]
    assert trained
