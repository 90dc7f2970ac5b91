"""Assignment of cells to boxes: on laid-out cases, and ATSS against a plain second implementation."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from sealkit.modules.layout_detection.assigners import Cells, atss, iou, pairwise_iou, simota, task_aligned
from sealkit.modules.layout_detection.picodet_loss import varifocal_cost
from sealkit.nn.heads.pico import cells

SIZES = [(16, 16), (8, 8), (4, 4), (2, 2)]  # of an image of 128 x 128


def grid() -> Cells:
    points, strides = cells(SIZES)
    return Cells(paddle.to_tensor(points), paddle.to_tensor(strides))


def numpy_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.clip(high - low, 0, None).prod(-1)
    area = [(x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b)]
    return overlap / (area[0][:, None] + area[1][None] - overlap)


def random_boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corner, side = rng.uniform(0, 80, (count, 2)), rng.uniform(15, 60, (count, 2))
    return np.concatenate([corner, corner + side], axis=1).astype(np.float32)


def plain_atss(points: np.ndarray, strides: np.ndarray, boxes: np.ndarray) -> dict[int, int]:
    """Cell -> box, by loops."""
    overlaps = numpy_iou(boxes, np.concatenate([points - 2.5 * strides, points + 2.5 * strides], axis=1))
    chosen: dict[int, list[int]] = {}
    for g, box in enumerate(boxes):
        away = np.hypot(*(points - (box[:2] + box[2:]) / 2).T)
        near = []
        for stride in np.unique(strides):
            level = np.flatnonzero(strides[:, 0] == stride)
            near += level[np.argsort(away[level], kind="stable")[:9]].tolist()
        values = overlaps[g, near]
        for cell in near:
            centre = points[cell]
            inside = (box[:2] < centre).all() and (centre < box[2:]).all()
            if inside and overlaps[g, cell] > values.mean() + values.std(ddof=1):
                chosen.setdefault(cell, []).append(g)
    return {cell: owners[0] if len(owners) == 1 else int(overlaps[:, cell].argmax()) for cell, owners in chosen.items()}


@pytest.mark.parametrize("seed", range(4))
def test_atss_equals_a_plain_implementation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes, grid_ = random_boxes(rng, 5), grid()
    predicted = random_boxes(rng, grid_.points.shape[0])
    found = atss(grid_, paddle.to_tensor(boxes), paddle.to_tensor(predicted))
    assert found is not None
    owners = dict(zip(found.cells.tolist(), found.truths.tolist()))
    assert owners == plain_atss(grid_.points.numpy(), grid_.strides.numpy(), boxes)
    pairs = numpy_iou(boxes, predicted)[found.truths.numpy(), found.cells.numpy()]
    np.testing.assert_allclose(found.quality.numpy(), pairs, atol=1e-5)


def test_iou_and_giou_of_known_boxes() -> None:
    a = paddle.to_tensor([[0.0, 0, 10, 10]])
    b = paddle.to_tensor([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 0, 30, 10]])
    np.testing.assert_allclose(pairwise_iou(a, b).numpy(), [[1, 1 / 3, 0]], atol=1e-6)
    np.testing.assert_allclose(iou(a, b, generalised=True).numpy(), [1, 1 / 3, -1 / 3], atol=1e-6)


def test_gradient_of_giou_is_finite_where_boxes_do_not_meet() -> None:
    a = paddle.to_tensor([[0.0, 0, 10, 10], [3, 3, 3, 3]], stop_gradient=False)
    iou(a, paddle.to_tensor([[20.0, 20, 30, 30], [3, 3, 3, 3]]), generalised=True).sum().backward()
    assert np.isfinite(a.grad.numpy()).all()


def aligned_case() -> tuple[Cells, np.ndarray, np.ndarray]:
    """Every cell predicts a box of its own stride's size; scores of both classes equal."""
    grid_ = grid()
    half = grid_.strides.numpy()
    predicted = np.concatenate([grid_.points.numpy() - half, grid_.points.numpy() + half], axis=1)
    return grid_, predicted, np.full((len(predicted), 2), 0.5, np.float32)


def test_task_aligned_takes_the_cells_that_predict_the_box_best() -> None:
    grid_, predicted, scores = aligned_case()
    truth = 16 * 16 + 3 * 8 + 4  # a cell of stride 16
    boxes = predicted[[truth]]
    found = task_aligned(grid_, *map(paddle.to_tensor, (boxes, np.array([1]), predicted, scores)))
    assert found is not None and len(found.cells) <= 13 and truth in found.cells.tolist()
    quality = dict(zip(found.cells.tolist(), found.quality.tolist()))
    assert quality[truth] == pytest.approx(1.0, abs=1e-5) == max(quality.values())
    centres = grid_.points.numpy()[found.cells.numpy()]
    assert ((centres > boxes[0, :2]) & (centres < boxes[0, 2:])).all()
    rival = 7 * 16 + 8  # a cell of stride 8 inside the box
    predicted[rival], scores[truth, 1] = boxes[0], 0.05
    lower = task_aligned(grid_, *map(paddle.to_tensor, (boxes, np.array([1]), predicted, scores)))
    assert lower is not None
    quality = dict(zip(lower.cells.tolist(), lower.quality.tolist()))
    assert quality[rival] == pytest.approx(1.0, abs=1e-5) and quality[truth] == pytest.approx(0.1, abs=1e-5)


def test_a_cell_of_two_boxes_goes_to_the_one_it_predicts_better() -> None:
    grid_, predicted, scores = aligned_case()
    cell = 16 * 16 + 3 * 8 + 4
    boxes = np.stack([predicted[cell] + [-9, -9, 9, 9], predicted[cell] + [-1, -1, 1, 1]]).astype(np.float32)
    classes = np.array([0, 1])
    for found in (
        task_aligned(grid_, *map(paddle.to_tensor, (boxes, classes, predicted, scores))),
        simota(grid_, *map(paddle.to_tensor, (boxes, classes, predicted, scores)), varifocal_cost),
    ):
        assert found is not None and len(set(found.cells.tolist())) == len(found.cells)
        assert dict(zip(found.cells.tolist(), found.truths.tolist()))[cell] == 1


def test_simota_takes_as_many_cells_as_the_best_overlaps_add_up_to() -> None:
    grid_, predicted, scores = aligned_case()
    cell = 16 * 16 + 3 * 8 + 4
    boxes, classes = predicted[[cell]], np.array([0])
    predicted = predicted.copy()
    few = simota(grid_, *map(paddle.to_tensor, (boxes, classes, predicted, scores)), varifocal_cost)
    near = np.flatnonzero(numpy_iou(boxes, predicted)[0] > 0.1)
    predicted[near] = boxes[0]
    many = simota(grid_, *map(paddle.to_tensor, (boxes, classes, predicted, scores)), varifocal_cost)
    assert few is not None and many is not None
    overlaps = np.sort(numpy_iou(boxes, aligned_case()[1])[0])[::-1][:10].sum()
    assert len(few.cells) == max(int(overlaps), 1) < len(many.cells) <= 10
    np.testing.assert_allclose(many.quality.numpy(), 1.0, atol=1e-5)


def test_no_cell_fits_a_box_outside_the_image() -> None:
    grid_, predicted, scores = aligned_case()
    boxes, classes = paddle.to_tensor([[-900.0, -900, -880, -880]]), paddle.to_tensor([0])
    rest = (paddle.to_tensor(predicted), paddle.to_tensor(scores))
    assert atss(grid_, boxes, rest[0]) is None
    assert task_aligned(grid_, boxes, classes, *rest) is None
    assert simota(grid_, boxes, classes, *rest, varifocal_cost) is None
