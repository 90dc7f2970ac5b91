"""Every shipped recipe is valid and says what it is for."""

import re
from pathlib import Path
from typing import Any

import pytest

from sealkit import zoo
from sealkit.config.find import shipped
from sealkit.modules import table
from sealkit.modules.recipe import load_recipe

RECIPES = shipped("recipes")
ROOT = Path(__file__).parents[2]
DRAWN_BY = {"seal_det_demo": "make demo", "rec_v6_small_synth_finetune": "--folder data/new_characters"}
HEADS = ("Purpose", "Data", "Command", "Score", "Time")


def test_their_names() -> None:
    """A glob that finds nothing must not pass, and a recipe must not get lost: a new one is entered here."""
    assert {name for name in RECIPES if not name.startswith("rec_")} == {  # those: test_rec_recipes.py
        "doc_ori",
        "doc_ori_finetune",
        "doc_ori_synth",
        "layout_docblock_l",
        "layout_doclayout_l",
        "layout_doclayout_m",
        "layout_doclayout_m_finetune",
        "layout_doclayout_plus_l",
        "layout_doclayout_plus_l_finetune",
        "layout_doclayout_s",
        "layout_doclayout_s_finetune",
        "layout_picodet_1x",
        "layout_picodet_1x_finetune",
        "layout_picodet_1x_table",
        "layout_picodet_l_17cls",
        "layout_picodet_l_3cls",
        "layout_picodet_l_3cls_finetune",
        "layout_picodet_s_17cls",
        "layout_picodet_s_3cls",
        "layout_picodet_s_3cls_finetune",
        "layout_picodet_s_synth",
        "layout_rtdetr_h_17cls",
        "layout_rtdetr_h_3cls",
        "layout_rtdetr_h_3cls_finetune",
        "layout_rtdetr_l_finetune",
        "seal_det_cpu_small",
        "seal_det_demo",
        "seal_det_mobile",
        "seal_det_mobile_finetune",
        "seal_det_server",
        "seal_det_server_finetune",
        "seal_det_v6_medium",
        "seal_det_v6_small",
        "seal_det_v6_small_stamps",
        "seal_det_v6_small_synth",
        "seal_det_v6_tiny",
        "textline_ori",
        "textline_ori_cpu",
        "textline_ori_finetune",
    }


@pytest.mark.parametrize("name", sorted({row.start_recipe for row in table.MODULES.values() if row.start_recipe}))
def test_where_own_data_starts_the_time_and_memory_are_said(name: str) -> None:
    """Whether a laptop will do."""
    head = RECIPES[name].read_text(encoding="utf-8").partition("\nname:")[0]
    said = {line[2:].partition(":")[0]: line for line in head.splitlines() if re.match(r"# \w+:", line)}
    assert re.search(r"\d\.\d GB", said["Memory"])
    time = head[head.index("# Time:") : head.index("# Memory:")]
    assert re.search(r"(minutes|half an hour) on|about \d+ minutes", time)


@pytest.mark.parametrize("name", RECIPES)
def test_settings(name: str) -> None:
    settings = load_recipe(name, models=zoo.models_by_module()).settings
    assert settings.name == name
    assert settings.run_dir.startswith("runs/")


@pytest.mark.parametrize("name", RECIPES)
def test_header(name: str) -> None:
    lines = RECIPES[name].read_text(encoding="utf-8").splitlines()
    assert len(lines) < 100
    head = []
    for line in lines:
        if not line.startswith("#"):
            break
        head.append(line)
    text = "\n".join(head)
    for word in HEADS:
        assert re.search(rf"^# {word}: +\S", text, re.MULTILINE), f"the header of {name} does not say its {word}"
    command = re.search(r"-c (recipes/\S+\.yaml)", text)
    assert command is not None
    assert command.group(1) == f"recipes/{name}.yaml"


def quoted_score(name: str) -> str | None:
    """The sentence in which a recipe's header quotes a published score; None where it quotes none."""
    head = RECIPES[name].read_text(encoding="utf-8").partition("# Score:")[2].partition("\n# Time:")[0]
    found = re.search(r"\S.* \(published by \w+, not reproduced here", " ".join(head.replace("\n#", " ").split()))
    return found.group() if found else None


@pytest.mark.parametrize("name", RECIPES)
def test_a_quoted_score_is_the_published_one(name: str) -> None:
    quoted, published = quoted_score(name), zoo.get(load_recipe(name).settings.model).published
    if quoted is None:
        return
    assert published is not None
    digits = 1 if published.name == "mAP(0.5)" else 2
    value = f"{published.value:.{digits}f} {published.unit}"
    project = published.source.split()[0]
    expected = f"{published.name} {value} on {published.data} (published by {project}, not reproduced here"
    assert quoted == expected


def test_every_published_score_of_a_trainable_model_is_quoted() -> None:
    quoted = {load_recipe(name).settings.model for name in RECIPES if quoted_score(name) is not None}
    published = {name for name, spec in zoo.all_models().items() if spec.published is not None}
    assert quoted == {name for name in published if not table.info(zoo.get(name).module).not_trainable}


@pytest.mark.parametrize("name", RECIPES)
def test_its_data_are_in_the_repository_or_drawn_by_its_own_command(name: str) -> None:
    head = RECIPES[name].read_text(encoding="utf-8").partition("# Score:")[0].partition("# Command:")[2]
    data = load_recipe(name).settings.model_dump()["data"]
    for one in [*data["train"], *data["val"]]:
        if one.get("synth") is not None:
            continue  # drawn while it trains
        shipped_set = ROOT / one["root"] / one["labels"]
        assert shipped_set.is_file() or DRAWN_BY.get(name, f"sealkit data synth {one['root']} ") in head, one


@pytest.mark.parametrize("module", ["seal_text_detection", "doc_text_orientation", "layout_detection"])
def test_every_model_has_a_recipe(module: str) -> None:
    assert set(zoo.recipes_by_model()) >= set(zoo.list_models(module=module))


@pytest.mark.parametrize("name", [name for name, spec in zoo.all_models().items() if "official" in spec.weights])
def test_every_model_with_published_weights_can_be_fine_tuned(name: str) -> None:
    """By a recipe of its own, or by `-o model=NAME` of one that says so."""
    if table.info(zoo.get(name).module).not_trainable:
        return
    tuned = [
        recipe
        for recipe in RECIPES
        if recipe.endswith("_finetune")
        and (load_recipe(recipe).settings.model == name or name in RECIPES[recipe].read_text(encoding="utf-8"))
    ]
    assert tuned
    settings = load_recipe(tuned[0], {"model": name}).settings
    assert settings.model == name and settings.weights.init in zoo.get(name).weights


PICODET = [  # recipe, peak rate, epochs, epochs of the cosine, warm-up steps, batch, epochs with ATSS
    ("layout_picodet_s_3cls", 0.08, 100, 300, 100, 16, 10),
    ("layout_picodet_s_17cls", 0.08, 100, 300, 100, 16, 10),
    ("layout_picodet_l_3cls", 0.06, 100, 150, 300, 16, 10),
    ("layout_picodet_l_17cls", 0.06, 100, 150, 300, 16, 10),
    ("layout_doclayout_s", 0.08, 100, 300, 100, 16, 100),
    ("layout_doclayout_m", 0.06, 100, 150, 300, 16, 100),
    ("layout_picodet_1x", 0.4, 50, 100, 100, 24, None),
    ("layout_picodet_1x_table", 0.4, 50, 100, 100, 24, None),
]


@pytest.mark.parametrize(("name", "rate", "epochs", "total", "warm", "batch", "static"), PICODET)
def test_official_picodet_settings(
    name: str, rate: float, epochs: int, total: int, warm: int, batch: int, static: int | None
) -> None:
    """As PaddleX's configurations of these models have them."""
    recipe: Any = load_recipe(name).settings
    optimizer, schedule = recipe.optimizer, recipe.schedule
    assert (recipe.train.epochs, recipe.train.batch_size, optimizer.lr) == (epochs, batch, rate)
    assert (optimizer.name, optimizer.momentum, optimizer.weight_decay) == ("Momentum", 0.9, 4e-5)
    assert optimizer.clip_norm is None
    assert (schedule.name, schedule.total_epochs, schedule.warmup_steps) == ("cosine", total, warm)
    assert (schedule.warmup_from, schedule.cosine_total) == (0.1, "after_warmup")
    assert (recipe.ema.decay, recipe.ema.kind) == (0.9998, "threshold")
    assert recipe.ema.cycle_epochs == (10 if "1x" in name else None)
    assert static is None or recipe.loss.static_assigner_epoch == static
    assert [step.op for step in recipe.augment] == ["box_crop", "flip", "distort"]
    assert [step.p for step in recipe.augment] == [1.0, 0.5, 1.0]
    height, width = zoo.get(recipe.model).input.height, zoo.get(recipe.model).input.width
    steps = (-32, 0, 32) if "1x" in name else (-64, -32, 0, 32, 64)
    assert recipe.batch.sizes == tuple((height + step, width + step) for step in steps)
    assert len(recipe.batch.interpolations) == 5 and recipe.data.empty_pages == "drop"
    assert (recipe.postprocess.score_threshold, recipe.postprocess.nms_iou) == (0.025, 0.6)


@pytest.mark.parametrize(
    ("name", "epochs", "batch"),
    [
        ("layout_doclayout_l", 40, 8),
        ("layout_doclayout_plus_l", 40, 8),
        ("layout_rtdetr_h_3cls", 100, 4),
        ("layout_rtdetr_h_17cls", 100, 4),
    ],
)
def test_official_rtdetr_settings(name: str, epochs: int, batch: int) -> None:
    """As PaddleX's configurations of these models have them."""
    recipe: Any = load_recipe(name).settings
    optimizer, schedule = recipe.optimizer, recipe.schedule
    assert (recipe.train.epochs, recipe.train.batch_size) == (epochs, batch)
    assert (optimizer.name, optimizer.lr, optimizer.weight_decay, optimizer.clip_norm) == ("AdamW", 1e-4, 1e-4, 0.1)
    assert (schedule.name, schedule.warmup_steps, schedule.warmup_from) == ("constant", 100, 0.001)
    assert (recipe.ema.decay, recipe.ema.kind) == (0.9999, "exponential")
    assert [(step.op, step.p) for step in recipe.augment] == [
        ("distort", 0.8),
        ("expand", 0.5),
        ("box_crop", 0.8),
        ("flip", 0.5),
    ]
    fed, most = zoo.get(recipe.model).input, 4 if "plus" in name else 3
    assert recipe.batch.sizes.count((fed.height, fed.width)) == most and recipe.network.denoising == 100


def test_official_orientation_settings() -> None:
    """As PaddleX's configuration of PP-LCNet_x1_0_doc_ori has them."""
    recipe: Any = load_recipe("doc_ori").settings
    assert (recipe.train.epochs, recipe.train.batch_size) == (60, 256)
    optimizer, schedule = recipe.optimizer, recipe.schedule
    assert (optimizer.name, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == ("Momentum", 0.14, 0.9, 3e-5)
    assert (schedule.name, schedule.warmup_epochs, schedule.cosine_total) == ("cosine", 5, "after_warmup")
    assert (recipe.loss.label_smoothing, recipe.resize.resize_short, recipe.resize.crop) == (0.1, 256, 224)
    assert recipe.augment[0].scale == (0.08, 1.0) and recipe.augment[0].size == (224, 224)
    assert recipe.ema is None and optimizer.clip_norm is None


@pytest.mark.parametrize("name", ["seal_det_server", "seal_det_mobile"])
def test_official_settings(name: str) -> None:
    """As published for PP-OCRv4_server_seal_det and PP-OCRv4_mobile_seal_det (PaddleX's training configs)."""
    recipe: Any = load_recipe(name).settings
    assert (recipe.train.epochs, recipe.train.batch_size) == (100, 4 if "server" in name else 8)
    optimizer, schedule = recipe.optimizer, recipe.schedule
    assert (optimizer.name, optimizer.lr, optimizer.weight_decay, optimizer.clip_norm) == ("Adam", 1e-3, 1e-6, None)
    assert (optimizer.beta1, optimizer.beta2, optimizer.epsilon) == (0.9, 0.999, 1e-8)
    assert (schedule.name, schedule.warmup_epochs, schedule.cosine_total) == ("cosine", 2, "all")
    assert (recipe.targets.shrink_ratio, recipe.targets.thresh_min, recipe.targets.thresh_max) == (0.8, 0.3, 0.7)
    assert (recipe.loss.main, recipe.loss.alpha, recipe.loss.beta) == ("dice", 5, 10)
    assert [step.op for step in recipe.augment] == ["flip", "rotate", "scale", "east_crop"]
    assert recipe.augment[1].degrees == (-10, 10) and recipe.augment[2].factor == (0.5, 3)
    assert recipe.ema is None


@pytest.mark.parametrize(
    ("name", "decay", "weight_decay"),
    [("tiny", 0.9998, 1e-6), ("small", 0.9997, 1e-5), ("medium", 0.9996, 1e-5)],
)
def test_v6_settings(name: str, decay: float, weight_decay: float) -> None:
    recipe: Any = load_recipe(f"seal_det_v6_{name}").settings
    assert (recipe.ema.decay, recipe.ema.kind, recipe.optimizer.weight_decay) == (decay, "threshold", weight_decay)
    assert (recipe.loss.main, recipe.loss.aux_weights) == ("dice_focal", (0.2, 0.3, 0.4))


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("seal_det")])
def test_seal_detectors_decode_as_the_pipeline_does(name: str) -> None:
    """shrink_ratio 0.8 and unclip_ratio 0.5 belong together; mixed with 0.4 and 1.5 outlines get fat or thin."""
    recipe: Any = load_recipe(name).settings
    post = recipe.postprocess
    assert recipe.targets.shrink_ratio == 0.8
    assert (post.thresh, post.box_thresh, post.unclip_ratio, post.rings) == (0.2, 0.6, 0.5, "keep")
