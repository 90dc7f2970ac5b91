"""`--data DIR`: the module is found, both sets are replaced whole; what would give a wrong score is told."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sealkit import api
from sealkit.engine.val_set import few_images, set_paths
from sealkit.errors import ConfigError, DataError
from sealkit.modules.own_data import module_of_data, one_sided, other_set, own_set, start_recipe, with_fresh_ratios
from sealkit.modules.table import MODULES, having
from sealkit.weights.sources import TAGS

ROOT = Path(__file__).parents[2]
LINES = {
    "seal_text_detection": 'a.png\t[{"transcription": "1", "points": [[0, 0], [9, 0], [9, 9]]}]\n',
    "text_recognition": "a.png\t合同专用章\nb.png\t3\n",
    "doc_text_orientation": "a b.png 0\nc.png 3\n",
    "textline_orientation": "a b.png 0\nc.png 1\n",
}


def _set(root: Path, module: str, parts: tuple[str, ...] = ("train", "val")) -> Path:
    root.mkdir(exist_ok=True)
    if module == "textline_orientation":
        (root / "label.txt").write_text("0 0_degree\n1 180_degree\n", encoding="utf-8")
    for part in parts:
        if module == "layout_detection":
            (root / "annotations").mkdir(exist_ok=True)
            (root / f"annotations/instance_{part}.json").write_text("{}", encoding="utf-8")
        else:
            (root / f"{part}.txt").write_text(LINES[module], encoding="utf-8")
    return root


@pytest.mark.parametrize("module", having("start_recipe"))
def test_the_module_is_found_and_has_a_recipe_to_start_with(module: str, tmp_path: Path) -> None:
    root = _set(tmp_path / "own", module)
    own = own_set(root)
    assert own.module == module
    settings: Any = api.load(start_recipe(module), own.overrides()).settings
    for part in ("train", "val"):
        (one,) = getattr(settings.data, part)
        assert one.root == str(root) and one.ratio == 1.0
        assert set_paths(settings, part) == [str(root / own.labels[part])]
    there = module != "textline_orientation"  # no wheel has weights of its networks, and the pipeline no place for them
    assert settings.weights.init in TAGS and (settings.weights.init not in ("scratch", "official")) == there
    assert bool(MODULES[module].flag) == there
    assert set(having("start_recipe")) == set(having("task"))


def test_the_toy_sets() -> None:
    assert module_of_data(ROOT / "datasets/toy") == "seal_text_detection"
    assert module_of_data(ROOT / "datasets/toy_strips") == "text_recognition"
    assert module_of_data(ROOT / "datasets/toy_layout") == "layout_detection"
    assert module_of_data(ROOT / "datasets/toy_orientation") == "doc_text_orientation"
    assert module_of_data(ROOT / "datasets/toy_textlines") == "textline_orientation"


def test_what_cannot_be_trained_on_names_the_next_command(tmp_path: Path) -> None:
    root = _set(tmp_path / "own", "seal_text_detection", ("train",))
    with pytest.raises(DataError, match=rf"validation part is missing(.|\n)*sealkit data split {root}"):
        own_set(root)
    labelme = tmp_path / "labelme"
    labelme.mkdir()
    shapes = [{"label": "x", "points": [[0, 0], [9, 0], [9, 9]], "shape_type": "polygon"}]
    content = {"version": "5", "shapes": shapes, "imagePath": "a.png", "imageData": None}
    (labelme / "a.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match=rf"sealkit data convert {labelme} OUT"):
        own_set(labelme)
    with pytest.raises(DataError, match="no such folder"):
        own_set(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="no such module"):
        own_set(root, "seals")


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What api.train hands to the training loop."""
    caught: dict[str, Any] = {}

    def fit(task: Any, settings: Any, **options: Any) -> Any:
        caught.update(options, settings=settings)
        return SimpleNamespace(stopped="interrupted", run_dir=tmp_path)

    monkeypatch.setattr("sealkit.engine.loop.fit", fit)
    return caught


def test_train_takes_a_folder(fitted: dict[str, Any]) -> None:
    api.train(data=ROOT / "datasets/toy", device="cpu", overrides=["max_steps=2"])
    settings = fitted["settings"]
    assert settings.name == "seal_det_cpu_small" and settings.train.max_steps == 2 and settings.train.device == "cpu"
    assert fitted["warnings"] == []
    api.train("seal_det_v6_small_synth", data=ROOT / "datasets/toy")
    assert set_paths(fitted["settings"]) == [str(ROOT / "datasets/toy/val.txt")]


def test_a_recipe_of_another_module(fitted: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="data is for text_recognition, the recipe trains seal_text_detection"):
        api.train("seal_det_cpu_small", data=ROOT / "datasets/toy_strips")
    with pytest.raises(ConfigError, match="the recipe trains seal_text_detection"):
        api.train("seal_det_cpu_small", data=ROOT / "datasets/toy", module="text_recognition")
    with pytest.raises(ConfigError, match="neither a recipe nor data is given"):
        api.train()


def test_an_overridden_set_does_not_inherit_the_share_of_another() -> None:
    recipe = "layout_picodet_s_synth"  # takes half of its own validation set
    assert api.load(recipe).settings.model_dump()["data"]["val"][0]["ratio"] == 0.5
    for overrides in (["data.val.0.root=mine"], {"data.val.0.root": "mine"}):
        ratio = api.load(recipe, with_fresh_ratios(overrides)).settings.model_dump()["data"]["val"][0]["ratio"]
        assert ratio == 1.0
    kept = with_fresh_ratios(["data.val.0.root=mine", "data.val.0.ratio=0.25"])
    assert api.load(recipe, kept).settings.model_dump()["data"]["val"][0]["ratio"] == 0.25


def test_one_of_two_sets_overridden_is_told(fitted: dict[str, Any]) -> None:
    api.train("seal_det_cpu_small", [f"data.train.0.root={ROOT / 'datasets/toy'}"])
    (warning,) = fitted["warnings"]
    assert "data.val is still the recipe's own set (datasets/toy/val.txt)" in warning and "--data DIR" in warning
    settings = api.load("seal_det_cpu_small").settings
    assert one_sided(settings, []) is None
    assert one_sided(settings, ["data.train.0.root=a", "data.val.0.root=b"]) is None


def test_a_run_evaluated_on_another_set_is_told(tmp_path: Path) -> None:
    settings = api.load("seal_det_cpu_small").settings
    said = "data:\n  val:\n    - {root: my_seals, labels: val.txt}\n"
    (tmp_path / "recipe.yaml").write_text(said, encoding="utf-8")
    warning = other_set(settings, tmp_path)
    assert warning is not None and "datasets/toy/val.txt" in warning and "my_seals/val.txt" in warning
    own = api.load("seal_det_cpu_small", {"data.val.0.root": "my_seals"}).settings
    assert other_set(own, tmp_path) is None


def test_few_images_are_told() -> None:
    assert few_images(20) is None
    assert "3 validation images: too few" in str(few_images(3))
    assert "1 validation image:" in str(few_images(1))
