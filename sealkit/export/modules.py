"""What differs between modules when a trained network becomes a graph. A literal table, as everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sealkit.errors import ExportError

Differences = dict[str, float]
Arrays = Sequence[np.ndarray]


@dataclass(frozen=True)
class GraphInput:
    """One input of a graph: its name, shape (None = any size), and the batch's key that is fed to it."""

    name: str
    shape: tuple[int | None, ...]
    key: str


class PlainTensor:
    """A NumPy array that answers as a paddle tensor where `Task.decode` asks it to: an engine's output needs none."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def astype(self, dtype: str) -> PlainTensor:
        return PlainTensor(self._array.astype(dtype))

    def numpy(self) -> np.ndarray:
        return self._array


@dataclass(frozen=True)
class ModuleExport:
    """One module's answers.

    Attributes:
        reference: (trained network, task) → layer that computes what the graph will, unfused, as the network was
            evaluated.
        inference: (trained network, task) → layer to export; may change the network in place.
        inputs: task → the graph's inputs in the order the layers take them; the image, of rank 4, is one of them.
        outputs: arrays of the graph → what the task's `decode` takes.
        differences: (expected, got) → largest absolute difference per part of the output, of the same number of arrays.
        same_shapes: whether shapes must agree (detections come in any number, `differences` pairs them).
    """

    reference: Callable[[Any, Any], Any]
    inference: Callable[[Any, Any], Any]
    inputs: Callable[[Any], Sequence[GraphInput]]
    outputs: Callable[[Arrays], Any]
    differences: Callable[[Arrays, Arrays], Differences]
    same_shapes: bool = True

    def feed(self, task: Any, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The batch's arrays by the names of the graph's inputs, in their order."""
        return {given.name: batch[given.key] for given in self.inputs(task)}


def _det_reference(net: Any, task: Any) -> Any:
    from sealkit.modules.seal_text_detection.networks.db import InferenceDBNet

    layer = InferenceDBNet(net)
    layer.eval()
    return layer


def _det_inference(net: Any, task: Any) -> Any:
    from sealkit.modules.seal_text_detection.networks.db import inference_network

    return inference_network(net)


def _det_inputs(task: Any) -> Sequence[GraphInput]:
    return [GraphInput("x", (None, 3, None, None), "image")]


def _det_outputs(arrays: Arrays) -> Any:
    return {"maps": PlainTensor(arrays[0])}


def _det_differences(first: Arrays, second: Arrays) -> Differences:
    """Of maps (N, 1 or 4, H, W). Directions are compared where there is text: elsewhere their length is noise."""
    expected, got = first[0], second[0]
    found = {"probability": float(np.abs(expected[:, 0] - got[:, 0]).max())}
    if expected.shape[1] == 4:
        text = expected[:, 0] > 0.2
        away = np.abs(expected[:, 1:3] - got[:, 1:3]).max(axis=1)[text]
        found["up"] = float(away.max()) if away.size else 0.0
        found["area"] = float(np.abs(expected[:, 3] - got[:, 3]).max())
    return found


def _rec_reference(net: Any, task: Any) -> Any:
    from sealkit.modules.text_recognition.networks.multi_head import InferenceRecNet

    layer = InferenceRecNet(net)
    layer.eval()
    return layer


def _rec_inference(net: Any, task: Any) -> Any:
    from sealkit.modules.text_recognition.networks.multi_head import inference_network

    return inference_network(net)


def _rec_inputs(task: Any) -> Sequence[GraphInput]:
    return [GraphInput("x", (None, 3, 48, None), "image")]


def _rec_outputs(arrays: Arrays) -> Any:
    return {"probabilities": PlainTensor(arrays[0])}


def _rec_differences(first: Arrays, second: Arrays) -> Differences:
    """Of probabilities (N, steps, classes)."""
    return {"probability": float(np.abs(first[0] - second[0]).max())}


def _ori_reference(net: Any, task: Any) -> Any:
    from sealkit.modules.doc_text_orientation.networks.classifier import InferenceClassifier

    layer = InferenceClassifier(net)
    layer.eval()
    return layer


def _ori_inference(net: Any, task: Any) -> Any:
    from sealkit.modules.doc_text_orientation.networks.classifier import inference_network

    return inference_network(net)


def _ori_inputs(task: Any) -> Sequence[GraphInput]:
    side = task.recipe.resize.crop
    return [GraphInput("x", (None, 3, side, side), "image")]


def _ori_outputs(arrays: Arrays) -> Any:
    return {"probabilities": PlainTensor(arrays[0])}


def _ori_differences(first: Arrays, second: Arrays) -> Differences:
    return {"probability": float(np.abs(first[0] - second[0]).max())}


def _layout_reference(net: Any, task: Any) -> Any:
    layer = task.detector(net)
    layer.eval()
    return layer


def _layout_inference(net: Any, task: Any) -> Any:
    return task.inference_network(net)


def _layout_inputs(task: Any) -> Sequence[GraphInput]:
    """PaddleX feeds (im_shape, image, scale_factor) to models of the RT-DETR kind, (image, scale_factor) to others."""
    inputs = [
        GraphInput("image", (None, 3, *task.input_size), "image"),
        GraphInput("scale_factor", (None, 2), "scale_factor"),
    ]
    return [GraphInput("im_shape", (None, 2), "im_shape"), *inputs] if task.family == "rtdetr" else inputs


def _layout_outputs(arrays: Arrays) -> Any:
    return {"boxes": PlainTensor(arrays[0]), "boxes_num": PlainTensor(arrays[1])}


def _layout_differences(first: Arrays, second: Arrays) -> Differences:
    from sealkit.modules.layout_detection.compare import detection_differences

    return detection_differences(first[0], first[1], second[0], second[1])


MODULES: Mapping[str, ModuleExport] = {
    "seal_text_detection": ModuleExport(_det_reference, _det_inference, _det_inputs, _det_outputs, _det_differences),
    "text_recognition": ModuleExport(_rec_reference, _rec_inference, _rec_inputs, _rec_outputs, _rec_differences),
    "layout_detection": ModuleExport(
        _layout_reference, _layout_inference, _layout_inputs, _layout_outputs, _layout_differences, same_shapes=False
    ),
    "doc_text_orientation": ModuleExport(_ori_reference, _ori_inference, _ori_inputs, _ori_outputs, _ori_differences),
}


def module_export(name: str) -> ModuleExport:
    """The row of a module; ExportError where it has none."""
    if name not in MODULES:
        raise ExportError(
            "this module cannot be exported", where="module", value=name, hint=f"can be: {', '.join(MODULES)}"
        )
    return MODULES[name]
