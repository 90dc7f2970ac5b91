"""The models of the example module."""

from __future__ import annotations

from typing import Any

from sealkit.modules.base import ModelInput, ModelSpec

MODULE = "seal_colour"
COLOURS = ("red", "blue")


def _build(form: str = "official") -> Any:
    from paddle import nn

    return nn.Sequential(nn.Conv2D(3, 4, 3, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 64, len(COLOURS)))


MODELS = {
    "Tiny_seal_colour": ModelSpec(
        "Tiny_seal_colour", MODULE, _build, params=626, architecture="tiny", input=ModelInput(32, 32), about="example"
    )
}
