"""The detector's samples."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from sealkit.data.records import DetSample
from sealkit.errors import ConfigError, DataError, ImageError
from sealkit.modules.seal_text_detection.dataset import (
    EvalSource,
    TrainSource,
    collate,
    load_set,
    measure_data_rate,
    set_info,
)
from sealkit.modules.seal_text_detection.settings import DetResizeSettings, DetSetSettings, SealTextDetectionRecipe

Make = Callable[..., SealTextDetectionRecipe]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def train_source(recipe: SealTextDetectionRecipe) -> TrainSource:
    return TrainSource(recipe, [load_set(entry) for entry in recipe.data.train])


def loaded(entries: Sequence[DetSetSettings]) -> list[tuple[DetSetSettings, list[DetSample]]]:
    return [(entry, load_set(entry)) for entry in entries]


def test_training_samples(make_recipe: Make) -> None:
    source = train_source(make_recipe())
    assert len(source) == 6
    batch = collate([source.get(i, 0, rng(i)) for i in range(6)])
    shapes = {key: value.shape for key, value in batch.items() if isinstance(value, np.ndarray)}
    whole, quarter = (6, 96, 128), (6, 24, 32)
    assert shapes == {
        "image": (6, 3, 96, 128),
        "shrink_map": whole,
        "shrink_mask": whole,
        "threshold_map": whole,
        "threshold_mask": whole,
        "up": (6, 2, 24, 32),
        "up_mask": quarter,
        "area": quarter,
        "area_mask": quarter,
    }
    assert all(batch[key].dtype == np.float32 for key in shapes)
    assert batch["name"][0] == "train.txt:1 0.png" and batch["path"][0].endswith("images/0.png")
    assert all(batch["shrink_map"][i].any() for i in range(5)) and not batch["shrink_map"][5].any()
    assert batch["area_mask"].all() and not batch["area"][5].any()


def test_the_text_lies_where_the_targets_say(make_recipe: Make) -> None:
    """The image shows red text areas on a light ground: inside the shrink map it must be red."""
    source = train_source(make_recipe(augment=[{"op": "rotate"}, {"op": "fit", "size": [160, 160]}]))
    for i in range(5):
        sample = source.get(i, 0, rng(i))
        green = sample["image"][1]  # normalised; light ground is high, red ink low
        inside, outside = sample["shrink_map"] > 0, sample["threshold_mask"] + sample["shrink_map"] == 0
        assert (green[inside] < 0).mean() > 0.98 and (green[outside] > 0.5).mean() > 0.98


def test_samples_depend_on_nothing_but_the_arguments(make_recipe: Make) -> None:
    first, second = train_source(make_recipe()), pickle.loads(pickle.dumps(train_source(make_recipe())))
    second.get(3, 0, rng(9))
    for key, value in first.get(1, 0, rng(4)).items():
        assert np.array_equal(value, second.get(1, 0, rng(4))[key])


def test_without_fields_no_field_is_drawn(make_recipe: Make) -> None:
    source = train_source(make_recipe(network={"fields": False}))
    assert "up" not in source.get(0, 0, rng()) and source.get(0, 0, rng())["image"].shape == (3, 96, 128)


def test_evaluation_sees_what_the_pipeline_sees(make_recipe: Make, seal_set: Path) -> None:
    recipe = make_recipe()
    source = EvalSource(loaded(recipe.data.val), recipe.resize)
    sample = source.get(0, 0, rng())
    assert sample["image"].shape == (3, 224, 256) and sample["source_hw"] == (
        200,
        240,
    )  # 256/240 * 200, to multiples of 32
    assert [label["text"] for label in sample["gt"]] == ["环形", "专用章"]
    assert sample["gt"][0]["points"].shape == (48, 2) and sample["gt"][0]["direction"] == "arc"
    official = EvalSource(loaded(recipe.data.val), DetResizeSettings(), "official").get(0, 0, rng())
    assert official["image"].shape == (3, 640, 768)


def test_validation_subset_is_even_and_constant(seal_set: Path) -> None:
    half = DetSetSettings(root=str(seal_set), labels="train.txt", ratio=0.5)
    names = [s.image_path.name for s in EvalSource(loaded([half]), DetResizeSettings()).samples]
    assert names == ["0.png", "2.png", "4.png"]
    with pytest.raises(ConfigError, match=r"data\.val\.0\.ratio"):
        EvalSource(loaded([DetSetSettings(root=str(seal_set), labels="train.txt", ratio=2)]), DetResizeSettings())


def test_images_of_different_sizes_are_padded(make_recipe: Make) -> None:
    recipe = make_recipe()
    source = EvalSource(loaded(recipe.data.val), recipe.resize)
    samples = [source.get(i, 0, rng()) for i in (0, 3)]
    batch = collate(samples)
    assert batch["image"].shape == (2, 3, 256, 256) and batch["input_hw"] == [(224, 256), (256, 224)]
    assert np.array_equal(batch["image"][0, :, :224], samples[0]["image"]) and not batch["image"][0, :, 224:].any()


def test_too_many_bad_lines_stop_the_run(tmp_path: Path, seal_set: Path) -> None:
    good = (seal_set / "train.txt").read_text(encoding="utf-8")
    (tmp_path / "bad.txt").write_text(good + "no tab\n", encoding="utf-8")
    settings = DetSetSettings(root=str(tmp_path), labels="bad.txt")
    with pytest.raises(DataError, match=r"1 of 7 lines.*\n.*bad\.txt:7"):
        load_set(settings)
    assert len(load_set(settings, max_broken_share=0.5)) == 6
    (tmp_path / "none.txt").write_text("no tab\n", encoding="utf-8")
    with pytest.raises(DataError, match="no usable line"):
        load_set(DetSetSettings(root=str(tmp_path), labels="none.txt"), 1.0)


def test_an_unreadable_image_is_named(tmp_path: Path, make_recipe: Make, seal_set: Path) -> None:
    line = (seal_set / "train.txt").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "0.png").write_bytes(b"no image")
    (tmp_path / "l.txt").write_text(line + "\n", encoding="utf-8")
    sets = [{"root": str(tmp_path), "labels": "l.txt"}]
    source = train_source(make_recipe(data={"train": sets, "val": sets}))
    with pytest.raises(ImageError, match=r"0\.png"):
        source.get(0, 0, rng())


def test_fields_and_copy_paste_do_not_go_together(make_recipe: Make) -> None:
    with pytest.raises(ConfigError, match="cannot keep fields"):
        train_source(make_recipe(augment=[{"op": "copy_paste"}, {"op": "fit", "size": [96, 96]}]))


def test_copy_paste_draws_from_the_set(make_recipe: Make) -> None:
    augment = [{"op": "copy_paste", "ratio": 1.0}, {"op": "fit", "size": [256, 256]}]
    source = train_source(make_recipe(augment=augment, network={"fields": False}))
    assert any(len(source.scene(5, 0, rng(seed)).lines) for seed in range(5))  # the image that had no text


def test_set_info(seal_set: Path) -> None:
    entry = DetSetSettings(root=str(seal_set), labels="train.txt")
    info = set_info(entry, load_set(entry))
    assert (info["images"], info["without_text"], info["texts"], info["shapes"]) == (6, 1, 10, {"circle": 10})
    assert len(info["sha256"]) == 64


def test_data_rate_is_measured(make_recipe: Make) -> None:
    assert measure_data_rate(make_recipe(train={"batch_size": 2, "epochs": 1}), batches=2) > 1


def test_workers_need_no_paddle() -> None:
    code = "import sys, sealkit.modules.seal_text_detection.task; sys.exit('paddle' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
