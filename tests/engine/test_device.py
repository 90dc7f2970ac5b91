"""What devices change about a network, as far as a CPU can tell."""

from __future__ import annotations

import paddle
from paddle import nn

from sealkit.engine.device import synchronised
from sealkit.nn.layers import ConvBN, freeze_parts


def test_frozen_batch_norms_are_not_synchronised() -> None:
    net = nn.Sequential(("stem", ConvBN(3, 4)), ("head", nn.Sequential(ConvBN(4, 4), nn.BatchNorm2D(4))))
    freeze_parts(net, ["stem"])
    before = dict(net.named_parameters())
    changed = synchronised(net)
    kinds = {name: type(layer) for name, layer in changed.named_sublayers() if hasattr(layer, "_variance")}
    assert kinds == {"stem.bn": nn.BatchNorm2D, "head.0.bn": nn.SyncBatchNorm, "head.1": nn.SyncBatchNorm}
    assert {name: id(param) for name, param in changed.named_parameters()} == {n: id(p) for n, p in before.items()}
    assert isinstance(changed.stem.normalisation, nn.BatchNorm2D)
    changed.train()
    mean = changed.stem.bn._mean.numpy().copy()
    changed.stem(paddle.randn([2, 3, 8, 8]) + 5)
    assert (changed.stem.bn._mean.numpy() == mean).all()
