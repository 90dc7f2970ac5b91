"""Networks on deterministic weights: state_dict, eval outputs, losses, gradients, running statistics."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest

from sealkit import zoo
from sealkit.nn.fuse import fuse
from sealkit.nn.layers import param_factors
from tests.golden.golden_arrays import GRADIENT, LOSS, OUTPUT, Golden, assert_array, meta, names

OTHER_KERNELS = 3.0
"""Outputs may differ by so many times what the last bit of the input moves them by, where that is above `OUTPUT`."""


@cache
def _filler(path: Path) -> Any:
    """The golden folder's own fill.py: it defines the weights the goldens were made with."""
    spec = importlib.util.spec_from_file_location(f"fill_{abs(hash(path))}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def filled_network(name: str, golden: Golden, folder: Path) -> Any:
    """The training network with the golden's weights."""
    net = zoo.get(name).build()
    state = net.state_dict()
    facts = meta(golden)
    spec = {key: (tuple(value.shape), str(value.dtype).rsplit(".", 1)[-1]) for key, value in state.items()}
    count = 0
    for key, value in _filler(folder / "fill.py").fill_state(spec, facts["tag"], facts["gain"]):
        state[key].set_value(value)
        count += 1
    assert count, "fill.py filled nothing"
    return net


def flat_state(node: dict, prefix: str = "") -> Iterator[tuple[str, dict]]:
    """Entries of a model file's state_dict, written flat, or nested by the dots of the names with bare shapes."""
    for key, value in node.items():
        if isinstance(value, list):
            yield prefix + key, {"shape": value}
        elif "shape" in value and not isinstance(value["shape"], dict):
            yield prefix + key, value
        else:
            yield from flat_state(value, f"{prefix}{key}.")


def model_file(name: str, folder: Path) -> dict:
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def check_keys(name: str, golden: Golden, folder: Path) -> None:
    """Names and shapes as in the model file, and each parameter's own learning-rate factor and decay."""
    facts = model_file(name, folder)
    expected = dict(flat_state(facts["state_dict"]))
    net = zoo.get(name).build()
    found = {key: list(value.shape) for key, value in net.state_dict().items()}
    shapes = {key: entry["shape"] for key, entry in expected.items()}
    missing, extra = sorted(shapes.keys() - found), sorted(found.keys() - shapes)
    assert not missing and not extra, f"missing {missing[:5]}, unexpected {extra[:5]}"
    assert found == shapes, [(key, found[key], shapes[key]) for key in found if found[key] != shapes[key]][:5]
    count = 0
    for key, param, factor, decay in param_factors(net):
        count += int(np.prod(param.shape))
        if "dtype" in expected[key]:  # a compact model file has shapes only
            own = (expected[key].get("lr_mult", 1.0), expected[key].get("l2"))
            assert (factor, decay) == (pytest.approx(own[0]), own[1]), key
    assert count == facts["param_count"]


def check_detector_eval(name: str, golden: Golden, folder: Path) -> None:
    """Eval output, and the fused form's."""
    net = filled_network(name, golden, folder)
    net.eval()
    x = paddle.to_tensor(golden["x"].astype(np.float32))
    with paddle.no_grad():
        maps = net(x)["maps"].numpy()
        assert_array(golden, "eval/maps", maps)
        fused = fuse(net)(x)["maps"].numpy()
    assert np.abs(fused - maps).max() <= OUTPUT
    assert not [key for key in net.state_dict() if key.endswith("._mean")], "BatchNorm left in the fused form"


def rounding(forward: Callable[[np.ndarray], Any], x: np.ndarray, outputs: Any) -> dict[str, float]:
    """What the last bit of the input moves each output by, as a share of its largest value.

    BatchNorm over a batch amplifies rounding on filled weights: to about 1e-4 in detectors, the tolerance of their
    goldens. Another processor's kernels round otherwise in every layer.
    """
    either_way = np.where(np.random.default_rng(0).random(x.shape) < 0.5, -np.inf, np.inf).astype(np.float32)
    with paddle.no_grad():
        moved = forward(np.nextafter(x, either_way))
    found = {key: (value.numpy(), moved[key].numpy()) for key, value in outputs.items()}
    return {key: float(np.abs(a - b).max() / np.abs(a).max()) for key, (a, b) in found.items()}


def check_detector_train(name: str, golden: Golden, folder: Path) -> None:
    """Training outputs, loss components, gradient norms and running statistics of one step."""
    from sealkit.modules.seal_text_detection.loss import DBLoss
    from sealkit.modules.seal_text_detection.settings import DetLossSettings

    net = filled_network(name, golden, folder)
    net.train()
    settings = DetLossSettings(main="dice_focal" if name.startswith("PP-OCRv6") else "dice")
    targets = ("shrink_map", "shrink_mask", "threshold_map", "threshold_mask")
    batch = {key: paddle.to_tensor(golden[f"train/{key}"].astype(np.float32)) for key in targets}
    x = golden["train/x"].astype(np.float32)
    outputs = net(paddle.to_tensor(x))
    room = rounding(lambda values: filled_network(name, golden, folder)(paddle.to_tensor(values)), x, outputs)
    assert max(room.values()) < 10 * OUTPUT, room  # else nothing could be told from such an output
    for key in names(golden, "train/out/"):
        assert_array(golden, f"train/out/{key}", outputs[key].numpy(), max(OUTPUT, OTHER_KERNELS * room[key]))
    losses = DBLoss(settings)(outputs, batch)
    # The published log shows auxiliary losses before their weights; ours are what is summed.
    weights = dict(zip(("p4", "p3", "p2"), settings.aux_weights))
    for key in names(golden, "train/loss/"):
        expected = float(golden[f"train/loss/{key}"])
        if key == "loss":
            found = float(sum(losses.values()))
        elif key not in losses and expected == 0:
            continue
        else:
            found = float(losses[key]) / weights.get(key.removeprefix("loss_aux_maps_"), 1.0)
        assert found == pytest.approx(expected, rel=LOSS), key
    sum(losses.values()).backward()
    check_after_backward(net, golden)


def check_after_backward(net: Any, golden: Golden) -> None:
    parameters, state = dict(net.named_parameters()), net.state_dict()
    for key in names(golden, "train/grad/"):
        gradient = parameters[key].grad
        norm = -1.0 if gradient is None else float(np.linalg.norm(gradient.numpy().astype(np.float64)))
        assert norm == pytest.approx(float(golden[f"train/grad/{key}"]), rel=GRADIENT), key
    for key in names(golden, "train/after/"):
        assert_array(golden, f"train/after/{key}", state[key].numpy())


def check_recogniser_eval(name: str, golden: Golden, folder: Path) -> None:
    from tests.golden import check_rec_networks  # which imports from here

    check_rec_networks.check_eval(name, golden, folder)


def check_recogniser_train(name: str, golden: Golden, folder: Path) -> None:
    from tests.golden import check_rec_networks

    check_rec_networks.check_train(name, golden, folder)


def check_orientation_eval(name: str, golden: Golden, folder: Path) -> None:
    from tests.golden import check_page_networks  # which imports from here

    check_page_networks.check_orientation_eval(name, golden, folder)


def check_orientation_train(name: str, golden: Golden, folder: Path) -> None:
    from tests.golden import check_page_networks

    check_page_networks.check_orientation_train(name, golden, folder)


def check_unwarping_eval(name: str, golden: Golden, folder: Path) -> None:
    from tests.golden import check_page_networks

    check_page_networks.check_unwarping_eval(name, golden, folder)


def check_layout_eval(name: str, golden: Golden, folder: Path) -> None:
    _layout_checks(name).check_eval(name, golden, folder)


def check_layout_train(name: str, golden: Golden, folder: Path) -> None:
    _layout_checks(name).check_train(name, golden, folder)


def _layout_checks(name: str) -> Any:
    """Each family of layout networks has a file of its own, which imports from here."""
    return importlib.import_module(f"tests.golden.check_{zoo.get(name).architecture}_networks")


Check = Callable[[str, Golden, Path], None]
CHECKS: dict[tuple[str, str], Check] = {
    ("seal_text_detection", "keys"): check_keys,
    ("seal_text_detection", "eval"): check_detector_eval,
    ("seal_text_detection", "train"): check_detector_train,
    ("text_recognition", "keys"): check_keys,
    ("text_recognition", "eval"): check_recogniser_eval,
    ("text_recognition", "train"): check_recogniser_train,
    ("doc_text_orientation", "keys"): check_keys,
    ("doc_text_orientation", "eval"): check_orientation_eval,
    ("doc_text_orientation", "train"): check_orientation_train,
    ("image_unwarping", "keys"): check_keys,
    ("image_unwarping", "eval"): check_unwarping_eval,
    ("layout_detection", "keys"): check_keys,
    ("layout_detection", "eval"): check_layout_eval,
    ("layout_detection", "train"): check_layout_train,
}
"""(module, part) -> check of (model name, golden, folder). A golden without an entry fails."""
