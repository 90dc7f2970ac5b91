"""Finds weights by a tag (`scratch`, `sealkit`, `official`, or the name of a wheel) or by a path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sealkit.download.asking import command
from sealkit.download.models import Request
from sealkit.download.places import WEIGHTS_VARIABLE, find_training, weights_folder
from sealkit.download.progress import fetch_official
from sealkit.errors import WeightsError
from sealkit.weights.checkpoint import EMA, OPTIMIZER, TRAINING, WEIGHTS, is_checkpoint, load_checkpoint
from sealkit.weights.safetensors_io import load_tensors
from sealkit.weights.unpickle import load_pdparams
from sealkit.weights.wheels import WHEELS, find_in_wheel, wheel_file

OFFICIAL_OR_SCRATCH = "official_or_scratch"
TAGS = ("scratch", "sealkit", *WHEELS, "official", OFFICIAL_OR_SCRATCH)
_SUFFIXES = (".pdparams", ".safetensors")


@dataclass(frozen=True)
class ResolvedWeights:
    """Where weights will be read from.

    Attributes:
        origin: what the user wrote (a tag or a path).
        path: file or checkpoint folder; None for `scratch`.
        graph: where `path` is an ONNX file, to be imported layer by layer: name of the model it is.
    """

    origin: str
    path: Path | None = None
    graph: str | None = None

    @property
    def scratch(self) -> bool:
        """True where the network keeps its random initial values."""
        return self.path is None

    def __str__(self) -> str:
        return f"{self.origin} ({self.path})" if self.path and str(self.path) != self.origin else self.origin


def resolve(tag_or_path: str | Path, model_name: str) -> ResolvedWeights:
    """Find the weights a recipe names.

    Args:
        tag_or_path: `scratch`; `sealkit` (shipped in the package, as arrays or as an ONNX file); a wheel of `WHEELS`
            (imported from its ONNX file); `official` (a `.pdparams` file in `weights_folder()`, where `sealkit
            download` puts it); `official_or_scratch` (that file where it is there, else random); or a file, checkpoint
            folder or run.
        model_name: official name of the model the weights are for.

    Raises:
        WeightsError: nothing there; the message names what is there instead. Nothing is ever downloaded, and nothing
            but `scratch` and `official_or_scratch` means scratch.
    """
    text = str(tag_or_path)
    if text == OFFICIAL_OR_SCRATCH:
        found = find_training(model_name)
        return ResolvedWeights("scratch") if found is None else ResolvedWeights("official", found)
    if text == "scratch":
        return ResolvedWeights("scratch")
    if text == "sealkit":
        path = _shipped(model_name)
        return ResolvedWeights(text, path, graph=model_name if path.suffix == ".onnx" else None)
    if text in WHEELS:
        try:
            path = wheel_file(text, model_name)
        except WeightsError as error:
            hint = f"{error.hint}; {_instead(model_name)}"
            raise WeightsError(error.what, where=error.where, value=error.value, hint=hint) from error
        return ResolvedWeights(text, path, graph=WHEELS[text].files[model_name].model)
    if text == "official":
        return ResolvedWeights(text, _official(model_name))
    return ResolvedWeights(text, _locate(text))


def read_arrays(source: ResolvedWeights | str | Path) -> tuple[dict[str, np.ndarray], str]:
    """Arrays by state_dict name, and what to call their source in messages.

    Raises:
        WeightsError: unreadable; `scratch` or a wheel's ONNX file, which have no arrays by name.
    """
    if not isinstance(source, ResolvedWeights):
        source = ResolvedWeights(str(source), _locate(str(source)))
    if source.path is None or source.graph is not None:
        raise WeightsError("these weights are not a set of named arrays", where="weights.init", value=str(source))
    path = source.path
    if path.is_dir() or is_checkpoint(path):
        return dict(load_checkpoint(path, weights_only=True).weights), str(source)
    if path.suffix == ".safetensors":
        return load_tensors(path)[0], str(source)
    return load_pdparams(path), str(source)


def _locate(text: str) -> Path:
    path = Path(text).expanduser()
    if is_checkpoint(path):
        return path
    if path.is_dir():
        return _in_folder(path)
    if path.is_file():
        return _of_checkpoint(path)
    raise _missing(text, path)


def _of_checkpoint(file: Path) -> Path:
    """The checkpoint folder of its weights file, so that what lies beside them (characters, classes) is known, too."""
    if file.name in (WEIGHTS, TRAINING, OPTIMIZER, EMA) and is_checkpoint(file.parent):
        if file.name == WEIGHTS:
            return file.parent
        raise WeightsError(
            "this file of a checkpoint serves only to go on with its training",
            where="weights.init",
            value=str(file),
            hint=f"give the folder, {file.parent}; to go on with the training, sealkit train --resume",
        )
    return file


def _in_folder(folder: Path) -> Path:
    """A checkpoint folder itself, the best checkpoint of a run folder, or the only weights file in a folder."""
    for candidate in (folder, folder / "checkpoints" / "best", folder / "checkpoints" / "latest", folder / "best"):
        if is_checkpoint(candidate):
            return candidate
    files = sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES)
    if len(files) == 1:
        return files[0]
    raise WeightsError(
        "no checkpoint in this folder" if not files else "several weights files in this folder",
        where=str(folder),
        value=[file.name for file in files] if files else sorted(entry.name for entry in folder.iterdir())[:10],
        hint="give a run folder, a checkpoint folder, or a .safetensors or .pdparams file",
    )


def tags_here(model_name: str) -> list[str]:
    """Weights tags that this machine has files of for a model; their content is not looked at."""
    own = {"sealkit": _found_shipped(model_name), "official": find_training(model_name)}
    wheels = [tag for tag in WHEELS if _in_wheel(tag, model_name)]
    return [tag for tag in TAGS if tag in wheels or own.get(tag) is not None]


def _in_wheel(tag: str, model_name: str) -> bool:
    try:
        find_in_wheel(tag, model_name)
    except WeightsError:
        return False
    return True


def _instead(model_name: str) -> str:
    """What a model's training can start from on this machine, for hints."""
    return f"of {model_name} this machine has: {', '.join([*tags_here(model_name), 'scratch (random)'])}"


def _missing(text: str, path: Path) -> WeightsError:
    from rapidfuzz import process

    existing = path.parent
    while not existing.is_dir() and existing != existing.parent:
        existing = existing.parent
    names = [entry.name for entry in existing.iterdir()] if existing.is_dir() else []
    wanted = path.relative_to(existing).parts[0] if existing in path.parents else path.name
    near = [name for name, _, _ in process.extract(wanted, names, limit=3, score_cutoff=60)]
    tags = [tag for tag, _, _ in process.extract(text, TAGS, limit=1, score_cutoff=70)]
    hints = []
    if tags:
        hints.append(f"did you mean the tag `{tags[0]}`?")
    if near:
        hints.append("nearest existing: " + ", ".join(str(existing / name) for name in near))
    hints.append(f"tags are {', '.join(TAGS)}; `scratch` trains from random weights")
    return WeightsError("weights not found", where="weights.init", value=text, hint="; ".join(hints))


def _shipped(model_name: str) -> Path:
    found = _found_shipped(model_name)
    if found is None:
        raise WeightsError(
            "no trainable weights of this model are shipped with sealkit",
            where="weights.init",
            value=f"sealkit: {model_name}",
            hint=f"{_instead(model_name)}; or give a path. Shipped: {', '.join(shipped_models()) or 'none'}",
        )
    return found


def _assets() -> Path:
    from importlib.resources import files

    return Path(str(files("sealkit"))) / "assets"


def shipped_models() -> list[str]:
    """Models whose weights are in the package."""
    folder = _assets()
    return (
        sorted({p.stem for p in folder.iterdir() if p.suffix in (".safetensors", ".onnx")}) if folder.is_dir() else []
    )


def _found_shipped(model_name: str) -> Path | None:
    folder = _assets()
    for candidate in (folder / model_name, *(folder / f"{model_name}{suffix}" for suffix in (".safetensors", ".onnx"))):
        if is_checkpoint(candidate) or candidate.is_file():
            return candidate
    return None


def fetch_missing(tag_or_path: str | Path, model_name: str) -> None:
    """Download official training weights where a recipe names them and they are not there.

    Raises:
        DownloadError: they cannot be had.
    """
    if str(tag_or_path) in ("official", OFFICIAL_OR_SCRATCH) and find_training(model_name) is None:
        fetch_official(model_name, "training")


def _official(model_name: str) -> Path:
    found = find_training(model_name)
    if found is not None:
        return found
    raise WeightsError(
        "the official weights are not on this machine, and sealkit downloads nothing by itself",
        where="weights.init",
        value=f"official: {model_name}",
        hint=(
            f"`{command([model_name], 'training')}` gets them from {Request(model_name, 'training').addresses()[0]} "
            f"(or add --download, download=True in Python); or put `{model_name}_pretrained.pdparams` into "
            f"{weights_folder()}, or set {WEIGHTS_VARIABLE} to the folder that has it; {_instead(model_name)}"
        ),
    )
