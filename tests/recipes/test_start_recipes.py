"""The recipe that a module's own data is trained with runs on the module's toy set, from the weights it names.

Its first five losses are those of `first_losses.json`, so that no change of data, augmentation, network, loss or
optimiser goes unseen. Where one was meant: `python -m tests.recipes.test_start_recipes` writes the file anew.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from sealkit import api
from sealkit.modules.own_data import own_set
from sealkit.modules.table import MODULES, having

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("first_losses.json")
# OpenCV's versions and vector units draw augmented images a little differently (4.10: a loss by 3.2 %).
TOLERANCE: dict[str, Any] = {"rel": 0.05, "abs": 0.02}
SETS = {name: MODULES[name].toy_set for name in having("start_recipe")}
SMALLER: dict[str, dict[str, Any]] = {
    "seal_text_detection": {"resize.limit_side_len": 160},
    "text_recognition": {"data.val.0.ratio": 0.2},
    "layout_detection": {"batch.sizes": [[160, 160]], "resize.target_size": [160, 160]},
    "doc_text_orientation": {},
    "textline_orientation": {},
}


def test_each_module_has_its_toy_set() -> None:
    assert set(SETS) == set(having("task")) == set(SMALLER)
    for module, name in SETS.items():
        assert own_set(ROOT / "datasets" / name).module == module


def first_losses(module: str, folder: Path) -> list[float]:
    """Losses of five steps of two samples, on one thread with Paddle's own kernels."""
    changes = {
        "train.max_steps": 5,
        "train.batch_size": 2,
        "train.log_every": 1,
        "train.num_workers": 0,
        "train.threads": 1,
        "train.kernels": "paddle",
        "train.visualdl": False,
        "eval.at_start": False,
        "eval.batch_size": 4,
    } | SMALLER[module]
    result = api.train(
        None, changes, data=ROOT / "datasets" / SETS[module], output=folder, progress=False, export=False
    )
    assert (result.step, result.stopped) == (5, "done") and result.last is not None
    assert (folder / "checkpoints/latest/weights.safetensors").is_file()
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [row["loss"] for row in rows if row["kind"] == "train"]


@pytest.mark.parametrize("module", SETS)
def test_first_five_losses(module: str, tmp_path: Path) -> None:
    known = json.loads(FILE.read_text(encoding="utf-8"))
    assert set(known) == set(SETS) and all(len(values) == 5 for values in known.values())
    assert first_losses(module, tmp_path / "run") == pytest.approx(known[module], **TOLERANCE)


if __name__ == "__main__":
    found = {}
    for name in SETS:
        with tempfile.TemporaryDirectory() as place:
            found[name] = [float(f"{value:.6g}") for value in first_losses(name, Path(place) / "run")]
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
