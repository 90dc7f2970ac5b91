"""Denoising queries, matching and loss of RT-DETR on boxes made by hand."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from sealkit.modules.layout_detection.matcher import match, pairwise_giou
from sealkit.modules.layout_detection.networks.denoising import (
    denoising_queries,
    positives,
    shares,
    to_corners,
)
from sealkit.modules.layout_detection.rtdetr_loss import RTDETRLoss, overlaps
from sealkit.nn.heads.rtdetr import attention_mask

CLASSES = 3
BOXES = [np.array([[0.3, 0.3, 0.2, 0.2], [0.7, 0.6, 0.1, 0.3]], np.float32), np.zeros((0, 4), np.float32)]
LABELS = [np.array([0, 2]), np.zeros(0, np.int64)]
NAMES = [f"loss_{term}{suffix}" for suffix in ("", "_aux", "_dn", "_aux_dn") for term in ("class", "bbox", "giou")]


def targets(side: int, *images: int) -> dict[str, list[np.ndarray]]:
    """Boxes in pixels of the chosen images."""
    return {"boxes": [to_corners(BOXES[i]) * side for i in images], "classes": [LABELS[i] for i in images]}


def outputs(count: int, noisy: int = 0, seed: int = 0) -> dict[str, paddle.Tensor]:
    """Random outputs of a network for `count` images with 6 queries."""
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> tuple[paddle.Tensor, paddle.Tensor]:
        logits = paddle.to_tensor(rng.normal(0, 1, (*shape, CLASSES)).astype(np.float32), stop_gradient=False)
        boxes = paddle.to_tensor(rng.uniform(0.2, 0.8, (*shape, 4)).astype(np.float32), stop_gradient=False)
        return logits, boxes

    made = {"input_size": paddle.to_tensor([64, 64])}
    made["logits"], made["boxes"] = some(count, 6)
    made["aux_logits"], made["aux_boxes"] = some(2, count, 6)
    if noisy:
        made["dn_logits"], made["dn_boxes"] = some(count, noisy)
        made["dn_aux_logits"], made["dn_aux_boxes"] = some(1, count, noisy)
    return made


def test_shares_of_the_image() -> None:
    boxes, classes = shares({"boxes": [[[10, 20, 30, 60]], []], "classes": [[[2]], []]}, height=100, width=50)
    np.testing.assert_allclose(boxes[0], [[0.4, 0.4, 0.4, 0.4]], rtol=1e-6)
    assert classes[0].tolist() == [2] and boxes[1].shape == (0, 4) and classes[1].shape == (0,)


def test_noise_is_small_for_positives_and_large_for_negatives() -> None:
    noise = denoising_queries(BOXES, LABELS, CLASSES, np.random.default_rng(0), queries=40)
    assert noise is not None and noise.group == 4 and noise.boxes.shape == (2, 80, 4)
    assert set(noise.classes[1].tolist()) == {CLASSES} and (noise.boxes[1] == 0).all(), "padding stays padding"
    moved = np.abs(to_corners(noise.boxes[0]) - np.tile(to_corners(BOXES[0]), (40, 1)))
    share = moved / np.tile(BOXES[0][:, 2:] / 2, (40, 2))  # of half the size; nothing is cut at the edges here
    near = share.reshape(20, 2, 2, 4)[:, 0]
    far = share.reshape(20, 2, 2, 4)[:, 1]
    assert near.max() <= 1 + 1e-4 < far.max() <= 2 + 1e-4 and far.min() >= 1 - 1e-4
    changed = (noise.classes[0] != np.tile(LABELS[0], 40)).mean()
    assert 0.05 < changed < 0.3  # a quarter is drawn anew, a third of these hits the old class
    again = denoising_queries(BOXES, LABELS, CLASSES, np.random.default_rng(0), queries=40)
    assert again is not None and np.array_equal(again.boxes, noise.boxes)


def test_no_box_no_noise_and_many_boxes_one_group() -> None:
    rng = np.random.default_rng(0)
    assert denoising_queries(BOXES[1:], LABELS[1:], CLASSES, rng) is None
    assert denoising_queries(BOXES, LABELS, CLASSES, rng, queries=0) is None
    many = denoising_queries([np.tile(BOXES[0], (75, 1))], [np.tile(LABELS[0], 75)], CLASSES, rng)
    assert many is not None and many.boxes.shape[1] == many.group == 300


def test_positives_are_the_first_half_of_each_group() -> None:
    rows = positives([2, 1, 0], queries=8)  # two groups of 2 + 2
    assert [(a.tolist(), b.tolist()) for a, b in rows] == [([0, 1, 4, 5], [0, 1, 0, 1]), ([0, 4], [0, 0]), ([], [])]


def test_mask_hides_noise_from_queries_and_groups_from_each_other() -> None:
    noise = denoising_queries(BOXES, LABELS, CLASSES, np.random.default_rng(0), queries=4)
    assert noise is not None
    seen = np.isfinite(attention_mask(noise, 3).numpy())
    assert seen.shape == (11, 11)
    assert seen[8:, 8:].all() and not seen[8:, :8].any() and seen[:8, 8:].all()
    assert seen[:4, :4].all() and seen[4:8, 4:8].all() and not seen[:4, 4:8].any() and not seen[4:8, :4].any()


def test_matching_takes_the_least_sum() -> None:
    boxes = np.concatenate([BOXES[0][::-1], [[0.5, 0.5, 0.9, 0.9]]]).astype(np.float32)
    queries, chosen = match(np.zeros((3, CLASSES), np.float32), boxes, LABELS[0], BOXES[0])
    assert dict(zip(queries.tolist(), chosen.tolist())) == {0: 1, 1: 0}
    logits = np.array([[0, 0, 9], [9, 0, 0], [0, 0, 0]], np.float32)
    same = np.tile(BOXES[0][:1], (3, 1))
    queries, chosen = match(logits, same, LABELS[0], np.tile(BOXES[0][:1], (2, 1)))
    assert dict(zip(queries.tolist(), chosen.tolist())) == {1: 0, 0: 1}, "classes decide where boxes are equal"


def test_matching_of_nothing_of_more_boxes_than_queries_and_of_broken_values() -> None:
    logits, boxes = np.zeros((1, CLASSES), np.float32), BOXES[0][:1]
    assert [len(each) for each in match(logits, boxes, LABELS[1], BOXES[1])] == [0, 0]
    assert [each.tolist() for each in match(logits, boxes, LABELS[0], BOXES[0])] == [[0], [0]]
    broken = np.full((2, CLASSES), np.nan, np.float32)
    assert len(match(broken, BOXES[0], LABELS[0], BOXES[0])[0]) == 2


def test_overlaps_of_pairs_equal_those_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.uniform(0.1, 0.9, (2, 5, 4)).astype(np.float32)
    _, giou = overlaps(paddle.to_tensor(first), paddle.to_tensor(second))
    np.testing.assert_allclose(giou.numpy(), np.diag(pairwise_giou(to_corners(first), to_corners(second))), atol=1e-5)
    iou, giou = overlaps(paddle.to_tensor([[0.25, 0.25, 0.5, 0.5]]), paddle.to_tensor([[0.5, 0.25, 0.5, 0.5]]))
    assert iou.item() == pytest.approx(1 / 3, rel=1e-5) and giou.item() == pytest.approx(1 / 3, rel=1e-5)


def test_perfect_outputs_cost_nearly_nothing_and_l1_is_per_box() -> None:
    made = outputs(1)
    logits = np.full((1, 2, CLASSES), -12.0, np.float32)
    logits[0, 0, 0] = logits[0, 1, 2] = 12.0
    made["logits"], made["boxes"] = paddle.to_tensor(logits), paddle.to_tensor(BOXES[0][None])
    losses = RTDETRLoss(CLASSES)(made, targets(64, 0))
    assert list(losses) == NAMES
    assert max(float(losses[name]) for name in NAMES[:3]) < 1e-4
    moved = BOXES[0][None] + np.array([0.01, 0, 0, 0], np.float32)
    made["boxes"] = paddle.to_tensor(moved)
    assert float(RTDETRLoss(CLASSES)(made, targets(64, 0))["loss_bbox"]) == pytest.approx(5 * 0.01, rel=1e-3)


def test_pages_without_boxes_teach_and_have_no_box_loss() -> None:
    made = outputs(1)
    losses = RTDETRLoss(CLASSES)(made, targets(64, 1))
    assert list(losses) == NAMES
    p = 1 / (1 + np.exp(-made["logits"].numpy().astype(np.float64)))
    assert float(losses["loss_class"]) == pytest.approx(float((-0.75 * p**2 * np.log(1 - p)).sum()), rel=1e-5)
    assert all(float(value) == 0 for name, value in losses.items() if "class" not in name)
    sum(losses.values()).backward()
    assert float(made["logits"].grad.abs().sum()) > 0 and made["boxes"].grad is None


def test_two_processes_have_the_loss_of_one_with_the_whole_batch() -> None:
    """One process's image has no box, so that process has no denoising queries: it must still join every sum."""
    both = outputs(2, noisy=4)
    whole = RTDETRLoss(CLASSES)(both, targets(64, 0, 1))

    def part(i: int) -> dict[str, paddle.Tensor]:
        own = {k: v[i : i + 1] for k, v in both.items() if k in ("logits", "boxes", "dn_logits", "dn_boxes")}
        own |= {k: v[:, i : i + 1] for k, v in both.items() if "aux" in k}
        return {k: v for k, v in own.items() if i == 0 or not k.startswith("dn")} | {"input_size": both["input_size"]}

    # Each process's sums in order; the second round is given the total of both.
    rounds: list[list[paddle.Tensor]] = [[], []]
    for i in (0, 1):

        def noted(x: paddle.Tensor, seen: list[paddle.Tensor] = rounds[i]) -> paddle.Tensor:
            seen.append(x)
            return x.clip(min=1.0)

        RTDETRLoss(CLASSES, all_sum=noted)(part(i), targets(64, i))
    assert len(rounds[0]) == len(rounds[1]) == 2 + len(NAMES)

    def total_of(position: int) -> paddle.Tensor:
        return rounds[0][position] + rounds[1][position]

    for i in (0, 1):
        own: list[paddle.Tensor] = []

        def all_sum(x: paddle.Tensor, own: list[paddle.Tensor] = own, other: int = 1 - i) -> paddle.Tensor:
            own.append(x)
            return x + rounds[other][len(own) - 1].detach()

        losses = RTDETRLoss(CLASSES, all_sum=all_sum)(part(i), targets(64, i))
        for name in NAMES:
            # padding of the other page is background there too, which one process alone does not compute
            if "class" not in name or "dn" not in name:
                assert float(losses[name]) == pytest.approx(float(whole[name]), rel=1e-5), (i, name)
    assert total_of(0).item() == 2.0
