"""Imports trainable weights from an ONNX file, BatchNorm folded or not, and proves the outputs equal.

Names in such files are those of a converter, so layers are matched by structure: the layers that hold weights, in
the order in which the graph and the network run them, each pair checked for kind, shape, stride, padding, dilation
and groups. What decides is `compare_outputs`: equal outputs on real images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.errors import EngineError, WeightsError, first_line
from sealkit.runtime.onnx_fields import check_self_contained


@dataclass(frozen=True)
class GraphLayer:
    """A node with weights.

    Attributes:
        kind: "conv", "conv_transpose", "linear", "norm" (LayerNorm) or "batch_norm".
        name: the node's name in the file.
        weight: as Paddle lays it out: [out, in/groups, kh, kw], [in, out, kh, kw], [in, out], [channels].
        bias: [out] or None.
        geometry: strides, padding, dilations, groups; empty for a linear layer. Padding is None where the file pads
            unevenly (its own operator in our networks).
        statistics: running mean and variance of a BatchNorm, [channels] each; else None.
    """

    kind: str
    name: str
    weight: np.ndarray
    bias: np.ndarray | None
    geometry: dict[str, Any] = field(default_factory=dict)
    statistics: tuple[np.ndarray, np.ndarray] | None = None

    def describe(self) -> str:
        """Kind, shape and geometry, for messages."""
        bias = "" if self.bias is None else " with bias"
        return f"{self.kind} {list(self.weight.shape)}{bias} {self.geometry or ''}".strip()


class _Graph:
    """An ONNX graph's constants and consumers, looking through Identity nodes."""

    def __init__(self, path: Path) -> None:
        import onnx
        from onnx import numpy_helper

        check_self_contained(path)
        graph = onnx.load(str(path), load_external_data=False).graph
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
        for _ in range(len(self.nodes) + 1):  # Identities of a damaged file may lead in a circle
            users = self.consumers.get(output, [])
            if len(users) != 1 or users[0].op_type != "Identity":
                return (users[0], output) if len(users) == 1 else None
            output = users[0].output[0]
        raise ValueError(f"Identity nodes lead from {output} back to it")

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
        norm = self.batch_norm(following[0])
        scale, shift, mean, variance = (
            array.astype(np.float64) for array in (norm.weight, norm.bias, *(norm.statistics or ()))
        )
        epsilon = next((a.f for a in following[0].attribute if a.name == "epsilon"), 1e-5)
        factor = scale / np.sqrt(variance + epsilon)
        weight = layer.weight.astype(np.float64) * factor[:, None, None, None]
        return replace(layer, weight=weight.astype(np.float32), bias=(shift - mean * factor).astype(np.float32))

    def batch_norm(self, node: Any) -> GraphLayer:
        """The BatchNorm that `node` is."""
        scale, shift, mean, variance = (self.constants[name] for name in node.input[1:5])
        return GraphLayer("batch_norm", node.name, scale, shift, statistics=(mean, variance))

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


def read_graph(path: str | Path, fold: bool = True) -> list[GraphLayer]:
    """Layers with weights of an ONNX file, in the order they run.

    Args:
        fold: put each BatchNorm into the convolution before it; else it is a layer of its own.

    Raises:
        WeightsError: the file is missing or not an ONNX graph, or a weight is not a constant.
        EngineError: weights lie in other files.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError("no such file", where=str(path), hint="give the path of an .onnx file")
    try:
        return list(_layers(_Graph(path), fold))
    except KeyError as error:  # of a layer that takes it from elsewhere
        hint = "export the model with its weights as constants"
        raise WeightsError(
            "a weight of the ONNX graph is not a constant", where=str(path), value=error.args[0], hint=hint
        ) from error
    except EngineError:
        raise
    except Exception as error:  # protobuf's decoder has no error class of its own to name
        raise WeightsError(f"cannot be read as an ONNX graph: {first_line(error)}", where=str(path)) from error


def _layers(graph: _Graph, fold: bool) -> Iterator[GraphLayer]:
    """See `read_graph`."""
    from onnx import helper

    for node in graph.nodes:
        norm = graph.layer_norm(node)
        if norm is not None:
            yield norm
        weight = graph.constants.get(node.input[1]) if len(node.input) > 1 else None
        if node.op_type == "BatchNormalization" and not fold:
            yield graph.batch_norm(node)
        if weight is None or node.op_type not in ("Conv", "ConvTranspose", "MatMul"):
            continue
        own = graph.constants[node.input[2]] if len(node.input) > 2 else None
        bias = graph.bias_after(node.output[0]) if own is None else own
        if bias is not None and bias.size != weight.shape[0 if node.op_type == "Conv" else 1]:
            bias = None
        if node.op_type == "MatMul":
            yield GraphLayer("linear", node.name, weight, bias)
            continue
        kind = "conv" if node.op_type == "Conv" else "conv_transpose"
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        layer = GraphLayer(kind, node.name, weight, bias, _conv_geometry(attributes))
        folds = fold and kind == "conv"
        yield graph.fold_batch_norm(layer, node.output[0]) if folds else layer


def _pair(value: Any) -> tuple[int, int]:
    return (int(value[0]), int(value[1])) if isinstance(value, list | tuple) else (int(value), int(value))


def trace_layers(net: Any, example: np.ndarray) -> list[tuple[str, Any]]:
    """(name, layer) of the layers with weights that `net` runs on `example`, in order: convolutions, linear layers,
    LayerNorms, BatchNorms.

    A layer that runs twice is listed once; one that does not run (a training branch) is not listed.
    """
    import paddle
    from paddle import nn

    kinds = (nn.Conv2D, nn.Conv2DTranspose, nn.Linear, nn.LayerNorm, nn.BatchNorm2D)
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
    if isinstance(layer, nn.BatchNorm2D):
        return GraphLayer("batch_norm", name, weight, bias)
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
        compared: number of images it was measured on.
    """

    source: str
    loaded: list[str]
    new: list[str]
    difference: float | None = None
    compared: int = 0


def import_graph(net: Any, path: str | Path, example: np.ndarray, absent: tuple[str, ...] = ()) -> ImportReport:
    """Set the weights of a network from an ONNX file of the same architecture.

    A BatchNorm of the file is folded where the network has none.

    Args:
        net: network, fused or not; fused where the file is.
        path: the file.
        example: an input the network can run, float32.
        absent: name prefixes of layers that run but that the file is known not to have; they stay as they are.

    Raises:
        WeightsError: the layers of the file and of the network differ; the first difference is named.
    """
    from paddle import nn

    order = [(name, layer) for name, layer in trace_layers(net, example) if not f"{name}.".startswith(absent)]
    theirs = read_graph(path, fold=not any(isinstance(layer, nn.BatchNorm2D) for _, layer in order))
    for index, (graph_layer, (name, layer)) in enumerate(zip(theirs, order)):
        ours = _layer_of(name, layer)
        if not _fits(graph_layer, ours):
            raise WeightsError(
                f"layer {index} does not fit: the file has {graph_layer.describe()}, {name} is {ours.describe()}",
                where=str(path),
                hint="give the model this file was exported from, in its fused form where the file has no BatchNorm",
            )
    if len(theirs) != len(order):
        raise WeightsError(
            f"the file has {len(theirs)} layers with weights, the network runs {len(order)}",
            where=str(path),
            hint="give the model this file was exported from, in its fused form where the file has no BatchNorm",
        )
    loaded = []
    for graph_layer, (name, layer) in zip(theirs, order):
        layer.weight.set_value(np.ascontiguousarray(graph_layer.weight, dtype=np.float32))
        loaded.append(f"{name}.weight")
        if layer.bias is not None:
            bias = np.zeros(layer.bias.shape, np.float32) if graph_layer.bias is None else graph_layer.bias
            layer.bias.set_value(np.ascontiguousarray(bias, dtype=np.float32))
            loaded.append(f"{name}.bias")
        if graph_layer.statistics is not None:
            layer._mean.set_value(np.ascontiguousarray(graph_layer.statistics[0], dtype=np.float32))
            layer._variance.set_value(np.ascontiguousarray(graph_layer.statistics[1], dtype=np.float32))
            loaded += [f"{name}._mean", f"{name}._variance"]
    known = set(loaded)
    return ImportReport(str(path), loaded, [name for name, _ in net.named_parameters() if name not in known])


def compare_outputs(run: Any, path: str | Path, inputs: Iterable[np.ndarray]) -> tuple[float, int]:
    """Largest absolute difference between a network's and the file's outputs, and the number of inputs.

    Args:
        run: function of a float32 array [1, 3, H, W] that returns the file's first outputs, in order, as arrays.
        path: the ONNX file; run by ONNX Runtime on one thread.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = session.get_inputs()[0].name
    worst, count = 0.0, 0
    for x in inputs:
        for ours, theirs in zip(run(x), session.run(None, {feed: x})):
            worst = max(worst, float(np.abs(np.asarray(ours) - theirs).max()))
        count += 1
    return worst, count
