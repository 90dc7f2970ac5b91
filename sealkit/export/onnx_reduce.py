"""Smaller and fixed forms of an ONNX graph: one input size, float16 weights, INT8.

Source of the quantisation: ONNX Runtime's static quantisation (onnxruntime.quantization, MIT), QDQ format.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.errors import ExportError
from sealkit.files import write_bytes

Feeds = Sequence[Mapping[str, np.ndarray]]

QUANTISED = ("Conv", "MatMul", "Gemm")
"""Operations that get 8 bits. The others (normalisation, softmax, activations) gain no time and lose most."""
LEAST_VALUES = 256
"""Weights of fewer values stay float32: biases and factors, which cost nothing and hurt most."""


def fix_shapes(model: Any, shape: Sequence[int]) -> Any:
    """The graph for one size of image, what follows from the size computed beforehand.

    Args:
        model: onnx.ModelProto.
        shape: of the input of rank 4; other inputs take its batch.

    Raises:
        ExportError: the graph has no such input, or another fixed size.
    """
    import onnx
    import onnx_graphsurgeon as gs

    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in fixed.graph.input:
        dims = value.type.tensor_type.shape.dim
        sizes = shape if len(dims) == len(shape) else shape[:1]
        for dim, size in zip(dims, sizes):
            if dim.dim_value > 0 and dim.dim_value != size:
                given = "x".join(map(str, shape))
                raise ExportError(f"input {value.name} is fixed to another size", where="--shape", value=given)
            dim.Clear()
            dim.dim_value = size
    if not any(len(value.type.tensor_type.shape.dim) == len(shape) for value in fixed.graph.input):
        raise ExportError("the graph has no input of this rank", where="--shape", value=list(shape))
    del fixed.graph.value_info[:]
    graph = gs.import_onnx(onnx.shape_inference.infer_shapes(fixed))
    _known_shapes(graph)
    graph.fold_constants().cleanup(remove_unused_graph_inputs=False).toposort()
    done = gs.export_onnx(graph)
    done.ir_version = model.ir_version
    return onnx.shape_inference.infer_shapes(done)


def _known_shapes(graph: Any) -> None:
    """`Shape` of a tensor whose sizes are known becomes a constant."""
    import onnx_graphsurgeon as gs

    for node in graph.nodes:
        sizes = node.inputs[0].shape if node.op == "Shape" else None
        if sizes and all(isinstance(size, int) for size in sizes):
            known = gs.Constant(f"{node.outputs[0].name}.known", np.array(sizes, np.int64))
            for user in list(node.outputs[0].outputs):
                user.inputs = [known if one is node.outputs[0] else one for one in user.inputs]


def half_weights(model: Any) -> tuple[Any, int]:
    """The graph with its weights stored as float16 and cast where they are used: (onnx.ModelProto, how many).

    Engines that compute in float32 cast once, when they load the graph; those that can take the float16.

    Raises:
        ExportError: a weight that float16 cannot hold.
    """
    import onnx
    from onnx import helper, numpy_helper

    made = onnx.ModelProto()
    made.CopyFrom(model)
    casts = []
    for tensor in made.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or int(np.prod(tensor.dims)) < LEAST_VALUES:
            continue
        with np.errstate(over="ignore"):
            half = numpy_helper.to_array(tensor).astype(np.float16)
        if not np.isfinite(half).all():
            raise ExportError("a weight is outside of float16's range", where=tensor.name, hint="keep float32")
        name, stored = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(half, stored))
        casts.append(helper.make_node("Cast", [stored], [name], f"{name}.cast", to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *made.graph.node]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    return made, len(casts)


def quantise(model: Any, feeds: Feeds) -> Any:
    """The graph in INT8: weights signed, of 7 bits and by channel, activations unsigned.

    Their ranges are moving averages of the smallest and largest values of each feed: the extremes of all widen with the
    number of images, which cost the shipped detector 0.07 hmean.

    Args:
        model: onnx.ModelProto.
        feeds: inputs by name, as the network gets them.

    Raises:
        ExportError: nothing to see ranges on, or ONNX Runtime cannot quantise the graph.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    if not feeds:
        raise ExportError("no images to see the ranges of activations on", where="--calibrate")

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def __init__(self) -> None:
            self.left: Iterator[Mapping[str, np.ndarray]] = iter(feeds)

        def get_next(self) -> dict[str, np.ndarray] | None:
            feed = next(self.left, None)
            return None if feed is None else dict(feed)

    with tempfile.TemporaryDirectory() as folder, _quiet():
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        write_bytes(source, model.SerializeToString())
        try:
            quantize_static(
                str(source),
                str(target),
                Reader(),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=True,  # 7 bits: CPUs without VNNI add pairs of products in 16 bits, which saturate with 8
                op_types_to_quantize=list(QUANTISED),
                calibrate_method=CalibrationMethod.MinMax,
                extra_options={"CalibMovingAverage": True},
            )
        except Exception as error:  # whatever a graph of another project makes it raise
            raise ExportError(f"ONNX Runtime cannot quantise the graph: {error}", hint="try --fp16") from error
        return onnx.load(str(target))


class _quiet:
    """onnxruntime.quantization logs advice to the root logger that does not apply: the graph is prepared already."""

    def __enter__(self) -> None:
        self._level = logging.getLogger().level
        logging.getLogger().setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        logging.getLogger().setLevel(self._level)


__all__ = ["fix_shapes", "half_weights", "quantise"]
