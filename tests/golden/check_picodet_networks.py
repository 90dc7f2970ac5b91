"""PicoDet on deterministic weights: neck, scores, boxes, suppression in both forms; losses and gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import paddle
import pytest

from tests.golden import check_nms
from tests.golden.check_networks import filled_network
from tests.golden.golden_arrays import GRADIENT, LOSS, OUTPUT, Golden, assert_array, names

EPOCHS = {"static": 0, "tal": 100, "simota": 0}  # what selects the assigner of a training golden


def check_eval(name: str, golden: Golden, folder: Path) -> None:
    """Maps of the neck, scores and boxes of all cells, the suppression's case by itself, and the exported form."""
    from sealkit.modules.layout_detection.networks.picodet import boxes_of, inference_network, scores_of
    from sealkit.nn.fuse import fuse

    net = filled_network(name, golden, folder)
    net.eval()
    x = paddle.to_tensor(golden["x"].astype(np.float32))
    with paddle.no_grad():
        maps = net.neck(net.backbone(x))
        outputs = net.head(maps)
        scores, boxes = scores_of(outputs).numpy(), boxes_of(outputs).numpy()
        fused = fuse(net)(x)
        rows, counts = inference_network(net)(x, paddle.ones([1, 2]))
    for i, each in enumerate(maps):
        assert_array(golden, f"eval/neck{i}", each.numpy())
    assert_array(golden, "eval/scores", scores.transpose(0, 2, 1))
    assert_array(golden, "eval/boxes", boxes)
    assert np.abs(scores_of(fused).numpy() - scores).max() <= OUTPUT
    assert np.abs(boxes_of(fused).numpy() - boxes).max() <= OUTPUT * np.abs(boxes).max()
    assert not [key for key in net.state_dict() if key.endswith("._mean")], "BatchNorm left in the fused form"
    assert tuple(rows.shape) == (counts.item(), 6)
    check_nms.check_arrays(golden)


def check_train(name: str, golden: Golden, folder: Path) -> None:
    """Loss components and gradient norms of one step with every assigner of the golden."""
    from sealkit.modules.layout_detection.picodet_loss import PicoDetLoss

    modes = sorted({key.split("/")[1] for key in golden if key.startswith("train/") and "/loss/" in key})
    assert modes, "no training golden"
    for mode in modes:
        net = filled_network(name, golden, folder)
        net.train()
        outputs = net(paddle.to_tensor(golden["train/x"].astype(np.float32)))
        images = range(outputs["bins"].shape[0])
        targets = {
            "boxes": [golden[f"train/gt_bbox_xyxy{i}"] for i in images],
            "classes": [golden[f"train/gt_class{i}"].ravel() for i in images],
        }
        losses = PicoDetLoss(net.head.num_classes)(outputs, targets, EPOCHS[mode])
        for key in names(golden, f"train/{mode}/loss/"):
            found = float(sum(losses.values())) if key == "loss" else float(losses[key])
            assert found == pytest.approx(float(golden[f"train/{mode}/loss/{key}"]), rel=LOSS), f"{mode} {key}"
        sum(losses.values()).backward()
        _check_gradients(net, golden, f"train/{mode}/")
        for key in names(golden, f"train/{mode}/after/"):
            assert_array(golden, f"train/{mode}/after/{key}", net.state_dict()[key].numpy())


def _check_gradients(net: paddle.nn.Layer, golden: Golden, prefix: str) -> None:
    state = net.state_dict()  # knows both names of an alias
    stored = names(golden, f"{prefix}grad/")
    assert stored, f"no gradients in {prefix}"
    for key in stored:
        gradient = state[key].grad
        norm = -1.0 if gradient is None else float(np.linalg.norm(gradient.numpy().astype(np.float64)))
        assert norm == pytest.approx(float(golden[f"{prefix}grad/{key}"]), rel=GRADIENT), f"{prefix} {key}"
