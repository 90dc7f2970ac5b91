"""Recognisers on their own: forms, auxiliary heads, steps. Equality with the published networks is the goldens'
matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import paddle
import pytest

from sealkit.errors import ConfigError
from sealkit.modules.text_recognition.loss import RecLoss
from sealkit.modules.text_recognition.models import DICTIONARIES, MODELS
from sealkit.modules.text_recognition.networks.architectures import (
    ARCHITECTURES,
    build_recogniser,
)
from sealkit.modules.text_recognition.networks.multi_head import InferenceRecNet, inference_network

CLASSES = 9


def strips(width: int = 64, count: int = 2) -> paddle.Tensor:
    rng = np.random.default_rng(width)
    return paddle.to_tensor(rng.normal(0, 0.5, (count, 3, 48, width)).astype(np.float32))


def stirred(net: paddle.nn.Layer) -> paddle.nn.Layer:
    """BatchNorms with statistics and weights of their own, so that folding them can be wrong."""
    rng = np.random.default_rng(0)
    for name, value in net.state_dict().items():
        if name.endswith("._mean"):
            value.set_value(rng.normal(0, 0.2, value.shape).astype(np.float32))
        elif name.endswith("._variance") or (name.endswith(".weight") and len(value.shape) == 1):
            value.set_value(rng.uniform(0.5, 1.5, value.shape).astype(np.float32))
    return net


def labels(auxiliary_head: str) -> dict[str, paddle.Tensor]:
    made = {"label_ctc": [[1, 2, 0], [3, 3, 4]], "length": [2, 3]}
    if auxiliary_head == "nrtr":
        made["label_nrtr"] = [[2, 4, 5, 3, 0], [2, 6, 6, 7, 3]]
    else:
        made |= {"label_sar": [[9, 0, 1, 9, 10], [9, 2, 2, 3, 9]]}
    return {key: paddle.to_tensor(value) for key, value in made.items()} | {"valid_ratio": paddle.to_tensor([1.0, 0.5])}


def backbone_gradient(net: paddle.nn.Layer) -> float:
    gradients = [p.grad for p in net.backbone.parameters() if p.grad is not None]
    return sum(float(g.abs().sum()) for g in gradients)


def test_table() -> None:
    assert sum(spec.charset is not None for spec in MODELS.values()) == 34  # published
    assert all(spec.about for spec in MODELS.values())
    assert {spec.architecture for spec in MODELS.values()} == set(ARCHITECTURES)
    assert DICTIONARIES["arabic"].reverse_runs and DICTIONARIES["v6"].classes == 18710


def test_languages_of_v5_are_the_network_of_the_published_files() -> None:
    """Bytes of `inference.pdiparams` as public users of the official files record them: float32 of the fused network
    without its auxiliary head, and one header of some hundred bytes for each tensor."""
    sizes = {
        "PP-OCRv5_mobile_rec": 16_458_665,
        "arabic_PP-OCRv5_mobile_rec": 7_922_839,
        "devanagari_PP-OCRv5_mobile_rec": 7_836_203,
    }
    tensors = inference_network(build_recogniser("v4_mobile", CLASSES)).state_dict()
    numbers = sum(int(np.prod(tensor.shape)) for tensor in tensors.values())
    for name, size in sizes.items():
        more = MODELS[name].charset.classes - CLASSES
        assert size - 4 * (numbers + more * 121) == pytest.approx(16_436, abs=2)  # 121: 120 weights and a bias
        assert len(tensors) == 160


@pytest.mark.parametrize("name", ["th_PP-OCRv5_mobile_rec", "korean_PP-OCRv5_mobile_rec"])
def test_parameters_of_v5(name: str) -> None:
    net = MODELS[name].build()
    assert (
        sum(int(np.prod(parameter.shape)) for parameter in net.parameters() if parameter.trainable)
        == MODELS[name].params
    )
    assert net.head.ctc_head.fc.weight.shape[1] == MODELS[name].charset.lines + 2


@pytest.mark.parametrize("architecture", ["v6_tiny", "v3_mobile", "rep_svtr"])
def test_exported_form_equals_the_trained_one(architecture: str) -> None:
    net = stirred(build_recogniser(architecture, CLASSES))
    net.eval()
    x = strips()
    with paddle.no_grad():
        expected = InferenceRecNet(net)(x).numpy()
        found = inference_network(net)(x).numpy()
    assert expected.shape == (2, 8, CLASSES)
    np.testing.assert_allclose(found, expected, atol=1e-4)  # that of an export; machines add in another order
    assert not [key for key in net.state_dict() if "gtc" in key or "sar" in key or key.endswith("._mean")]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["v6_small", "svtr_v2"])
def test_graph_takes_any_batch_and_width(architecture: str, tmp_path: Path) -> None:
    layer = inference_network(build_recogniser(architecture, CLASSES, auxiliary_head=False))
    spec = [paddle.static.InputSpec([None, 3, 48, None], "float32", "x")]
    paddle.jit.save(paddle.jit.to_static(layer, input_spec=spec, full_graph=True), str(tmp_path / "inference"))
    graph = paddle.jit.load(str(tmp_path / "inference"))
    for width, count in ((64, 1), (96, 3)):
        x = strips(width, count)
        with paddle.no_grad():
            np.testing.assert_allclose(graph(x).numpy(), layer(x).numpy(), atol=1e-5)


@pytest.mark.parametrize(("architecture", "auxiliary_head"), [("v4_mobile", "nrtr"), ("v3_mobile", "sar")])
def test_the_auxiliary_head_alone_teaches_the_backbone_and_without_it_ctc_does(
    architecture: str, auxiliary_head: str
) -> None:
    net = build_recogniser(architecture, CLASSES)  # with BatchNorm: fused and fresh, some draws leave no gradient
    assert net.auxiliary_head == auxiliary_head
    net.train()
    losses = RecLoss(auxiliary_head=0.5)(net(strips(), labels(auxiliary_head)), labels(auxiliary_head))
    assert set(losses) == {"loss_ctc", f"loss_{auxiliary_head}"}
    losses["loss_ctc"].backward(retain_graph=True)
    assert backbone_gradient(net) == 0
    losses[f"loss_{auxiliary_head}"].backward()
    assert backbone_gradient(net) > 0

    plain = build_recogniser(architecture, CLASSES, auxiliary_head=False)
    assert plain.auxiliary_head is None
    plain.train()
    losses = RecLoss()(plain(strips(), labels(auxiliary_head)), labels(auxiliary_head))
    assert set(losses) == {"loss_ctc"}
    losses["loss_ctc"].backward()
    assert backbone_gradient(plain) > 0


def test_steps_in_training() -> None:
    for fixed, steps in ((True, 40), (False, 12)):
        net = build_recogniser("v6_tiny", CLASSES, form="fused", fixed_steps=fixed)
        net.train()
        out = net(strips(96))  # no labels: no auxiliary head
        assert set(out) == {"ctc", "ctc_neck"} and out["ctc"].shape == [2, steps, CLASSES]
        net.eval()
        assert net(strips(96))["ctc"].shape == [2, 12, CLASSES]


def test_wrong_options() -> None:
    with pytest.raises(ConfigError, match="unknown network form"):
        build_recogniser("v6_tiny", CLASSES, form="folded")
    with pytest.raises(ConfigError, match="blank and at least one character"):
        build_recogniser("v6_tiny", 1)
