"""Parameters of an ONNX graph, and its floating-point operations at a given input: twice its multiplications.

Counted are convolutions, transposed convolutions and matrix products, whose work follows from shapes: an output
element costs as many multiplications as its sum has terms. Additions, activations and sorting are left out, as in the
usual tables. The shapes are those of a run: the graph is made to return the shape of each tensor that matters and
nothing else, so that what only follows the last product is not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

COUNTED = ("Conv", "ConvTranspose", "MatMul", "Gemm")


def work(path: Path, feeds: Callable[[int], Sequence[np.ndarray]]) -> tuple[int, float]:
    """Parameters of an ONNX file, and 10⁹ floating-point operations of one run of it.

    Args:
        path: the file.
        feeds: number of inputs → their arrays, in alphabetical order of their names.
    """
    import onnx
    import onnxruntime as ort

    model = onnx.load(str(path))
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    parameters = sum(_product(tuple(one.dims)) for one in model.graph.initializer if one.data_type in floats)
    nodes = [node for node in model.graph.node if node.op_type in COUNTED]
    wanted = sorted({name for node in nodes for name in (*node.input[:2], node.output[0])})
    shown = {name: f"shape_of_{number}" for number, name in enumerate(wanted)}
    model.graph.node.extend(onnx.helper.make_node("Shape", [name], [shape]) for name, shape in shown.items())
    del model.graph.output[:]
    model.graph.output.extend(
        onnx.helper.make_tensor_value_info(shape, onnx.TensorProto.INT64, [None]) for shape in shown.values()
    )
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = sorted(given.name for given in session.get_inputs())
    found = session.run(list(shown.values()), dict(zip(names, feeds(len(names)))))
    shapes = {name: tuple(int(side) for side in shape) for name, shape in zip(shown, found)}
    return parameters, 2 * sum(multiplications(node, shapes) for node in nodes) / 1e9


def multiplications(node: Any, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Multiplications of one node of `COUNTED`."""
    first, second, result = shapes[node.input[0]], shapes[node.input[1]], shapes[node.output[0]]
    if node.op_type == "Conv":  # the kernel is (out, in / groups, height, width)
        return _product(result) * _product(second[1:])
    if node.op_type == "ConvTranspose":  # the kernel is (in, out / groups, height, width)
        return _product(first) * _product(second[1:])
    transposed = node.op_type == "Gemm" and any(a.name == "transA" and a.i for a in node.attribute)
    return _product(result) * first[0 if transposed else -1]


def _product(sides: tuple[int, ...]) -> int:
    return int(np.prod(sides, dtype=np.int64))
