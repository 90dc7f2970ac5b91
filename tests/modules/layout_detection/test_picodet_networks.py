"""PicoDet networks: forms, outputs, classes, decoding, and the exported graph's contract."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import paddle
import pytest

from sealkit.errors import ConfigError, ExportError
from sealkit.modules.layout_detection.models import MODELS, keep_distances
from sealkit.modules.layout_detection.networks.picodet import INPUTS, NmsSettings, boxes_of, detect, inference_network
from sealkit.nn.heads.pico import STRIDES, cells
from sealkit.weights.loading import load_into, network_arrays

FAST = {"PicoDet-S_layout_3cls": "scores", "PicoDet_layout_1x_table": "logits"}
PICODET = [name for name, spec in MODELS.items() if spec.architecture == "picodet"]


def draw_image(seed: int = 0, hw: tuple[int, int] = (64, 96), count: int = 1) -> paddle.Tensor:
    return paddle.to_tensor(np.random.default_rng(seed).standard_normal((count, 3, *hw)).astype(np.float32))


def cell_count(hw: tuple[int, int]) -> int:
    return sum(-(-hw[0] // stride) * -(-hw[1] // stride) for stride in STRIDES)


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("form", ["official", "fused"])
def test_outputs_of_both_modes(name: str, form: str) -> None:
    net = MODELS[name].build(form=form, num_classes=4)
    count = cell_count((64, 96))
    for mode in (net.eval, net.train):
        mode()
        out = net(draw_image(count=2))
        assert set(out) == {FAST[name], "bins", "distances", "points", "strides"}
        assert out[FAST[name]].shape == [2, count, 4] and out["bins"].shape == [2, count, 32]
        assert out["distances"].shape == [2, count, 4]
        assert float(out["distances"].min()) >= 0 and float(out["distances"].max()) <= 7
        assert out["points"].shape == [count, 2] and out["strides"].shape == [count, 1]


@pytest.mark.parametrize("name", FAST)
def test_fused_form_has_the_same_outputs_and_trains_every_parameter(name: str) -> None:
    paddle.seed(1)
    plain = MODELS[name].build()
    fused = MODELS[name].build()
    fused.set_state_dict(plain.state_dict())
    plain.eval()
    fused.eval()
    net = inference_network(fused).net
    x = draw_image()
    for key, value in plain(x).items():
        np.testing.assert_allclose(net(x)[key].numpy(), value.numpy(), atol=1e-4, err_msg=key)
    assert not [key for key in net.state_dict() if key.endswith(("._mean", "._variance", "scale_reg"))]
    net.train()
    out = net(draw_image(count=2))
    (out[FAST[name]].sum() + out["distances"].sum()).backward()
    assert not [key for key, param in net.named_parameters() if param.grad is None]


@pytest.mark.parametrize("name", FAST)
def test_other_classes_change_the_class_dependent_tensors_and_no_others(name: str) -> None:
    spec = MODELS[name]
    published = {key: tuple(value.shape) for key, value in spec.build().state_dict().items()}
    other = {key: tuple(value.shape) for key, value in spec.build(num_classes=9).state_dict().items()}
    assert published.keys() == other.keys()
    changed = {key for key in published if published[key] != other[key]}
    assert changed == {key for key in published if re.fullmatch(spec.class_dependent, key)}
    assert changed


def test_fine_tuning_keeps_the_distances_of_a_common_convolution() -> None:
    spec = MODELS["PicoDet_layout_1x_table"]
    source, net = network_arrays(spec.build()), spec.build(num_classes=3)
    source["head.head_cls0.weight"] = source["head.head_cls0.weight"] + 1
    report = load_into(net, source, resize=spec.resize)
    assert {name for name, _, _ in report.resized} == {
        f"head.head_cls{i}.{part}" for i in range(4) for part in ("weight", "bias")
    }
    assert "8 re-initialised (head.head_cls0.weight 33×128×1×1→35×128×1×1" in report.summary()
    found = net.head.head_cls0.weight.numpy()
    np.testing.assert_array_equal(found[3:], source["head.head_cls0.weight"][1:])
    assert abs(found[:3]).max() < 0.1, "the classes start afresh"


def test_keep_distances_refuses_what_differs_in_more_than_classes() -> None:
    wide, narrow = np.zeros((40, 8, 1, 1)), np.zeros((40, 4, 1, 1))
    assert keep_distances("head.head_cls0.weight", wide, narrow) is None
    assert keep_distances("head.other.weight", wide, wide) is None
    assert keep_distances("head.head_cls0.bias", np.zeros(32), np.zeros(40)) is None


@pytest.mark.parametrize("name", FAST)
def test_classes_start_at_one_percent(name: str) -> None:
    net = MODELS[name].build()
    biases = [value.numpy() for key, value in net.state_dict().items() if re.search(r"head_cls\d\.bias", key)]
    assert len(biases) == 4
    for bias in biases:
        np.testing.assert_allclose(1 / (1 + np.exp(-bias)), 0.01, atol=1e-6)


def test_table_of_models() -> None:
    assert len(PICODET) == 8
    for name in PICODET:
        height, width = MODELS[name].input.height, MODELS[name].input.width
        assert height % 32 == 0 and width % 32 == 0, name
        assert MODELS[name].num_classes >= 1 and "official" in MODELS[name].weights


@pytest.mark.parametrize("options", [{"form": "deploy"}, {"num_classes": 0}])
def test_what_cannot_be_built_is_refused(options: dict) -> None:
    with pytest.raises(ConfigError):
        MODELS["PicoDet-S_layout_3cls"].build(**options)


def test_cells_are_numbered_row_by_row_finest_level_first() -> None:
    points, strides = cells([(2, 3), (1, 2), (1, 1), (1, 1)])
    np.testing.assert_array_equal(points[:4], [[4, 4], [12, 4], [20, 4], [4, 12]])
    np.testing.assert_array_equal(points[6:], [[8, 8], [24, 8], [16, 16], [32, 32]])
    np.testing.assert_array_equal(strides[:, 0], [8] * 6 + [16] * 2 + [32, 64])


def one_page(scores: list[list[float]]) -> dict[str, paddle.Tensor]:
    """Raw outputs of four cells of side 8 in a row; each predicts the box 4 pixels around its centre's cell."""
    count = len(scores)
    points = np.stack([np.arange(count) * 8 + 4, np.full(count, 4)], axis=1).astype(np.float32)
    return {
        "scores": paddle.to_tensor([scores]),
        "bins": paddle.zeros([1, count, 32]),
        "distances": paddle.full([1, count, 4], 1.0),
        "points": paddle.to_tensor(points),
        "strides": paddle.full([count, 1], 8.0),
    }


def test_boxes_go_to_the_source_and_overlapping_ones_of_a_class_are_suppressed() -> None:
    outputs = one_page([[0.9, 0.0], [0.8, 0.7], [0.0, 0.01]])
    np.testing.assert_array_equal(boxes_of(outputs)[0].numpy(), [[-4, -4, 12, 12], [4, -4, 20, 12], [12, -4, 28, 12]])
    rows, counts = detect(outputs, paddle.to_tensor([[2.0, 0.5]]))  # twice as high, half as wide as the source
    np.testing.assert_allclose(
        rows.numpy(), [[0, 0.9, -8, -2, 24, 6], [0, 0.8, 8, -2, 40, 6], [1, 0.7, 8, -2, 40, 6]], atol=1e-5
    )
    assert counts.numpy().tolist() == [3] and counts.dtype == paddle.int32
    rows, counts = detect(outputs, paddle.ones([1, 2]), NmsSettings(iou=0.3))
    np.testing.assert_allclose(rows[:, :2].numpy(), [[0, 0.9], [1, 0.7]], atol=1e-5)


def test_a_page_without_boxes_gives_no_rows() -> None:
    rows, counts = detect(one_page([[0.02, 0.0]]), paddle.ones([1, 2]))
    assert rows.shape == [0, 6] and counts.numpy().tolist() == [0]


def test_exported_graph_takes_image_and_scale_factor() -> None:
    assert INPUTS == ("image", "scale_factor")
    net = MODELS["PicoDet-S_layout_3cls"].build()
    net.head.head_cls_list[0].bias.set_value(np.zeros(3, np.float32))
    net.eval()
    x, factor = draw_image(count=2), paddle.to_tensor([[0.5, 0.25]] * 2)
    rows, counts = detect(net(x), factor)
    found, numbers = inference_network(net, NmsSettings(keep=7))(x, factor)
    assert numbers.numpy().tolist() == [7, 7] and found.shape == [14, 6]
    assert counts.numpy().min() > 7 and rows.shape == [int(counts.numpy().sum()), 6]


def test_maps_of_unknown_size_are_refused() -> None:
    net = MODELS["PicoDet-S_layout_3cls"].build()
    unknown = [SimpleNamespace(shape=[1, 96, -1, -1])] * 4
    with pytest.raises(ExportError, match="one image size"):
        net.head(unknown)
