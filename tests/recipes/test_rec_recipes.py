"""Recipes of recognisers: complete, as published, and every one runs from training to an exported folder.

    pytest tests/recipes/test_rec_recipes.py -m slow -s

trains each for two steps on the toy strips, evaluates it, exports it with proof of parity, and prints a table.
"""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Any

import pytest

from sealkit import api, zoo
from sealkit.config.find import shipped
from sealkit.modules.recipe import load_recipe

LANGUAGES = ("korean", "japan", "chinese_cht", "te", "ka", "ta", "latin", "arabic", "cyrillic", "devanagari")
V5_LANGUAGES = ("korean", "latin", "eslav", "th", "el", "en", "cyrillic", "arabic", "devanagari", "te", "ta")
MODELS = {
    "rec_v6_tiny": "PP-OCRv6_tiny_rec",
    "rec_v6_small": "PP-OCRv6_small_rec",
    "rec_v6_medium": "PP-OCRv6_medium_rec",
    "rec_v5_server": "PP-OCRv5_server_rec",
    "rec_v5_mobile": "PP-OCRv5_mobile_rec",
    "rec_v4_server_doc": "PP-OCRv4_server_rec_doc",
    "rec_v4_server": "PP-OCRv4_server_rec",
    "rec_v4_mobile": "PP-OCRv4_mobile_rec",
    "rec_v3_mobile": "PP-OCRv3_mobile_rec",
    "rec_svtrv2": "ch_SVTRv2_rec",
    "rec_repsvtr": "ch_RepSVTR_rec",
    "rec_en_v4_mobile": "en_PP-OCRv4_mobile_rec",
    "rec_en_v3_mobile": "en_PP-OCRv3_mobile_rec",
    **{f"rec_{language}_v3_mobile": f"{language}_PP-OCRv3_mobile_rec" for language in LANGUAGES},
    **{f"rec_{language}_v5_mobile": f"{language}_PP-OCRv5_mobile_rec" for language in V5_LANGUAGES},
}
FINETUNES = (
    "rec_v6_small_finetune",
    "rec_v4_mobile_finetune",
    "rec_v5_mobile_finetune",
    "rec_v3_mobile_finetune",
    "rec_v4_server_finetune",
    "rec_v4_server_doc_finetune",
    "rec_v5_server_finetune",
    "rec_en_v4_mobile_finetune",
    "rec_svtrv2_finetune",
    "rec_repsvtr_finetune",
    "rec_v6_small_synth_finetune",
    "rec_v6_small_seal",
)
RECIPES = {name: path for name, path in shipped("recipes").items() if name.startswith("rec_")}


def test_their_names() -> None:
    assert set(RECIPES) == {*MODELS, *FINETUNES} and len(RECIPES) == 46


def test_every_recogniser_has_its_recipe() -> None:
    assert sorted(MODELS.values()) == sorted(zoo.list_models(module="text_recognition"))
    for name, model in MODELS.items():
        assert load_recipe(name).settings.model == model


def test_the_languages_share_one_base() -> None:
    for language in LANGUAGES:
        assert "base: rec_v3_mobile.yaml" in RECIPES[f"rec_{language}_v3_mobile"].read_text(encoding="utf-8")


# epochs, batch size per card, optimiser, peak rate, decay, warm-up, strips joined; heights of a batch
OFFICIAL: dict[str, tuple[Any, ...]] = {
    "rec_v6_tiny": (100, 128, "Adam", 1e-3, 3e-5, 5, True),
    "rec_v6_small": (100, 128, "Adam", 5e-4, 3e-5, 5, True),
    "rec_v6_medium": (100, 64, "Adam", 5e-4, 3e-5, 5, True),
    "rec_v5_server": (75, 128, "Adam", 5e-4, 3e-5, 1, False),
    "rec_v5_mobile": (75, 128, "Adam", 5e-4, 3e-5, 5, True),
    "rec_v4_server_doc": (200, 128, "Adam", 1e-3, 3e-5, 5, True),
    "rec_v4_server": (200, 128, "Adam", 1e-3, 3e-5, 5, True),
    "rec_v4_mobile": (200, 192, "Adam", 1e-3, 3e-5, 5, True),
    "rec_svtrv2": (200, 192, "AdamW", 1e-3, 0.05, 5, False),
    "rec_repsvtr": (200, 192, "AdamW", 1e-3, 0.025, 5, False),
    "rec_en_v4_mobile": (50, 96, "Adam", 5e-4, 3e-5, 5, True),
}
OFFICIAL |= dict.fromkeys((f"rec_{language}_v5_mobile" for language in V5_LANGUAGES), OFFICIAL["rec_v5_mobile"])
V3 = (500, 128, "Adam", 1e-3, 3e-5, 5, True)


@pytest.mark.parametrize("name", MODELS)
def test_official_settings(name: str) -> None:
    """As published in PaddleOCR's training configurations."""
    recipe: Any = load_recipe(name).settings
    optimizer, schedule = recipe.optimizer, recipe.schedule
    found = (recipe.train.epochs, recipe.train.batch_size, optimizer.name, optimizer.lr, optimizer.weight_decay)
    operations = [step.op for step in recipe.augment]
    assert (*found, schedule.warmup_epochs, "concat" in operations) == OFFICIAL.get(name, V3)
    assert operations[-1] == "rec_aug" and recipe.augment[-1].p == 0.4
    assert (schedule.name, schedule.cosine_total, optimizer.clip_norm, recipe.ema) == ("cosine", "all", None, None)
    assert optimizer.no_decay == (("norm", "1d") if optimizer.name == "AdamW" else ())
    heights = [height for _, height in recipe.input.scales]
    assert heights == ([48] if name not in OFFICIAL else [32, 48, 64])
    assert recipe.labels.max_text_length == 25 and recipe.network.auxiliary_head == "official"
    assert recipe.resize.image_shape == (3, 48, 320) and not recipe.metric.ignore_space


def run(name: str, folder: Path) -> dict[str, Any]:
    """Two steps, an evaluation, an export with parity; a row for the table."""
    toy = {"root": "datasets/toy_strips"}
    changes = {
        "data.train": [{**toy, "labels": "train.txt"}],
        "data.val": [{**toy, "labels": "val.txt", "ratio": 0.2}],
        "input.scales": [[160, 48]],
        "train.batch_size": 2,
        "train.max_steps": 2,
        "train.num_workers": 0,
        "train.threads": 1,
        "train.visualdl": False,
        "eval.at_start": False,
        "eval.batch_size": 4,
    }
    if load_recipe(name).settings.weights.init == "official":  # nothing of it is on a test machine
        changes |= {"weights.init": "scratch", "dictionary": "labels"}
    started = time.monotonic()
    result = api.train(name, changes, output=folder, progress=False, export=False)
    assert result.step == 2 and result.last is not None
    report = api.export_model(folder, images=3)
    inference = folder / "inference"
    judged = api.evaluate(model_dir=inference, engine="onnxruntime", progress=False)
    assert judged.metrics["acc"] == pytest.approx(result.last["acc"])
    model = load_recipe(name).settings.model
    read = list(
        api.create_model(model, inference, engine="onnxruntime", threads=1).predict("datasets/toy_strips/images")
    )
    assert len(read) > 50 and all(isinstance(one["rec_text"], str) for one in read)
    return {
        "recipe": name,
        "model": model,
        "MB": sum(path.stat().st_size for path in inference.glob("inference.*") if path.suffix != ".onnx") / 1e6,
        "difference": max(value for parts in report["max_abs_difference"].values() for value in parts.values()),
        "seconds": time.monotonic() - started,
    }


def test_the_smallest_runs_from_training_to_folder(tmp_path: Path) -> None:
    row = run("rec_v6_tiny", tmp_path / "run")
    assert row["difference"] < 1e-3


@pytest.mark.slow
def test_all_of_them_run_from_training_to_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, faults = [], []
    for name in RECIPES:
        try:
            rows.append(run(name, tmp_path / name))
        except Exception as error:  # the table is wanted whole; what failed is named below
            faults.append(f"{name}: {type(error).__name__}: {error}")
        gc.collect()
        with capsys.disabled():
            print(f"\n{faults[-1]}" if faults and faults[-1].startswith(f"{name}:") else ".", end="", flush=True)
    with capsys.disabled():
        print(f"\n{'recipe':32}{'model':36}{'MB':>7}{'largest difference':>20}{'seconds':>9}")
        for row in rows:
            print(f"{row['recipe']:32}{row['model']:36}{row['MB']:7.1f}{row['difference']:20.1e}{row['seconds']:9.1f}")
    assert not faults, "\n".join(faults)
    assert len(rows) == 46
