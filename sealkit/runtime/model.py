"""Load an inference model on one of the engines and run batches.

    model = load_model("inference/", engine="auto", device="cpu")
    (maps,) = model.run(batch)
    model.engine, model.meta.model_name

A loaded model is not thread-safe unless it is `shareable`: one per thread or process.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.errors import DeviceError, EngineError
from sealkit.runtime.devices import CPU, Device, default_threads, nvidia_present, parse_device
from sealkit.runtime.engines import ALIASES, ENGINES, order
from sealkit.runtime.files import ModelFiles, ModelMeta
from sealkit.runtime.onnx_fields import check_self_contained

log = logging.getLogger(__name__)


CPU_ORDER, GPU_ORDER = order("cpu"), order("gpu")


@dataclass(frozen=True)
class TensorSpec:
    """Name, NumPy dtype and shape of a graph's input or output; None = any size, () = the engine does not tell."""

    name: str
    dtype: np.dtype
    shape: tuple[int | None, ...]


class InferenceModel(ABC):
    """A loaded inference model.

    Attributes:
        engine: the engine that runs it (never "auto").
        device: where it runs.
        threads: CPU threads it may use.
        meta: inference.yml or the ONNX file's metadata.
        path: folder or file it was loaded from.
        inputs, outputs: specs in the graph's order.
        notes: what the engine decided by itself (e.g. oneDNN switched off), for reports.
    """

    engine: str

    def __init__(
        self, files: ModelFiles, meta: ModelMeta, device: Device, threads: int, options: Mapping[str, Any]
    ) -> None:
        self.files, self.meta, self.device, self.threads = files, meta, device, threads
        self.path = files.path
        self.notes: list[str] = []
        if files.onnx is not None:
            check_self_contained(files.onnx)
        self.inputs, self.outputs = self._open(options)
        order = sorted(range(len(self.inputs)), key=lambda i: self.inputs[i].name)
        self._rank = order
        """Positions of the graph's inputs by alphabetical rank of their names: the order values are fed in."""

    @property
    def shareable(self) -> bool:
        """Whether several threads may `run` at the same time, each with all of the model's threads."""
        return False

    @property
    def batch_limit(self) -> int | None:
        """Images the graph takes at once: a number it was fixed to (converters fix graphs with suppression inside to
        1), None where any number will do."""
        sizes = [spec.shape[0] for spec in self.inputs if spec.shape]
        return next((size for size in sizes if size is not None), None)

    @abstractmethod
    def _open(self, options: Mapping[str, Any]) -> tuple[list[TensorSpec], list[TensorSpec]]:
        """Load the graph; returns input and output specs."""

    @abstractmethod
    def _execute(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """Run on arrays in the graph's order."""

    def run(self, inputs: np.ndarray | Sequence[np.ndarray] | Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Run one batch.

        Args:
            inputs: the array of a single-input graph; or arrays by name, or in alphabetical order of the names. As in
                PaddleX names need not equal the graph's: the first name in alphabetical order feeds the graph's first.

        Returns:
            the outputs in the graph's order; arrays are the caller's to keep.

        Raises:
            EngineError: wrong number of inputs or a shape the graph does not take.
        """
        if isinstance(inputs, np.ndarray):
            values = [inputs]
        elif isinstance(inputs, Mapping):
            values = [inputs[name] for name in sorted(inputs)]
        else:
            values = list(inputs)
        if len(values) != len(self.inputs):
            raise EngineError(
                f"the graph has {len(self.inputs)} input(s), {len(values)} given",
                where=str(self.path),
                value=sorted(spec.name for spec in self.inputs),
            )
        arrays: list[np.ndarray] = [np.empty(0)] * len(values)
        for position, value in zip(self._rank, values):
            spec = self.inputs[position]
            array = np.ascontiguousarray(value, dtype=spec.dtype)
            fits = len(spec.shape) == array.ndim and all(s in (None, d) for s, d in zip(spec.shape, array.shape))
            if spec.shape and not fits:
                wanted = "x".join("?" if s is None else str(s) for s in spec.shape)
                raise EngineError(f"input {spec.name} must be {wanted}", where=str(self.path), value=array.shape)
            arrays[position] = array
        return self._execute(arrays)

    def close(self) -> None:
        """Free the engine's memory; the model cannot be used afterwards."""
        self.__dict__.pop("_session", None)

    def __repr__(self) -> str:
        return f"<{self.meta.model_name or self.path.name} on {self.engine} ({self.device})>"


def installed(engine: str) -> bool:
    """Whether the engine's package is there, without importing it."""
    return importlib.util.find_spec(ENGINES[engine].package) is not None


def load_model(
    path: str | Path | ModelFiles,
    engine: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> InferenceModel:
    """Load an inference model folder or a single .onnx file.

    Args:
        path: the folder with inference.yml, or an ONNX file; or its files, where they were found already.
        engine: paddle, onnxruntime, openvino, tensorrt; None or "auto": the fastest one that is installed and can read
            the files (on CPU: onnxruntime, openvino, paddle). The choice is logged and in `model.engine`.
        device: cpu, gpu, gpu:0, npu:0, …; None: the first NVIDIA card an installed engine can use, else the CPU.
        threads: CPU threads; None: all cores, at most 10.
        options: engine_config, keys of the engine's own (e.g. `run_mode: paddle` for the paddle engine).

    Raises:
        EngineError: missing files (all are listed), unknown engine, package not installed, unreadable graph.
        DeviceError: unknown or absent device.
    """
    files = path if isinstance(path, ModelFiles) else ModelFiles.find(path)
    name, chosen_device = choose_engine(files, engine, parse_device(device) if device is not None else None)
    return open_model(files, name, chosen_device, threads, options)


def open_model(
    files: ModelFiles,
    engine: str,
    device: Device,
    threads: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> InferenceModel:
    """Load found files on a chosen engine and device; see load_model and choose_engine.

    Raises:
        EngineError: an unreadable graph, or an option the engine does not have.
    """
    cls: type[InferenceModel] = importlib.import_module(ENGINES[engine].module).CLASSES[engine]
    model = cls(files, files.read_meta(), device, threads or default_threads(), dict(options or {}))
    log.info("%s: engine %s on %s", files.path, engine, device)
    return model


def choose_engine(files: ModelFiles, engine: str | None, device: Device | None) -> tuple[str, Device]:
    """Which engine on which device; see load_model."""
    if engine not in (None, "auto"):
        name = ALIASES.get(str(engine).lower(), str(engine).lower())
        if name not in ENGINES:
            raise EngineError("unknown engine", where="engine", value=engine, hint=f"one of auto, {', '.join(ENGINES)}")
        return name, _checked_pair(files, name, device)
    if device is None and nvidia_present():
        for name in GPU_ORDER:
            if not _why_not(files, name, Device("gpu")):
                return name, Device("gpu")
    names = CPU_ORDER if device in (None, CPU) else GPU_ORDER
    reasons = {}
    for name in names:
        reason = _why_not(files, name, device or CPU)
        if not reason:
            return name, device or CPU
        reasons[name] = reason
    listed = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    kind = EngineError if device in (None, CPU) else DeviceError
    raise kind(
        f"no installed engine can run this model on {device or CPU} ({listed})",
        where=str(files.path),
        hint="`sealkit doctor` shows what is installed"
        + ("" if kind is EngineError else "; --device cpu always works"),
    )


def _checked_pair(files: ModelFiles, name: str, device: Device | None) -> Device:
    """The device for an engine the user named; raises where the pair cannot work."""
    info = ENGINES[name]
    if info.files == "onnx" and files.onnx is None:
        raise EngineError(
            f"engine {name} needs inference.onnx, but the folder only has Paddle files",
            where=str(files.path),
            hint="in that folder run `paddle2onnx --model_dir . --params_filename inference.pdiparams --model_filename "
            f"{getattr(files.program, 'name', 'inference.json')} --save_file inference.onnx`, or use paddle",
        )
    if info.files == "paddle" and not files.has_paddle:
        raise EngineError(
            "engine paddle needs inference.json (or .pdmodel) and inference.pdiparams, but there is only an ONNX file",
            where=str(files.path),
            hint="use engine " + " or ".join(n for n in CPU_ORDER if ENGINES[n].files == "onnx"),
        )
    if device is None:
        device = (
            Device("gpu")
            if name == "tensorrt" or (nvidia_present() and not _why_not(files, name, Device("gpu")))
            else CPU
        )
    reason = _why_not(files, name, device)
    if not reason:
        return device
    if not installed(name):
        raise EngineError(f"engine {name} is not installed", where="engine", value=name, hint=info.install)
    raise DeviceError(f"engine {name} cannot use {device}: {reason}", where="device", value=str(device))


def _why_not(files: ModelFiles, name: str, device: Device) -> str | None:
    """Why this engine cannot run these files on this device; None where it can."""
    info = ENGINES[name]
    if (info.files == "onnx" and files.onnx is None) or (info.files == "paddle" and not files.has_paddle):
        return f"no {info.files} files"
    if not installed(name):
        return f"not installed ({info.install})"
    if device.kind not in info.devices:
        return f"supports {', '.join(info.devices)} only"
    if device.kind == "cpu":
        return None
    reason: str | None = importlib.import_module(info.module).device_problem(name, device)
    return reason
