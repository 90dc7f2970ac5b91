"""The how-tos, worked: what is added here, from files outside the package, trains, evaluates, exports and runs.

Rows of sealkit's own tables are set by the test; each counts as one file that had to be opened.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit import api, zoo
from sealkit.errors import ConfigError
from sealkit.modules import table
from sealkit.modules.table import ModuleInfo
from sealkit.modules.text_recognition import kinds, models
from sealkit.modules.text_recognition.kinds import RecKind
from sealkit.modules.text_recognition.networks import architectures
from sealkit.modules.text_recognition.networks.architectures import Architecture
from tests.modules.examples.position_decode import PLACES
from tests.modules.text_recognition.conftest import TEXTS, write_set

EXAMPLES = "tests.modules.examples"


class Additions:
    """Rows put into tables for one test, and the files one has to touch for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.files: set[str] = set()

    def file(self, name: str) -> str:
        """A new file; returns its dotted name."""
        self.files.add(name)
        return f"{EXAMPLES}.{name}"

    def row(self, module: Any, mapping: str, key: str, value: Any) -> None:
        """A row in a table of a file of sealkit."""
        self.files.add(module.__name__)
        self._monkeypatch.setitem(getattr(module, mapping), key, value)


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Additions:
    return Additions(monkeypatch)


def train_and_read(
    model: str, tmp_path: Path, texts: tuple[str, ...] = TEXTS, **changes: Any
) -> tuple[Path, list[str]]:
    """Two steps, an evaluation, an export with proof, and the folder's reading of the strips."""
    write_set(tmp_path / "set", "all.txt", texts)
    sets = [{"root": str(tmp_path / "set"), "labels": "all.txt"}]
    recipe = {
        "name": "t",
        "module": "text_recognition",
        "model": model,
        "dictionary": "labels",
        "data": {"train": sets, "val": sets},
        "input": {"scales": [[160, 48]]},
        "labels": {"max_text_length": 25},
        "network": {"auxiliary_head": "none", "steps": "width"},
        "train": {"max_steps": 2, "batch_size": 4, "num_workers": 0, "threads": 1, "visualdl": False},
        "eval": {"metric": "norm_edit_dis", "batch_size": 4},
        "output": str(tmp_path / "run"),
        **changes,
    }
    result = api.train(recipe, progress=False)
    assert result.step == 2 and result.best is not None and "norm_edit_dis" in result.best
    trained = api.evaluate(checkpoint=tmp_path / "run", progress=False)
    exported = api.evaluate(model_dir=tmp_path / "run" / "inference", progress=False)
    assert exported.metrics == pytest.approx(trained.metrics, abs=1e-4)
    runner = api.create_model(model, tmp_path / "run" / "inference", threads=1)
    strips = sorted((tmp_path / "set" / "images").glob("*.png"), key=lambda path: int(path.stem.split("_")[1]))
    read = [result["rec_text"] for result in runner.predict([str(path) for path in strips])]
    by_index = sorted(exported.records, key=lambda record: int(Path(record["path"]).stem.split("_")[1]))
    equal = [one == record["pred"] for one, record in zip(read, by_index, strict=True)]
    # after a few steps two classes may be as likely as each other: the engines' roundings decide one character
    assert sum(equal) >= len(equal) - 1, "the pipeline's recogniser reads as the evaluation does"
    return tmp_path / "run" / "inference", read


def test_a_ctc_recogniser_is_a_backbone_and_two_rows(added: Additions, tmp_path: Path) -> None:
    backbone = added.file("strip_net")
    added.row(architectures, "ARCHITECTURES", "strip", Architecture(backbone=f"{backbone}.StripNet"))
    added.row(models, "MODELS", "Strip_rec", models.spec_of("Strip_rec", ("strip", "", 1000)))
    train_and_read("Strip_rec", tmp_path)
    assert len(added.files) <= 3
    assert "Strip_rec" in zoo.list_models(module="text_recognition")


def test_another_loss_is_a_function_and_its_name(added: Additions, tmp_path: Path) -> None:
    """A CTC model is trained with it, its folder is read as before, and a misspelt name is refused before anything."""
    model = "PP-OCRv3_mobile_rec"
    with pytest.raises(ConfigError, match="no such loss") as caught:
        train_and_read(model, tmp_path, loss={"name": "focal_ctc"})
    assert "losses: ctc" in str(caught.value)
    focal = f"{added.file('focal_ctc')}.focal_ctc_terms"
    ctc = kinds.KINDS["ctc"]
    added.row(kinds, "KINDS", "ctc", replace(ctc, losses={**ctc.losses, "focal_ctc": focal}))
    folder, _ = train_and_read(model, tmp_path, loss={"name": "focal_ctc"})
    steps = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8")
    assert "loss/loss_focal_ctc" in steps and "loss/loss_ctc" not in steps
    assert "name: CTCLabelDecode" in (folder / "inference.yml").read_text(encoding="utf-8")
    assert len(added.files) <= 2


def test_another_kind_of_recogniser_is_five_files(added: Additions, tmp_path: Path) -> None:
    """Trained with cross entropy over the places of the text; CTC is nowhere in its way."""
    network, decoding = added.file("position_net"), added.file("position_decode")
    kind = RecKind(
        name="places",
        post_process="PlacesLabelDecode",
        output="places",
        decode=f"{decoding}.decode",
        losses={"cross_entropy": f"{network}.loss"},
        steps_needed=f"{decoding}.steps_needed",
        rows={"position_head.fc.weight": 1, "position_head.fc.bias": 0},
        steps=PLACES,
    )
    added.row(kinds, "KINDS", "places", kind)
    added.row(architectures, "ARCHITECTURES", "places", Architecture(kind="places", build=f"{network}.build"))
    added.row(models, "MODELS", "Places_rec", models.spec_of("Places_rec", ("places", "", 1000)))
    folder, _ = train_and_read("Places_rec", tmp_path, (*TEXTS, "S" * (PLACES + 1)))
    (noted,) = json.loads((tmp_path / "run" / "data.json").read_text(encoding="utf-8"))["train"]
    assert noted["left_out"] == {"more characters than the network has time steps for": 1}
    assert len(added.files) <= 5
    assert "name: PlacesLabelDecode" in (folder / "inference.yml").read_text(encoding="utf-8")


def test_a_module_is_one_folder_and_one_row(added: Additions, tmp_path: Path) -> None:
    colour = added.file("seal_colour")
    row = ModuleInfo(
        name="seal_colour",
        keys=(),
        names="_seal_colour$",
        models=f"{colour}.models.MODELS",
        predictor=f"{colour}.predictor.ColourPredictor",
        recipe=f"{colour}.settings.ColourRecipe",
        task=f"{colour}.task.ColourTask",
        export=f"{colour}.export.ColourExport",
    )
    added.row(table, "MODULES", "seal_colour", row)
    paints = {"red": (40, 40, 200), "blue": (200, 60, 30)}
    names = [f"{number}_{list(paints)[number % 2]}" for number in range(8)]
    for name in names:
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((40, 40, 3), paints[name[2:]], np.uint8))
    lines = [f"{name}.png\t{name[2:]}\n" for name in names]
    (tmp_path / "all.txt").write_text("".join(lines), encoding="utf-8")
    sets = [{"root": str(tmp_path), "labels": "all.txt"}]
    recipe = {
        "name": "t",
        "module": "seal_colour",
        "model": "Tiny_seal_colour",
        "data": {"train": sets, "val": sets},
        "train": {"max_steps": 2, "batch_size": 4, "num_workers": 0, "threads": 1, "visualdl": False},
        "optimizer": {"lr": 0.05},
        "output": str(tmp_path / "run"),
    }
    with pytest.raises(ConfigError, match=r"eval\.metric: .*\(got 'f1'\)\n  next: it computes accuracy, red_recall"):
        api.train({**recipe, "output": str(tmp_path / "no")}, ["eval.metric=f1"], progress=False)
    result = api.train(recipe, ["eval.metric=red_recall"], progress=False)
    assert result.step == 2 and result.best is not None and "red_recall" in result.best
    folder = tmp_path / "run" / "inference"
    evaluation = api.evaluate(model_dir=folder, progress=False)
    assert evaluation.main == "red_recall" and evaluation.metrics["accuracy"] >= 0.5
    model = api.create_model("Tiny_seal_colour", folder, threads=1)
    answers = [found["colour"] for found in model.predict(str(tmp_path / f"{names[0]}.png"))]
    records = {record["index"]: record["pred"] for record in evaluation.records}
    assert answers == [list(paints)[records[0]]]
    assert len(added.files) == 2
