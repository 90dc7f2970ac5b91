"""Trained network → PaddleX model folder, with ONNX and proof of parity.

The folder: inference.json + inference.pdiparams (Paddle), inference.yml (what PaddleX reads), inference.onnx (with the
same inference.yml in its metadata, so that it also works alone), export_report.json (the proof).
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sealkit.config.training import RecipeBase
from sealkit.engine.weights import restore_checkpoint
from sealkit.errors import ExportError
from sealkit.export import onnx_file
from sealkit.export.parity import TOLERANCE, Proof, batches, compare, metrics, reference_arrays
from sealkit.files import replace_folder, write_text
from sealkit.modules.base import GraphInput
from sealkit.modules.table import info
from sealkit.runtime.engines import proving
from sealkit.runtime.files import ONNX, PARAMS, YML
from sealkit.runtime.model import installed, load_model
from sealkit.runtime.paddle_engine import INTERPOLATION
from sealkit.version import __version__
from sealkit.zoo import make_task

REPORT = "export_report.json"
PROGRAM = "inference.json"
OWN_FILES = {PROGRAM, PARAMS, YML, ONNX, REPORT}


def export_model(
    task: Any,
    checkpoint: Any,
    output_dir: str | Path,
    *,
    onnx: bool = True,
    images: int = 8,
    tolerance: float = TOLERANCE,
) -> dict[str, Any]:
    """Export a checkpoint and prove that the result is the same model.

    Args:
        task: the module's Task, or the recipe it is made from.
        checkpoint: checkpoint or run folder, weights file, or arrays by name (see sealkit.weights.loading.load_into).
        output_dir: folder to write; replaced as a whole, and only when everything has been proved.
        onnx: also write inference.onnx.
        images: how many of the evaluation set's images the proof uses.
        tolerance: largest absolute difference of an output value.

    Returns:
        The content of export_report.json.

    Raises:
        ExportError: no parity, interpolation in the graph, a folder that holds something else, no images.
        WeightsError: the checkpoint does not fit the recipe's network.
    """
    import paddle

    task = task_of(task)
    row = info(task.name).module_export()
    output_dir = Path(output_dir)
    check_target(output_dir)
    restore_checkpoint(task, checkpoint)
    net = task.build_network()
    loaded = task.load_weights(net, checkpoint)
    net.eval()
    feeds = batches(task, images)
    expected = reference_arrays(row.reference(net, task), row, task, feeds)
    proof = Proof([name for batch in feeds for name in batch["name"]])
    proof.metrics["trained"] = metrics(task, row, expected, feeds)
    spec = dict(task.inference_spec())
    report: dict[str, Any] = {}

    def fill(folder: Path) -> None:
        graph = _write_files(folder, row.inference(net, task), row.inputs(task), spec, onnx)
        needed = ("paddle", "onnxruntime")  # an export is not finished without these
        engines = [name for name in proving(onnx=onnx) if name in needed or installed(name)]
        compare(proof, folder, engines, task, row, expected, feeds, load_model)
        proof.check(task.main_metric, tolerance)
        report.update(
            {
                "sealkit": __version__,
                "paddle": paddle.__version__,
                "written": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                "module": task.name,
                "model": spec.get("Global", {}).get("model_name"),
                "weights": loaded.summary(),
                "graph": graph,
                "tolerance": tolerance,
                "images": proof.images,
                "max_abs_difference": proof.differences,
                "main_metric": task.main_metric,
                "metrics": proof.metrics,
                "files": {p.name: file_facts(p) for p in sorted(folder.iterdir())},
            }
        )
        write_text(folder / REPORT, json.dumps(report, ensure_ascii=False, indent=2))

    try:
        replace_folder(output_dir, fill)
    except OSError as error:
        raise ExportError(
            f"cannot write: {error.strerror or error}",
            where=str(output_dir),
            hint="choose another folder, or check free space",
        ) from error
    return report


def _write_files(
    folder: Path, inference: Any, inputs: Sequence[Any], spec: Mapping[str, Any], onnx: bool
) -> dict[str, Any]:
    """Write graph, weights, inference.yml and, if asked for, inference.onnx; what the report says of the graph."""
    write_graph(inference, inputs, folder)
    text = yaml.safe_dump(spec, allow_unicode=True, sort_keys=False)
    write_text(folder / YML, text)
    graph: dict[str, Any] = {"interpolation_operations": 0}
    if onnx:
        graph["rewrites"] = onnx_file.convert(folder / PROGRAM, folder / PARAMS, folder / ONNX)
        characters = spec.get("PostProcess", {}).get("character_dict")
        image = next(given for given in inputs if len(given.shape) == 4)
        axes = {i: name for i, (name, size) in enumerate(zip("nchw", image.shape)) if size is None}
        graph |= onnx_file.finish(folder / ONNX, text, characters, axes)
    return graph


def task_of(task_or_recipe: Any) -> Any:
    """A recipe's Task; a Task itself is returned as it is."""
    if not isinstance(task_or_recipe, RecipeBase):
        return task_or_recipe
    return make_task(task_or_recipe)


def check_target(folder: Path) -> None:
    """Refuse to replace what is not an exported model.

    Raises:
        ExportError: a file, or a folder with other content.
    """
    if folder.is_file():
        raise ExportError("the output is a file", where=str(folder), hint="give a folder")
    if not folder.is_dir():
        return
    foreign = sorted(p.name for p in folder.iterdir() if p.name not in OWN_FILES)
    if foreign:
        raise ExportError(
            "the output folder holds other files, and the export replaces the whole folder",
            where=str(folder),
            value=foreign[:5],
            hint="give a new folder, or empty this one",
        )


def write_graph(layer: Any, inputs: Sequence[GraphInput], folder: Path, *, interpolates: bool = False) -> None:
    """Save a layer as inference.json + inference.pdiparams.

    Args:
        interpolates: the network cannot do without interpolation operations; it then runs without oneDNN.

    Raises:
        ExportError: the graph holds an interpolation operation, which oneDNN in Paddle 3.3 cannot run (issue 77340).
    """
    import paddle

    specs = [paddle.static.InputSpec(list(given.shape), "float32", given.name) for given in inputs]
    static = paddle.jit.to_static(layer, input_spec=specs, full_graph=True)
    paddle.jit.save(static, str(folder / "inference"))
    missing = [name for name in (PROGRAM, PARAMS) if not (folder / name).is_file()]
    if missing:
        raise ExportError(
            "Paddle did not write the graph", value=missing, hint="sealkit exports with Paddle 3.0 and later"
        )
    program = (folder / PROGRAM).read_bytes()
    found = [name.decode() for name in INTERPOLATION if name in program]
    if found and not interpolates:
        raise ExportError(
            "the graph holds interpolation operations",
            value=found,
            hint="enlarge with sealkit.nn.layers.upsample_nearest, which is reshape and expand",
        )


def file_facts(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a written file."""
    data = path.read_bytes()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
