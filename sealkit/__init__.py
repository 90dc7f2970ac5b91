"""sealkit: check data, train, fine-tune, evaluate, export and run the models of seal (stamp, 印章) text recognition.

The names below are the public API. They are imported when first used: `import sealkit` itself loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sealkit.version import __version__

if TYPE_CHECKING:
    from sealkit.api import evaluate, export_model, train
    from sealkit.errors import SealkitError
    from sealkit.importing import import_weights
    from sealkit.pipeline.create import create_model, create_pipeline
    from sealkit.zoo import build_network, list_models

__all__ = [
    "SealkitError",
    "__version__",
    "build_network",
    "create_model",
    "create_pipeline",
    "evaluate",
    "export_model",
    "import_weights",
    "list_models",
    "train",
]

_HOMES = {
    "SealkitError": "sealkit.errors",
    "build_network": "sealkit.zoo",
    "create_model": "sealkit.pipeline.create",
    "create_pipeline": "sealkit.pipeline.create",
    "evaluate": "sealkit.api",
    "export_model": "sealkit.api",
    "import_weights": "sealkit.importing",
    "list_models": "sealkit.zoo",
    "train": "sealkit.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sealkit' has no attribute '{name}'; it has {', '.join(_HOMES)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
