"""The models of text line orientation. The table is literal; networks are imported when one is built."""

from __future__ import annotations

from functools import partial
from typing import Any

from sealkit.errors import ConfigError
from sealkit.modules.base import ModelInput, ModelSpec

MODULE = "textline_orientation"
FORMS = ("official", "fused")
LABELS = ("0_degree", "180_degree")
"""Class names by id: the line stands upright, or upside down."""
HEIGHT, WIDTH = 80, 160
"""Of the network's input, whatever the line's own ratio."""


def _build(scale: float, form: str = "official") -> Any:
    from sealkit.modules.doc_text_orientation.networks.classifier import PPLCNetClassifier
    from sealkit.nn.backbones.lcnet_v1 import LINE_STAGES
    from sealkit.nn.fuse import fuse

    if form not in FORMS:
        raise ConfigError("unknown network form", value=form, hint=f"use one of {', '.join(FORMS)}")
    net = PPLCNetClassifier(len(LABELS), scale, LINE_STAGES)
    return fuse(net) if form == "fused" else net


# name: scale of the network, parameters
_ROWS: dict[str, tuple[float, int]] = {
    "PP-LCNet_x0_25_textline_ori": (0.25, 242_746),
    "PP-LCNet_x1_0_textline_ori": (1.0, 1_674_082),
}


def _spec(name: str, scale: float, params: int) -> ModelSpec:
    return ModelSpec(
        name=name,
        module=MODULE,
        build=partial(_build, scale),
        params=params,
        architecture="PP-LCNet",
        input=ModelInput(HEIGHT, WIDTH, "RGB"),
        weights=("official",),
        about=f"PP-LCNet x{scale:g} that halves the height only, upright or upside down",
    )


MODELS: dict[str, ModelSpec] = {name: _spec(name, *row) for name, row in _ROWS.items()}
