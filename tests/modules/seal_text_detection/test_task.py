"""The detector's Task: what the loop asks, answered."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import paddle
import pytest
import yaml

from sealkit.engine.step import to_arrays
from sealkit.engine.task import StepState
from sealkit.errors import ConfigError
from sealkit.modules.seal_text_detection.metric import match_record
from sealkit.modules.seal_text_detection.report import precision_over_recall
from sealkit.modules.seal_text_detection.settings import SealTextDetectionRecipe
from sealkit.modules.seal_text_detection.task import SealTextDetectionTask

Make = Callable[..., SealTextDetectionRecipe]


def tensors(batch: dict[str, Any]) -> dict[str, Any]:
    return {k: paddle.to_tensor(v) if isinstance(v, np.ndarray) else v for k, v in batch.items()}


def eval_batch(task: SealTextDetectionTask, indices: list[int]) -> dict[str, Any]:
    source = task.eval_samples()
    samples: list[dict[str, Any]] = []
    for i in indices:
        sample = source.get(i, 0, np.random.default_rng(0))
        assert sample is not None
        samples.append({**sample, "index": i})
    return task.collate(samples)


def drawn_outputs(task: SealTextDetectionTask, batch: dict[str, Any]) -> dict[str, Any]:
    """What a perfect network would answer: the labels shrunk as in training, in the input's pixels."""
    from sealkit.modules.seal_text_detection.targets import FieldLine, db_targets, field_targets

    maps, fields = [], []
    hw = batch["image"].shape[2:]
    for n, labels in enumerate(batch["gt"]):
        (height, width), (tall, wide) = batch["source_hw"][n], batch["input_hw"][n]
        outlines = [label["points"] * (wide / width, tall / height) for label in labels]
        shrink = db_targets(outlines, [False] * len(outlines), hw, task.recipe.targets).shrink_map
        maps.append(cv2.GaussianBlur(shrink, (3, 3), 0)[None])
        drawn = field_targets([FieldLine(o, True, 0) for o in outlines], hw)
        fields.append(np.concatenate([drawn["up"] * 3, (drawn["area"][None] - 0.5) * 20]))
    return {"maps": np.stack(maps), "fields": np.stack(fields)}


def test_two_steps_lower_the_loss(make_recipe: Make) -> None:
    task = SealTextDetectionTask(make_recipe())
    paddle.seed(0)
    net, source = task.build_network(), task.train_samples()
    net.train()
    optimiser = paddle.optimizer.Adam(1e-3, parameters=net.parameters())
    totals = []
    for _ in range(3):
        samples = [source.get(i, 0, np.random.default_rng(i)) for i in range(2)]
        batch = tensors(task.collate([s for s in samples if s is not None]))
        losses = task.loss(task.forward(net, batch, StepState()), batch, StepState())
        assert set(losses) >= {"loss_shrink_maps", "loss_threshold_maps", "loss_binary_maps", "loss_up", "loss_area"}
        total = sum(losses.values())
        total.backward()
        optimiser.step()
        optimiser.clear_grad()
        totals.append(float(total))
    assert np.isfinite(totals).all() and totals[-1] < totals[0]


def test_exact_maps_are_decoded_to_the_labels(make_recipe: Make) -> None:
    task = SealTextDetectionTask(make_recipe())
    batch = eval_batch(task, [0, 1, 2, 3])  # two sizes of input: padding must not shift anything
    assert len(set(batch["input_hw"])) > 1
    records = task.decode(drawn_outputs(task, batch), batch)
    assert [r["index"] for r in records] == [0, 1, 2, 3] and pickle.loads(pickle.dumps(records))
    metric = task.metric()
    metric.add(records)
    metrics = metric.compute()
    assert metrics["hmean"] == 1.0 == metrics["recall/shape=circle"], metrics
    assert all(max(scores) <= 1 for scores in (r["scores"] for r in records))


def test_report_shows_tables_and_the_worst_images(make_recipe: Make) -> None:
    task = SealTextDetectionTask(make_recipe())
    batch = eval_batch(task, [0, 1])
    records = task.decode(drawn_outputs(task, batch), batch)
    assert "Worst images" not in [part["title"] for part in task.report_parts(records)]
    records[1]["pred"], records[1]["holes"] = records[1]["pred"][:1], records[1]["holes"][:1]
    parts = {part["title"]: part for part in task.report_parts(records)}
    assert list(parts)[:3] == ["Text detection, IoU 0.5", "Worst images", "Good images"]
    said = "3 of 4 texts were found (recall 0.7500), 0 of 3 outlines are wrong (precision 1.0000): Hmean 0.8571."
    assert parts["Text detection, IoU 0.5"]["text"] == said
    ((caption, drawn),) = parts["Worst images"]["images"]
    assert "1.png: 1 found, 1 missed, 0 wrong" in caption and drawn.dtype == np.uint8
    ((caption, _),) = parts["Good images"]["images"]
    assert "0.png: 2 found, 0 missed, 0 wrong" in caption
    assert all(part.get("fold") for part in parts.values() if part.get("rows")), "tables are folded"
    assert parts["Text detection in numbers"]["rows"][0]["gt"] == 4


def test_precision_over_recall_counts_the_surest_outlines_first(make_recipe: Make) -> None:
    task = SealTextDetectionTask(make_recipe())
    batch = eval_batch(task, [0, 1])
    records = task.decode(drawn_outputs(task, batch), batch)  # four labels, each found
    records[0]["scores"], records[1]["scores"] = [0.9, 0.6], [0.8, 0.7]
    far = records[0]["pred"][0] + 5000
    records[0]["pred"], records[0]["holes"] = [*records[0]["pred"], far], [*records[0]["holes"], []]
    records[0]["scores"].append(0.8)  # wrong, as sure as a right one
    curve = precision_over_recall(records, [match_record(record) for record in records])
    assert curve == [pytest.approx(point) for point in [(0.25, 1), (0.5, 2 / 3), (0.75, 3 / 4), (1, 4 / 5)]]
    assert precision_over_recall([], []) == []
    parts = {part["title"]: part for part in task.report_parts(records)}
    chart = parts["Precision over recall"]["chart"]
    assert chart["rates"] and list(chart["series"].values()) == [curve]


def test_network_evaluates(make_recipe: Make) -> None:
    task = SealTextDetectionTask(make_recipe())
    net = task.build_network()
    net.eval()
    batch = eval_batch(task, [0])
    with paddle.no_grad():
        records = task.decode(to_arrays(task.forward(net, tensors(batch), StepState(training=False))), batch)
    assert set(records[0]) == {"index", "name", "path", "gt", "pred", "holes", "scores"}


def test_param_groups_follow_the_published_factors(make_recipe: Make) -> None:
    task = SealTextDetectionTask(make_recipe(model="PP-OCRv4_mobile_seal_det", network={"form": "official"}))
    net = task.build_network()
    groups = {(g.lr_mult, g.weight_decay): len(g.params) for g in task.param_groups(net)}
    assert set(groups) == {(1.0, None), (1.0, 0.0), (0.1, None)}
    assert sum(groups.values()) == sum(not param.stop_gradient for param in net.parameters())


def test_frozen_batch_norms_are_left_out(make_recipe: Make) -> None:
    names = []
    for freeze in (False, True):
        task = SealTextDetectionTask(make_recipe(network={"form": "official", "freeze_bn": freeze}))
        groups = task.param_groups(task.build_network())
        names.append(sum(len(group.params) for group in groups))
    assert names[1] < 0.6 * names[0]


def test_inference_spec_is_what_paddlex_reads(make_recipe: Make) -> None:
    spec = yaml.safe_load(yaml.safe_dump(dict(SealTextDetectionTask(make_recipe()).inference_spec())))
    assert spec["Global"]["model_name"] == "PP-OCRv6_tiny_det"
    names = [next(iter(op)) for op in spec["PreProcess"]["transform_ops"]]
    assert names == ["DecodeImage", "DetResizeForTest", "NormalizeImage", "ToCHWImage"]
    post = spec["PostProcess"]
    assert (post["name"], post["thresh"], post["box_thresh"], post["unclip_ratio"], post["box_type"]) == (
        "DBPostProcess",
        0.2,
        0.6,
        0.5,
        "poly",
    )


def test_extras_and_data_info(make_recipe: Make) -> None:
    task = SealTextDetectionTask(make_recipe())
    assert task.checkpoint_extras() == {
        "module": "seal_text_detection",
        "model": "PP-OCRv6_tiny_det",
        "form": "fused",
        "fields": True,
    }
    info = task.data_info()
    assert (info["train"][0]["images"], info["val"][0]["images"]) == (6, 4)


def test_unknown_model_is_refused(make_recipe: Make) -> None:
    with pytest.raises(ConfigError, match="PP-OCRv6_small_det"):
        SealTextDetectionTask(make_recipe(model="PP-OCRv9"))
