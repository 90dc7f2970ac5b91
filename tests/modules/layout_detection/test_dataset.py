"""Samples and batches: sizes drawn alike in every run, boxes in input pixels, pages without boxes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.engine.loader import Loader
from sealkit.engine.worker import Stream
from sealkit.errors import ConfigError, DataError
from sealkit.modules.layout_detection.settings import LayoutDetectionRecipe
from sealkit.modules.layout_detection.task import LayoutDetectionTask

Make = Callable[..., LayoutDetectionRecipe]


def samples(task: LayoutDetectionTask, indices: list[int], epoch: int = 0) -> list[dict[str, Any]]:
    source = task.train_samples()
    return [source.get(i, epoch, np.random.default_rng([epoch, i])) for i in indices]


def test_a_batch_has_one_size_and_its_boxes(make_recipe: Make) -> None:
    task = LayoutDetectionTask(make_recipe())
    batch = task.collate(samples(task, [1, 2, 0]))
    height, width = batch["image"].shape[2:]
    assert (height, width) in ((96, 96), (128, 128)) and batch["image"].dtype == np.float32
    assert batch["boxes"].shape == (3, 4, 4) and batch["classes"].tolist()[2] == [-1, -1, -1, -1]
    assert (batch["classes"][0] >= 0).sum() == 3 and batch["im_shape"].tolist() == [[height, width]] * 3
    source = cv2.imread(batch["path"][0])
    expected = task.train_samples().get(1, 0, np.random.default_rng([0, 1]))["boxes"]
    scale = np.array([width / source.shape[1], height / source.shape[0]] * 2)
    np.testing.assert_allclose(batch["boxes"][0, :3], expected * scale, rtol=1e-5)


def test_sizes_change_from_batch_to_batch_and_are_the_same_again(make_recipe: Make) -> None:
    task = LayoutDetectionTask(make_recipe(batch={"sizes": [[96, 96], [128, 128], [128, 96]]}))
    seen = [task.collate(samples(task, [i % 6, (i + 1) % 6], epoch=i))["image"] for i in range(12)]
    assert {image.shape[2:] for image in seen} == {(96, 96), (128, 128), (128, 96)}
    again = LayoutDetectionTask(make_recipe(batch={"sizes": [[96, 96], [128, 128], [128, 96]]}))
    for i in (7, 3):  # in another order: a batch knows nothing of those before it
        image = again.collate(samples(again, [i % 6, (i + 1) % 6], epoch=i))["image"]
        np.testing.assert_array_equal(image, seen[i])


def test_workers_make_the_same_batches(make_recipe: Make) -> None:
    recipe = make_recipe(augment=[{"op": "box_crop"}, {"op": "distort"}, {"op": "copy_paste", "p": 1}])
    task = LayoutDetectionTask(recipe)
    plan = [(0, [(1, 0), (2, 0)]), (1, [(5, 0), (0, 0)])]
    made = []
    for workers in (0, 1):
        with Loader({"train": Stream(task.train_samples(), task.collate)}, workers, seed=3) as loader:
            arrays = [batch.arrays for batch in loader.batches("train", plan) if batch.arrays is not None]
            made.append([{k: np.array(v) for k, v in each.items() if isinstance(v, np.ndarray)} for each in arrays])
    for one, other in zip(*made):
        assert one.keys() == other.keys() >= {"image", "boxes", "classes"}
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


def test_collate_travels_to_workers(make_recipe: Make) -> None:
    task = LayoutDetectionTask(make_recipe())
    assert pickle.loads(pickle.dumps(task.collate)) == task.collate
    assert len(pickle.loads(pickle.dumps(task.train_samples()))) == 6


def test_evaluation_pages_are_squeezed_into_the_input(make_recipe: Make) -> None:
    task = LayoutDetectionTask(make_recipe())
    source = task.eval_samples()
    batch = task.collate([{**(source.get(i, 0, np.random.default_rng(0)) or {}), "index": i} for i in range(4)])
    assert batch["image"].shape == (4, 3, 128, 128) and "boxes" not in batch
    assert batch["source_hw"] == [(192, 160), (160, 160)] * 2
    np.testing.assert_allclose(batch["scale_factor"][0], [128 / 192, 128 / 160], rtol=1e-6)
    assert [len(labels) for labels in batch["gt"]] == [0, 3, 4, 0]
    assert batch["gt"][1][0]["label"] == 1 and not batch["gt"][1][0]["crowd"]


def test_families_are_normalised_as_published(make_recipe: Make) -> None:
    pixel = {}
    for model in ("PicoDet-S_layout_3cls", "RT-DETR-H_layout_3cls"):
        sample = LayoutDetectionTask(make_recipe(model=model)).eval_samples().get(0, 0, np.random.default_rng(0))
        assert sample is not None
        pixel[model] = sample["image"][:, 64, 64]
    np.testing.assert_allclose(pixel["RT-DETR-H_layout_3cls"], [245 / 255] * 3, rtol=1e-6)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(pixel["PicoDet-S_layout_3cls"], (245 / 255 - mean) / std, rtol=1e-5)


def test_empty_pages_are_kept_or_dropped(make_recipe: Make, page_set: Any) -> None:
    data = make_recipe().data.model_dump()
    assert len(LayoutDetectionTask(make_recipe()).train_samples()) == 6
    task = LayoutDetectionTask(make_recipe(data={**data, "empty_pages": "drop"}))
    assert len(task.train_samples()) == 4
    assert any("2 training pages without a box" in text for text in task.warnings())


def test_classes_follow_the_data_or_the_recipe(make_recipe: Make) -> None:
    data = make_recipe().data.model_dump()
    assert LayoutDetectionTask(make_recipe()).classes == ("image", "table", "seal")
    task = LayoutDetectionTask(make_recipe(data={**data, "classes": ["seal", "stamp"]}))
    assert task.classes == ("seal", "stamp") and len(task.train_samples()) == 6
    said = " ".join(task.warnings())
    assert "left out: image 4, table 4" in said and "no training box of stamp" in said
    batch = task.collate(samples(task, [1, 2]))
    assert batch["classes"].tolist() == [[0, -1], [0, 0]]
    with pytest.raises(DataError, match="no category of this set"):
        LayoutDetectionTask(make_recipe(data={**data, "classes": ["paragraph"]})).train_samples()


def test_a_validation_set_is_not_repeated(make_recipe: Make) -> None:
    data = make_recipe().data.model_dump()
    data["val"][0]["ratio"] = 2.0
    with pytest.raises(ConfigError, match="more than once"):
        LayoutDetectionTask(make_recipe(data=data)).eval_samples()


def test_sizes_must_fit_the_network(make_recipe: Make) -> None:
    for changes in ({"resize": {"target_size": [100, 128]}}, {"batch": {"sizes": [[0, 32]]}}):
        with pytest.raises(ValueError, match="multiples of 32"):
            make_recipe(**changes)
