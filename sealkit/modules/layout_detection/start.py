"""Weights into a layout detector, whose last layers belong to the classes it was trained for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.errors import WeightsError
from sealkit.modules.layout_detection.classes import CLASSES
from sealkit.modules.layout_detection.models import MODELS, LayoutSpec
from sealkit.runtime.onnx_fields import onnx_metadata
from sealkit.weights.checkpoint import is_checkpoint, read_state
from sealkit.weights.loading import LoadReport, load_into, network_arrays
from sealkit.weights.sources import ResolvedWeights, read_arrays, resolve


def load_start(
    net: Any,
    spec: LayoutSpec,
    classes: Sequence[str],
    source: Any,
    allow_partial: bool,
    pages: Callable[[], np.ndarray],
) -> LoadReport:
    """Load weights; the class-dependent tensors of other classes are re-initialised, and the report lists them.

    Classes are the same where name and order are. What is known of the weights' classes: those a checkpoint carries,
    and the published ones of official weights. A bare file says nothing of itself: there the number decides.

    Args:
        net: the training network of `spec`.
        source: what `resolve` returned, a path, or arrays by name.
        allow_partial: accept weights that cover less than 90 % of the network.
        pages: gives network inputs (N, 3, H, W) float32 of the data. Asked for where a wheel's file is a wider network:
            then only the backbone starts from it, narrowed on these pages.

    Raises:
        WeightsError: as `load_into`; tensors of another shape that do not depend on the classes.
    """
    if isinstance(source, (str, Path)):
        source = resolve(source, spec.name)
    notes: list[str] = []
    if isinstance(source, ResolvedWeights) and source.graph is not None:
        arrays, known, notes = _imported(net, spec, source, pages)
        where = str(source)
    elif isinstance(source, ResolvedWeights):
        arrays, where = read_arrays(source)
        known = _classes_of(source, spec.name)
    else:
        arrays, where, known = dict(source), "memory", None
    pattern = re.compile(rf"(.*\.)?{spec.class_dependent}")
    other = known is not None and tuple(known) != tuple(classes)
    keep = spec.resize
    left_out: list[str] = []
    if other and known is not None and len(known) == len(classes):
        # the shapes fit, the meaning does not
        left_out = [name for name in arrays if pattern.fullmatch(name)]
        if keep is None:
            arrays = {name: array for name, array in arrays.items() if name not in left_out}
        else:
            fresh = {name: tensor.numpy() for name, tensor in net.state_dict().items() if name in left_out}
            for name, values in fresh.items():
                made = keep(name, arrays[name], values)
                arrays[name] = values if made is None else made
    report = load_into(net, arrays, allow_partial, resize=keep, where=where)
    _check(report, pattern, spec.name)
    report.notes += notes
    if other and known is not None:
        started = len(report.resized) or len(left_out)
        report.notes.append(
            f"{started} class-dependent tensors are re-initialised: classes {_shown(known)} → {_shown(classes)}"
        )
    return report


def _imported(
    net: Any, spec: LayoutSpec, source: ResolvedWeights, pages: Callable[[], np.ndarray]
) -> tuple[dict[str, np.ndarray], Sequence[str] | None, list[str]]:
    """Arrays of a wheel's ONNX file by state_dict name in the form of `net`, its classes, notes.

    Of a wider network only the backbone; the classes are None then.
    """
    from sealkit.modules.layout_detection.networks.narrow import narrow_backbone
    from sealkit.nn.fuse import fuse
    from sealkit.weights.onnx_import import import_graph

    theirs, path = MODELS[str(source.graph)], source.path or Path()
    classes = onnx_metadata(path)["character"].splitlines()
    fused = not any(name.endswith("._mean") for name in net.state_dict())
    same = theirs.size == spec.size
    donor = theirs.build(form="fused" if fused and same else "official", num_classes=len(classes))
    import_graph(donor, path, np.zeros((1, 3, 64, 64), np.float32))
    if same:
        return network_arrays(donor), classes, []
    narrowed = spec.build(form="official", num_classes=1)
    inputs = pages()
    lost = narrow_backbone(donor.backbone, narrowed.backbone, inputs)
    if fused:
        fuse(narrowed)
    arrays = {name: array for name, array in network_arrays(narrowed).items() if name.startswith("backbone.")}
    lost_share = f"{lost:.0%} of the variance of its last map is lost"
    return arrays, None, [f"backbone narrowed from {theirs.name} on {len(inputs)} pages of the data; {lost_share}"]


def _classes_of(source: ResolvedWeights, model: str) -> Sequence[str] | None:
    if source.path is not None and is_checkpoint(source.path):
        found = read_state(source.path)["extras"].get("classes")
        return list(found) if found else None
    return CLASSES.get(model) if source.origin == "official" else None


def _check(report: LoadReport, pattern: re.Pattern[str], model: str) -> None:
    odd = [item for item in report.resized if not pattern.fullmatch(item[0])]
    if odd:
        name, theirs, ours = odd[0]
        raise WeightsError(
            f"{len(odd)} tensors have another shape and do not depend on the classes: {name} is {theirs}, here {ours}",
            where=report.source,
            hint=f"these weights belong to another model than {model}",
        )


def _shown(classes: Sequence[str]) -> str:
    return f"{len(classes)} ({', '.join(classes[:3])}{', …' if len(classes) > 3 else ''})"


__all__ = ["load_start"]
