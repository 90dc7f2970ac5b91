"""All models of all modules in one table."""

from __future__ import annotations

import importlib
from fnmatch import fnmatchcase

from rapidfuzz import process

from sealkit.errors import ConfigError
from sealkit.modules.model_spec import ModelSpec

MODULES: tuple[str, ...] = ("seal_text_detection",)
"""Modules in the order they are listed; each has a models.py with a table MODELS."""


def all_models() -> dict[str, ModelSpec]:
    """Model name -> its spec, over all modules. Imports no network and no paddle."""
    table: dict[str, ModelSpec] = {}
    for module in MODULES:
        table.update(importlib.import_module(f"sealkit.modules.{module}.models").MODELS)
    return table


def list_models(pattern: str = "*") -> list[str]:
    """Names of models that fit a shell pattern such as `PP-OCRv6*`, upper and lower case alike."""
    return [name for name in all_models() if fnmatchcase(name.lower(), pattern.lower())]


def get(name: str) -> ModelSpec:
    """The spec of a model.

    Raises:
        ConfigError: no such model; names the nearest ones.
    """
    table = all_models()
    if name not in table:
        near = [match for match, score, _ in process.extract(name, table, processor=str.lower, limit=3) if score > 60]
        hint = f"did you mean {', '.join(near)}?" if near else "`sealkit models` lists all"
        raise ConfigError("unknown model", value=name, hint=hint)
    return table[name]
