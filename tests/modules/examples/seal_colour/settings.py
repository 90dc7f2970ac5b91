"""Settings of the example module."""

from __future__ import annotations

from typing import Literal

from sealkit.config.base import Settings
from sealkit.config.training import ModuleRecipe, SetsSettings


class ColourSet(Settings):
    """A folder and its label file, `path<TAB>colour`."""

    root: str
    labels: str


class ColourData(SetsSettings):
    """Sets to train on and to evaluate on."""

    train: tuple[ColourSet, ...]
    val: tuple[ColourSet, ...]


class ColourRecipe(ModuleRecipe):
    """A recipe of the module."""

    module: Literal["seal_colour"]
    data: ColourData
