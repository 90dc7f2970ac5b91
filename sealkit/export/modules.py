"""What differs between modules when a trained network becomes a graph. A literal table, as everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sealkit.errors import ExportError

Differences = dict[str, float]


@dataclass(frozen=True)
class ModuleExport:
    """One module's answers.

    Attributes:
        reference: trained network → layer that computes what the graph will, unfused, as the network was evaluated.
        inference: trained network → layer to export; may change the network in place.
        input_name, input_shape: of the graph; None = any size.
        outputs: array of the graph → what the task's `decode` takes.
        differences: (expected, got, batch) → largest absolute difference per part of the output.
    """

    reference: Callable[[Any], Any]
    inference: Callable[[Any], Any]
    input_name: str
    input_shape: Sequence[int | None]
    outputs: Callable[[np.ndarray], Any]
    differences: Callable[[np.ndarray, np.ndarray], Differences]


def _det_reference(net: Any) -> Any:
    from sealkit.modules.seal_text_detection.networks.db import InferenceDBNet

    layer = InferenceDBNet(net)
    layer.eval()
    return layer


def _det_inference(net: Any) -> Any:
    from sealkit.modules.seal_text_detection.networks.db import inference_network

    return inference_network(net)


def _det_outputs(array: np.ndarray) -> Any:
    import paddle

    return {"maps": paddle.to_tensor(array)}


def _det_differences(expected: np.ndarray, got: np.ndarray) -> Differences:
    """Of maps (N, 1 or 4, H, W). Directions are compared where there is text: elsewhere their length is noise."""
    found = {"probability": float(np.abs(expected[:, 0] - got[:, 0]).max())}
    if expected.shape[1] == 4:
        text = expected[:, 0] > 0.2
        away = np.abs(expected[:, 1:3] - got[:, 1:3]).max(axis=1)[text]
        found["up"] = float(away.max()) if away.size else 0.0
        found["area"] = float(np.abs(expected[:, 3] - got[:, 3]).max())
    return found


MODULES: Mapping[str, ModuleExport] = {
    "seal_text_detection": ModuleExport(
        _det_reference, _det_inference, "x", (None, 3, None, None), _det_outputs, _det_differences
    ),
}


def module_export(name: str) -> ModuleExport:
    """The row of a module; ExportError where it has none."""
    if name not in MODULES:
        raise ExportError(
            "this module cannot be exported", where="module", value=name, hint=f"can be: {', '.join(MODULES)}"
        )
    return MODULES[name]
