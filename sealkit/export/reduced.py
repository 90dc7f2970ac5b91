"""An exported model in fewer bits or for one input size, with what that costs: differences, metric, time, bytes.

The folder it writes has inference.onnx and inference.yml alone: Paddle's files would be the unreduced model. What was
done stands under `Sealkit.reduced` in inference.yml, where evaluation finds it, and in export_report.json.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from sealkit.errors import ExportError
from sealkit.export.model import REPORT, check_target, file_facts
from sealkit.export.on_use import MEAN_DIFFERENCE, MOST_DIFFERENCE, converted, differences
from sealkit.export.onnx_reduce import fix_shapes, half_weights, quantise
from sealkit.files import replace_folder, write_bytes, write_text
from sealkit.images import iter_images
from sealkit.modules.table import info, module_of
from sealkit.runtime.devices import CPU
from sealkit.runtime.files import META_KEY, ONNX, YML, ModelFiles, ModelMeta
from sealkit.runtime.model import InferenceModel, load_model
from sealkit.runtime.onnx_engine import OnnxRuntimeModel
from sealkit.version import __version__

Precision = Literal["fp32", "fp16", "int8"]
Measure = Callable[[Path], tuple[str, float, int]]
"""Folder or ONNX file → name of the deciding metric, its value, number of images."""
IMAGES = 32
LOST = 0.01
"""A metric that falls by more is warned of."""
ALLOWED = {"fp32": (MEAN_DIFFERENCE, MOST_DIFFERENCE), "fp16": (0.01, 0.1), "int8": (np.inf, np.inf)}
"""Differences of an output that are allowed, on average and of 99 of 100 values. Directions, which a detector gives for
every pixel, mean nothing where no text is, and float16 turns them: 1e-3 and 1e-2. INT8 is judged by the metric."""


@dataclass(frozen=True)
class Reduction:
    """What is done to a graph.

    Attributes:
        precision: fp16 stores weights as float16, int8 computes convolutions and products in 8 bits.
        shape: the one size of the image input, (N, C, H, W); None leaves sizes free.
        images: folder of images as the model is fed: seal crops or pages for a detector, strips for a recogniser, pages
            for the others. INT8 takes its ranges from them, and all reductions are compared on them.
        count: how many of them.
    """

    precision: Precision
    shape: tuple[int, ...] | None
    images: Path
    count: int = IMAGES

    @property
    def name(self) -> str:
        """Short, for folders and tables: `int8`, `fp16_1x3x48x320`."""
        size = None if self.shape is None else "x".join(map(str, self.shape))
        return "_".join(part for part in (None if self.precision == "fp32" and size else self.precision, size) if part)


def reduce_model(
    source: str | Path, output: str | Path, reduction: Reduction, measure: Measure | None = None
) -> dict[str, Any]:
    """Write a reduced model beside the exported one.

    Args:
        source: exported or official folder, or an ONNX file.
        output: folder to write; replaced as a whole.
        reduction: what to do.
        measure: evaluates a model on labelled data; None leaves the metric out. It is not called for a fixed size,
            which the sizes of an evaluation set do not have.

    Returns:
        The content of export_report.json.

    Raises:
        ExportError: no image, a graph that cannot be reduced, float16 or a fixed size that changes what it computes.
        EngineError: the source is no inference model.
    """
    import onnx

    source, output = Path(source), Path(output)
    check_target(output)
    files = ModelFiles.find(source)
    path = files.onnx or converted(files, "onnxruntime")
    files = ModelFiles(files.path, yml=files.yml, onnx=path)
    meta = files.read_meta()
    feeds = seen_inputs(files, meta, reduction)
    model = onnx.load(str(path))
    made = model if reduction.shape is None else fix_shapes(model, reduction.shape)
    if reduction.precision == "fp16":
        made, _ = half_weights(made)
    elif reduction.precision == "int8":
        made = quantise(made, feeds)
    report: dict[str, Any] = {}

    def fill(folder: Path) -> None:
        facts: dict[str, Any] = {"precision": reduction.precision, "images": len(feeds)}
        if reduction.shape is not None:
            facts["shape"] = list(reduction.shape)
        _write(folder, made, model, meta, facts)
        parts, seconds = _compare(files, folder, feeds)
        _check(parts, reduction)
        report.update(
            {
                "sealkit": __version__,
                "written": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                "model": meta.model_name,
                "source": str(source),
                "reduced": facts,
                "differences": parts,
                "cpu_seconds": seconds,
            }
        )
        if measure is not None and reduction.shape is None:
            name, value, count = measure(folder)
            _, before, _ = measure(source)
            facts |= {"metric": name, "value": round(value, 4), "fp32": round(before, 4), "metric_images": count}
            _write(folder, made, model, meta, facts)
        report["bytes"] = {"fp32": path.stat().st_size, reduction.name: (folder / ONNX).stat().st_size}
        report["files"] = {one.name: file_facts(one) for one in sorted(folder.iterdir())}
        write_text(folder / REPORT, json.dumps(report, ensure_ascii=False, indent=2))

    replace_folder(output, fill)
    return report


def seen_inputs(files: ModelFiles, meta: ModelMeta, reduction: Reduction) -> list[dict[str, np.ndarray]]:
    """What the network is fed for the images, by the names of its inputs; cut and padded where the size is fixed.

    Raises:
        ExportError: no image there, or a model without a name.
    """
    if meta.model_name is None:
        raise ExportError("the model does not say which one it is", where=meta.where, hint="Global.model_name names it")
    records = (record for record in iter_images(str(reduction.images)) if record.image is not None)
    images = [record.image for record in islice(records, reduction.count)]
    if not images:
        raise ExportError(
            "no image in this folder", where="--calibrate", value=str(reduction.images), hint="JPEG, PNG, TIFF or PDF"
        )
    model = _Seeing(files, meta, CPU, 1, {})
    for _ in info(module_of(meta.model_name)).predictor_class().create(model).predict(images):
        pass
    model.close()
    if reduction.shape is None:
        return model.feeds
    return [{name: fitted(array, reduction.shape) for name, array in feed.items()} for feed in model.feeds]


class _Seeing(OnnxRuntimeModel):
    """Keeps what it is fed."""

    def __init__(self, *given: Any) -> None:
        self.feeds: list[dict[str, np.ndarray]] = []
        super().__init__(*given)

    def _execute(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        self.feeds.append({spec.name: np.array(array) for spec, array in zip(self.inputs, arrays)})
        return super()._execute(arrays)


def fitted(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """An input cut at the end of each axis or padded with zeros there; of another rank, the batch alone."""
    sizes = tuple(shape) if array.ndim == len(shape) else (shape[0], *array.shape[1:])
    made = np.zeros(sizes, array.dtype)
    both = tuple(slice(min(one, other)) for one, other in zip(sizes, array.shape))
    made[both] = array[both]
    return made


def _write(folder: Path, made: Any, model: Any, meta: ModelMeta, facts: Mapping[str, Any]) -> None:
    """inference.onnx with the metadata of the original, and inference.yml with what was done."""
    import onnx

    own = meta.data.get("Sealkit")
    data = {**meta.data, "Sealkit": {**(own if isinstance(own, Mapping) else {}), "reduced": dict(facts)}}
    text = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    strings = {one.key: one.value for one in model.metadata_props} | {META_KEY: text}
    onnx.helper.set_model_props(made, strings)
    onnx.checker.check_model(made)
    write_bytes(folder / ONNX, made.SerializeToString())
    write_text(folder / YML, text)


def _compare(
    files: ModelFiles, folder: Path, feeds: Sequence[Mapping[str, np.ndarray]]
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Per output the mean absolute difference and that of 99 of 100 values, the worst of all feeds; CPU seconds of one
    thread per run, median, of both."""
    before, after = load_model(files, "onnxruntime", "cpu", 1), load_model(folder, "onnxruntime", "cpu", 1)
    worst = [{"mean": 0.0, "p99": 0.0} for _ in before.outputs]
    times: dict[str, list[float]] = {"fp32": [], "reduced": []}
    for feed in feeds:
        expected, first = _timed(before, feed)
        got, second = _timed(after, feed)
        times["fp32"].append(first)
        times["reduced"].append(second)
        for part, one, other in zip(worst, expected, got):
            mean, most = differences(one, other)
            part["mean"], part["p99"] = (float(np.maximum(part[k], v)) for k, v in (("mean", mean), ("p99", most)))
    before.close()
    after.close()
    return worst, {name: float(np.median(taken)) for name, taken in times.items()}


def _timed(model: InferenceModel, feed: Mapping[str, np.ndarray]) -> tuple[list[np.ndarray], float]:
    """Outputs, and CPU seconds of the second run: the first one prepares for the size."""
    model.run(feed)
    started = time.process_time()
    arrays = model.run(feed)
    return arrays, time.process_time() - started


def _check(parts: Sequence[Mapping[str, float]], reduction: Reduction) -> None:
    """Raise ExportError where float32 and float16 do not compute what the original does, or anything is no number."""
    for number, part in enumerate(parts):
        mean, most = ALLOWED[reduction.precision]
        if not (part["mean"] <= mean and part["p99"] <= most and np.isfinite(part["mean"])):
            raise ExportError(
                f"the reduced graph differs: output {number} by {part['mean']:.1e} on average, "
                f"{part['p99']:.1e} in 1 of 100 values",
                value=reduction.name,
                hint="nothing was written; keep the graph as it is",
            )


__all__ = ["IMAGES", "LOST", "Measure", "Reduction", "fitted", "reduce_model", "seen_inputs"]
