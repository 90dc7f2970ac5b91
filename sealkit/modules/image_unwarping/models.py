"""The models of image unwarping. The table is literal; networks are imported when one is built."""

from __future__ import annotations

from typing import Any

from sealkit.errors import ConfigError
from sealkit.modules.base import ModelInput, ModelSpec

MODULE = "image_unwarping"
FORMS = ("official",)


def _build(form: str = "official") -> Any:
    from sealkit.modules.image_unwarping.networks.uvdoc import UVDoc

    if form not in FORMS:
        raise ConfigError("unknown network form", value=form, hint="UVDoc has its official form only")
    return UVDoc()


MODELS: dict[str, ModelSpec] = {
    "UVDoc": ModelSpec(
        name="UVDoc",
        module=MODULE,
        build=_build,
        params=8_003_463,
        architecture="UVDoc",
        input=ModelInput(),
        weights=("official",),
        about="5x5 residual trunk, dilated bridges, a 45 x 31 grid of sampling points; inference only",
    ),
}
