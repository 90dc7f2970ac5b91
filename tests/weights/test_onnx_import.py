"""Import of ONNX weights: by structure, refused where anything differs, proved by outputs."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import paddle
import pytest

from sealkit.errors import WeightsError
from sealkit.nn.conv import Conv2D, Conv2DTranspose
from sealkit.weights.onnx_import import (
    compare_outputs,
    import_graph,
    read_graph,
)


class Small(paddle.nn.Layer):
    """Convolution, transposed convolution; a head that files do not have."""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.a = Conv2D(3, 4, 3, stride=stride, padding=1)
        self.b = Conv2DTranspose(4, 2, 2, stride=2)
        self.extra = Conv2D(4, 1, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        y = paddle.nn.functional.relu(self.a(x))
        self.extra(y)
        return self.b(y)


@pytest.fixture
def graph_file(tmp_path: Path) -> Path:
    """The same two layers as a converter writes them: bias as an Add of [1, C, 1, 1], Identity between."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    values = {
        "w": rng.standard_normal((4, 3, 3, 3)),
        "b": rng.standard_normal((1, 4, 1, 1)),
        "v": rng.standard_normal((4, 2, 2, 2)),
        "c": rng.standard_normal((1, 2, 1, 1)),
    }
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in values.items()]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y0"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Identity", ["y0"], ["y1"]),
        helper.make_node("Add", ["y1", "b"], ["y2"]),
        helper.make_node("Relu", ["y2"], ["y3"]),
        helper.make_node("ConvTranspose", ["y3", "v"], ["y4"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Add", ["y4", "c"], ["y5"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y5")]
    ends[0] = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3, None, None])
    ends[1] = helper.make_tensor_value_info("y5", TensorProto.FLOAT, [None, 2, None, None])
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = tmp_path / "small.onnx"
    onnx.save(model, str(path))
    return path


EXAMPLE = np.zeros((1, 3, 8, 8), np.float32)


def test_weights_arrive_and_outputs_are_equal(graph_file: Path) -> None:
    net = Small()
    report = import_graph(net, graph_file, EXAMPLE, absent=("extra.",))
    assert report.loaded == ["a.weight", "a.bias", "b.weight", "b.bias"]
    assert report.new == ["extra.weight", "extra.bias"]
    inputs = [np.random.default_rng(i).standard_normal((1, 3, 8, 12)).astype(np.float32) for i in range(2)]
    net.eval()
    difference, count = compare_outputs(lambda x: [net(paddle.to_tensor(x)).numpy()], graph_file, inputs)
    assert count == 2 and difference < 1e-5


class Normed(paddle.nn.Layer):
    """A convolution with its BatchNorm, as the file below has them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = Conv2D(3, 4, 3, padding=1, bias_attr=False)
        self.bn = paddle.nn.BatchNorm2D(4)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.bn(self.conv(x))


@pytest.fixture
def normed_file(tmp_path: Path) -> Path:
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(1)
    values = {"w": rng.standard_normal((4, 3, 3, 3)), **{k: rng.uniform(0.5, 2, 4) for k in ("s", "b", "m", "v")}}
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in values.items()]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y0"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["y0", "s", "b", "m", "v"], ["y1"], epsilon=1e-5),
    ]
    kind = TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(name, kind, [None, n, None, None]) for name, n in (("x", 3), ("y1", 4))]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    path = tmp_path / "normed.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


@pytest.mark.parametrize("form", ["kept", "folded"])
def test_batch_norm_is_kept_or_folded_as_the_network_has_it(normed_file: Path, form: str) -> None:
    net = Normed() if form == "kept" else paddle.nn.Sequential(Conv2D(3, 4, 3, padding=1))
    report = import_graph(net, normed_file, EXAMPLE)
    kept = ["conv.weight", "bn.weight", "bn.bias", "bn._mean", "bn._variance"]
    assert report.loaded == (kept if form == "kept" else ["0.weight", "0.bias"]) and report.new == []
    net.eval()
    x = np.random.default_rng(2).standard_normal((1, 3, 8, 8)).astype(np.float32)
    difference, _ = compare_outputs(lambda x: [net(paddle.to_tensor(x)).numpy()], normed_file, [x])
    assert difference < 1e-5


def test_another_stride_is_refused_by_name(graph_file: Path) -> None:
    with pytest.raises(WeightsError, match=r"layer 0 does not fit.*strides.*a is conv"):
        import_graph(Small(stride=2), graph_file, EXAMPLE, absent=("extra.",))


def test_another_number_of_layers_is_refused(graph_file: Path) -> None:
    net = Small()
    before = net.a.weight.numpy()
    with pytest.raises(WeightsError, match=r"does not fit|the file has 2 layers with weights, the network runs 3"):
        import_graph(net, graph_file, EXAMPLE)
    np.testing.assert_array_equal(net.a.weight.numpy(), before)


def test_files_that_are_no_graphs(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        read_graph(tmp_path / "none.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"not a graph")
    with pytest.raises(WeightsError, match="cannot be read as an ONNX graph"):
        read_graph(tmp_path / "broken.onnx")


def test_command_proves_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sealkit.cli import import_weights
    from sealkit.weights.checkpoint import load_checkpoint

    parser = argparse.ArgumentParser()
    import_weights.add_arguments(parser)
    target = tmp_path / "small"
    words = ["rapidocr", "--model", "PP-OCRv6_small_det", "--output", str(target)]
    assert import_weights.run(parser.parse_args(words)) == 0
    assert "largest output difference" in capsys.readouterr().out
    checkpoint = load_checkpoint(target)
    assert checkpoint.extras["model"] == "PP-OCRv6_small_det" and checkpoint.extras["form"] == "fused"
    assert checkpoint.extras["proof"]["max_abs_difference"] <= 1e-4
    with pytest.raises(Exception, match="output exists"):
        import_weights.run(parser.parse_args(words))


def damaged(path: Path, *nodes: tuple[str, list[str], list[str]]) -> Path:
    """A graph of such nodes (operator, inputs, outputs) with the weights w [4, 4, 1, 1], s, a number, and b [3]."""
    from onnx import TensorProto, helper, numpy_helper

    given = {"w": np.zeros((4, 4, 1, 1), np.float32), "s": np.float32(1), "b": np.ones(3, np.float32)}
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in given.items()]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y")]
    made = [helper.make_node(*node) for node in nodes]
    model = helper.make_model(helper.make_graph(made, "g", ends[:1], ends[1:], constants))
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([("Conv", ["x", "w"], ["a"]), ("Identity", ["a"], ["b"]), ("Identity", ["b"], ["a"])], "back to it"),
        ([("Conv", ["x", "w", "bias"], ["y"])], r"not a constant \(got 'bias'\)"),
        (
            [("Conv", ["x", "w"], ["a"]), ("BatchNormalization", ["a", "p", "q", "r", "t"], ["y"])],
            r"not a constant \(got 'p'\)",
        ),
        ([("Conv", ["x", "w"], [])], "cannot be read as an ONNX graph"),
        ([("Constant", [], ["y"])], "cannot be read as an ONNX graph"),
        ([("Conv", ["x", "s"], ["a"]), ("Add", ["a", "b"], ["y"])], "cannot be read as an ONNX graph"),
    ],
    ids=["circle", "bias", "statistics", "no output", "no value", "no shape"],
)
def test_graphs_of_strangers_are_refused(tmp_path: Path, nodes: list, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        read_graph(damaged(tmp_path / "a.onnx", *nodes))


def test_identities_up_to_the_end_of_a_graph_are_followed(tmp_path: Path) -> None:
    nodes = [("Conv", ["x", "w"], ["a"]), ("Identity", ["a"], ["y"])]
    assert [layer.kind for layer in read_graph(damaged(tmp_path / "a.onnx", *nodes))] == ["conv"]
