"""Tiny model folders, one per kind of file."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

YML = """
Global: {model_name: PP-OCRv4_mobile_rec}
PreProcess:
  transform_ops:
  - DecodeImage: {channel_first: false, img_mode: BGR}
  - RecResizeImg: {image_shape: [3, 48, 320]}
  - KeepKeys: null
PostProcess: {name: CTCLabelDecode, character_dict: [a, b, '1']}
"""


def _write_onnx(path: Path, inputs: Sequence[str] = ("x",), metadata: Mapping[str, str] | None = None) -> Path:
    """A graph y = 1 * first + 10 * second + 100 * third over its inputs, in the given order; 3 channels, free size."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shape = ["n", 3, "h", "w"]
    nodes, terms, constants = [], [], []
    for i, name in enumerate(inputs):
        constants.append(numpy_helper.from_array(np.array([10.0**i], np.float32), f"k{i}"))
        nodes.append(helper.make_node("Mul", [name, f"k{i}"], [f"t{i}"]))
        terms.append(f"t{i}")
    nodes.append(helper.make_node("Sum", terms, ["y"]))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, str(path))
    return path


@pytest.fixture
def yml() -> str:
    return YML


@pytest.fixture
def write_onnx() -> Callable[..., Path]:
    return _write_onnx


@pytest.fixture
def onnx_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    _write_onnx(folder / "inference.onnx")
    (folder / "inference.yml").write_text(YML, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def paddle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """y = 2 x with one parameter, as PaddleX's exporter writes it."""
    import paddle

    folder = tmp_path_factory.mktemp("paddle_model")

    class Twice(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.k = self.create_parameter([1], default_initializer=paddle.nn.initializer.Constant(2.0))

        def forward(self, x: Any) -> Any:
            return x * self.k

    static = paddle.jit.to_static(
        Twice(), input_spec=[paddle.static.InputSpec([None, 3, None, None], "float32", "x")], full_graph=True
    )
    paddle.jit.save(static, str(folder / "inference"))
    (folder / "inference.yml").write_text(YML, encoding="utf-8")
    return folder
