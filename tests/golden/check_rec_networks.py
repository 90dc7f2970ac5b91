"""Recognisers on deterministic weights: eval output in both forms, training outputs, losses, gradients, statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest

from tests.golden.check_networks import check_after_backward, filled_network
from tests.golden.golden_arrays import LOSS, OUTPUT, PROBABILITY, Golden, assert_array, names

NAMES = {"CTCLoss": "loss_ctc", "NRTRLoss": "loss_nrtr", "SARLoss": "loss_sar"}
OUTPUTS = {"ctc": "ctc", "ctc_neck": "ctc_neck", "gtc": "nrtr", "sar": "sar"}


def check_eval(name: str, golden: Golden, folder: Path) -> None:
    """Logits, probabilities of the exported graph, and the decoded classes."""
    from sealkit.modules.text_recognition.networks.multi_head import InferenceRecNet, inference_network

    net = filled_network(name, golden, folder)
    net.eval()
    x = paddle.to_tensor(golden["x"].astype(np.float32))
    with paddle.no_grad():
        assert_array(golden, "eval/logits", net(x)["ctc"].numpy())
        plain = InferenceRecNet(net)(x).numpy()
        assert_array(golden, "eval/out", plain)
        np.testing.assert_array_equal(plain.argmax(axis=2), golden["eval/argmax"])
        fused = inference_network(net)(x).numpy()
    assert np.abs(fused - plain).max() <= OUTPUT * np.abs(plain).max()
    left = [key for key in net.state_dict() if key.endswith("._mean") or "gtc" in key or "sar_head" in key]
    assert not left, f"left in the exported form: {left[:5]}"


def without_dropout(net: Any) -> Any:
    from sealkit.nn.transformer import DropPath

    for layer in net.sublayers():
        if isinstance(layer, paddle.nn.Dropout | DropPath):
            layer.p = 0.0
        elif isinstance(layer, paddle.nn.LSTM):
            layer.dropout = 0.0
    return net


def check_train(name: str, golden: Golden, folder: Path) -> None:
    """Training outputs, loss components, gradient norms and running statistics of one step."""
    from sealkit.modules.text_recognition.loss import RecLoss

    net = without_dropout(filled_network(name, golden, folder))
    net.train()
    batch = {key: paddle.to_tensor(golden[f"train/{key}"]) for key in ("label_ctc", "length", "valid_ratio")}
    assert net.auxiliary_head is not None
    batch[f"label_{net.auxiliary_head}"] = paddle.to_tensor(
        golden[f"train/label_{'gtc' if net.auxiliary_head == 'nrtr' else 'sar'}"]
    )
    outputs = net(paddle.to_tensor(golden["train/x"].astype(np.float32)), batch)
    for key in names(golden, "train/out/"):
        room = OUTPUT if key == "ctc_neck" else PROBABILITY
        assert_array(golden, f"train/out/{key}", outputs[OUTPUTS[key]].numpy(), room)
    losses = RecLoss()(outputs, batch)
    for key in names(golden, "train/loss/"):
        found = float(sum(losses.values())) if key == "loss" else float(losses[NAMES[key]])
        assert found == pytest.approx(float(golden[f"train/loss/{key}"]), rel=LOSS), key
    sum(losses.values()).backward()
    check_after_backward(net, golden)
