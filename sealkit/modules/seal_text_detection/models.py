"""The models of seal text detection. The table is literal; networks are imported when one is built."""

from __future__ import annotations

from typing import Any

from sealkit.errors import ConfigError
from sealkit.modules.base import ModelInput, ModelSpec

MODULE = "seal_text_detection"
FORMS = ("official", "fused")


_INPUT = ModelInput(multiple=32)


def _finish(backbone: Any, neck: Any, head: Any, form: str) -> Any:
    from sealkit.modules.seal_text_detection.networks.db import DBNet
    from sealkit.nn.fuse import fuse

    if form not in FORMS:
        raise ConfigError("unknown network form", value=form, hint=f"use one of {', '.join(FORMS)}")
    net = DBNet(backbone, neck, head)
    return fuse(net) if form == "fused" else net


def _build_v4_mobile(form: str = "official", fields: bool = False) -> Any:
    from sealkit.nn.backbones.lcnet_v3 import PPLCNetV3Det
    from sealkit.nn.heads.db import DBHead
    from sealkit.nn.necks.rse_fpn import RSEFPN

    backbone = PPLCNetV3Det(scale=0.75)
    neck = RSEFPN(backbone.out_channels, 96)
    return _finish(backbone, neck, DBHead(96, fields=fields), form)


def _build_v4_server(form: str = "official", fields: bool = False) -> Any:
    from sealkit.nn.backbones.hgnet import PPHGNetSmallDet
    from sealkit.nn.heads.db import PFHeadLocal
    from sealkit.nn.necks.lk_pan import LKPAN

    backbone = PPHGNetSmallDet()
    neck = LKPAN(backbone.out_channels, 256)
    return _finish(backbone, neck, PFHeadLocal(256, fields=fields), form)


def _build_v6_fpn(size: str, channels: int, kernel: int, form: str, fields: bool) -> Any:
    from sealkit.nn.backbones.lcnet_v4 import PPLCNetV4Det
    from sealkit.nn.heads.db import DBHead
    from sealkit.nn.necks.rse_fpn import RepLKFPN

    backbone = PPLCNetV4Det(size)
    neck = RepLKFPN(backbone.out_channels, channels, kernel)
    return _finish(backbone, neck, DBHead(channels, aux_channels=channels, fields=fields), form)


def _build_v6_tiny(form: str = "official", fields: bool = False) -> Any:
    return _build_v6_fpn("tiny", 64, 5, form, fields)


def _build_v6_small(form: str = "official", fields: bool = False) -> Any:
    return _build_v6_fpn("small", 96, 7, form, fields)


def _build_v6_medium(form: str = "official", fields: bool = False) -> Any:
    from sealkit.nn.backbones.lcnet_v4 import PPLCNetV4Det
    from sealkit.nn.heads.db import DBHead
    from sealkit.nn.necks.lk_pan import LKPAN

    backbone = PPLCNetV4Det("medium")
    neck = LKPAN(backbone.out_channels, 256, large_kernel="rep")
    return _finish(backbone, neck, DBHead(256, aux_channels=256, fields=fields), form)


MODELS: dict[str, ModelSpec] = {
    "PP-OCRv4_mobile_seal_det": ModelSpec(
        name="PP-OCRv4_mobile_seal_det",
        module=MODULE,
        build=_build_v4_mobile,
        params=3_515_290,
        architecture="v4_mobile",
        input=_INPUT,
        weights=("official",),
        about="PPLCNetV3 x0.75, RSEFPN 96, DB",
    ),
    "PP-OCRv4_server_seal_det": ModelSpec(
        name="PP-OCRv4_server_seal_det",
        module=MODULE,
        build=_build_v4_server,
        params=28_463_939,
        architecture="v4_server",
        input=_INPUT,
        weights=("official",),
        about="PPHGNet small, LKPAN 256 with IntraCL, DB with local refinement",
    ),
    "PP-OCRv6_tiny_det": ModelSpec(
        name="PP-OCRv6_tiny_det",
        module=MODULE,
        build=_build_v6_tiny,
        params=512_980,
        architecture="v6_tiny",
        input=_INPUT,
        about="PPLCNetV4 tiny, RepLKFPN 64, DB with auxiliary heads",
    ),
    "PP-OCRv6_small_det": ModelSpec(
        name="PP-OCRv6_small_det",
        module=MODULE,
        build=_build_v6_small,
        params=2_650_004,
        architecture="v6_small",
        input=_INPUT,
        weights=("rapidocr",),
        about="PPLCNetV4 small, RepLKFPN 96, DB with auxiliary heads",
    ),
    "PP-OCRv6_medium_det": ModelSpec(
        name="PP-OCRv6_medium_det",
        module=MODULE,
        build=_build_v6_medium,
        params=16_774_984,
        architecture="v6_medium",
        input=_INPUT,
        about="PPLCNetV4 medium, RepLKPAN 256 with IntraCL, DB with auxiliary heads",
    ),
}
