"""The layout detector's Task: what the loop asks, answered; weights of other classes; what parity compares."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
import yaml

from sealkit.engine.step import to_arrays
from sealkit.engine.task import StepState
from sealkit.errors import ConfigError, WeightsError
from sealkit.modules.layout_detection.classes import CLASSES, choose_classes
from sealkit.modules.layout_detection.compare import detection_differences
from sealkit.modules.layout_detection.models import MODELS
from sealkit.modules.layout_detection.settings import LayoutDetectionRecipe
from sealkit.modules.layout_detection.task import LayoutDetectionTask
from sealkit.weights.sources import resolve

Make = Callable[..., LayoutDetectionRecipe]
SMALL = "PicoDet-S_layout_3cls"


def tensors(batch: dict[str, Any]) -> dict[str, Any]:
    return {k: paddle.to_tensor(v) if isinstance(v, np.ndarray) else v for k, v in batch.items()}


def train_batch(task: LayoutDetectionTask, indices: list[int]) -> dict[str, Any]:
    source = task.train_samples()
    found = [{**source.get(i, 0, np.random.default_rng(i)), "index": i} for i in indices]
    return tensors(task.collate(found))


def eval_batch(task: LayoutDetectionTask, indices: list[int]) -> dict[str, Any]:
    source = task.eval_samples()
    return task.collate([{**(source.get(i, 0, np.random.default_rng(0)) or {}), "index": i} for i in indices])


def step(task: LayoutDetectionTask, net: Any, batch: dict[str, Any]) -> dict[str, float]:
    losses = task.loss(task.forward(net, batch, StepState()), batch, StepState())
    sum(losses.values()).backward()
    return {name: float(value) for name, value in losses.items()}


def test_steps_lower_the_loss_and_empty_pages_train(make_recipe: Make) -> None:
    task = LayoutDetectionTask(make_recipe(batch={"sizes": [[128, 128]]}))
    paddle.seed(0)
    net = task.build_network()
    net.train()
    optimiser = paddle.optimizer.Momentum(0.01, parameters=[p for g in task.param_groups(net) for p in g.params])
    totals = []
    for indices in ([1, 2], [1, 2], [1, 2], [0, 3]):  # the last two are pages without boxes
        losses = step(task, net, train_batch(task, indices))
        assert set(losses) == {"loss_vfl", "loss_bbox", "loss_dfl"} and np.isfinite(list(losses.values())).all()
        optimiser.step()
        optimiser.clear_grad()
        totals.append(losses)
    assert sum(totals[2].values()) < sum(totals[0].values())
    assert totals[3]["loss_bbox"] == totals[3]["loss_dfl"] == 0 and totals[3]["loss_vfl"] > 0


def test_exact_detections_score_one(make_recipe: Make) -> None:
    task = LayoutDetectionTask(make_recipe())
    batch = eval_batch(task, [0, 1, 2, 3])
    rows = [
        [[label["label"], 0.9, *label["box"]] for label in labels] for labels in batch["gt"]
    ]  # what a perfect graph would give
    outputs = {
        "boxes": np.array([row for page in rows for row in page], np.float32),
        "boxes_num": np.array([len(page) for page in rows], np.int32),
    }
    records = task.decode(outputs, batch)
    assert [record["index"] for record in records] == [0, 1, 2, 3]
    metric = task.metric()
    metric.add(records)
    metrics = metric.compute()
    assert metrics["map"] == pytest.approx(1) and metrics["ap/seal"] == pytest.approx(1), metrics
    titles = [part["title"] for part in task.report_parts(records)]
    assert titles[:3] == ["Layout detection, COCO", "Good pages", "Precision over recall"]
    records[1]["pred"] = records[1]["pred"][:1]
    parts = {part["title"]: part for part in task.report_parts(records)}
    assert list(parts)[1] == "Worst pages"
    found = sum(len(record["pred"]) for record in records)
    said = f"{found} of {found + 2} boxes were found on 4 pages, and 0 that are none (score above 0.5); mAP "
    assert parts["Layout detection, COCO"]["text"].startswith(said)
    ((caption, drawn),) = parts["Worst pages"]["images"]
    assert "1 found, 2 missed, 0 wrong" in caption and drawn.dtype == np.uint8
    assert len(parts["Good pages"]["images"]) == 1  # of the others two have no boxes
    assert all(part.get("fold") for part in parts.values() if part.get("rows")), "tables are folded"
    assert {row["class"]: row["recall"] for row in parts["By class"]["rows"]}["seal"] < 1


def test_network_evaluates_as_it_will_be_exported(make_recipe: Make) -> None:
    task = LayoutDetectionTask(make_recipe())
    net = task.build_network()
    net.eval()
    batch = eval_batch(task, [0, 1])
    with paddle.no_grad():
        records = task.decode(to_arrays(task.forward(net, tensors(batch), StepState(training=False))), batch)
        fed = tensors(batch)
        fused = task.inference_network(net)(fed["image"], fed["scale_factor"])
    assert [record["pred"].shape for record in records] == [(100, 6), (100, 6)]
    rows = np.concatenate([record["pred"] for record in records])
    counts = np.array([100, 100])
    assert max(detection_differences(rows, counts, fused[0].numpy(), fused[1].numpy()).values()) < 1e-4


@pytest.mark.parametrize(
    ("model", "classes", "count", "expected"),
    [
        (SMALL, 17, 8, r"head\.head_cls(_list\.)?\d\.(weight|bias)"),
        ("PicoDet_layout_1x_table", 5, 8, r"head\.head_cls\d\.(weight|bias)"),
        pytest.param(
            "PP-DocLayout-L",
            23,
            15,
            r"transformer\.(denoising_class_embed|(enc|dec)_score_head)\..*",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_other_classes_renew_exactly_what_depends_on_them(
    model: str, classes: int, count: int, expected: str, make_recipe: Make
) -> None:
    """A checkpoint of other classes: everything else is taken over, and the report says what is not."""
    task = LayoutDetectionTask(make_recipe(model=model))
    paddle.seed(1)
    source = {n: t.numpy() for n, t in MODELS[model].build(num_classes=classes).state_dict().items()}
    paddle.seed(2)
    net = task.build_network()
    fresh = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    report = task.load_weights(net, source)
    renewed = {name for name, _, _ in report.resized}
    dependent = {name for name in fresh if re.fullmatch(expected, name)}
    assert renewed <= dependent and len(renewed) == count and not report.new and not report.unused
    assert f"{count} re-initialised" in report.summary()
    for name, tensor in net.state_dict().items():
        if name not in dependent:
            np.testing.assert_array_equal(tensor.numpy(), source[name], err_msg=name)
        elif "1x" in model:  # classes start afresh, the distances beside them are kept
            np.testing.assert_array_equal(tensor.numpy()[-32:], source[name][-32:])
            np.testing.assert_array_equal(tensor.numpy()[:-32], fresh[name][:-32])
        else:
            np.testing.assert_array_equal(tensor.numpy(), fresh[name])


def test_same_number_of_other_classes_starts_afresh_too(make_recipe: Make, tmp_path: Path) -> None:
    from sealkit.weights.checkpoint import Checkpoint, save_checkpoint

    first = LayoutDetectionTask(make_recipe(data={**make_recipe().data.model_dump(), "classes": ["a", "b", "seal"]}))
    net = first.build_network()
    arrays = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    save_checkpoint(tmp_path / "c", Checkpoint(arrays, first.checkpoint_extras(), {}))
    paddle.seed(5)
    task = LayoutDetectionTask(make_recipe())
    net = task.build_network()
    fresh = net.state_dict()["head.head_cls0.weight"].numpy()
    report = task.load_weights(net, tmp_path / "c")
    np.testing.assert_array_equal(net.state_dict()["head.head_cls0.weight"].numpy(), fresh)
    np.testing.assert_array_equal(net.state_dict()["head.head_reg0.weight"].numpy(), arrays["head.head_reg0.weight"])
    assert "3 (a, b, seal) → 3 (image, table, seal)" in report.summary()
    whole = task.load_weights(net, arrays)  # a bare file says nothing of itself: the number decides
    assert whole.coverage == 1 and not whole.notes


def test_official_weights_are_known_by_their_published_classes(
    make_recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fine-tuning to classes of one's own: as many as published, but others."""
    monkeypatch.setenv("SEALKIT_WEIGHTS_DIR", str(tmp_path))
    paddle.seed(1)
    published = MODELS[SMALL].build().state_dict()
    paddle.save(published, str(tmp_path / f"{SMALL}_pretrained.pdparams"))
    source = resolve("official", SMALL)
    task = LayoutDetectionTask(make_recipe())
    assert not task.load_weights(task.build_network(), source).notes  # the published classes: nothing is lost
    data = make_recipe().data.model_dump()
    task = LayoutDetectionTask(make_recipe(data={**data, "classes": ["table", "image", "seal"]}))
    net = task.build_network()
    report = task.load_weights(net, source)
    assert "re-initialised: classes 3 (image, table, seal) → 3 (table, image, seal)" in report.summary()
    assert all(re.fullmatch(MODELS[SMALL].class_dependent, name) for name in report.new)
    name = "backbone.conv1.conv.weight"
    np.testing.assert_array_equal(net.state_dict()[name].numpy(), published[name].numpy())


def test_weights_of_another_size_are_refused(make_recipe: Make) -> None:
    task = LayoutDetectionTask(make_recipe())
    net = task.build_network()
    arrays = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    arrays["neck.conv_t.convs.0.conv.weight"] = np.zeros((7, 7, 1, 1), np.float32)
    with pytest.raises(WeightsError, match="do not depend on the classes"):
        task.load_weights(net, arrays)


def test_published_order_of_classes_wins_over_the_files() -> None:
    assert choose_classes(None, ("seal", "table", "image"), SMALL) == ("image", "table", "seal")
    assert choose_classes(None, ("stamp", "table"), SMALL) == ("stamp", "table")
    assert choose_classes(("seal",), ("seal", "table", "image"), SMALL) == ("seal",)
    assert set(CLASSES) == set(MODELS)
    assert all(len(CLASSES[name]) == spec.num_classes for name, spec in MODELS.items())


def test_checkpoint_and_folder_bring_their_classes(make_recipe: Make) -> None:
    task = LayoutDetectionTask(make_recipe())
    task.restore({"label_list": ["seal", "image"]})
    assert task.classes == ("seal", "image")
    labels = [label["label"] for label in eval_batch(task, [1])["gt"][0]]
    assert sorted(labels) == [0, 1]  # by name: the table is gone
    named = LayoutDetectionTask(make_recipe(data={**make_recipe().data.model_dump(), "classes": ["seal"]}))
    named.restore({"classes": ["seal", "image"]})
    assert named.classes == ("seal",)


@pytest.mark.parametrize("model", [SMALL, "RT-DETR-H_layout_3cls"])
def test_inference_spec_is_what_paddlex_reads(model: str, make_recipe: Make) -> None:
    task = LayoutDetectionTask(make_recipe(model=model, resize={}))
    spec = yaml.safe_load(yaml.safe_dump(dict(task.inference_spec())))
    assert spec["Global"]["model_name"] == model and spec["label_list"] == ["image", "table", "seal"]
    kinds = [op["type"] for op in spec["Preprocess"]]
    assert kinds == ["Resize", "NormalizeImage", "Permute"] and spec["draw_threshold"] == 0.5
    resize, norm, _ = spec["Preprocess"]
    size = [480, 480] if model == SMALL else [640, 640]
    assert (resize["target_size"], resize["keep_ratio"], resize["interp"]) == (size, False, 2)
    assert norm["norm_type"] == ("mean_std" if model == SMALL else "none")
    assert norm["std"] == ([0.229, 0.224, 0.225] if model == SMALL else [1.0, 1.0, 1.0])
    assert ("NMS" in spec) is (model == SMALL) and spec["arch"] == ("PicoDet" if model == SMALL else "DETR")


def test_data_info_counts_boxes(make_recipe: Make) -> None:
    info = LayoutDetectionTask(make_recipe()).data_info()
    assert json.loads(json.dumps(info)) == info
    train = info["train"][0]
    assert (train["images"], train["without_boxes"], train["boxes"]["seal"]) == (6, 2, 6)
    assert len(train["sha256"]) == 64 and info["classes"] == ["image", "table", "seal"]


def test_unknown_model_is_refused(make_recipe: Make) -> None:
    with pytest.raises(ConfigError, match="PP-DocLayout-L"):
        LayoutDetectionTask(make_recipe(model="PicoDet-XXL"))


ROW = [2, 0.9, 10.0, 10.0, 50.0, 50.0]


@pytest.mark.parametrize(
    ("other", "part"),
    [
        ([2, 0.8, 10, 10, 50, 50], "score"),
        ([2, 0.9, 10, 10, 50.4, 50], "box"),
        ([2, 0.9, 10, 10, 120, 50], "unpaired"),
        ([1, 0.9, 10, 10, 50, 50], "unpaired"),
    ],
)
def test_parity_sees_differences(other: list[float], part: str) -> None:
    less = [0, 0.5, 60.0, 60.0, 80.0, 80.0]
    found = detection_differences(*(np.array(a) for a in ([ROW, less], [2], [other, less], [2])))
    assert max(found, key=lambda name: found[name]) == part and found[part] > 5e-3


def differs(first: list[list[float]], second: list[list[float]]) -> float:
    found = detection_differences(*(np.array(a) for a in (first, [len(first)], second, [len(second)])))
    return found["unpaired"]


def test_parity_excuses_ties_and_nothing_else() -> None:
    """A fresh network gives every cell one score, and the last bit decides which of them are seen."""
    tied = [[0, 0.0713, 20 * k, 0, 20 * k + 19, 19] for k in range(8)]
    assert differs(tied[:6], [*tied[:5], tied[7]]) == 0  # no room for all of them
    beside = [[0, 0.0713, 101, 0, 120, 19]]  # so near that it passes for the one that was left out
    found = detection_differences(*(np.array(a) for a in (tied[:6], [6], [*tied[:5], *beside], [6])))
    assert max(found.values()) < 1e-6
    moved = [[0, 0.0713, 20 * k, 40, 20 * k + 19, 59] for k in range(6)]
    assert differs(tied[:6], moved) == 1  # all of them: no tie, a fault
    sure = [[0, 0.9, 0, 80, 19, 99]]
    assert differs([*sure, *tied[:6]], tied[:6]) > 0.4
    neighbour = [[0, 0.9, 5, 80, 24, 99]]  # suppression kept the one or the other
    assert differs([*sure, *tied[:6]], [*neighbour, *tied[:6]]) == 0
    assert differs([*sure, *tied[:6]], [[0, 0.8, 5, 80, 24, 99], *tied[:6]]) > 0.3  # which was no tie
