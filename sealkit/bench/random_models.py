"""Model folders with the official networks and drawn weights, for measuring speed where the official weights are not.

The published weights of most models lie on a server; how long a network takes does not depend on them. `write_stand_in`
writes the folder that an export of such a model would be (Paddle program, inference.yml, ONNX), with seeded random
weights whose BatchNorm statistics fit them, so that values stay in the usual range.

A network with random weights finds nothing, and what comes after it would have nothing to do. So the graphs answer with
a rule of their own, to which the network's output is added with weight 1e-6: it is computed, no optimiser can drop it,
and it changes nothing. The rules: the detector marks what is darker than paper in green light (red, blue and black ink)
after a little blur; layout detection adds one box `seal`, the whole page; orientation says 0 degrees; unwarping returns
the page. The recogniser has no rule, it reads nonsense of random characters. The rules cost a few milliseconds in both
libraries alike; `rule=False` leaves them out, for measuring the network alone. Never use these folders to read
anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from sealkit import zoo
from sealkit.download.places import models_folder
from sealkit.errors import ConfigError
from sealkit.export import onnx_file
from sealkit.export.model import PROGRAM, write_graph
from sealkit.files import replace_folder, write_text
from sealkit.modules.base import GraphInput
from sealkit.modules.layout_detection.classes import CLASSES
from sealkit.modules.recipe import load_recipe
from sealkit.modules.table import info
from sealkit.runtime.files import ONNX, PARAMS, YML
from sealkit.version import __version__

GRID_SAMPLE_OPSET = 16


def random_folder(model_name: str, *, rule: bool = False) -> Path:
    """The folder of a model with random weights in the cache folder; written where it is not there yet.

    Args:
        rule: with the rule that lets the graph find something.

    Raises:
        ConfigError, ExportError: see `write_stand_in`.
    """
    folder = models_folder() / "random-weights" / (f"{__version__}-rule" if rule else __version__) / model_name
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_stand_in(model_name, folder, rule=rule)
    return folder


def write_stand_in(model_name: str, folder: Path, seed: int = 0, *, rule: bool = True) -> None:
    """Write the folder of a model of the zoo; an older one of it is replaced.

    Args:
        rule: with the rule that lets the graph find something.

    Raises:
        ConfigError: no such model.
        ExportError: the graph or the ONNX file could not be written.
    """
    import paddle

    row = info(zoo.get(model_name).module)
    paddle.seed(seed)
    with paddle.no_grad():
        layer, inputs, spec = (_of_weights if row.not_trainable else _of_recipe)(model_name, rule)
    interpolates = bool(row.not_trainable) and row.weights_export().interpolates

    def fill(target: Path) -> None:
        text = yaml.safe_dump(spec, allow_unicode=True, sort_keys=False)
        write_text(target / YML, text)
        write_graph(layer, inputs, target, interpolates=interpolates)
        opset = GRID_SAMPLE_OPSET if interpolates else onnx_file.OPSET
        onnx_file.convert(target / PROGRAM, target / PARAMS, target / ONNX, opset)

    replace_folder(folder, fill)


def _of_recipe(model_name: str, rule: bool) -> tuple[Any, Sequence[GraphInput], dict[str, Any]]:
    """Layer, inputs and inference.yml of a model that has a recipe."""
    from sealkit.bench.networks.rules import calibrate_batch_norm, with_rule

    names = zoo.recipes_by_model().get(model_name)
    if not names:
        raise ConfigError(
            "no recipe of this model", value=model_name, hint="`sealkit models` lists those that have one"
        )
    task: Any = zoo.make_task(load_recipe(names[0]).settings)
    spec = zoo.get(model_name)
    # Characters of a list as long as the published one: the last layer's width is a good part of the time.
    characters = [chr(0x4E00 + i) for i in range(spec.charset.lines)] if spec.charset is not None else None
    task.restore({"character_dict": characters, "classes": CLASSES.get(model_name)})
    net = task.build_network()
    row = info(task.name)
    inputs = row.module_export().inputs(task)
    shape = next(given.shape for given in inputs if len(given.shape) == 4)
    calibrate_batch_norm(net, (shape[2] or 320, shape[3] or 320))
    layer = with_rule(row.keys[0] if rule else "", row.module_export().inference(net, task), task)
    return layer, inputs, dict(task.inference_spec())


def _of_weights(model_name: str, rule: bool) -> tuple[Any, Sequence[GraphInput], dict[str, Any]]:
    """As `_of_recipe`, of a model that has none."""
    from sealkit.bench.networks.rules import calibrate_batch_norm, with_rule

    spec = zoo.get(model_name)
    row = info(spec.module)
    net = spec.build()
    calibrate_batch_norm(net, (240, 320))
    layer = with_rule(row.keys[0] if rule else "", row.weights_export().inference(net), None)
    return layer, row.weights_export().inputs(), row.weights_export().spec(model_name)
