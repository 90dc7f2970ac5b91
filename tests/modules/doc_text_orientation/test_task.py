"""The classifier's Task: what the loop asks, answered."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
import pytest
import yaml

from sealkit.engine.step import to_arrays
from sealkit.engine.task import StepState
from sealkit.errors import ConfigError
from sealkit.modules.doc_text_orientation.settings import DocTextOrientationRecipe, OriLossSettings
from sealkit.modules.doc_text_orientation.task import DocTextOrientationTask

Make = Callable[..., DocTextOrientationRecipe]


def tensors(batch: dict[str, Any]) -> dict[str, Any]:
    return {k: paddle.to_tensor(v) if isinstance(v, np.ndarray) else v for k, v in batch.items()}


def eval_batch(task: DocTextOrientationTask, indices: list[int]) -> dict[str, Any]:
    source = task.eval_samples()
    return task.collate([{**(source.get(i, 0, np.random.default_rng(0)) or {}), "index": i} for i in indices])


def test_steps_lower_the_loss(make_recipe: Make) -> None:
    task = DocTextOrientationTask(make_recipe())
    paddle.seed(0)
    net, source = task.build_network(), task.train_samples()
    net.train()
    optimiser = paddle.optimizer.Adam(2e-3, parameters=net.parameters())
    totals = []
    batch = tensors(task.collate([source.get(i, 0, np.random.default_rng(i)) or {} for i in range(6)]))
    for _ in range(5):
        losses = task.loss(task.forward(net, batch, StepState()), batch, StepState())
        assert set(losses) == {"loss_ce"}
        losses["loss_ce"].backward()
        optimiser.step()
        optimiser.clear_grad()
        totals.append(float(losses["loss_ce"]))
    assert np.isfinite(totals).all() and totals[-1] < totals[0]


def test_smoothed_loss_is_what_its_name_says() -> None:
    from sealkit.modules.doc_text_orientation.loss import OrientationLoss

    logits = paddle.to_tensor(np.array([[2.0, 0.0, -1.0, 0.5]], np.float32))
    log_p = logits.numpy()[0] - np.log(np.exp(logits.numpy()[0]).sum())
    found = OrientationLoss(OriLossSettings(label_smoothing=0.2))(logits, {"label": paddle.to_tensor([1])})
    assert float(found["loss_ce"]) == pytest.approx(-(0.8 * log_p[1] + 0.05 * log_p.sum()), rel=1e-5)


def test_answers_become_metrics_and_a_report(make_recipe: Make) -> None:
    task = DocTextOrientationTask(make_recipe())
    batch = eval_batch(task, list(range(8)))
    logits = np.eye(4, dtype=np.float32)[batch["label"]] * 5
    logits[1] = logits[1][::-1]  # 90 taken for 180
    records = task.decode({"logits": logits}, batch)
    assert [r["index"] for r in records] == list(range(8)) and pickle.loads(pickle.dumps(records))
    metric = task.metric()
    metric.add(records)
    metrics = metric.compute()
    assert metrics["top1"] == 7 / 8 and metrics["top1/angle=90"] == 0.5 and metrics["images"] == 8
    assert task.main_metric in metrics
    exported = task.decode(to_arrays({"probabilities": paddle.nn.functional.softmax(paddle.to_tensor(logits))}), batch)
    assert [r["score"] for r in exported] == pytest.approx([r["score"] for r in records], abs=2e-5)
    verdict, worst, right, *tables = task.report_parts(records)
    assert verdict["text"] == "The angle of 7 of 8 pages was found (0.8750)."
    assert right["title"] == "Right pages, the least sure of 7" and len(right["images"]) == 6
    row = {"page lies at": "90°", "predicted 0°": 0, "predicted 90°": 1, "predicted 180°": 1, "predicted 270°": 0}
    assert tables[0]["rows"][1] == row and all(part["fold"] for part in tables)
    ((caption, shown),) = worst["images"]
    assert "lies at 90°, predicted 180°" in caption and shown.shape == (110, 140, 3)


def test_no_record_is_no_division_by_zero(make_recipe: Make) -> None:
    assert DocTextOrientationTask(make_recipe()).metric().compute() == {"top1": 0.0, "images": 0.0}


def test_forms_agree_in_evaluation(make_recipe: Make) -> None:
    from sealkit.nn.fuse import fuse

    task = DocTextOrientationTask(make_recipe())
    paddle.seed(1)
    net = task.build_network()
    net.eval()
    batch = tensors(eval_batch(task, [0]))
    with paddle.no_grad():
        plain = task.forward(net, batch, StepState(training=False))["logits"].numpy()
        fused = fuse(net)(batch["image"]).numpy()
    np.testing.assert_allclose(fused, plain, atol=1e-4)
    assert not [key for key in net.state_dict() if "_mean" in key]
    built = DocTextOrientationTask(make_recipe(network={"form": "fused"})).build_network()
    assert set(built.state_dict()) == set(net.state_dict())


def test_batch_norms_do_not_decay(make_recipe: Make) -> None:
    task = DocTextOrientationTask(make_recipe())
    net = task.build_network()
    groups = {group.weight_decay: len(group.params) for group in task.param_groups(net)}
    assert set(groups) == {None, 0.0}
    assert sum(groups.values()) == sum(not param.stop_gradient for param in net.parameters())


def test_inference_spec_is_what_paddlex_reads(make_recipe: Make) -> None:
    spec = yaml.safe_load(yaml.safe_dump(dict(DocTextOrientationTask(make_recipe()).inference_spec())))
    assert spec["Global"]["model_name"] == "PP-LCNet_x1_0_doc_ori"
    names = [next(iter(op)) for op in spec["PreProcess"]["transform_ops"]]
    assert names == ["ResizeImage", "CropImage", "NormalizeImage", "ToCHWImage"]
    assert isinstance(spec["PreProcess"]["transform_ops"][2]["NormalizeImage"]["scale"], float)
    assert spec["PostProcess"]["Topk"] == {"topk": 1, "label_list": ["0", "90", "180", "270"]}


def test_extras_and_data_info(make_recipe: Make) -> None:
    task = DocTextOrientationTask(make_recipe())
    assert task.checkpoint_extras()["classes"] == ["0", "90", "180", "270"]
    assert task.data_info()["train"][0]["images"] == 6


def test_unknown_model_is_refused(make_recipe: Make) -> None:
    with pytest.raises(ConfigError, match="PP-LCNet_x1_0_doc_ori"):
        DocTextOrientationTask(make_recipe(model="PP-LCNet_x9"))
