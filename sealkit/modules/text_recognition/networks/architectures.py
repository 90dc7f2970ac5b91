"""Every recogniser's architecture as data, and the one function that builds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sealkit.errors import ConfigError
from sealkit.modules.table import resolve

FORMS = ("official", "fused")
OFFICIAL_STEPS = 40  # of the published training width, 320


@dataclass(frozen=True)
class Neck:
    """`svtr`: dims, hidden, kernel. `lightsvtr`: dims, mlp_ratio."""

    kind: str
    dims: int
    hidden: int = 0
    kernel: int | tuple[int, int] = (1, 3)
    mlp_ratio: float = 2.0


@dataclass(frozen=True)
class AuxiliaryHead:
    """`nrtr`: width and decoder layers. `sar`: width of its LSTMs."""

    kind: str
    width: int
    layers: int = 0


@dataclass(frozen=True)
class Architecture:
    """A family's network.

    Attributes:
        backbone: dotted name of the class.
        options: the class's arguments.
        fixed_steps: the published training makes 40 steps of any width (`LinePool.train_steps`).
        neck: before the CTC head; None = the backbone's steps as they are.
        auxiliary_head: the auxiliary head of training.
        kind: how its output is trained and read, a key of `kinds.KINDS`.
        build: for a network that is not put together of the parts above, dotted name of a function (classes, form,
            auxiliary_head, fixed_steps) → `Recogniser`.
        about: its parts, one line for lists of models.
        local_mid: width between the CTC head's two Linears, for the head that looks at neighbours itself.
    """

    backbone: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    fixed_steps: bool = False
    neck: Neck | None = None
    auxiliary_head: AuxiliaryHead | None = None
    local_mid: int | None = None
    kind: str = "ctc"
    build: str = ""
    about: str = ""


_SVTR_120 = Neck("svtr", 120, 120)
_SVTR_256 = Neck("svtr", 256, 256)
_NRTR_4 = AuxiliaryHead("nrtr", 384, 4)
_NRTR_2 = AuxiliaryHead("nrtr", 384, 2)
_LCNET_V4 = "sealkit.nn.backbones.lcnet_v4.PPLCNetV4Rec"

ARCHITECTURES: dict[str, Architecture] = {
    "v3_mobile": Architecture(
        "sealkit.nn.backbones.mobilenet_v1_enhance.MobileNetV1EnhanceRec",
        {},
        False,
        Neck("svtr", 64, 120, 3),
        AuxiliaryHead("sar", 512),
        about="MobileNetV1Enhance x0.5, SVTR neck 64, CTC, SAR auxiliary head",
    ),
    "v4_mobile": Architecture(
        "sealkit.nn.backbones.lcnet_v3.PPLCNetV3Rec",
        {"scale": 0.95},
        True,
        _SVTR_120,
        _NRTR_4,
        about="PPLCNetV3 x0.95, SVTR neck 120, CTC, NRTR auxiliary head",
    ),
    "v4_server": Architecture(
        "sealkit.nn.backbones.hgnet.PPHGNetSmallRec",
        {},
        True,
        _SVTR_120,
        _NRTR_4,
        about="PPHGNet small, SVTR neck 120, CTC, NRTR auxiliary head",
    ),
    "v5_server": Architecture(
        "sealkit.nn.backbones.hgnet_v2.PPHGNetV2B4Rec",
        {},
        True,
        _SVTR_120,
        _NRTR_4,
        about="PPHGNetV2 B4, SVTR neck 120, CTC, NRTR auxiliary head",
    ),
    "svtr_v2": Architecture(
        "sealkit.nn.backbones.svtr_v2.SVTRv2Rec",
        {},
        False,
        _SVTR_256,
        _NRTR_2,
        about="SVTRv2, SVTR neck 256, CTC, NRTR auxiliary head",
    ),
    "rep_svtr": Architecture(
        "sealkit.nn.backbones.rep_vit.RepViTRec",
        {},
        False,
        _SVTR_256,
        _NRTR_2,
        about="RepViT for text lines, SVTR neck 256, CTC, NRTR auxiliary head",
    ),
    "v6_tiny": Architecture(
        _LCNET_V4,
        {"size": "tiny"},
        True,
        None,
        _NRTR_4,
        local_mid=80,
        about="PPLCNetV4 tiny, CTC with a local layer, NRTR auxiliary head",
    ),
    "v6_small": Architecture(
        _LCNET_V4,
        {"size": "small"},
        True,
        Neck("lightsvtr", 120),
        _NRTR_4,
        about="PPLCNetV4 small, light SVTR neck 120, CTC, NRTR auxiliary head",
    ),
    "v6_medium": Architecture(
        _LCNET_V4,
        {"size": "medium"},
        True,
        Neck("lightsvtr", 192, mlp_ratio=4.0),
        AuxiliaryHead("nrtr", 512, 4),
        about="PPLCNetV4 medium, light SVTR neck 192, CTC, NRTR auxiliary head",
    ),
}


def _neck(neck: Neck | None, channels: int, detach: bool) -> Any:
    from sealkit.nn.necks.svtr import LightSvtrNeck, SvtrNeck

    if neck is None:
        return None
    if neck.kind == "svtr":
        return SvtrNeck(channels, neck.dims, neck.hidden, neck.kernel, detach=detach)
    return LightSvtrNeck(channels, neck.dims, neck.mlp_ratio)


def build_recogniser(
    architecture: str, classes: int, form: str = "official", auxiliary_head: bool = True, fixed_steps: bool = True
) -> Any:
    """A training network.

    Args:
        architecture: key of `ARCHITECTURES`.
        classes: class 0 + characters + space (`Charset.num_classes`).
        form: "official" (state_dict of the published training checkpoint) or "fused".
        auxiliary_head: with the auxiliary head, where there is one. Without it the network is smaller (a tenth of the
            parameters in PP-OCRv6 small) and faster to train, and the backbone learns from the CTC loss, which the
            published training of some families keeps from it.
        fixed_steps: 40 steps in train mode where the published training has them; False = width / 8, as when the
            network runs: right for batches of another width than 320.

    Returns:
        a `Recogniser`.

    Raises:
        ConfigError: unknown form, or fewer than two classes.
    """
    from sealkit.modules.text_recognition.networks.multi_head import MultiHead, RecNet
    from sealkit.nn.fuse import fuse
    from sealkit.nn.heads.ctc import CTCHead, LocalCTCHead

    if form not in FORMS:
        raise ConfigError("unknown network form", value=form, hint=f"use one of {', '.join(FORMS)}")
    if classes < 2:
        raise ConfigError("a recogniser needs the blank and at least one character", where="classes", value=classes)
    arch = ARCHITECTURES[architecture]
    if arch.build:
        return resolve(arch.build)(classes=classes, form=form, auxiliary_head=auxiliary_head, fixed_steps=fixed_steps)
    steps = {"train_steps": OFFICIAL_STEPS if fixed_steps else None} if arch.fixed_steps else {}
    backbone = resolve(arch.backbone)(**arch.options, **steps)
    channels = backbone.out_channels
    neck = _neck(arch.neck, channels, detach=auxiliary_head and arch.auxiliary_head is not None)
    if arch.local_mid is None:
        ctc_head: Any = CTCHead(channels if neck is None else neck.out_channels, classes)
    else:
        ctc_head = LocalCTCHead(channels, arch.local_mid, classes)
    taught = arch.auxiliary_head if auxiliary_head else None
    auxiliary_heads = {} if taught is None else _auxiliary_head(taught, channels, classes)
    net = RecNet(backbone, MultiHead(channels, neck, ctc_head, **auxiliary_heads))
    return fuse(net) if form == "fused" else net


def _auxiliary_head(auxiliary_head: AuxiliaryHead, channels: int, classes: int) -> dict[str, Any]:
    from sealkit.nn.heads.nrtr import NRTRHead
    from sealkit.nn.heads.sar import SARHead

    if auxiliary_head.kind == "nrtr":
        return {"nrtr": (auxiliary_head.width, NRTRHead(auxiliary_head.width, classes, auxiliary_head.layers))}
    return {"sar": SARHead(channels, classes, auxiliary_head.width)}
