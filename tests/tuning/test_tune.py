"""`sealkit train --tune`: an honest split, values that become overrides, and a whole small study."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from sealkit import api
from sealkit.cli import main
from sealkit.config.training import RecipeBase
from sealkit.errors import ConfigError, TrainingError
from sealkit.modules.recipe import load_recipe
from sealkit.tuning.held_out import split_training
from sealkit.tuning.study import Trial, Tuned, tune, tuned_values

pytest.importorskip("optuna")
TOY = {"root": "datasets/toy", "labels": "train.txt"}


def settings(**changes: Any) -> RecipeBase:
    return load_recipe("seal_det_cpu_small", {"data.train": [TOY], **changes}).settings


def images(file: str | Path) -> set[str]:
    return {line.split("\t")[0] for line in Path(file).read_text(encoding="utf-8").splitlines()}


def test_the_tuning_part_is_of_the_training_set_alone(tmp_path: Path) -> None:
    parts, count = split_training([{**TOY, "ratio": 0.5}, {"synth": {"strips": 8}}], tmp_path, seed=0)
    (train, drawn), (judge,) = parts["data.train"], parts["data.val"]
    a, b = images(train["labels"]), images(judge["labels"])
    assert not a & b and a | b == images("datasets/toy/train.txt") and len(b) == count > 0
    assert not b & images("datasets/toy/val.txt")
    assert train["ratio"] == 0.5 and "ratio" not in judge and drawn == {"synth": {"strips": 8}}


def test_the_parts_of_strips_and_of_pages_with_boxes(tmp_path: Path) -> None:
    strips = {"root": "datasets/toy_strips", "labels": "train.txt"}
    parts, count = split_training([strips], tmp_path / "strips", seed=1)
    files = [parts[key][0]["labels"] for key in ("data.train", "data.val")]
    assert images(files[0]) | images(files[1]) == images("datasets/toy_strips/train.txt") and count == len(
        images(files[1])
    )
    drawn: list[dict[str, Any]] = [{"id": n, "file_name": f"{n}.png", "width": 9, "height": 9} for n in range(8)]
    boxes = [{"id": n, "image_id": n, "category_id": 0, "bbox": [1, 1, 4, 4]} for n in range(8)]
    (tmp_path / "set/annotations").mkdir(parents=True)
    (tmp_path / "set/images").mkdir()
    for page in drawn:
        shutil.copy(next(Path("datasets/toy/images").iterdir()), tmp_path / "set/images" / page["file_name"])
    content = {"images": drawn, "annotations": boxes, "categories": [{"id": 0, "name": "seal"}]}
    (tmp_path / "set/annotations/all.json").write_text(json.dumps(content))
    layout = {"root": str(tmp_path / "set"), "labels": "annotations/all.json"}
    parts, count = split_training([layout], tmp_path / "parts", seed=1)
    names = [
        {page["file_name"] for page in json.loads(Path(parts[key][0]["labels"]).read_text())["images"]}
        for key in ("data.train", "data.val")
    ]
    assert not names[0] & names[1] and len(names[0] | names[1]) == 8 and count == len(names[1]) == 2


def test_data_that_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="drawn on the fly"):
        split_training([{"synth": {"strips": 8}}], tmp_path, seed=0)


def test_values_become_overrides() -> None:
    own = settings()
    assert tuned_values(own, Trial(0, 1.0, 1.0, 1.0), 100) == {}
    found = tuned_values(own, Trial(1, 2.0, 0.5, 1.5), 100)
    assert found["optimizer.lr"] == pytest.approx(2 * own.optimizer.lr) and found["train.max_steps"] == 50
    before = own.model_dump(mode="json")["augment"]
    for old, new in zip(before, found["augment"]):
        assert new == {**old, **({"p": min(1.0, round(old["p"] * 1.5, 3))} if "p" in old else {})}
    assert load_recipe(own, found).settings.train.max_steps == 50


def tuned(best: Trial, before: float, after: float) -> Tuned:
    return Tuned(Path("x"), "hmean", [Trial(0, 1.0, 1.0, 1.0), best], best, before, after)


def test_it_says_when_nothing_is_gained() -> None:
    assert tuned(Trial(1, 2.0, 1.0, 1.0), 0.5, 0.6).verdict().startswith("Better: hmean 0.5000 → 0.6000")
    worse = tuned(Trial(1, 2.0, 1.0, 1.0), 0.5, 0.4)
    assert not worse.better and worse.verdict().startswith("No better:")
    assert tuned(Trial(0, 1.0, 1.0, 1.0), 0.5, 0.5).verdict().startswith("No better values found")


def test_two_trials_of_two_steps(tmp_path: Path, capsys: Any) -> None:
    small = [
        "max_steps=2",
        "batch_size=1",
        "num_workers=0",
        "augment=[{op: photometric, p: 0.5}, {op: fit, size: [96, 96]}]",
    ]
    small += ["resize.limit_side_len=96", "ema=null", "train.threads=1"]
    arguments = ["train", "-c", "seal_det_cpu_small", "--tune", "--budget", "30", "--trials", "2"]
    assert main([*arguments, "--output", str(tmp_path / "tuned"), "-o", *small]) == 0
    printed = capsys.readouterr().out
    assert printed.count("on ") >= 2 and "trial 1:" in printed and "etter" in printed
    content = json.loads((tmp_path / "tuned/trials.json").read_text(encoding="utf-8"))
    first, second = content["trials"]
    assert (first["rate"], first["length"], first["augment"], first["state"]) == (1.0, 1.0, 1.0, "complete")
    assert second["rate"] != 1.0 and not math.isnan(content["before"])
    assert "<svg" in (tmp_path / "tuned/report.html").read_text(encoding="utf-8")
    chosen = api.load(tmp_path / "tuned" / "recipe.yaml").settings
    own = load_recipe("seal_det_cpu_small", small).settings
    assert chosen.model_dump()["data"] == own.model_dump()["data"]  # the user's sets, not the parts
    if content["chosen"] == 0:
        assert chosen.optimizer.lr == own.optimizer.lr
    with pytest.raises(TrainingError, match="not empty"):
        tune(own, folder=tmp_path / "tuned", minutes=1)


def test_flags_without_effect_are_refused(capsys: Any) -> None:
    assert main(["train", "-c", "seal_det_cpu_small", "--budget", "3"]) == 2
    assert "belongs to --tune" in capsys.readouterr().err
    assert main(["train", "-c", "seal_det_cpu_small", "--tune", "--resume"]) == 2
    assert "no effect with --tune" in capsys.readouterr().err
