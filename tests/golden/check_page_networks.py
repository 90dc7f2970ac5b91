"""Networks of whole pages on deterministic weights: the orientation classifier and UVDoc."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import paddle
import pytest

from tests.golden.check_networks import check_after_backward, filled_network
from tests.golden.check_rec_networks import without_dropout
from tests.golden.golden_arrays import LOSS, OUTPUT, Golden, assert_array

IMAGE = 1e-3  # the grid is steep: a rounding of it is seen in the sampled image


def check_orientation_eval(name: str, golden: Golden, folder: Path) -> None:
    """Logits, probabilities of the exported graph, and the fused form's."""
    from sealkit.modules.doc_text_orientation.networks.classifier import InferenceClassifier, inference_network

    net = filled_network(name, golden, folder)
    net.eval()
    x = paddle.to_tensor(golden["x"].astype(np.float32))
    with paddle.no_grad():
        assert_array(golden, "eval/logits", net(x).numpy())
        plain = InferenceClassifier(net)(x).numpy()
        assert_array(golden, "eval/softmax", plain)
        fused = inference_network(net)(x).numpy()
    assert np.abs(fused - plain).max() <= OUTPUT * np.abs(plain).max()
    assert not [key for key in net.state_dict() if key.endswith("._mean")], "BatchNorm left in the fused form"


def check_orientation_train(name: str, golden: Golden, folder: Path) -> None:
    """Logits, smoothed loss, plain cross entropy and gradient norms of one step."""
    from sealkit.modules.doc_text_orientation.loss import OrientationLoss
    from sealkit.modules.doc_text_orientation.settings import OriLossSettings

    net = without_dropout(filled_network(name, golden, folder))
    net.train()
    logits = net(paddle.to_tensor(golden["train/x"].astype(np.float32)))
    assert_array(golden, "train/logits", logits.numpy())
    batch = {"label": paddle.to_tensor(golden["train/label"])}
    for key, smoothing in (("CELoss_eps0.1", 0.1), ("CELoss_eval", 0.0)):
        (loss,) = OrientationLoss(OriLossSettings(label_smoothing=smoothing))(logits, batch).values()
        assert float(loss) == pytest.approx(float(golden[f"train/loss/{key}"]), rel=LOSS), key
    (loss,) = OrientationLoss()(logits, batch).values()
    loss.backward()
    check_after_backward(net, golden)


def check_unwarping_eval(name: str, golden: Golden, folder: Path) -> None:
    """The sampling grid, the unused 3D head and the unwarped image; the exported form says the same."""
    from sealkit.modules.image_unwarping.networks.uvdoc import inference_network

    net = filled_network(name, golden, folder)
    net.eval()
    x = paddle.to_tensor(golden["x"].astype(np.float32))
    with paddle.no_grad():
        features = net.features(x)
        assert_array(golden, "eval/grid2d", net.out_point_positions2D(features).numpy())
        assert_array(golden, "eval/grid3d_unused", net.out_point_positions3D(features).numpy())
        plain = net(x).numpy()
        assert_array(golden, "eval/image", plain, IMAGE)
        np.testing.assert_array_equal(inference_network(net)(x).numpy(), plain)
    assert not [key for key in net.state_dict() if "3D" in key], "the 3D head is left in the exported form"
