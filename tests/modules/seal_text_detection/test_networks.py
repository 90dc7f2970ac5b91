"""Seal detector networks: forms, outputs, the fields branch, and the exported graph's contract."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from sealkit.errors import ConfigError
from sealkit.modules.seal_text_detection.models import MODELS
from sealkit.modules.seal_text_detection.networks.db import inference_network

FAST = ("PP-OCRv4_mobile_seal_det", "PP-OCRv6_tiny_det")


def draw_image(seed: int = 0, hw: tuple[int, int] = (64, 96), count: int = 1) -> paddle.Tensor:
    return paddle.to_tensor(np.random.default_rng(seed).standard_normal((count, 3, *hw)).astype(np.float32))


@pytest.mark.parametrize("name", MODELS)
def test_fields_are_off_unless_asked_for(name: str) -> None:
    plain = set(MODELS[name].build().state_dict())
    more = set(MODELS[name].build(fields=True).state_dict())
    assert plain < more and all(key.startswith("head.fields.") for key in more - plain)


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("form", ["official", "fused"])
def test_outputs_of_both_modes(name: str, form: str) -> None:
    net = MODELS[name].build(form=form, fields=True)
    net.eval()
    out = net(draw_image())
    assert out["maps"].shape == [1, 1, 64, 96] and out["fields"].shape == [1, 3, 16, 24]
    assert float(out["maps"].min()) >= 0 and float(out["maps"].max()) <= 1
    net.train()
    out = net(draw_image(count=2))
    assert out["maps"].shape == [2, 3, 64, 96]
    aux = {key for key in out if key.startswith("aux_maps")}
    wanted = 3 if form == "official" and "v6" in name else 0
    assert len(aux) == wanted and all(out[key].shape == [2, 3, 64, 96] for key in aux)


@pytest.mark.parametrize("name", FAST)
def test_fused_form_trains_every_parameter(name: str) -> None:
    net = MODELS[name].build(form="fused", fields=True)
    assert not [key for key in net.state_dict() if key.endswith(("._mean", "._variance"))]
    net.train()
    out = net(draw_image(count=2))
    sum(value.sum() for value in out.values()).backward()
    silent = [key for key, param in net.named_parameters() if param.grad is None]
    assert not silent


def test_training_outputs_of_fused_and_unfused_heads_agree() -> None:
    """The head runs three branches' first convolutions as one in training; in eval each by itself."""
    net = MODELS["PP-OCRv6_tiny_det"].build(form="fused", fields=True)
    x = draw_image()
    net.eval()
    single = net(x)
    net.train()
    together = net(x)
    np.testing.assert_allclose(together["maps"][:, :1].numpy(), single["maps"].numpy(), atol=1e-5)
    np.testing.assert_allclose(together["fields"].numpy(), single["fields"].numpy(), atol=1e-5)


def test_exported_graph_has_one_output_with_unit_directions() -> None:
    net = MODELS["PP-OCRv6_tiny_det"].build(fields=True)
    net.eval()
    x = draw_image()
    plain = net(x)
    out = inference_network(net)(x).numpy()
    assert out.shape == (1, 4, 64, 96)
    np.testing.assert_allclose(out[:, :1], plain["maps"].numpy(), atol=1e-4)
    np.testing.assert_allclose(np.hypot(out[:, 1], out[:, 2]), 1.0, atol=1e-3)
    area = 1 / (1 + np.exp(-plain["fields"][:, 2].numpy()))
    np.testing.assert_allclose(out[:, 3, ::4, ::4], area, atol=1e-4)
    assert np.array_equal(out[:, 1:, 0::4, 0::4], out[:, 1:, 3::4, 3::4]), "enlarged otherwise than by repetition"


def test_without_fields_the_exported_graph_is_the_probability() -> None:
    net = MODELS["PP-OCRv6_tiny_det"].build()
    assert inference_network(net)(draw_image()).shape == [1, 1, 64, 96]


def test_unknown_form() -> None:
    with pytest.raises(ConfigError, match=r"unknown network form.*'folded'"):
        MODELS["PP-OCRv6_tiny_det"].build(form="folded")
