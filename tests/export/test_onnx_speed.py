"""Graphs rewritten for speed compute what they did before, whatever the size of the image."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import paddle
import pytest
from onnx import TensorProto, helper, numpy_helper

from sealkit.export import onnx_file
from sealkit.export.model import PROGRAM, write_graph
from sealkit.export.onnx_speed import POINTS, minimal_filter, speed_up
from sealkit.modules.base import GraphInput
from sealkit.nn.fuse import fuse
from sealkit.nn.heads.db import PFHeadLocal
from sealkit.nn.necks.rse_fpn import RSEFPN
from sealkit.runtime.files import PARAMS

SIZES = ((1, 9, 9), (2, 10, 17), (1, 23, 11), (3, 12, 12))
"""(batch, height, width): every remainder by 3."""


def test_minimal_filters_are_correlations() -> None:
    rng = np.random.default_rng(0)
    take, taps, spread = minimal_filter(POINTS, 3, 3)
    values, filter_taps = rng.normal(size=5), rng.normal(size=3)
    expected = np.correlate(values, filter_taps, "valid")
    np.testing.assert_allclose(take @ ((taps @ filter_taps) * (spread @ values)), expected, atol=1e-12)
    with pytest.raises(ValueError, match="takes 8 points, 4 given"):
        minimal_filter(POINTS, 5, 5)


@pytest.mark.parametrize("bias", [True, False])
def test_large_kernels_are_cut(bias: bool) -> None:
    rng = np.random.default_rng(1)
    model = _convolution(rng, inputs=18, outputs=17, size=9, bias=bias)
    fast, done = speed_up(model)
    assert done == {"cut_large_kernels": 1}
    onnx.checker.check_model(fast)
    assert fast.graph.input == model.graph.input and fast.graph.output == model.graph.output
    assert fast.metadata_props == model.metadata_props
    assert _kernels(fast) == {5, 3}
    for batch, height, width in SIZES:
        x = rng.normal(size=(batch, 18, height, width)).astype(np.float32)
        np.testing.assert_allclose(_run(fast, x), _run(model, x), atol=2e-5)


@pytest.mark.parametrize(("inputs", "size"), [(18, 7), (4, 9)])
def test_what_would_gain_nothing_stays(inputs: int, size: int) -> None:
    model = _convolution(np.random.default_rng(2), inputs=inputs, outputs=17, size=size, bias=True)
    assert speed_up(model) == (model, {})


def test_a_computed_bias_is_not_lost() -> None:
    model = _convolution(np.random.default_rng(2), inputs=18, outputs=17, size=9, bias=False)
    model.graph.input.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, [17]))
    model.graph.node[0].input.append("b")
    assert speed_up(model) == (model, {})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs")


class _Refined(paddle.nn.Layer):
    """The head of the server detectors: enlarges its features by 2 and refines with the probability beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.head = PFHeadLocal(32)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.head(x, ())["maps"]


class _Pyramid(paddle.nn.Layer):
    """The neck of the mobile detectors, which enlarges by 2, 4 and 8, over the map reduced by as much."""

    def __init__(self) -> None:
        super().__init__()
        self.neck = RSEFPN((4, 4, 4, 4), 16)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        pool = paddle.nn.functional.avg_pool2d
        return self.neck([x, pool(x, 2, 2), pool(x, 4, 4), pool(x, 8, 8)])


@pytest.mark.parametrize(
    ("layer", "channels", "step", "expected"),
    [
        (_Refined, 32, 1, {"refine_in_phases": 1}),
        (_Pyramid, 4, 8, {"enlarge_by_concat": 6}),
    ],
)
def test_enlargements_of_detectors(
    layer: type[paddle.nn.Layer], channels: int, step: int, expected: dict[str, int], folder: Path
) -> None:
    paddle.seed(0)
    net = layer()
    fuse(net)
    net.eval()
    write_graph(net, [GraphInput("x", (None, channels, None, None), "image")], folder)
    done = onnx_file.convert(folder / PROGRAM, folder / PARAMS, folder / "fast.onnx")
    assert done == expected
    model = onnx.load(str(folder / "fast.onnx"))
    onnx.checker.check_model(model)
    assert not {"Expand", "Resize", "Upsample"} & {node.op_type for node in model.graph.node}
    rng = np.random.default_rng(3)
    for batch, height, width in SIZES:
        x = rng.normal(size=(batch, channels, height * step, width * step)).astype(np.float32)
        with paddle.no_grad():
            out = net(paddle.to_tensor(x))
        trained = (out[0] if isinstance(out, (list, tuple)) else out).numpy()
        np.testing.assert_allclose(_run(model, x), trained, atol=2e-5)


def _convolution(rng: np.random.Generator, inputs: int, outputs: int, size: int, bias: bool) -> onnx.ModelProto:
    weight = rng.normal(size=(outputs, inputs, size, size)) / np.sqrt(inputs * size**2)
    constants = [numpy_helper.from_array(weight.astype(np.float32), "w")]
    if bias:
        constants.append(numpy_helper.from_array(rng.normal(size=outputs).astype(np.float32), "b"))
    node = helper.make_node("Conv", ["x", *(c.name for c in constants)], ["y"], pads=[size // 2] * 4)
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", inputs, "h", "w"])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", outputs, "h", "w"])
    graph = helper.make_graph([node], "one", [given], [result], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", onnx_file.OPSET)], ir_version=8)
    helper.set_model_props(model, {"about": "a test"})
    return model


def _kernels(model: onnx.ModelProto) -> set[int]:
    weights = {constant.name: constant.dims for constant in model.graph.initializer}
    return {weights[node.input[1]][-1] for node in model.graph.node if node.op_type == "Conv"}


def _run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]
