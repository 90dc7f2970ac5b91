"""Trainable weights out of an ONNX file whose BatchNorm is folded, and proof that they are the same network.

Names in such files are those of a converter, so layers are matched by structure: the layers that hold weights, in
the order in which the graph and the network run them, each pair checked for kind, shape, stride, padding, dilation
and groups. What decides is `compare_outputs`: equal outputs on real pictures.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.errors import WeightsError

RAPIDOCR_FILES: dict[str, tuple[str, str]] = {
    "PP-OCRv6_small_det": (
        "models/PP-OCRv6_det_small.onnx",
        "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    ),
    "PP-OCRv6_small_rec": (
        "models/PP-OCRv6_rec_small.onnx",
        "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    ),
}
"""Model -> (file inside the rapidocr 3.10 wheel, SHA-256)."""


def rapidocr_file(model: str) -> Path:
    """The model's file in the installed rapidocr package, checksum verified.

    Raises:
        WeightsError: the package has no such model, is not installed, or holds another file.
    """
    if model not in RAPIDOCR_FILES:
        known = ", ".join(RAPIDOCR_FILES)
        raise WeightsError("rapidocr carries no weights of this model", value=model, hint=f"it has {known}")
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError("the package rapidocr is not installed", hint="pip install 'rapidocr==3.10.*'")
    name, checksum = RAPIDOCR_FILES[model]
    path = Path(spec.submodule_search_locations[0]) / name
    if not path.is_file():
        hint = "pip install 'rapidocr==3.10.*'"
        raise WeightsError("file missing from the rapidocr package", where=str(path), hint=hint)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != checksum:
        raise WeightsError(
            "not the file these weights are known by (SHA-256 differs)",
            where=str(path),
            value=found,
            hint="pip install --force-reinstall 'rapidocr==3.10.*'",
        )
    return path


@dataclass(frozen=True)
class GraphLayer:
    """A node with weights.

    Attributes:
        kind: "conv", "conv_transpose", "linear" or "norm" (LayerNorm).
        name: the node's name in the file.
        weight: as Paddle lays it out: [out, in/groups, kh, kw], [in, out, kh, kw], [in, out], [channels].
        bias: [out] or None.
        geometry: strides, padding, dilations, groups; empty for a linear layer. Padding is None where the file pads
            unevenly (its own operator in our networks).
    """

    kind: str
    name: str
    weight: np.ndarray
    bias: np.ndarray | None
    geometry: dict[str, Any] = field(default_factory=dict)

    def describe(self) -> str:
        bias = "" if self.bias is None else " with bias"
        return f"{self.kind} {list(self.weight.shape)}{bias} {self.geometry or ''}".strip()


class _Graph:
    """An ONNX graph's constants and consumers, looking through Identity nodes."""

    def __init__(self, path: Path) -> None:
        import onnx
        from onnx import numpy_helper

        graph = onnx.load(str(path)).graph
        self.nodes = list(graph.node)
        self.constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        self.consumers: dict[str, list[Any]] = {}
        self.producers = {name: node for node in self.nodes for name in node.output}
        for node in self.nodes:
            if node.op_type == "Constant":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            elif node.op_type == "Identity" and node.input[0] in self.constants:
                self.constants[node.output[0]] = self.constants[node.input[0]]
            for name in node.input:
                self.consumers.setdefault(name, []).append(node)

    def next_node(self, output: str) -> tuple[Any, str] | None:
        """The only consumer of `output` that is not an Identity, and the name under which it takes it."""
        users = self.consumers.get(output, [])
        while len(users) == 1 and users[0].op_type == "Identity":
            output = users[0].output[0]
            users = self.consumers.get(output, [])
        return (users[0], output) if len(users) == 1 else None

    def bias_after(self, output: str) -> np.ndarray | None:
        """The constant that the only consumer of `output` adds to it, flattened; None where there is none."""
        following = self.next_node(output)
        if following is None or following[0].op_type != "Add":
            return None
        node, name = following
        other = [n for n in node.input if n != name]
        if len(other) != 1 or other[0] not in self.constants:
            return None
        value = self.constants[other[0]]
        return value.reshape(-1) if value.size == max(value.shape, default=1) else None

    def fold_batch_norm(self, layer: GraphLayer, output: str) -> GraphLayer:
        """The convolution that equals `layer` and the BatchNormalization after it, if there is one; in float64.

        Some exporters fold most BatchNorms and leave those of layers they do not know.
        """
        following = self.next_node(output)
        if layer.bias is not None or following is None or following[0].op_type != "BatchNormalization":
            return layer
        node = following[0]
        scale, shift, mean, variance = (self.constants[name].astype(np.float64) for name in node.input[1:5])
        epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
        factor = scale / np.sqrt(variance + epsilon)
        weight = layer.weight.astype(np.float64) * factor[:, None, None, None]
        return replace(layer, weight=weight.astype(np.float32), bias=(shift - mean * factor).astype(np.float32))

    def layer_norm(self, node: Any) -> GraphLayer | None:
        """The LayerNorm whose scale `node` applies: an operator of its own, or the end of a written-out one,
        (x - mean) / deviation * scale + bias."""
        if node.op_type == "LayerNormalization" and len(node.input) == 3:
            return GraphLayer("norm", node.name, self.constants[node.input[1]], self.constants[node.input[2]])
        if node.op_type != "Mul":
            return None
        scale = [name for name in node.input if name in self.constants and self.constants[name].size > 1]
        sources = [self.producers.get(name) for name in node.input if name not in self.constants]
        if len(scale) != 1 or len(sources) != 1 or sources[0] is None or sources[0].op_type != "Div":
            return None
        shift = self.bias_after(node.output[0])
        if shift is None:
            return None
        return GraphLayer("norm", node.name, self.constants[scale[0]].reshape(-1), shift)


def _conv_geometry(attributes: dict[str, Any]) -> dict[str, Any]:
    pads = tuple(attributes.get("pads", (0, 0, 0, 0)))
    even = pads[:2] == pads[2:] and attributes.get("auto_pad", b"NOTSET") == b"NOTSET"
    return {
        "strides": tuple(attributes.get("strides", (1, 1))),
        "padding": pads[:2] if even else None,
        "dilations": tuple(attributes.get("dilations", (1, 1))),
        "groups": attributes.get("group", 1),
    }


def read_graph(path: str | Path) -> list[GraphLayer]:
    """Layers with weights of an ONNX file, in the order they run.

    Raises:
        WeightsError: the file is missing or not an ONNX graph.
    """
    from onnx import helper

    path = Path(path)
    if not path.is_file():
        raise WeightsError("no such file", where=str(path), hint="give the path of an .onnx file")
    try:
        graph = _Graph(path)
    except Exception as error:  # protobuf's decoder has no error class of its own to name
        raise WeightsError(f"cannot be read as an ONNX graph: {error}", where=str(path)) from error
    layers = []
    for node in graph.nodes:
        norm = graph.layer_norm(node)
        if norm is not None:
            layers.append(norm)
        weight = graph.constants.get(node.input[1]) if len(node.input) > 1 else None
        if weight is None or node.op_type not in ("Conv", "ConvTranspose", "MatMul"):
            continue
        own = graph.constants[node.input[2]] if len(node.input) > 2 else None
        bias = graph.bias_after(node.output[0]) if own is None else own
        if bias is not None and bias.size != weight.shape[0 if node.op_type == "Conv" else 1]:
            bias = None
        if node.op_type == "MatMul":
            layers.append(GraphLayer("linear", node.name, weight, bias))
            continue
        kind = "conv" if node.op_type == "Conv" else "conv_transpose"
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        layer = GraphLayer(kind, node.name, weight, bias, _conv_geometry(attributes))
        layers.append(graph.fold_batch_norm(layer, node.output[0]) if kind == "conv" else layer)
    return layers


def _pair(value: Any) -> tuple[int, int]:
    return (int(value[0]), int(value[1])) if isinstance(value, list | tuple) else (int(value), int(value))


def trace_layers(net: Any, example: np.ndarray) -> list[tuple[str, Any]]:
    """(name, layer) of the convolutions, linear layers and LayerNorms that `net` runs on `example`, in this order.

    A layer that runs twice is listed once; one that does not run (a training branch) is not listed.
    """
    import paddle
    from paddle import nn

    kinds = (nn.Conv2D, nn.Conv2DTranspose, nn.Linear, nn.LayerNorm)
    order: list[tuple[str, Any]] = []
    hooks = []

    def watch(name: str, layer: Any) -> None:
        def note(*_: Any) -> None:
            if all(seen is not layer for _, seen in order):
                order.append((name, layer))

        hooks.append(layer.register_forward_pre_hook(note))

    for name, layer in net.named_sublayers():
        if isinstance(layer, kinds):
            watch(name, layer)
    was_training = net.training
    net.eval()
    try:
        with paddle.no_grad():
            net(paddle.to_tensor(example))
    finally:
        for hook in hooks:
            hook.remove()
        if was_training:
            net.train()
    return order


def _layer_of(name: str, layer: Any) -> GraphLayer:
    """A network's layer in the terms of the file, for comparison."""
    from paddle import nn

    weight = layer.weight.numpy()
    bias = None if layer.bias is None else layer.bias.numpy()
    if isinstance(layer, nn.Linear):
        return GraphLayer("linear", name, weight, bias)
    if isinstance(layer, nn.LayerNorm):
        return GraphLayer("norm", name, weight, bias)
    geometry = {
        "strides": _pair(layer._stride),
        "padding": _pair(layer._padding),
        "dilations": _pair(layer._dilation),
        "groups": layer._groups,
    }
    return GraphLayer(
        "conv_transpose" if isinstance(layer, nn.Conv2DTranspose) else "conv", name, weight, bias, geometry
    )


def _fits(theirs: GraphLayer, ours: GraphLayer) -> bool:
    if (theirs.kind, theirs.weight.shape) != (ours.kind, ours.weight.shape):
        return False
    if theirs.bias is not None and ours.bias is None:
        return False
    uneven = theirs.geometry.get("padding", ()) is None  # our network pads with an operator of its own
    skip = {"padding"} if uneven else set()
    return all(ours.geometry.get(k) == v for k, v in theirs.geometry.items() if k not in skip)


@dataclass
class ImportReport:
    """What came from the file and what stayed as it was.

    Attributes:
        loaded: parameter names that were set.
        new: parameter names that keep their fresh value (training branches the file does not have).
        difference: largest absolute difference of outputs, once `compare_outputs` ran.
        compared: number of pictures it was measured on.
    """

    source: str
    loaded: list[str]
    new: list[str]
    difference: float | None = None
    compared: int = 0


def import_graph(net: Any, path: str | Path, example: np.ndarray, absent: tuple[str, ...] = ()) -> ImportReport:
    """Set the weights of a fused network from an ONNX file of the same architecture.

    Args:
        net: network in fused form (BatchNorm folded, as in the file).
        path: the file.
        example: an input the network can run, float32.
        absent: name prefixes of layers that run but that the file is known not to have; they stay as they are.

    Raises:
        WeightsError: the layers of the file and of the network differ; the first difference is named.
    """
    theirs = read_graph(path)
    order = [(name, layer) for name, layer in trace_layers(net, example) if not f"{name}.".startswith(absent)]
    for index, (graph_layer, (name, layer)) in enumerate(zip(theirs, order)):
        ours = _layer_of(name, layer)
        if not _fits(graph_layer, ours):
            raise WeightsError(
                f"layer {index} does not fit: the file has {graph_layer.describe()}, {name} is {ours.describe()}",
                where=str(path),
                hint="give the model this file was exported from, in its fused form",
            )
    if len(theirs) != len(order):
        raise WeightsError(
            f"the file has {len(theirs)} layers with weights, the network runs {len(order)}",
            where=str(path),
            hint="give the model this file was exported from, in its fused form",
        )
    loaded = []
    for graph_layer, (name, layer) in zip(theirs, order):
        layer.weight.set_value(np.ascontiguousarray(graph_layer.weight, dtype=np.float32))
        loaded.append(f"{name}.weight")
        if layer.bias is not None:
            bias = np.zeros(layer.bias.shape, np.float32) if graph_layer.bias is None else graph_layer.bias
            layer.bias.set_value(np.ascontiguousarray(bias, dtype=np.float32))
            loaded.append(f"{name}.bias")
    known = set(loaded)
    return ImportReport(str(path), loaded, [name for name, _ in net.named_parameters() if name not in known])


def compare_outputs(run: Any, path: str | Path, inputs: Iterable[np.ndarray]) -> tuple[float, int]:
    """Largest absolute difference between a network's and the file's first output, and the number of inputs.

    Args:
        run: function of a float32 array [1, 3, H, W] that returns the output as an array.
        path: the ONNX file; run by ONNX Runtime on one thread.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = session.get_inputs()[0].name
    worst, count = 0.0, 0
    for x in inputs:
        expected = session.run(None, {feed: x})[0]
        worst = max(worst, float(np.abs(np.asarray(run(x)) - expected).max()))
        count += 1
    return worst, count


def document_pictures(sizes: Sequence[tuple[int, int]] = ((480, 640), (736, 736))) -> list[np.ndarray]:
    """Pictures with text at several angles and sizes on uneven paper, BGR uint8: for a proof where no real picture
    is at hand.
    """
    import cv2

    pictures = []
    for index, (height, width) in enumerate(sizes):
        rng = np.random.default_rng(index)
        shade = np.linspace(215, 250, width)[None, :, None] + rng.normal(0, 4, (height, width, 3))
        picture = np.clip(shade, 0, 255).astype(np.uint8)
        centre = (width // 2, height // 2)
        cv2.circle(picture, centre, min(height, width) // 3, (40, 40, 200), 6)
        for line in range(8):
            origin = (20 + 10 * line, 40 + line * (height - 60) // 8)
            cv2.putText(
                picture,
                f"No. {index}{line}  SEAL 3301 {rng.integers(10**6)}",
                origin,
                0,
                0.5 + 0.1 * line,
                (30,) * 3,
                2,
            )
        turn = cv2.getRotationMatrix2D(centre, 17.0 * index, 1.0)
        pictures.append(cv2.warpAffine(picture, turn, (width, height), borderValue=(235, 235, 235)))
    return pictures
