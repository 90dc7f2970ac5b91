"""The recipe that a module's own data is trained with runs on the module's toy set, from the weights it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sealkit import api
from sealkit.modules.own_data import own_set
from sealkit.modules.table import having

ROOT = Path(__file__).parents[2]
SETS = {
    "seal_text_detection": "toy",
    "text_recognition": "toy_strips",
    "layout_detection": "toy_layout",
    "doc_text_orientation": "toy_orientation",
}
SMALLER: dict[str, dict[str, Any]] = {
    "seal_text_detection": {"resize.limit_side_len": 160},
    "text_recognition": {"data.val.0.ratio": 0.2},
    "layout_detection": {"batch.sizes": [[160, 160]], "resize.target_size": [160, 160]},
    "doc_text_orientation": {},
}


def test_each_module_has_its_toy_set() -> None:
    assert set(SETS) == set(having("start_recipe"))
    for module, name in SETS.items():
        assert own_set(ROOT / "datasets" / name).module == module


@pytest.mark.parametrize("module", SETS)
def test_two_steps(module: str, tmp_path: Path) -> None:
    changes = {
        "train.max_steps": 2,
        "train.batch_size": 2,
        "train.num_workers": 0,
        "train.threads": 1,
        "train.visualdl": False,
        "eval.at_start": False,
        "eval.batch_size": 4,
    } | SMALLER[module]
    result = api.train(
        None, changes, data=ROOT / "datasets" / SETS[module], output=tmp_path / "run", progress=False, export=False
    )
    assert (result.step, result.stopped) == (2, "done") and result.last is not None
    assert (tmp_path / "run/checkpoints/latest/weights.safetensors").is_file()
