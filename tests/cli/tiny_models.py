"""Exported folders of a few kilobytes whose answers are known: for commands that shall run a module of each kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

from tests.inference_ymls import ORIENTATION, UNWARPING

SEAL_BOX = (16.0, 0.9, 0.0, 0.0, 400.0, 400.0)
"""Class, score, x1, y1, x2, y2 of what the layout model finds on every page, however small."""
LABELS = [*(f"class {i}" for i in range(16)), "seal"]


def layout_folder(folder: Path) -> Path:
    """Finds `SEAL_BOX` on every page, whatever is on it."""
    rows = numpy_helper.from_array(np.array([SEAL_BOX], np.float32), "rows")
    count = numpy_helper.from_array(np.array([1], np.int32), "count")
    nodes = [
        helper.make_node("Identity", ["rows"], ["boxes"]),
        helper.make_node("Identity", ["count"], ["boxes_num"]),
    ]
    inputs = [_value("image", ("n", 3, 64, 64)), _value("scale_factor", ("n", 2))]
    outputs = [_value("boxes", (1, 6)), helper.make_tensor_value_info("boxes_num", TensorProto.INT32, (1,))]
    yml = {
        "Global": {"model_name": "PicoDet-S_layout_17cls"},
        "draw_threshold": 0.5,
        "arch": "PicoDet",
        "Preprocess": [
            {"type": "Resize", "target_size": [64, 64], "keep_ratio": False, "interp": 2},
            {"type": "NormalizeImage", "is_scale": True, "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]},
            {"type": "Permute"},
        ],
        "label_list": LABELS,
    }
    return _write(folder, nodes, inputs, outputs, [rows, count], yml)


def orientation_folder(folder: Path) -> Path:
    """Takes the darkest edge of a page for its head: the top (0), the right (90), the bottom (180), the left (270)."""
    constants, nodes, means = [numpy_helper.from_array(np.array([-20.0], np.float32), "steep")], [], []
    for name, axis, start, stop in (("top", 2, 0, 8), ("right", 3, 56, 64), ("bottom", 2, 56, 64), ("left", 3, 0, 8)):
        for part, values in (("from", [start]), ("to", [stop]), ("axis", [axis])):
            constants.append(numpy_helper.from_array(np.array(values, np.int64), f"{name} {part}"))
        nodes.append(helper.make_node("Slice", ["x", f"{name} from", f"{name} to", f"{name} axis"], [name]))
        nodes.append(helper.make_node("ReduceMean", [name], [f"{name} mean"], axes=[1, 2, 3], keepdims=1))
        means.append(f"{name} mean")
    nodes += [
        helper.make_node("Concat", means, ["edges"], axis=1),
        helper.make_node("Flatten", ["edges"], ["flat"]),
        helper.make_node("Mul", ["flat", "steep"], ["raised"]),
        helper.make_node("Softmax", ["raised"], ["y"], axis=1),
    ]
    return _write(folder, nodes, [_value("x", ("n", 3, 64, 64))], [_value("y", ("n", 4))], constants, ORIENTATION)


def unwarping_folder(folder: Path) -> Path:
    """Mirrors a page left to right."""
    constants = [
        numpy_helper.from_array(np.array([value], np.int64), name)
        for name, value in (("from", -1), ("to", -(2**31)), ("axis", 3), ("step", -1))
    ]
    nodes = [helper.make_node("Slice", ["image", "from", "to", "axis", "step"], ["y"])]
    shape = ("n", 3, "h", "w")
    return _write(folder, nodes, [_value("image", shape)], [_value("y", shape)], constants, UNWARPING)


def recogniser_folder(folder: Path, characters: Sequence[str], classes: int) -> Path:
    """A text recogniser of `classes` outputs whose inference.yml lists `characters`: they need not agree."""
    row = np.zeros((1, 40, classes), np.float32)
    row[:, :, 0] = 1
    constants = [numpy_helper.from_array(row, "row")]
    nodes = [helper.make_node("Identity", ["row"], ["y"])]
    yml = {
        "Global": {"model_name": "PP-OCRv6_small_rec"},
        "PreProcess": {"transform_ops": [{"RecResizeImg": {"image_shape": [3, 48, 320]}}]},
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": list(characters)},
    }
    inputs = [_value("x", ("n", 3, 48, "w"))]
    return _write(folder, nodes, inputs, [_value("y", (1, 40, classes))], constants, yml)


def _value(name: str, shape: Sequence[int | str]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def _write(folder: Path, nodes: list, inputs: list, outputs: list, constants: list, yml: dict[str, Any]) -> Path:
    folder.mkdir(parents=True)
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / "inference.onnx"))
    (folder / "inference.yml").write_text(yaml.safe_dump(yml, sort_keys=False), encoding="utf-8")
    return folder
