"""Seconds of a network alone: one input that is ready, warm-up runs, then the median of timed runs."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sealkit.drawing.documents import document_images
from sealkit.errors import EngineError
from sealkit.images.normalise import normalise
from sealkit.modules.base import ModelSpec
from sealkit.runtime.devices import Device
from sealkit.runtime.engines import ENGINES
from sealkit.runtime.files import ModelFiles
from sealkit.runtime.model import InferenceModel, installed, load_model

SIZES: Mapping[str, tuple[int, int]] = {
    "seal_text_detection": (736, 736),
    "text_recognition": (48, 320),
    "image_unwarping": (1024, 768),
}
"""Height and width where the network takes any: the pipeline's shortest side of a detector, the strip that recognisers
were trained with, a page."""
INPUTS: Mapping[int, tuple[str, ...]] = {
    1: ("image",),
    2: ("image", "scale_factor"),
    3: ("im_shape", "image", "scale_factor"),
}
"""What a graph with so many inputs takes, in alphabetical order of its names."""


@dataclass(frozen=True)
class Plan:
    """How a network is timed.

    Attributes:
        warm_up: runs that do not count, at most.
        runs: timed runs, at most.
        least: timed runs, at least.
        seconds: no further run begins after so many seconds, warm-up included, once `least` are done.
    """

    warm_up: int = 5
    runs: int = 20
    least: int = 3
    seconds: float = 8.0


@dataclass(frozen=True)
class Timing:
    """Milliseconds per image, batch 1.

    Attributes:
        ms: the median by the clock.
        cpu_ms: the median of the processor's, all threads together: what other load on the machine hardly changes.
        runs: how many were timed.
        size: height and width of the input.
        random: the weights were random.
    """

    ms: float
    cpu_ms: float
    runs: int
    size: tuple[int, int]
    random: bool = False


def usable_engines(device: Device, only: str | None = None) -> list[str]:
    """Engines that are installed and can use the device, in the order of the table; `only`: that one alone."""
    found = []
    for name, info in ENGINES.items():
        if (only is not None and name != only) or not installed(name) or device.kind not in info.devices:
            continue
        if device.kind == "cpu" or importlib.import_module(info.module).device_problem(name, device) is None:
            found.append(name)
    return found


def reads(files: ModelFiles, engine: str) -> bool:
    """Whether the folder has the files that an engine reads."""
    return files.onnx is not None if ENGINES[engine].files == "onnx" else files.has_paddle


def input_size(spec: ModelSpec) -> tuple[int, int]:
    """Height and width of the input a model is timed with."""
    free = SIZES.get(spec.module, (0, 0))
    return spec.input.height or free[0], spec.input.width or free[1]


def arrays(size: tuple[int, int], inputs: int) -> list[np.ndarray]:
    """What a graph with so many inputs is fed: a drawn page.

    Args:
        size: (height, width).
        inputs: key of `INPUTS`.

    Raises:
        EngineError: a graph with another number of inputs.
    """
    if inputs not in INPUTS:
        raise EngineError("no known kind of graph", value=f"{inputs} inputs", hint=f"known: {list(INPUTS)}")
    page = normalise(document_images((size,))[0])[None].astype(np.float32)
    parts = {
        "image": page,
        "scale_factor": np.ones((1, 2), np.float32),
        "im_shape": np.asarray([size], np.float32),
    }
    return [parts[name] for name in INPUTS[inputs]]


def graph_size(model: InferenceModel, size: tuple[int, int]) -> tuple[int, int]:
    """The size a graph is fixed to, else the given one."""
    for spec in model.inputs:
        if len(spec.shape) == 4:
            return spec.shape[2] or size[0], spec.shape[3] or size[1]
    return size


def time_network(
    path: Path, engine: str, device: Device, threads: int, size: tuple[int, int], plan: Plan, random: bool = False
) -> Timing:
    """Time a model folder or ONNX file on an engine.

    Raises:
        EngineError, DeviceError: it cannot be loaded or run there.
    """
    model = load_model(path, engine=engine, device=str(device), threads=threads)
    try:
        size = graph_size(model, size)
        feeds = arrays(size, len(model.inputs))
        began = time.perf_counter()
        for number in range(plan.warm_up):
            if number and time.perf_counter() - began > plan.seconds / 3:
                break
            model.run(feeds)
        taken: list[float] = []
        used: list[float] = []
        while len(taken) < plan.least or (len(taken) < plan.runs and time.perf_counter() - began < plan.seconds):
            start, cpu = time.perf_counter(), time.process_time()
            model.run(feeds)
            taken.append(time.perf_counter() - start)
            used.append(time.process_time() - cpu)
    finally:
        model.close()
    return Timing(1000 * float(np.median(taken)), 1000 * float(np.median(used)), len(taken), size, random)
