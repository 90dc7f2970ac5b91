"""Where official models and training weights lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path

MODELS_VARIABLE = "SEALKIT_MODELS_DIR"
WEIGHTS_VARIABLE = "SEALKIT_WEIGHTS_DIR"
PADDLEX_VARIABLE = "PADDLE_PDX_CACHE_HOME"


def models_folder() -> Path:
    """Where official inference models are looked for and downloaded to: $SEALKIT_MODELS_DIR, else
    ~/.cache/sealkit/models."""
    return _folder(MODELS_VARIABLE, "models")


def weights_folder() -> Path:
    """Where official training weights are looked for and downloaded to: $SEALKIT_WEIGHTS_DIR, else
    ~/.cache/sealkit/weights."""
    return _folder(WEIGHTS_VARIABLE, "weights")


def paddlex_folder() -> Path:
    """Where PaddleX keeps the models it downloaded; only read."""
    folder = os.environ.get(PADDLEX_VARIABLE)
    return (Path(folder) if folder else Path.home() / ".paddlex") / "official_models"


def inference_places(model: str) -> tuple[Path, ...]:
    """The folders in which an official inference model may be, in the order they are looked at."""
    own = models_folder()
    return own / f"{model}_infer", own / model, paddlex_folder() / model


def find_inference(model: str) -> Path | None:
    """The folder of an official inference model; None where there is none."""
    return next((path for path in inference_places(model) if path.is_dir()), None)


def find_training(model: str) -> Path | None:
    """The file of official training weights; None where there is none."""
    names = (f"{model}_pretrained.pdparams", f"{model}.pdparams", f"{model}.safetensors")
    return next((path for path in (weights_folder() / name for name in names) if path.is_file()), None)


def _folder(variable: str, name: str) -> Path:
    folder = os.environ.get(variable)
    return Path(folder) if folder else Path.home() / ".cache" / "sealkit" / name
