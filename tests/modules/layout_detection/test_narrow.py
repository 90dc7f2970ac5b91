"""A narrower backbone that keeps a wider one's features."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from sealkit.errors import ConfigError
from sealkit.modules.layout_detection.networks.narrow import narrow_backbone
from sealkit.nn.backbones.lcnet_v1 import PPLCNet

IMAGES = np.random.default_rng(0).standard_normal((16, 3, 128, 128)).astype(np.float32)


def trained(scale: float) -> PPLCNet:
    """Random weights, BatchNorm statistics of the images: maps are as large as those of trained networks."""
    paddle.seed(3)
    net = PPLCNet(scale)
    net.train()
    with paddle.no_grad():
        for _ in range(40):
            net(paddle.to_tensor(IMAGES))
    return net


def test_same_width_gives_the_same_maps() -> None:
    wide, same = trained(0.25), PPLCNet(0.25)
    assert narrow_backbone(wide, same, IMAGES) < 0.01
    with paddle.no_grad():
        theirs, ours = (net(paddle.to_tensor(IMAGES))[0].numpy() for net in (wide, same))
    np.testing.assert_allclose(ours, theirs, atol=0.02 * float(np.abs(theirs).max()))


def test_the_narrower_the_more_is_lost() -> None:
    wide = trained(0.25)
    little, much = (narrow_backbone(wide, PPLCNet(scale), IMAGES) for scale in (0.1875, 0.125))
    assert 0.01 < little < much < 1


def test_widening_is_refused() -> None:
    with pytest.raises(ConfigError, match="narrowed, not widened"):
        narrow_backbone(trained(0.25), PPLCNet(0.5), IMAGES)
