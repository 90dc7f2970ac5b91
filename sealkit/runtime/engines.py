"""The table of inference engines: adding one is a file with its model class and a row here. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class EngineInfo:
    """One engine: what it needs, where its code is, and when it is chosen.

    Attributes:
        package: the Python package that must be importable.
        files: `onnx` or `paddle`: which files of a folder it reads.
        module: dotted name of the file with `CLASSES[engine]`, an `InferenceModel`, and `device_problem`.
        install: command that installs it.
        devices: device kinds it can use.
        extra: sealkit's extra that brings the package, None where no extra does.
        cpu_rank: place among the engines tried on a CPU, fastest first; None: only by name.
        gpu_rank: the same on a GPU.
        proves: whether an export compares its output with the trained network's.
    """

    package: str
    files: str
    module: str
    install: str
    devices: tuple[str, ...]
    extra: str | None = None
    cpu_rank: int | None = None
    gpu_rank: int | None = None
    proves: bool = True


# Ranks on a CPU are of images of changing sizes. CPU seconds of one thread, onnxruntime, openvino and paddle: embedded
# pipeline per image 0.25 and 0.29, its detector alone at 736 x 736 0.27, 0.36, 0.52. OpenVINO prepares each size anew.
ENGINES: Mapping[str, EngineInfo] = {
    "openvino": EngineInfo(
        package="openvino",
        files="onnx",
        module="sealkit.runtime.openvino_engine",
        install="pip install 'sealkit[openvino]'",
        devices=("cpu", "gpu", "npu"),
        extra="openvino",
        cpu_rank=2,
    ),
    "onnxruntime": EngineInfo(
        package="onnxruntime",
        files="onnx",
        module="sealkit.runtime.onnx_engine",
        install="pip install 'sealkit[onnx]'",
        devices=("cpu", "gpu", "npu", "dcu"),
        extra="onnx",
        cpu_rank=1,
        gpu_rank=1,
    ),
    "paddle": EngineInfo(
        package="paddle",
        files="paddle",
        module="sealkit.runtime.paddle_engine",
        install="pip install 'sealkit[train]'",
        devices=("cpu", "gpu", "npu", "xpu", "mlu", "gcu", "dcu", "iluvatar_gpu", "metax_gpu"),
        extra="train",
        cpu_rank=3,
        gpu_rank=2,
    ),
    "tensorrt": EngineInfo(
        package="onnxruntime",
        files="onnx",
        module="sealkit.runtime.onnx_engine",
        install="pip install onnxruntime-gpu tensorrt",
        devices=("gpu",),
        proves=False,
    ),
}
ALIASES: Mapping[str, str] = {"paddle_static": "paddle"}
"""PaddleX's other names of the same thing."""
HELP = f"auto, {', '.join(ENGINES)}"


def order(device: str) -> tuple[str, ...]:
    """Engines that are tried by themselves on a `cpu` or `gpu`, fastest first."""
    ranks = {name: info.cpu_rank if device == "cpu" else info.gpu_rank for name, info in ENGINES.items()}
    chosen = {name: rank for name, rank in ranks.items() if rank is not None}
    return tuple(sorted(chosen, key=chosen.__getitem__))


def proving(*, onnx: bool) -> tuple[str, ...]:
    """Engines whose output an export compares, Paddle first; those that read ONNX only where it is written."""
    names = [name for name in order("cpu") if ENGINES[name].proves and (onnx or ENGINES[name].files == "paddle")]
    return tuple(sorted(names, key=lambda name: name != "paddle"))
