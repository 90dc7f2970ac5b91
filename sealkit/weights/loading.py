"""Strict weight loading, with an exact report of what was loaded.

weights: 412/414 tensors loaded, 2 re-initialised (head.fc.weight 120×6625→120×6812, …), from weights.safetensors
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.errors import WeightsError
from sealkit.weights.sources import ResolvedWeights, read_arrays
from sealkit.weights.unpickle import strip_prefixes

MIN_COVERAGE = 0.9
# Constants that some writers leave out: the sine table of NRTR, the bin centres of PicoDet, a leftover scale of PicoDet
_CONSTANT_ENDINGS = (".pe", "distribution_project.project", "_feat.scale_reg")
_SHOWN = 3

Resize = Callable[[str, np.ndarray, np.ndarray], "np.ndarray | None"]


@dataclass
class LoadReport:
    """What a load did.

    Attributes:
        source: where the arrays came from.
        loaded: names in the network that got the source's values.
        resized: (name, source shape, network shape) of tensors of another shape; they keep their fresh values, or hold
            what the caller's `resize` made of the source.
        new: names in the network that the source does not have; they keep their fresh values.
        unused: names in the source that the network does not have.
        cast: names whose values were converted from another float type.
        network_tensors: tensors of the network that count: aliases once, known constants only where the source has
            them.
        notes: what else the loader did (rows moved to another charset).
    """

    source: str
    loaded: list[str] = field(default_factory=list)
    resized: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    cast: list[str] = field(default_factory=list)
    network_tensors: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def coverage(self) -> float:
        """Share of the network's tensors that were loaded as they are."""
        return len(self.loaded) / self.network_tensors if self.network_tensors else 0.0

    def summary(self) -> str:
        """One line for the log."""
        parts = [f"weights: {len(self.loaded)}/{self.network_tensors} tensors loaded"]
        if self.resized:
            shown = ", ".join(f"{name} {_shape(a)}→{_shape(b)}" for name, a, b in self.resized[:_SHOWN])
            parts.append(f"{len(self.resized)} re-initialised ({shown}{_more(self.resized)})")
        if self.new:
            parts.append(f"{len(self.new)} new ({', '.join(self.new[:_SHOWN])}{_more(self.new)})")
        if self.unused:
            parts.append(f"{len(self.unused)} unused ({', '.join(self.unused[:_SHOWN])}{_more(self.unused)})")
        if self.cast:
            parts.append(f"{len(self.cast)} converted to the network's type")
        return ", ".join([*parts, f"from {self.source}", *self.notes])

    def to_json(self) -> str:
        """All names, for the run folder."""
        return json.dumps({**self.__dict__, "coverage": self.coverage}, ensure_ascii=False, indent=1)


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"


def _more(items: list) -> str:
    return ", …" if len(items) > _SHOWN else ""


def network_arrays(net: Any) -> dict[str, np.ndarray]:
    """state_dict of a paddle.nn.Layer as arrays (copies)."""
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


def load_into(
    net: Any,
    source: Mapping[str, np.ndarray] | ResolvedWeights | str | Path,
    allow_partial: bool = False,
    *,
    resize: Resize | None = None,
    where: str | None = None,
) -> LoadReport:
    """Load arrays into a network.

    Args:
        net: paddle.nn.Layer.
        source: arrays by state_dict name, or what `sources.resolve` returned, or a path.
        allow_partial: accept a coverage under 90 %.
        resize: called with (name, source array, fresh array) where shapes differ; returns the array to use, of the
            fresh one's shape, or None to keep the fresh one (rows of known characters can be copied here).
        where: what messages call the source, default its path.

    Returns:
        The report; nothing has been changed in the network when an error is raised.

    Raises:
        WeightsError: unreadable source, coverage under 90 % without `allow_partial`, non-finite values.
    """
    if isinstance(source, ResolvedWeights) and source.graph is not None:
        return _import_graph(net, source)
    if isinstance(source, Mapping):
        arrays, found = strip_prefixes(dict(source)), "memory"
    else:
        arrays, found = read_arrays(source)
    report = LoadReport(where or found)
    chosen = _match(net.state_dict(), arrays, report, resize)
    if report.coverage < MIN_COVERAGE and not allow_partial:
        raise _too_little(report)
    for tensor, array in chosen:
        tensor.set_value(array)
    return report


def _import_graph(net: Any, source: ResolvedWeights) -> LoadReport:
    """Weights of an ONNX file, layer by layer. It fits exactly or not at all, so that coverage needs no check: new are
    only the branches that inference does not run."""
    from sealkit.weights.onnx_import import import_graph

    example = np.zeros((1, 3, 64, 64), np.float32)
    made = import_graph(net, source.path or "", example, absent=("head.fields.",))
    return LoadReport(str(source), made.loaded, new=made.new, network_tensors=len(made.loaded) + len(made.new))


def _match(
    targets: Mapping[str, Any], arrays: Mapping[str, np.ndarray], report: LoadReport, resize: Resize | None
) -> list[tuple[Any, np.ndarray]]:
    """Fill the report and return (network tensor, array) pairs. Names that share one tensor (aliases) count once."""
    groups: dict[int, list[str]] = {}
    for name, tensor in targets.items():
        groups.setdefault(id(tensor), []).append(name)
    chosen = []
    for names in groups.values():
        tensor = targets[names[0]]
        present = [n for n in names if n in arrays]
        if not present:
            if not names[0].endswith(_CONSTANT_ENDINGS):
                report.network_tensors += 1
                report.new.append(names[0])
            continue
        report.network_tensors += 1
        name = present[0]
        array = arrays[name]
        shape = tuple(tensor.shape)
        if tuple(array.shape) != shape and array.size == 1 and int(np.prod(shape)) == 1:
            array = array.reshape(shape)  # Paddle versions disagree on () and (1,)
        if tuple(array.shape) != shape:
            report.resized.append((name, tuple(array.shape), shape))
            made = resize(name, array, tensor.numpy()) if resize else None
            if made is not None:
                chosen.append((tensor, _as_type(made, tensor, name, report)))
            continue
        report.loaded.append(name)
        chosen.append((tensor, _as_type(array, tensor, name, report)))
    report.unused.extend(name for name in arrays if name not in targets)
    return chosen


def _as_type(array: np.ndarray, tensor: Any, name: str, report: LoadReport) -> np.ndarray:
    """`array` in the tensor's type; refuses values that are not finite."""
    wanted = str(tensor.dtype).split(".")[-1]
    if array.dtype == np.uint16 and wanted.startswith("float"):  # NumPy has no bfloat16: Paddle stores its bits
        array = (array.astype(np.uint32) << 16).view(np.float32)
        if wanted == "float32":
            report.cast.append(name)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise WeightsError(
            "weights hold values that are not finite",
            where=f"{report.source}: {name}",
            hint="take an earlier checkpoint",
        )
    if str(array.dtype) != wanted and wanted not in ("bfloat16",):
        report.cast.append(name)
        return array.astype(wanted)
    return array


def _too_little(report: LoadReport) -> WeightsError:
    causes = [
        "the weights belong to another model or size (compare `unused` with `new` below)",
        "the weights are an inference or backbone-only file, which lacks the rest of the network",
        "the names carry another prefix or come from another framework's converter",
    ]
    lines = "".join(f"\n    {number}. {cause}" for number, cause in enumerate(causes, 1))
    return WeightsError(
        f"only {report.coverage:.0%} of the network is covered: {report.summary()}",
        where=report.source,
        hint=f"check the model name and the file; likely causes:{lines}\n"
        "    If this is intended, set weights.allow_partial=true.",
    )
