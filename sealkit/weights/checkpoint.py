"""A checkpoint folder: everything needed to use a network alone, and everything needed to continue its training.

    weights.safetensors     what evaluation used (the averaged weights where EMA is on); enough for eval and export
    training.safetensors    the weights the optimiser works on, only where they differ from the above
    optimizer.safetensors   moments, by parameter name: `<parameter>/<moment>`
    ema.safetensors         running averages
    state.json              model name, charset and the like (`extras`), progress, best metric, settings; the size
                            and CRC-32 of each file, and the SHA-256 of all this

Written completely or not at all (`atomic.replace_folder`).
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.errors import WeightsError, first_line
from sealkit.files import claim_folder, copy_file, replace_folder, write_text
from sealkit.weights.safetensors_io import load_tensors, save_tensors

FORMAT = 1
CHECKSUM = "sha256"
MAX_STATE = 64 << 20  # bytes; with a charset of 18,700 characters it has 0.3 MB
WEIGHTS, TRAINING, OPTIMIZER, EMA, STATE = (
    "weights.safetensors",
    "training.safetensors",
    "optimizer.safetensors",
    "ema.safetensors",
    "state.json",
)

Arrays = Mapping[str, np.ndarray]


@dataclass
class Checkpoint:
    """Content of a checkpoint folder.

    Attributes:
        weights: state_dict names to arrays, as evaluated.
        extras: what the weights mean: model name, form, charset, class names.
        progress: state of the run (steps, best metric, settings); {} where only weights were saved.
        training: weights under training where they differ from `weights`.
        optimizer: `<parameter>/<moment>` to array.
        ema: running averages.
    """

    weights: Arrays
    extras: Mapping[str, Any] = field(default_factory=dict)
    progress: Mapping[str, Any] = field(default_factory=dict)
    training: Arrays | None = None
    optimizer: Arrays | None = None
    ema: Arrays | None = None


def _crc32(path: Path) -> int:
    value = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            value = zlib.crc32(block, value)
    return value


def save_checkpoint(folder: str | Path, checkpoint: Checkpoint) -> None:
    """Write or replace a checkpoint folder atomically.

    Raises:
        WeightsError: the folder cannot be written.
    """

    def fill(target: Path) -> None:
        metadata = {"format": "sealkit", **{k: v for k, v in checkpoint.extras.items() if isinstance(v, str)}}
        parts = {
            WEIGHTS: checkpoint.weights,
            TRAINING: checkpoint.training,
            OPTIMIZER: checkpoint.optimizer,
            EMA: checkpoint.ema,
        }
        files = {}
        for name, tensors in parts.items():
            if tensors is not None:
                save_tensors(target / name, tensors, metadata if name == WEIGHTS else None)
                files[name] = {"bytes": (target / name).stat().st_size, "crc32": _crc32(target / name)}
        state = {"format": FORMAT, "extras": checkpoint.extras, "progress": checkpoint.progress, "files": files}
        plain = json.loads(json.dumps(state))  # as it will be read: tuples are lists, numbers as keys are text
        write_text(
            target / STATE, json.dumps({**plain, CHECKSUM: _digest(plain)}, ensure_ascii=False, indent=1), durable=True
        )

    _replace(Path(folder), fill)


def _replace(folder: Path, fill: Callable[[Path], None]) -> None:
    """As `replace_folder`; WeightsError where it cannot be written."""
    try:
        replace_folder(folder, fill)
    except OSError as error:
        raise WeightsError(
            f"cannot write the checkpoint: {error.strerror or error}",
            where=str(folder),
            hint="check free space and permissions",
        ) from error


def is_checkpoint(folder: str | Path) -> bool:
    """True for a folder that holds, or after an interrupted write will hold, a checkpoint."""
    folder = Path(folder)
    return any((folder.with_name(folder.name + suffix) / STATE).is_file() for suffix in ("", ".new", ".old"))


def _digest(state: Mapping[str, Any]) -> str:
    """SHA-256 of what state.json says, however it is laid out."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode("ascii")).hexdigest()


def read_state(folder: str | Path) -> dict[str, Any]:
    """state.json of a checkpoint folder: {"extras", "progress", "files", "format"}.

    Raises:
        WeightsError: no checkpoint there, one of a newer format, or a state that is not as it was written.
    """
    path = claim_folder(Path(folder)) / STATE
    if not path.is_file():
        raise WeightsError(
            "no checkpoint here", where=str(folder), hint=f"a checkpoint folder holds {STATE} and {WEIGHTS}"
        )
    try:
        if path.stat().st_size > MAX_STATE:
            raise ValueError(f"more than {MAX_STATE >> 20} MiB")
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        what = f"unreadable checkpoint state: {first_line(error)}"
        raise WeightsError(what, where=str(path), hint="use another checkpoint") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        found = state.get("format") if isinstance(state, dict) else type(state).__name__
        raise WeightsError(
            "checkpoint format not supported", where=str(path), value=found, hint=f"this version reads format {FORMAT}"
        )
    stored = state.pop(CHECKSUM, None)
    if stored is None:
        hint = (
            f"an earlier version wrote it: copy {WEIGHTS} out of the folder and start from the copy, "
            f"-o weights.init=COPY.safetensors; a recogniser needs its characters, too: -o dictionary=FILE"
        )
        raise WeightsError("the checkpoint's state has no checksum", where=str(path), hint=hint)
    if stored != _digest(state):
        what = "the checkpoint's state has changed since it was written: its checksum differs"
        raise WeightsError(what, where=str(path), hint="use another checkpoint")
    _check_state(state, path)
    return state


def _check_state(state: Mapping[str, Any], path: Path) -> None:
    """A checksum proves no sense: anyone may write one."""
    parts = {name: state.get(name) for name in ("extras", "progress", "files")}
    wrong = [name for name, value in parts.items() if not isinstance(value, dict)]
    if not wrong:
        wrong = [f"files.{name}" for name, facts in state["files"].items() if not _is_file_entry(name, facts)]
    if wrong:
        raise WeightsError(
            f"the checkpoint's state has no usable {', '.join(wrong[:5])}",
            where=str(path),
            hint="use another checkpoint",
        )


def _is_file_entry(name: str, facts: Any) -> bool:
    known = name in (WEIGHTS, TRAINING, OPTIMIZER, EMA)
    return known and isinstance(facts, dict) and all(type(facts.get(key)) is int for key in ("bytes", "crc32"))


def load_checkpoint(folder: str | Path, weights_only: bool = False) -> Checkpoint:
    """Read a checkpoint folder and verify its files.

    Raises:
        WeightsError: missing, of another format, or a file whose size or CRC-32 differs from what was written.
    """
    folder = Path(folder)
    state = read_state(folder)
    read: dict[str, dict[str, np.ndarray]] = {}
    for name, facts in state["files"].items():
        if weights_only and name != WEIGHTS:
            continue
        path = folder / name
        if not path.is_file() or path.stat().st_size != facts["bytes"] or _crc32(path) != facts["crc32"]:
            raise WeightsError(
                "damaged checkpoint file",
                where=str(path),
                hint="the file has changed since it was saved: use another checkpoint",
            )
        read[name] = load_tensors(path)[0]
    if WEIGHTS not in read:
        raise WeightsError(f"checkpoint without {WEIGHTS}", where=str(folder), hint="use another checkpoint")
    return Checkpoint(
        weights=read[WEIGHTS],
        extras=state["extras"],
        progress=state["progress"],
        training=read.get(TRAINING),
        optimizer=read.get(OPTIMIZER),
        ema=read.get(EMA),
    )


def copy_checkpoint(source: str | Path, target: str | Path) -> None:
    """Make `target` the same checkpoint as `source`, atomically; files are shared (hard links) where the disk can.

    Raises:
        WeightsError: the folder cannot be written.
    """
    source = Path(source)

    def fill(folder: Path) -> None:
        for file in source.iterdir():
            try:
                os.link(file, folder / file.name)
            except OSError:
                copy_file(file, folder / file.name)

    _replace(Path(target), fill)
