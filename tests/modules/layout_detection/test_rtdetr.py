"""RT-DETR on its own, in small. Equality with the published networks is the goldens' matter."""

from __future__ import annotations

import re

import numpy as np
import paddle
import pytest

from sealkit.modules.layout_detection.classes import CLASSES
from sealkit.modules.layout_detection.models import MODELS
from sealkit.modules.layout_detection.networks.rtdetr import (
    RTDETR,
    build_rtdetr,
    decode_queries,
    inference_network,
)
from sealkit.modules.layout_detection.rtdetr_loss import RTDETRLoss
from sealkit.nn.backbones.hgnet_v2 import STAGE_RATE, PPHGNetV2Det
from sealkit.nn.fuse import fuse
from sealkit.nn.heads.rtdetr import RTDETRTransformer, anchors, score_head
from sealkit.nn.heads.rtdetr_decoder import DeformableAttention
from sealkit.nn.layers import param_factors
from sealkit.nn.necks.hybrid_encoder import HybridEncoder, position_code

SIDE = 96
WIDTHS = ((16, 8, 16, 1, False, 3), (16, 8, 32, 1, False, 3), (32, 8, 32, 1, True, 5), (32, 8, 32, 1, True, 5))
TARGETS = {
    "boxes": [np.array([[8, 16, 56, 64], [50, 50, 90, 80]], np.float32), np.zeros((0, 4), np.float32)],
    "classes": [np.array([1, 2]), np.zeros(0, np.int64)],
}


def small(classes: int = 3, seed: int = 0) -> RTDETR:
    paddle.seed(seed)
    backbone = PPHGNetV2Det((8, WIDTHS))
    neck = HybridEncoder(backbone.out_channels, channels=32, hidden=48)
    transformer = RTDETRTransformer(
        neck.out_channels, classes, channels=32, queries=20, layers=2, heads=4, points=2, hidden=48
    )
    return RTDETR(backbone, neck, transformer, (SIDE, SIDE))


def images(count: int = 2) -> paddle.Tensor:
    return paddle.to_tensor(np.random.default_rng(0).random((count, 3, SIDE, SIDE)).astype(np.float32))


def stirred(net: RTDETR) -> RTDETR:
    """BatchNorms with statistics of their own and box heads that move boxes."""
    rng = np.random.default_rng(0)
    for name, value in net.state_dict().items():
        if name.endswith("._mean"):
            value.set_value(rng.normal(0, 0.2, value.shape).astype(np.float32))
        elif name.endswith("._variance") or (name.endswith(".weight") and len(value.shape) == 1):
            value.set_value(rng.uniform(0.5, 1.5, value.shape).astype(np.float32))
        elif "score_head" in name or "bbox_head" in name or "attention_weights" in name:
            value.set_value(rng.normal(0, 0.3, value.shape).astype(np.float32))
    return net


def test_exported_form_equals_the_trained_one_in_source_pixels() -> None:
    net = stirred(small())
    net.eval()
    x = images()
    im_shape, scale = paddle.to_tensor([[96.0, 96.0]] * 2), paddle.to_tensor([[0.5, 0.25], [1.0, 1.0]])
    with paddle.no_grad():
        expected = decode_queries(net(x), im_shape, scale).numpy()
        found, number = inference_network(net)(im_shape, x, scale)
    assert not [key for key in net.state_dict() if key.endswith("._mean")], "BatchNorm left"
    assert number.numpy().tolist() == [60, 60]  # 20 queries, 3 classes
    np.testing.assert_allclose(found.numpy().reshape(2, 60, 6), expected, rtol=1e-3, atol=1e-2)
    assert (np.diff(expected[:, :, 1], axis=1) <= 0).all() and set(np.unique(expected[:, :, 0])) <= {0, 1, 2}


def test_decoding_names_class_and_query_and_undoes_the_scaling() -> None:
    logits = np.full((1, 2, 3), -9.0, np.float32)
    logits[0, 1, 2], logits[0, 0, 0] = 4.0, 1.0
    outputs = {
        "logits": paddle.to_tensor(logits),
        "boxes": paddle.to_tensor([[[0.5, 0.5, 1.0, 1.0], [0.25, 0.5, 0.1, 0.2]]]),
    }
    # the network saw 96 x 96 of a page 200 high and 100 wide
    rows = decode_queries(outputs, paddle.to_tensor([[96.0, 96.0]]), paddle.to_tensor([[0.48, 0.96]])).numpy()[0]
    np.testing.assert_allclose(rows[0], [2, 1 / (1 + np.exp(-4)), 20, 80, 30, 120], rtol=1e-5)
    np.testing.assert_allclose(rows[1], [0, 1 / (1 + np.exp(-1)), 0, 0, 100, 200], rtol=1e-5)


def test_class_dependent_tensors_are_exactly_those_whose_shape_has_the_classes() -> None:
    pattern = re.compile(MODELS["RT-DETR-H_layout_3cls"].class_dependent)
    three = {name: value.shape for name, value in small(3).state_dict().items()}
    five = {name: value.shape for name, value in small(5).state_dict().items()}
    differing = {name for name in three if three[name] != five[name]}
    assert three.keys() == five.keys()
    assert differing == {name for name in three if pattern.fullmatch(name)}
    assert len(differing) == 1 + 2 + 2 * 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["PP-DocLayout_plus-L", "PP-DocBlockLayout"])
def test_parameters_of_the_table(name: str) -> None:
    spec = MODELS[name]
    named = spec.build().named_parameters()
    found = sum(int(np.prod(one.shape)) for key, one in named if not key.endswith(("._mean", "._variance")))
    assert found == spec.params and len(CLASSES[name]) == spec.num_classes


def test_fresh_scores_are_a_hundredth_and_fresh_boxes_stay_at_their_reference() -> None:
    head = score_head(8, 4)
    np.testing.assert_allclose(1 / (1 + np.exp(-head.bias.numpy())), 0.01, rtol=1e-5)
    net = small()
    net.eval()
    with paddle.no_grad():
        boxes = net(images())["boxes"].numpy()
    sides = np.unique(boxes[..., 2:].round(4))
    assert set(sides.tolist()) <= {np.float32(0.05).round(4), np.float32(0.1).round(4), np.float32(0.2).round(4)}


def test_backbone_trains_as_published_in_both_forms() -> None:
    net = small()
    factors = {name: (rate, decay) for name, _, rate, decay in param_factors(net)}
    assert factors["backbone.stem.stem1.conv.weight"][0] == 0.0
    assert factors["backbone.stages.1.downsample.conv.weight"][0] == STAGE_RATE
    assert factors["backbone.stages.0.blocks.0.layers.0.bn.weight"] == (0.0, 0.0)
    assert factors["neck.lateral_convs.0.bn.weight"] == (1.0, 0.0)
    assert factors["transformer.decoder.layers.0.linear1.weight"] == (1.0, None)
    fuse(net)
    net.backbone.set_rates()
    fused = dict(net.backbone.named_parameters())
    assert fused["stem.stem1.conv.weight"].stop_gradient and fused["stages.1.downsample.conv.bias"].stop_gradient
    assert not fused["stages.1.downsample.conv.weight"].stop_gradient


@pytest.mark.parametrize("name", [pytest.param("PP-DocLayout-L", marks=pytest.mark.slow)])
def test_fused_form_has_no_batch_norm(name: str) -> None:
    net = MODELS[name].build(form="fused", num_classes=2)
    assert not [key for key in net.state_dict() if key.endswith("._mean")]
    assert build_rtdetr("L", 2).transformer.classes == net.transformer.classes == 2


def test_a_few_steps_bring_the_loss_down_and_leave_the_frozen_parts() -> None:
    net = small()
    net.train()
    statistics = net.backbone.stages[0].blocks[0].layers[0].bn._mean
    before = (statistics.numpy(), net.backbone.stem.stem1.conv.weight.numpy())
    optimizer = paddle.optimizer.AdamW(2e-3, parameters=[p for p in net.parameters() if not p.stop_gradient])
    loss, totals = RTDETRLoss(3), []
    for _ in range(12):
        losses = loss(net(images(), targets=TARGETS, rng=np.random.default_rng(1)), TARGETS)
        total = sum(losses.values())
        total.backward()
        optimizer.step()
        optimizer.clear_grad()
        totals.append(float(total))
    assert np.isfinite(totals).all() and totals[-1] < 0.8 * totals[0], totals
    np.testing.assert_array_equal(statistics.numpy(), before[0])
    np.testing.assert_array_equal(net.backbone.stem.stem1.conv.weight.numpy(), before[1])


def test_evaluation_needs_no_targets_and_draws_nothing() -> None:
    net = small()
    net.eval()
    with paddle.no_grad():
        first, second = net(images()), net(images(), targets=TARGETS, rng=np.random.default_rng(5))
    assert set(first) == {"logits", "boxes"}
    np.testing.assert_array_equal(first["logits"].numpy(), second["logits"].numpy())


def test_denoising_does_not_reach_the_other_queries() -> None:
    net = small()
    net.train()
    with paddle.no_grad():
        # BatchNorm in train mode depends on the batch alone, which is the same
        plain, noisy = net(images()), net(images(), targets=TARGETS, rng=np.random.default_rng(5))
    assert noisy["dn_logits"].shape[1] == 2 * 2 * 50 and "dn_logits" not in plain
    for key in ("logits", "boxes", "aux_logits"):
        np.testing.assert_allclose(plain[key].numpy(), noisy[key].numpy(), atol=1e-5)


def test_deformable_attention_starts_as_a_mean_over_its_points() -> None:
    paddle.seed(0)
    layer = DeformableAttention(8, heads=4, levels=1, points=2)
    bias = layer.sampling_offsets.bias.numpy().reshape(4, 2, 2)  # heads, points, x y
    np.testing.assert_allclose(bias[1], [[0, 1], [0, 2]], atol=1e-6)
    memory = paddle.ones([1, 36, 8])
    query, reference = paddle.randn([1, 3, 8]), paddle.to_tensor([[[0.5, 0.5, 0.2, 0.2]] * 3])
    found = layer(query, reference, memory, [(6, 6)]).numpy()
    expected = layer.output_proj(layer.value_proj(memory[:, :1])).numpy()
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-6)


def test_anchors_and_position_code_keep_the_published_quirks() -> None:
    logits, valid = anchors([(2, 4), (1, 2)])
    boxes = 1 / (1 + np.exp(-logits[0]))
    assert logits.shape == (1, 10, 4) and valid[0, :, 0].tolist() == [1, 1, 0, 0, 1, 1, 0, 0, 1, 0]
    np.testing.assert_allclose(boxes[1], [0.75, 0.125, 0.05, 0.05], rtol=1e-5)  # x over the height, y over the width
    np.testing.assert_allclose(boxes[8], [0.5, 0.25, 0.1, 0.1], rtol=1e-5)
    code = position_code(2, 3, 8)[0]
    np.testing.assert_allclose(code[5], [np.sin(2), np.sin(0.02), np.cos(2), np.cos(0.02), np.sin(1), np.sin(0.01),
                                         np.cos(1), np.cos(0.01)], rtol=1e-5)  # fmt: skip
