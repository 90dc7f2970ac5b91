"""Detector losses by hand-sized cases; equality with the published losses is the goldens' matter."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from sealkit.engine.step import in_float32
from sealkit.modules.seal_text_detection.loss import DBLoss, area_loss, dice, focal, masked_l1, up_loss
from sealkit.modules.seal_text_detection.settings import DetLossSettings
from sealkit.nn.heads.db import probability


def tensor(*values: float, trained: bool = False) -> paddle.Tensor:
    result = paddle.to_tensor(np.array(values, np.float32).reshape(1, 1, -1))
    result.stop_gradient = not trained
    return result


def test_dice_by_hand() -> None:
    # overlap .8, sums 1.0 and 1: 1 - 1.6 / 2; the masked pixel does not count
    found = dice(tensor(0.8, 0.2, 0.9), tensor(1, 0, 1), tensor(1, 1, 0))
    assert float(found) == pytest.approx(1 - 1.6 / 2.0, abs=1e-5)


def test_focal_by_hand() -> None:
    value = focal(tensor(0.9, 0.3), tensor(1, 0), tensor(1, 1), 0.25, 2.0)
    expected = (0.25 * 0.1**2 * -np.log(0.9) + 0.75 * 0.3**2 * -np.log(0.7)) / 2
    assert float(value) == pytest.approx(expected, rel=1e-4)
    certain = focal(tensor(0.0, 1.0), tensor(1, 0), tensor(1, 1), 0.25, 2.5)
    assert np.isfinite(float(certain))


def test_masked_l1_of_nothing_is_zero() -> None:
    assert float(masked_l1(tensor(0.5), tensor(1.0), tensor(0))) == 0


def test_up_loss_is_the_angle_s_cosine() -> None:
    up = paddle.to_tensor(np.array([[[[3.0, 0.0]], [[0.0, -5.0]]]], np.float32))  # right, and up on screen
    target = paddle.to_tensor(np.array([[[[1.0, 0.0]], [[0.0, 1.0]]]], np.float32))  # right, and down
    mask = paddle.to_tensor(np.array([[[1.0, 0.0]]], np.float32))
    assert float(up_loss(up, target, mask)) == pytest.approx(0, abs=1e-5)
    assert float(up_loss(up, target, 1 - mask)) == pytest.approx(2, abs=1e-5)


def test_up_loss_of_an_empty_mask_and_of_a_zero_vector_have_finite_gradients() -> None:
    for mask_value in (0.0, 1.0):
        up = paddle.zeros([1, 2, 2, 2])
        up.stop_gradient = False
        loss = up_loss(up, paddle.ones([1, 2, 2, 2]), paddle.full([1, 2, 2], mask_value))
        loss.backward()
        assert np.isfinite(up.grad.numpy()).all()
        assert mask_value or (float(loss) == 0 and not up.grad.numpy().any())


def test_area_loss_teaches_images_without_seals() -> None:
    logit = tensor(2.0, -1.0, trained=True)
    area_loss(logit, tensor(0, 0), tensor(1, 1)).backward()
    assert (logit.grad.numpy() > 0).all()
    right = area_loss(tensor(20, -20), tensor(1, 0), tensor(1, 1))
    assert float(right) == pytest.approx(0, abs=1e-4)


def batch(text: bool) -> dict[str, paddle.Tensor]:
    rng = np.random.default_rng(0)
    shrink = np.zeros((2, 8, 8), np.float32)
    if text:
        shrink[:, 2:4, 2:6] = 1
    border = (rng.random((2, 8, 8)) < 0.3).astype(np.float32) * text
    values = {
        "shrink_map": shrink,
        "shrink_mask": np.ones_like(shrink),
        "threshold_map": border * 0.6,
        "threshold_mask": border,
    }
    return {key: paddle.to_tensor(value) for key, value in values.items()}


def outputs(**more: paddle.Tensor) -> dict[str, paddle.Tensor]:
    maps = paddle.to_tensor(np.random.default_rng(1).uniform(0.1, 0.9, (2, 3, 8, 8)).astype(np.float32))
    maps.stop_gradient = False
    return {"maps": maps, **more}


@pytest.mark.parametrize("main", ["dice", "dice_focal"])
def test_batch_without_text_is_finite_and_teaches_negatives(main: str) -> None:
    out = outputs()
    losses = DBLoss(DetLossSettings(main=main))(out, batch(text=False))
    total = sum(losses.values())
    total.backward()
    assert np.isfinite(float(total))
    assert (out["maps"].grad[:, 0].numpy() > 0).all()


def test_batch_with_text_uses_the_published_loss_only() -> None:
    out, truth = outputs(), batch(text=True)
    losses = DBLoss(DetLossSettings())(out, truth)
    expected = 5 * dice(out["maps"][:, 0], truth["shrink_map"], truth["shrink_mask"])
    assert float(losses["loss_shrink_maps"]) == pytest.approx(float(expected), rel=1e-5)
    assert set(losses) == {"loss_shrink_maps", "loss_threshold_maps", "loss_binary_maps"}


def test_auxiliary_maps_are_weighted_and_optional() -> None:
    out = outputs()
    out["aux_maps_p3"] = out["maps"]
    losses = DBLoss(DetLossSettings(main="dice_focal"))(out, batch(text=True))
    plain = sum(losses[f"loss_{name}_maps"] for name in ("shrink", "threshold", "binary"))
    assert float(losses["loss_aux_maps_p3"]) == pytest.approx(0.3 * float(plain), rel=1e-5)
    assert "loss_aux_maps_p4" not in losses


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_maps_of_mixed_precision_that_are_surely_wrong_have_a_finite_loss(kind: str) -> None:
    maps = paddle.ones([2, 3, 8, 8], "float32").astype(kind)
    maps.stop_gradient = False
    losses = DBLoss(DetLossSettings(main="dice_focal"))(in_float32({"maps": maps}), batch(text=True))
    total = sum(losses.values())
    total.backward()
    assert np.isfinite(float(total)) and np.isfinite(maps.grad.astype("float32").numpy()).all()


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32"])
def test_a_probability_near_1_still_learns(kind: str) -> None:
    logit = paddle.full([1], 11.0, dtype=kind)
    logit.stop_gradient = False
    p = probability(logit)
    assert p.dtype == paddle.float32 and 0.9999 < p.item() < 1
    p.sum().backward()
    assert logit.grad.astype("float32").item() > 1e-5
