"""sealkit: check data, train, fine-tune, evaluate, export and run the models of seal (stamp, 印章) text recognition.

The names below are the public API. They are imported when first used: `import sealkit` itself loads nothing heavy.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sealkit.api import create_model, create_pipeline, evaluate, export, train
    from sealkit.errors import SealkitError
    from sealkit.zoo import build_network, list_models

__version__ = "0.1.0"

__all__ = [
    "SealkitError",
    "__version__",
    "build_network",
    "create_model",
    "create_pipeline",
    "evaluate",
    "export",
    "list_models",
    "train",
]

_HOMES = {
    "SealkitError": "sealkit.errors",
    "build_network": "sealkit.zoo",
    "create_model": "sealkit.api",
    "create_pipeline": "sealkit.api",
    "evaluate": "sealkit.api",
    "export": "sealkit.api",
    "list_models": "sealkit.zoo",
    "train": "sealkit.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sealkit' has no attribute '{name}'; it has {', '.join(_HOMES)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """Keeps `sealkit.export` the function: the import system would put the subpackage of that name in its place as soon
    as anything is imported from it. `from sealkit.export.model import …` works as ever.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
