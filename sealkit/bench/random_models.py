"""Model folders with the official networks and drawn weights, for measuring speed where the official weights are not.

The published weights of most models lie on a server; how long a network takes does not depend on them. `write_stand_in`
writes the folder that an export of such a model would be (Paddle program, inference.yml, ONNX), with seeded random
weights whose BatchNorm statistics fit them, so that values stay in the usual range.

A network with random weights finds nothing, and what comes after it would have nothing to do. So the graphs answer with
a rule of their own, to which the network's output is added with weight 1e-6: it is computed, no optimiser can drop it,
and it changes nothing. The rules: the detector marks what is darker than paper in green light (red, blue and black ink)
after a little blur; layout detection adds one box `seal`, the whole page; orientation says 0 degrees; unwarping returns
the page. The recogniser has no rule, it reads nonsense of random characters. The rules cost a few milliseconds in both
libraries alike. Never use these folders to read anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from sealkit import zoo
from sealkit.errors import ConfigError
from sealkit.export import onnx_file
from sealkit.export.model import PROGRAM, write_graph
from sealkit.modules.base import GraphInput
from sealkit.modules.layout_detection.classes import CLASSES
from sealkit.modules.recipe import load_recipe
from sealkit.modules.table import info
from sealkit.runtime.files import ONNX, PARAMS, YML
from sealkit.weights.atomic import replace_folder

GRID_SAMPLE_OPSET = 16
UNWARPING = "image_unwarping"


def write_stand_in(model_name: str, folder: Path, seed: int = 0) -> None:
    """Write the folder of a model of the zoo; an older one of it is replaced.

    Raises:
        ConfigError: no such model.
        ExportError: the graph or the ONNX file could not be written.
    """
    import paddle

    module = zoo.get(model_name).module
    paddle.seed(seed)
    with paddle.no_grad():
        layer, inputs, spec = _unwarping(model_name) if module == UNWARPING else _of_recipe(model_name)

    def fill(target: Path) -> None:
        text = yaml.safe_dump(spec, allow_unicode=True, sort_keys=False)
        (target / YML).write_text(text, encoding="utf-8")
        unwarping = module == UNWARPING
        write_graph(layer, inputs, target, interpolates=unwarping)
        opset = GRID_SAMPLE_OPSET if unwarping else onnx_file.OPSET
        onnx_file.convert(target / PROGRAM, target / PARAMS, target / ONNX, opset)

    replace_folder(folder, fill)


def _of_recipe(model_name: str) -> tuple[Any, Sequence[GraphInput], dict[str, Any]]:
    """Layer, inputs and inference.yml of a model that has a recipe."""
    from sealkit.bench.networks.rules import settle

    names = zoo.recipes_by_model().get(model_name)
    if not names:
        raise ConfigError(
            "no recipe of this model", value=model_name, hint="`sealkit models` lists those that have one"
        )
    task: Any = zoo.make_task(load_recipe(names[0]).settings)
    if task.name == "text_recognition":
        # Characters of a list as long as the published one: the last layer's width is a good part of the time.
        charset = zoo.get(model_name).charset
        lines = charset.lines if charset is not None else 0
        task.restore({"character_dict": [chr(0x4E00 + i) for i in range(lines)]})
    if task.name == "layout_detection":
        task.restore({"classes": CLASSES[model_name]})
    net = task.build_network()
    row = info(task.name).module_export()
    inputs = row.inputs(task)
    shape = next(given.shape for given in inputs if len(given.shape) == 4)
    settle(net, (shape[2] or 320, shape[3] or 320))
    layer = row.inference(net, task)
    return _with_rule(layer, task), inputs, dict(task.inference_spec())


def _with_rule(layer: Any, task: Any) -> Any:
    from sealkit.bench.networks import rules

    if task.name == "seal_text_detection":
        layer = rules.InkRule(layer)
    elif task.name == "layout_detection":
        kind = rules.WholePagePico if task.family == "picodet" else rules.WholePageTransformer
        layer = kind(layer, [name.lower() for name in task.classes].index("seal"), task.input_size)
    elif task.name == "doc_text_orientation":
        layer = rules.UprightRule(layer, 4)
    layer.eval()
    return layer


def _unwarping(model_name: str) -> tuple[Any, Sequence[GraphInput], dict[str, Any]]:
    from sealkit.bench.networks.rules import SamePageRule, settle
    from sealkit.modules.image_unwarping.networks.uvdoc import inference_network

    net = zoo.build_network(model_name)
    settle(net, (240, 320))
    layer = SamePageRule(inference_network(net))
    layer.eval()
    inputs = [GraphInput("image", (None, 3, None, None), "image")]
    return layer, inputs, {"Global": {"model_name": model_name}, "Sealkit": {"module": UNWARPING}}
