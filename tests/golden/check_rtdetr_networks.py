"""RT-DETR on deterministic weights: neck, proposals, boxes in both forms, losses and gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest

from tests.golden.check_networks import filled_network
from tests.golden.golden_arrays import GRADIENT, LOSS, OUTPUT, Golden, assert_array, names

IM_SHAPE, SCALE_FACTOR = [[192.0, 192.0]], [[0.5, 0.75]]  # the goldens' source: 384 high, 256 wide


def check_eval(name: str, golden: Golden, folder: Path) -> None:
    """Maps of the neck, scores of all cells, boxes and logits of the queries, decoded boxes; the exported form's."""
    from sealkit.modules.layout_detection.networks.rtdetr import decode_queries, inference_network

    net = filled_network(name, golden, folder)
    net.eval()
    x = paddle.to_tensor(golden["x"].astype(np.float32))
    im_shape, scale_factor = paddle.to_tensor(IM_SHAPE), paddle.to_tensor(SCALE_FACTOR)
    seen: dict[str, Any] = {}
    hooks = [
        net.neck.register_forward_post_hook(lambda layer, inputs, output: seen.update(neck=output)),
        net.transformer.enc_score_head.register_forward_post_hook(
            lambda layer, inputs, output: seen.update(scores=output)
        ),
    ]
    with paddle.no_grad():
        outputs = net(x)
        decoded = decode_queries(outputs, im_shape, scale_factor)[0].numpy()
        for hook in hooks:
            hook.remove()
        exported, number = inference_network(net, (192, 192))(im_shape, x, scale_factor)
    for i, each in enumerate(seen["neck"]):
        assert_array(golden, f"eval/neck{i}", each.numpy())
    assert_array(golden, "eval/enc_class", seen["scores"].numpy())
    top = np.sort(seen["scores"].numpy().max(axis=2)[0])[::-1][:300]
    assert_array(golden, "eval/enc_top_scores", top)
    found = np.concatenate([outputs["boxes"][0].numpy(), outputs["logits"][0].numpy()], axis=1)
    stored = np.concatenate([golden["eval/boxes"][0], golden["eval/logits"][0]], axis=1)
    assert_rows(found, stored)
    assert_rows(decoded, golden["eval/post_bbox"])
    assert_rows(exported.numpy(), decoded)
    np.testing.assert_array_equal(number.numpy(), golden["eval/post_num"])
    left = [key for key in net.state_dict() if key.endswith("._mean")]
    assert not left, f"BatchNorm left in the exported form: {left[:5]}"


def assert_rows(found: np.ndarray, stored: np.ndarray) -> None:
    """The same rows in any order: queries are ordered by scores that tie to 1e-6. Each stored row takes its nearest."""
    assert found.shape == stored.shape
    scale = np.abs(stored).max(axis=0)  # columns differ in units
    scale[scale == 0] = 1.0  # every detection of the first class
    away = np.abs(found[:, None] / scale - stored[None] / scale).max(axis=2)
    nearest = away.argmin(axis=0)
    assert len(set(nearest.tolist())) == len(stored), "two stored rows have the same nearest row"
    worst = np.abs(found[nearest] - stored).max()
    assert worst <= OUTPUT * np.abs(stored).max(), f"rows differ by {worst:.3g}"
    assert away.min(axis=0).max() <= 10 * OUTPUT, f"a column differs by {away.min(axis=0).max():.3g} of its largest"


class Quarter:
    """The goldens' noise: every uniform draw 0.25, every sign +."""

    def random(self, size: Any) -> np.ndarray:
        return np.full(size, 0.25)

    def integers(self, low: int, high: int, size: Any) -> np.ndarray:
        return np.ones(size, np.int64)


def check_train(name: str, golden: Golden, folder: Path) -> None:
    """Loss terms and gradient norms of one step without and with denoising."""
    from sealkit.modules.layout_detection.rtdetr_loss import RTDETRLoss

    net = filled_network(name, golden, folder)
    net.train()
    start = {key: value.numpy() for key, value in net.state_dict().items()}
    loss = RTDETRLoss(net.transformer.classes)
    targets = {
        "boxes": [golden["train/gt_bbox_xyxy0"], golden["train/gt_bbox_xyxy1"]],
        "classes": [golden["train/gt_class0"], golden["train/gt_class1"]],
    }
    x = paddle.to_tensor(golden["train/x"].astype(np.float32))
    for case, rng in (("nodn", None), ("dn", Quarter())):
        for key, value in net.state_dict().items():
            value.set_value(start[key])
        net.clear_gradients(set_to_zero=False)
        losses = loss(net(x, targets=targets, rng=rng), targets)
        assert_step(net, losses, golden, f"train/{case}/")


def assert_step(net: Any, losses: dict[str, Any], golden: Golden, prefix: str) -> None:
    expected = names(golden, f"{prefix}loss/")
    assert set(expected) == {*losses, "loss"}
    for key in expected:
        found = float(sum(losses.values()) if key == "loss" else losses[key])
        assert found == pytest.approx(float(golden[f"{prefix}loss/{key}"]), rel=LOSS), key
    sum(losses.values()).backward()
    parameters = dict(net.named_parameters())
    for key in names(golden, f"{prefix}grad/"):
        gradient = parameters[key].grad
        norm = -1.0 if gradient is None else float(np.linalg.norm(gradient.numpy().astype(np.float64)))
        assert norm == pytest.approx(float(golden[f"{prefix}grad/{key}"]), rel=GRADIENT), key
