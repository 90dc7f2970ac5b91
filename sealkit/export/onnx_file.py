"""Converts a Paddle model folder to one ONNX file that carries its inference.yml."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sealkit.errors import ExportError
from sealkit.export.onnx_speed import speed_up
from sealkit.files import write_bytes
from sealkit.runtime.files import META_KEY

OPSET = 14
"""Oldest that has everything the networks need; OpenVINO, ONNX Runtime and TensorRT 8 all read it."""
INTERPOLATION = ("Resize", "Upsample")
_IMAGE_RANK = 4
_CONVERT = """
import sys, paddle2onnx
program, params, target, opset = sys.argv[1:]
paddle2onnx.export(program, params, target, opset_version=int(opset), enable_onnx_checker=True, verbose=False)
"""


def convert(program: Path, params: Path, target: Path, opset: int = OPSET) -> dict[str, int]:
    """Write `target` with paddle2onnx, its graph rewritten for speed.

    Args:
        opset: a newer one than `OPSET` where the graph needs it (16: grid sampling).

    Returns:
        What was rewritten, and how often (see sealkit.export.onnx_speed).

    Raises:
        ExportError: paddle2onnx is missing or failed; the end of its output is quoted.
    """
    _paddle2onnx(program, params, target, opset)
    import onnx

    model, rewrites = speed_up(onnx.load(str(target)))
    write_bytes(target, model.SerializeToString())
    return rewrites


def _paddle2onnx(program: Path, params: Path, target: Path, opset: int) -> None:
    """In a process of its own: on what it cannot convert it ends the process."""
    paths = [str(path.resolve()) for path in (program, params, target)]
    command = [sys.executable, "-c", _CONVERT, *paths, str(opset)]
    with tempfile.TemporaryDirectory() as folder:  # paddle2onnx leaves files where it runs
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=folder)
    if done.returncode == 0 and target.is_file():
        return
    if "No module named 'paddle2onnx'" in done.stderr:
        raise ExportError(
            "ONNX export needs paddle2onnx", hint="pip install 'sealkit[train]', or export with onnx: false"
        )
    tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
    raise ExportError(
        f"paddle2onnx failed with exit code {done.returncode}:\n{tail}",
        where=str(program),
        hint="paddle2onnx 2.1.0 works with Paddle 3.0 to 3.2.2; or export with onnx: false",
    )


def finish(path: Path, inference_yml: str, characters: Sequence[str] | None, axes: Mapping[int, str]) -> dict[str, Any]:
    """Name the free axes, put inference.yml and the charset into the file's metadata; returns facts about the graph.

    Args:
        path: ONNX file, rewritten.
        inference_yml: text of that file.
        characters: of a recogniser, stored as RapidOCR does; None for others.
        axes: axis number → name, of every input and of outputs of the image's rank.

    Raises:
        ExportError: the graph holds an interpolation operation.
    """
    import onnx

    model = onnx.load(str(path))
    operations = sorted({node.op_type for node in model.graph.node})
    found = [name for name in INTERPOLATION if name in operations]
    if found:
        raise ExportError("the ONNX graph holds interpolation operations", where=str(path), value=found)
    images = [value for value in model.graph.output if len(value.type.tensor_type.shape.dim) == _IMAGE_RANK]
    for value in (*model.graph.input, *images):
        dims = value.type.tensor_type.shape.dim
        for axis, name in axes.items():
            if axis < len(dims) and (dims[axis].dim_param or dims[axis].dim_value <= 0):
                dims[axis].dim_param = name
    metadata = {META_KEY: inference_yml}
    if characters:
        metadata["character"] = "\n".join(characters)
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    write_bytes(path, model.SerializeToString())
    return {"opset": model.opset_import[0].version, "nodes": len(model.graph.node), "operations": operations}
