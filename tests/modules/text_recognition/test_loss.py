"""Losses against what they are defined to be."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product

import numpy as np
import paddle
import pytest

from sealkit.modules.text_recognition.labels import steps_needed
from sealkit.modules.text_recognition.loss import ctc_loss, nrtr_loss, sar_loss
from sealkit.modules.text_recognition.loss import log_softmax as stable_log_softmax


def log_softmax(x: np.ndarray) -> np.ndarray:
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def test_ctc_is_the_probability_of_all_ways_to_write_the_label() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 4, 3)).astype(np.float32)
    labels = [[1, 2], [1, 1]]
    expected = []
    for row, label in zip(log_softmax(logits.astype(float)), labels):
        ways = 0.0
        for path in product(range(3), repeat=4):
            merged = [c for i, c in enumerate(path) if c and (i == 0 or path[i - 1] != c)]
            if merged == label:
                ways += np.exp(sum(row[t, c] for t, c in enumerate(path)))
        expected.append(-np.log(ways))
    found = ctc_loss(paddle.to_tensor(logits), paddle.to_tensor(labels), paddle.to_tensor([2, 2]))
    assert float(found) == pytest.approx(np.mean(expected), rel=1e-5)


def test_a_label_that_does_not_fit_the_steps_counts_as_nothing() -> None:
    logits = paddle.randn([1, 3, 5])
    logits.stop_gradient = False
    assert steps_needed([1, 1, 2]) == 4 and steps_needed([1, 2, 1]) == 3
    loss = ctc_loss(logits, paddle.to_tensor([[1, 1, 2]]), paddle.to_tensor([3]))
    loss.backward()
    assert float(loss) == 0 and float(logits.grad.abs().sum()) == 0


def test_nrtr_smooths_and_leaves_padding_out() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(2, 3, 6)).astype(np.float32)
    labels = np.array([[2, 4, 3, 0, 0], [2, 5, 4, 3, 0]])
    log_p = log_softmax(logits.astype(float))
    parts = []
    for row in range(2):
        for place in range(3):
            if labels[row, place + 1]:
                target = np.full(6, 0.1 / 5)
                target[labels[row, place + 1]] = 0.9
                parts.append(-(target * log_p[row, place]).sum())
    assert len(parts) == 5
    found = nrtr_loss(paddle.to_tensor(logits), paddle.to_tensor(labels))
    assert float(found) == pytest.approx(np.mean(parts), rel=1e-5)


def test_sar_predicts_what_comes_next_and_never_padding() -> None:
    rng = np.random.default_rng(2)
    n = 5
    logits = rng.normal(size=(1, 4, n + 1)).astype(np.float32)
    labels = np.array([[n, 0, n, n + 1]])  # start, a character, end, padding
    log_p = log_softmax(logits.astype(float))
    expected = -(log_p[0, 0, 0] + log_p[0, 1, n]) / 2
    assert float(sar_loss(paddle.to_tensor(logits), paddle.to_tensor(labels))) == pytest.approx(expected, rel=1e-5)


def test_log_softmax_has_the_gradient_of_its_definition() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(scale=4, size=(5, 300)).astype(np.float32)
    values[0] += 500  # exp() of the plain values would be infinite
    weights = rng.normal(size=values.shape)
    logits = paddle.to_tensor(values, stop_gradient=False)
    found = stable_log_softmax(logits)
    (found * paddle.to_tensor(weights.astype(np.float32))).sum().backward()
    exact = values.astype(np.float64) - values.max(axis=1, keepdims=True)
    exact = exact - np.log(np.exp(exact).sum(axis=1, keepdims=True))
    gradient = weights - np.exp(exact) * weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.numpy(), exact, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(logits.grad.numpy(), gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", [nrtr_loss, sar_loss])
def test_time_grows_with_the_number_of_classes_not_with_its_square(
    loss: Callable[[paddle.Tensor, paddle.Tensor], paddle.Tensor],
) -> None:
    def seconds(classes: int) -> float:
        logits = paddle.randn([4, 8, classes])
        logits.stop_gradient = False
        labels = paddle.full([4, 9 if loss is nrtr_loss else 8], 3, dtype="int64")
        times = []
        for _ in range(5):
            started = time.process_time()
            loss(logits, labels).backward()
            times.append(time.process_time() - started)
        return min(times)

    seconds(1000)
    assert seconds(20_000) < 40 * seconds(2_000)  # 10 times as many; the square would be 100 times
