"""ONNX files of strangers: no tensor may lie in another file, whatever the version of ONNX Runtime would read."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sealkit.errors import EngineError
from sealkit.runtime.model import load_model
from sealkit.runtime.onnx_fields import check_self_contained, onnx_metadata

INSIDE = numpy_helper.from_array(np.arange(4, dtype=np.float32), "w")


def elsewhere(location: str) -> onnx.TensorProto:
    tensor = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return tensor


def saved(path: Path, nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto]) -> Path:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "graph", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    path.write_bytes(model.SerializeToString())
    return path


ADD = helper.make_node("Add", ["x", "w"], ["y"])


@pytest.mark.parametrize("location", ["beside.bin", "../above.bin", "/etc/passwd", "sub/../../above.bin"])
def test_a_model_whose_weights_lie_elsewhere_is_not_loaded(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for file in (folder / "beside.bin", tmp_path / "above.bin"):
        file.write_bytes(np.ones(4, np.float32).tobytes())
    with pytest.raises(EngineError, match="lie in another file"):
        load_model(saved(folder / "inference.onnx", [ADD], [elsewhere(location)]), engine="onnxruntime")


def test_nodes_and_what_is_inside_them_count(tmp_path: Path) -> None:
    constant = helper.make_node("Constant", [], ["q"], value=elsewhere("a.bin"))
    ends = [helper.make_tensor_value_info("q", TensorProto.FLOAT, [4])]
    branch = helper.make_graph([constant], "branch", [], ends)
    nodes = [helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)]
    for case in ([constant], nodes):
        with pytest.raises(EngineError, match="lie in another file"):
            check_self_contained(saved(tmp_path / "a.onnx", case, []))


def test_a_name_is_no_place(tmp_path: Path) -> None:
    node = helper.make_node("Add", ["x", "w"], ["y"], name="head/location/Add", doc_string="location")
    model = load_model(saved(tmp_path / "inference.onnx", [node], [INSIDE]), engine="onnxruntime")
    assert model.run(np.ones(4, np.float32))[0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("content", [b"", b"\x3a\xff\xff\xff\xff\x0flocation", b"\x0b" * 9 + b"location"])
def test_what_is_no_onnx_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(EngineError, match="not an ONNX file, or a damaged one"):
        check_self_contained(tmp_path / "a.onnx")


def test_fields_within_fields_end(tmp_path: Path) -> None:
    """A graph in an attribute of a node of a graph, and so on."""
    message = b"location"
    for _ in range(200):
        for field in (6 << 3 | 2, 5 << 3 | 2, 1 << 3 | 2):  # a graph in an attribute in a node
            message = bytes([field]) + varint(len(message)) + message
    (tmp_path / "a.onnx").write_bytes(b"\x3a" + varint(len(message)) + message)
    started = time.process_time()
    with pytest.raises(EngineError, match="damaged"):
        check_self_contained(tmp_path / "a.onnx")
    assert onnx_metadata(tmp_path / "a.onnx") == {} and time.process_time() - started < 1


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])
