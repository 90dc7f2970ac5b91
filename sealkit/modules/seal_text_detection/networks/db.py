"""DB text detectors put together from backbone, neck and head."""

from __future__ import annotations

import paddle
from paddle import nn

from sealkit.nn.fuse import fuse
from sealkit.nn.layers import upsample_nearest


class DBNet(nn.Layer):
    """x [N, 3, H, W] (normalised BGR, sides multiples of 32) -> dict of maps, see `sealkit.nn.heads.db.DBHead`."""

    def __init__(self, backbone: nn.Layer, neck: nn.Layer, head: nn.Layer) -> None:
        super().__init__()
        self.backbone, self.neck, self.head = backbone, neck, head

    def forward(self, x: paddle.Tensor) -> dict[str, paddle.Tensor]:
        """x [N, 3, H, W] normalised BGR -> "maps" in 0..1 at full size, and "fields" [N, 3, H/4, W/4] if any."""
        return self.head(*self.neck(self.backbone(x)))


class InferenceDBNet(nn.Layer):
    """The graph that is exported: one input, one output.

    x [N, 3, H, W] -> [N, 1, H, W] text probability; with a fields branch [N, 4, H, W]: probability, up_x, up_y
    (unit length, x right, y down), seal-area probability. PaddleX reads channel 0 only.
    """

    def __init__(self, net: DBNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, H, W] normalised BGR -> [N, 1, H, W], or [N, 4, H, W] with fields, see the class."""
        out = self.net(x)
        if "fields" not in out:
            return out["maps"]
        fields = out["fields"]
        up = fields[:, :2]
        # The floor keeps the division finite; a vector that short has no direction worth reading.
        up = up / paddle.sqrt((up * up).sum(axis=1, keepdim=True) + 1e-12)
        area = paddle.nn.functional.sigmoid(fields[:, 2:3])
        fields = upsample_nearest(paddle.concat([up, area], axis=1), 4)
        return paddle.concat([out["maps"], fields], axis=1)


def inference_network(net: DBNet) -> InferenceDBNet:
    """The exportable form of a trained network, in eval mode; `net` is fused in place, pass a copy to keep it."""
    fuse(net)
    wrapped = InferenceDBNet(net)
    wrapped.eval()
    return wrapped
