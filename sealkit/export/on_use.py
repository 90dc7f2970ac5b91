"""Converts a model folder of Paddle files to ONNX when an engine first asks for it, proves it, and keeps it.

The file is kept in the folder of official models under the hash of what it was made of, never in the model's own
folder, which may be read-only or another tool's. A conversion that failed is remembered, too: it takes up to a minute.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
from functools import lru_cache
from pathlib import Path

import numpy as np

from sealkit.download.places import models_folder
from sealkit.errors import EngineError, ExportError, SealkitError
from sealkit.export import onnx_file
from sealkit.files import held, replacing, write_text
from sealkit.runtime.devices import CPU
from sealkit.runtime.files import ONNX, ModelFiles
from sealkit.runtime.model import InferenceModel, installed, open_model
from sealkit.version import __version__

log = logging.getLogger(__name__)

GRID_SAMPLE_OPSET = 16
INSTALL = "pip install paddle2onnx==2.1.0 'onnx<=1.17' onnx-graphsurgeon packaging, or 'sealkit[train]', which has them"
PACKAGES = ("paddle2onnx", "onnx", "onnx_graphsurgeon", "paddle")
_FAILED = "failed.txt"
MEAN_DIFFERENCE, MOST_DIFFERENCE = 1e-3, 1e-2
"""Allowed between the graphs on one random input, on average and of 99 of 100 values: probabilities, and pixels of 0 to
1. An interpolation or a sort that falls the other way makes single values differ."""
_SIDE = {2: 96, 3: 160}
"""Sides of a random image where the graph leaves them open: multiples of 32."""
_SUREST = 50


def converted(files: ModelFiles, engine: str) -> Path:
    """The ONNX file of a folder of Paddle files; made on the first call.

    Args:
        files: with program and parameters.
        engine: that will run it; the proof is made on it.

    Raises:
        ExportError: no converter, it failed, or the graphs do not agree.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    folder = models_folder() / "onnx" / _key(files)
    target = folder / ONNX
    if target.is_file():
        return target
    if missing:
        raise ExportError(f"no converter here: {', '.join(missing)} not installed", where=str(files.path), hint=INSTALL)
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder / ".lock"):
        if target.is_file():
            return target
        failed = folder / _FAILED
        if failed.is_file():
            raise ExportError(
                failed.read_text(encoding="utf-8"), where=str(files.path), hint=f"remove {failed} to try again"
            )
        log.warning("%s: converting to ONNX, once; the file is kept in %s", files.path, folder)
        try:
            _convert(files, target, engine)
        except SealkitError as error:
            write_text(failed, error.what)
            raise ExportError(error.what, where=str(files.path), hint=f"remove {failed} to try again") from error
    return target


def _convert(files: ModelFiles, target: Path, engine: str) -> None:
    """Write `target`; it has its name when the graphs agree."""
    if files.program is None or files.params is None:
        raise ExportError("no Paddle program and parameters", where=str(files.path))
    made = target.with_name("converting.onnx")
    opset = GRID_SAMPLE_OPSET if b"grid_sample" in files.program.read_bytes() else onnx_file.OPSET
    try:
        onnx_file.convert(files.program, files.params, made, opset)
        prove(files, ModelFiles(files.path, yml=files.yml, onnx=made), engine)
        with replacing(target) as file:
            file.write(made.read_bytes())
    finally:
        made.unlink(missing_ok=True)


def prove(paddle: ModelFiles, onnx: ModelFiles, engine: str) -> None:
    """Run both graphs on one random input.

    Raises:
        ExportError: they do not agree.
    """
    on = engine if engine != "tensorrt" and installed(engine) else "onnxruntime"
    try:
        other = open_model(onnx, on, CPU, 1)
        feeds = random_inputs(other)
        got = other.run(feeds)
        other.close()
        reference = open_model(paddle, "paddle", CPU, 1)
        expected = reference.run(feeds)
        reference.close()
    except EngineError as error:
        raise ExportError(f"the converted graph cannot be proved: {error.what}", where=str(paddle.path)) from error
    if len(expected) != len(got):
        raise ExportError(f"{len(expected)} outputs became {len(got)}", where=str(paddle.path))
    for number, (mine, theirs) in enumerate(zip(expected, got)):
        mean, most = differences(mine, theirs)
        if not (mean <= MEAN_DIFFERENCE and most <= MOST_DIFFERENCE):  # also catches NaN
            raise ExportError(
                f"the converted graph does not agree with Paddle's: output {number} differs by {mean:.1e} on average",
                where=str(paddle.path),
            )


def random_inputs(model: InferenceModel) -> dict[str, np.ndarray]:
    """One input of a graph: noise for images, the scale and size of an unscaled page for the rest."""
    rng = np.random.default_rng(0)
    feeds: dict[str, np.ndarray] = {}
    sides = (640, 640)
    for spec in model.inputs:
        shape = tuple(_open(axis, size) for axis, size in enumerate(spec.shape or (1, 3, *_SIDE.values())))
        if len(shape) == 4:
            feeds[spec.name] = rng.standard_normal(shape, dtype=np.float32)
            sides = (shape[2], shape[3])
    for spec in model.inputs:
        if spec.name not in feeds:
            value = np.ones(2) if "scale" in spec.name else np.array(sides)
            feeds[spec.name] = value.astype(np.float32)[None]
    return feeds


def _open(axis: int, size: int | None) -> int:
    return size if size is not None else _SIDE.get(axis, 1)


def differences(expected: np.ndarray, got: np.ndarray) -> tuple[float, float]:
    """Mean absolute difference, and that of 99 of 100 values.

    Of rows (class, score, box) the scores of the surest are compared: noise makes any number of rows, in any order.
    """
    if expected.ndim == 2 and expected.shape[-1] >= 6 and got.ndim == 2:
        first, second = (np.sort(rows[:, 1])[::-1][:_SUREST] for rows in (expected, got))
        length = min(len(first), len(second))
        rest = np.concatenate([first[length:], second[length:]])
        gap = np.abs(np.concatenate([first[:length] - second[:length], rest]))
    elif expected.shape != got.shape:
        return (0.0, 0.0) if expected.ndim == 1 else (float("inf"), float("inf"))  # counts of rows
    elif expected.dtype.kind in "iu":
        return 0.0, 0.0  # counts of rows
    else:
        gap = np.abs(expected.astype(np.float64) - got.astype(np.float64)).ravel()
    return (float(gap.mean()), float(np.quantile(gap, 0.99))) if gap.size else (0.0, 0.0)


def _key(files: ModelFiles) -> str:
    """Hash of what the file would be made of, and by what."""
    digest = hashlib.sha256(f"{__version__} {onnx_file.OPSET}".encode())
    for path in (files.program, files.params, files.yml):
        if path is not None:
            facts = path.stat()
            digest.update(_sha256(str(path), facts.st_size, facts.st_mtime_ns))
    return digest.hexdigest()[:40]


@lru_cache(maxsize=32)
def _sha256(path: str, size: int, mtime_ns: int) -> bytes:
    """Checksum of a file, once for each content."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.digest()


__all__ = ["converted", "differences", "prove", "random_inputs"]
