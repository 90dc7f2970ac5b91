"""Writes a trained network as Paddle's `.pdparams` with the official names, so that PaddleOCR, PaddleX, PaddleClas and
PaddleDetection can train it further.

Their loaders match tensors by name and shape, and leave what they miss at its random start with a warning. So what a
file lacks or has besides is told here, before anybody trains on it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.engine.weights import restore_checkpoint
from sealkit.errors import ExportError
from sealkit.files import write_bytes, write_text
from sealkit.weights.loading import network_arrays
from sealkit.weights.unpickle import load_pdparams

_SHOWN = 4
_CONSTANTS = ("pe", "project")


@dataclass
class Written:
    """What a `.pdparams` file holds.

    Attributes:
        path: the file.
        tensors: how many.
        dictionary: file of a recogniser's characters, one a line; None for others.
        missing: official names it lacks, parts that this network was trained without.
        dropped: names of this network that the official one has not; left out.
        other_shape: names whose shape is not the published file's: another number of classes or characters.
    """

    path: Path
    tensors: int
    dictionary: Path | None = None
    missing: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    other_shape: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """Sentences for the user."""
        lines = []
        if self.dictionary is not None:
            lines.append(f"its characters: {self.dictionary} (character_dict_path; use_space_char: true)")
        for names, what in (
            (self.missing, "are not in it and start at random there: train here with the auxiliary parts to have them"),
            (self.dropped, "are sealkit's own and were left out"),
            (self.other_shape, "have another number of classes than the published file: set it there, too"),
        ):
            if names:
                lines.append(f"{len(names)} tensors {what} ({_list(names)})")
        return lines


def write_pdparams(task: Any, checkpoint: Any, path: Path) -> Written:
    """Write a checkpoint's network.

    Args:
        task: of the run's recipe.
        checkpoint: run folder, checkpoint folder, weights file or what `weights.sources.resolve` returned.
        path: file to write; a recogniser's characters go beside it, as `<name>_dict.txt`.

    Raises:
        ExportError: a fused network, whose names are not the official ones; the file does not read back as it was.
        WeightsError: the checkpoint does not fit the recipe's network.
    """
    form = task.recipe.model_dump().get("network", {}).get("form")
    if form == "fused":
        raise ExportError(
            "a fused network has no official names: its branches are folded into one convolution each",
            where="network.form",
            value=form,
            hint="train with -o network.form=official; the exported folder of this run works in PaddleX as it is",
        )
    restore_checkpoint(task, checkpoint)
    net = task.build_network()
    task.load_weights(net, checkpoint)
    arrays = network_arrays(net)
    official = _official(task.recipe.model)
    kept = {name: array for name, array in arrays.items() if name in official}
    written = Written(
        path,
        len(kept),
        missing=[name for name in official if name not in arrays and not name.endswith(_CONSTANTS)],
        dropped=[name for name in arrays if name not in official],
        other_shape=[name for name, array in kept.items() if array.shape != official[name]],
    )
    if not kept:
        raise ExportError("none of the network's tensors has an official name", where=str(path), value=_list(arrays))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, _serialised(kept), durable=True)
    _read_back(path, kept)
    written.dictionary = _write_characters(task, path)
    return written


def _official(model: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published training checkpoint."""
    from sealkit import zoo

    return {name: tuple(tensor.shape) for name, tensor in zoo.build_network(model).state_dict().items()}


def _serialised(arrays: dict[str, np.ndarray]) -> bytes:
    import paddle

    content = io.BytesIO()
    paddle.save({name: paddle.to_tensor(array) for name, array in arrays.items()}, content)
    return content.getvalue()


def _read_back(path: Path, arrays: dict[str, np.ndarray]) -> None:
    found = load_pdparams(path)
    same = found.keys() == arrays.keys() and all(
        found[name].size == array.size and np.array_equal(found[name].ravel(), array.ravel())
        for name, array in arrays.items()
    )
    if not same:
        raise ExportError("the file does not read back as it was written", where=str(path), hint="check the disk")


def _write_characters(task: Any, path: Path) -> Path | None:
    """A recogniser's characters as PaddleOCR's dictionary file: one a line, without blank and space."""
    characters = task.inference_spec().get("PostProcess", {}).get("character_dict")
    if not characters:
        return None
    target = path.with_name(f"{path.stem}_dict.txt")
    write_text(target, "".join(f"{character}\n" for character in characters))
    return target


def _list(names: Any) -> str:
    shown = list(names)
    return ", ".join(shown[:_SHOWN]) + (", …" if len(shown) > _SHOWN else "")


__all__ = ["Written", "write_pdparams"]
