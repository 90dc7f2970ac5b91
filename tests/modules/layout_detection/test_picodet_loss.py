"""PicoDet's losses: parts on known values, pages without boxes, several processes, and that training lowers them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import paddle
import pytest

from sealkit.modules.layout_detection.models import MODELS
from sealkit.modules.layout_detection.picodet_loss import PicoDetLoss, bins_loss, varifocal
from sealkit.nn.heads.pico import Integral, cells

NAMES = {"loss_vfl", "loss_bbox", "loss_dfl"}
BOXES = [np.array([[10, 12, 50, 60], [60, 20, 90, 90]], np.float32), np.array([[20, 8, 70, 70]], np.float32)]
CLASSES = [np.array([0, 2]), np.array([1])]
TARGETS = {"boxes": BOXES, "classes": CLASSES}
NOTHING: dict[str, list[np.ndarray]] = {
    "boxes": [np.zeros((0, 4), np.float32)] * 2,
    "classes": [np.zeros(0, np.int64)] * 2,
}
# Version of the head, epoch: the three assigners
LAWS = {"atss": (2, 0.0), "aligned": (2, 100.0), "simota": (1, 0.0)}


def raw(version: int, seed: int = 0) -> dict[str, paddle.Tensor]:
    """Outputs for two images of 96 x 96 and three classes; class values and bins are leaves."""
    rng = np.random.default_rng(seed)
    points, strides = cells([(12, 12), (6, 6), (3, 3), (2, 2)])
    values = rng.standard_normal((2, len(points), 3)).astype(np.float32)
    bins = paddle.to_tensor(rng.standard_normal((2, len(points), 32)).astype(np.float32), stop_gradient=False)
    name, leaf = ("scores", 1 / (1 + np.exp(-values))) if version == 2 else ("logits", values)
    return {
        name: paddle.to_tensor(leaf, stop_gradient=False),
        "bins": bins,
        "distances": Integral()(bins),
        "points": paddle.to_tensor(points),
        "strides": paddle.to_tensor(strides),
    }


def gradients(outputs: dict[str, paddle.Tensor], losses: dict[str, Any]) -> dict[str, np.ndarray]:
    sum(losses.values()).backward()
    return {key: outputs[key].grad.numpy() for key in ("scores", "logits", "bins") if key in outputs}


def test_varifocal_of_known_values() -> None:
    p, target = paddle.to_tensor([0.8, 0.8]), paddle.to_tensor([0.0, 0.5])
    negative = 0.75 * 0.8**2 * -math.log(0.2)
    positive = 0.5 * -(0.5 * math.log(0.8) + 0.5 * math.log(0.2))
    np.testing.assert_allclose(varifocal(p, target).numpy(), [negative, positive], rtol=1e-5)
    logits = paddle.log(p / (1 - p))
    np.testing.assert_allclose(varifocal(p, target, logits).numpy(), [negative, positive], rtol=1e-5)


def test_bins_loss_is_smallest_where_the_two_bins_around_a_distance_share() -> None:
    target = paddle.to_tensor([[2.25, 0.0, 6.9, 40.0]])
    share = np.full((1, 4, 8), 1e-9, np.float32)
    share[0, 0, [2, 3]], share[0, 1, 0], share[0, 2:, [6, 7]] = (0.75, 0.25), 1.0, [[0.1], [0.9]]
    best = bins_loss(paddle.to_tensor(np.log(share)), target).item()
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) - 2 * (0.1 * math.log(0.1) + 0.9 * math.log(0.9))
    assert best == pytest.approx(entropy, rel=1e-4)
    assert bins_loss(paddle.zeros([1, 4, 8]), target).item() == pytest.approx(4 * math.log(8), rel=1e-5)


@pytest.mark.parametrize("law", LAWS)
def test_pages_without_boxes_teach_background_only(law: str) -> None:
    version, epoch = LAWS[law]
    outputs = raw(version)
    losses = PicoDetLoss(3)(outputs, NOTHING, epoch)
    assert set(losses) == NAMES
    assert float(losses["loss_bbox"]) == float(losses["loss_dfl"]) == 0 < float(losses["loss_vfl"]) < math.inf
    found = gradients(outputs, losses)
    assert not found.pop("bins").any()
    assert (next(iter(found.values())) > 0).all(), "every class value is pushed down"


@pytest.mark.parametrize("law", LAWS)
def test_one_page_of_two_without_boxes(law: str) -> None:
    version, epoch = LAWS[law]
    outputs = raw(version)
    targets = {"boxes": [BOXES[0], NOTHING["boxes"][0]], "classes": [CLASSES[0], NOTHING["classes"][0]]}
    losses = PicoDetLoss(3)(outputs, targets, epoch)
    found = gradients(outputs, losses)
    assert all(np.isfinite(value).all() for value in found.values())
    assert found["bins"][0].any() and not found["bins"][1].any()


class Rank:
    """One of two processes, played one after the other: the first round records its sums, the second has both."""

    def __init__(self) -> None:
        self.sums: list[float] = []
        self.others: list[float] | None = None

    def all_sum(self, x: paddle.Tensor) -> paddle.Tensor:
        self.sums.append(float(x))
        if self.others is None:
            return x
        total = float(x) + self.others[len(self.sums) - 1]
        return 2 * x + (total - 2 * x.detach())  # as World.all_sum of two processes


def half(outputs: dict[str, paddle.Tensor], n: int) -> dict[str, paddle.Tensor]:
    part = {key: outputs[key][n : n + 1].detach() for key in ("scores", "logits", "bins") if key in outputs}
    for value in part.values():
        value.stop_gradient = False
    return part | {"distances": Integral()(part["bins"]), "points": outputs["points"], "strides": outputs["strides"]}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("second", [0, 1], ids=["page without boxes", "page with boxes"])
def test_two_processes_have_the_gradients_of_one_with_both_pages(law: str, second: int) -> None:
    version, epoch = LAWS[law]
    targets = {"boxes": [BOXES[0], BOXES[1][:second]], "classes": [CLASSES[0], CLASSES[1][:second]]}
    outputs = raw(version)
    losses = PicoDetLoss(3)(outputs, targets, epoch)
    whole = {key: float(value) for key, value in losses.items()}
    expected = gradients(outputs, losses)
    ranks = [Rank(), Rank()]
    for attempt in range(2):
        for n, rank in enumerate(ranks):
            part, rank.sums = half(outputs, n), []
            mine = {key: value[n : n + 1] for key, value in targets.items()}
            losses = PicoDetLoss(3, all_sum=rank.all_sum)(part, mine, epoch)
            if attempt:
                assert {key: float(value) for key, value in losses.items()} == pytest.approx(whole, rel=1e-5)
                for key, value in gradients(part, losses).items():
                    np.testing.assert_allclose(value[0] / 2, expected[key][n], rtol=1e-3, atol=1e-7)
        for rank, other in zip(ranks, reversed(ranks)):
            rank.others = other.sums


def test_assigner_changes_with_the_epoch() -> None:
    loss = PicoDetLoss(3, static_assigner_epoch=5)
    first, last, later = (loss(raw(2), TARGETS, epoch) for epoch in (0.0, 4.9, 5.0))
    assert float(first["loss_vfl"]) == float(last["loss_vfl"]) != float(later["loss_vfl"])


@pytest.mark.parametrize("name", ["PicoDet-S_layout_3cls", "PicoDet_layout_1x"])
def test_training_on_one_batch_lowers_the_loss(name: str) -> None:
    paddle.seed(0)
    net = MODELS[name].build(num_classes=3)
    net.train()
    optimizer = paddle.optimizer.Momentum(0.02, 0.9, parameters=net.parameters())
    x = paddle.to_tensor(np.random.default_rng(0).standard_normal((2, 3, 96, 96)).astype(np.float32))
    history = []
    for _ in range(12):
        losses = PicoDetLoss(3)(net(x), TARGETS, 0)
        total = sum(losses.values())
        total.backward()
        optimizer.step()
        optimizer.clear_grad()
        history.append(float(total))
    # Targets grow with the quality of the boxes, so the loss may rise at first.
    assert np.isfinite(history).all() and min(history[-3:]) < 0.7 * max(history[:4]), history
