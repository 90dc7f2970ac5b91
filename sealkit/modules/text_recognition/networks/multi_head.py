"""Assembles recognisers: a backbone, a CTC head, and an auxiliary head used in training only."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from sealkit.nn.fuse import fuse
from sealkit.nn.transformer import to_sequence

TRAIN_ONLY = ("gtc_head", "before_gtc", "sar_head")


class CTCEncoder(nn.Layer):
    """The neck under the name that published checkpoints give it (`ctc_encoder.encoder`)."""

    def __init__(self, neck: nn.Layer) -> None:
        super().__init__()
        self.encoder = neck

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, 1, T] -> [N, dims, 1, T]."""
        return self.encoder(x)


class AuxiliaryInput(nn.Layer):
    """[N, T, C] -> [N, T, width] by a Linear without bias."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.fc = nn.Linear(channels, width, bias_attr=False)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, T, C] -> [N, T, width]."""
        return self.fc(x)


class ToSequence(nn.Layer):
    """[N, C, H, W] -> [N, H*W, C]."""

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """[N, C, H, W] -> [N, H*W, C]."""
        return to_sequence(x)


class MultiHead(nn.Layer):
    """CTC head with its neck, and optionally one auxiliary head: NRTR (`gtc_head`) or SAR (`sar_head`).

    Args:
        neck: [N, C, 1, T] -> [N, dims, 1, T]; None = the backbone's steps as they are.
        ctc_head: [N, T, dims] -> [N, T, classes].
        nrtr: (width, head) or None.
        sar: head or None.
    """

    def __init__(
        self,
        channels: int,
        neck: nn.Layer | None,
        ctc_head: nn.Layer,
        nrtr: tuple[int, nn.Layer] | None = None,
        sar: nn.Layer | None = None,
    ) -> None:
        super().__init__()
        self.ctc_encoder = None if neck is None else CTCEncoder(neck)
        self.ctc_head = ctc_head
        self.before_gtc = self.gtc_head = None
        if nrtr is not None:
            self.before_gtc = nn.Sequential(ToSequence(), AuxiliaryInput(channels, nrtr[0]))
            self.gtc_head = nrtr[1]
        self.sar_head = sar

    def forward(self, x: paddle.Tensor, labels: dict[str, paddle.Tensor] | None = None) -> dict[str, paddle.Tensor]:
        """See `RecNet.forward`."""
        steps = to_sequence(x if self.ctc_encoder is None else self.ctc_encoder(x))  # [N, T, dims]
        out = {"ctc": self.ctc_head(steps), "ctc_neck": steps}
        if not self.training or labels is None:
            return out
        if self.gtc_head is not None and self.before_gtc is not None:
            read = int(labels["length"].numpy().max()) + 1  # what precedes each character and the end
            out["nrtr"] = self.gtc_head(self.before_gtc(x), labels["label_nrtr"][:, :read])
        if self.sar_head is not None:
            out["sar"] = self.sar_head(x, labels["label_sar"], labels["valid_ratio"])
        return out


class Recogniser(nn.Layer):
    """What a recogniser of any kind is: strips → {`RecKind.output`: logits [N, steps, classes], …}.

    Its forward takes x [N, 3, H, W] and, in train mode, the labels of the batch: "label_ctc", "length", "valid_ratio"
    and those of an auxiliary head.
    """

    @property
    def auxiliary_head(self) -> str | None:
        """Which labels the network wants in train mode: `nrtr`, `sar` or None."""
        return None

    def drop_auxiliary_head(self) -> None:
        """Take out, in place, what only teaches: what is left is what an exported file holds."""


class RecNet(Recogniser):
    """A recogniser of text lines."""

    def __init__(self, backbone: nn.Layer, head: MultiHead) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    @property
    def auxiliary_head(self) -> str | None:
        """`nrtr`, `sar` or None: which labels the network wants in train mode."""
        if self.head.gtc_head is not None:
            return "nrtr"
        return None if self.head.sar_head is None else "sar"

    def forward(self, x: paddle.Tensor, labels: dict[str, paddle.Tensor] | None = None) -> dict[str, paddle.Tensor]:
        """Logits of a batch of strips.

        Args:
            x: [N, 3, 48, W] float32, normalised BGR, W a multiple of 8.
            labels: in train mode, for the auxiliary head: "label_nrtr" [N, L] int64 and "length" [N] (characters
                without start and end), or "label_sar" [N, L] int64 and "valid_ratio" [N] (share of W that is image).
                Without labels the auxiliary head does not run.

        Returns:
            "ctc" [N, T, classes] logits, "ctc_neck" [N, T, dims]; from the auxiliary head "nrtr" [N, longest + 1,
            classes + 4] or "sar" [N, L, classes + 1]. T is W/8 (in train mode see `LinePool.train_steps`).
        """
        return self.head(self.backbone(x), labels)

    def drop_auxiliary_head(self) -> None:
        """Take the auxiliary head and what nothing runs out of the network."""
        for name in TRAIN_ONLY:
            setattr(self.head, name, None)
        for name in ("last_conv", "fc"):  # PP-OCRv5 server's unused classifier
            if name in self.backbone._sub_layers:
                delattr(self.backbone, name)


class InferenceRecNet(nn.Layer):
    """The graph that is exported: x [N, 3, 48, W] -> [N, steps, classes] probabilities (softmax).

    Args:
        net: the recogniser.
        output: which of its outputs is read, `RecKind.output`.
    """

    def __init__(self, net: Recogniser, output: str = "ctc") -> None:
        super().__init__()
        self.net, self.output = net, output

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        """x [N, 3, 48, W] normalised BGR -> probabilities [N, steps, classes], which add up to 1 at each step."""
        return F.softmax(self.net(x)[self.output], axis=-1)


def inference_network(net: Recogniser, output: str = "ctc") -> InferenceRecNet:
    """The exportable form of a trained network, in eval mode; `net` loses its auxiliary head and is fused in place,
    pass a copy to keep it."""
    net.drop_auxiliary_head()
    fuse(net)
    wrapped = InferenceRecNet(net, output)
    wrapped.eval()
    return wrapped
