"""Model folders with the official networks and drawn weights, for measuring speed where the official weights are not.

The published weights of most models lie on a server; how long a network takes does not depend on them. `write_stand_in`
writes the folder that an export of such a model would be (Paddle program, inference.yml, ONNX), with seeded random
weights whose BatchNorm statistics fit them, so that values stay in the usual range.

A network with random weights finds nothing, and what comes after it would have nothing to do. So the graphs answer with
a rule of their own, to which the network's output is added with weight 1e-6: it is computed, no optimiser can drop it,
and it changes nothing. The rules: the detector marks what is darker than paper in green light (red, blue and black ink)
after a little blur; layout detection adds one box `seal`, the whole page; orientation says 0 degrees; unwarping returns
the page. The recogniser has no rule, it reads nonsense of random letters. The rules cost a few milliseconds in both
libraries alike. Never use these folders to read anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
import yaml
from paddle import nn

from sealkit import zoo
from sealkit.config.load import load_recipe
from sealkit.errors import ConfigError
from sealkit.export import onnx_file
from sealkit.export.model import PROGRAM, write_graph
from sealkit.export.modules import GraphInput, module_export
from sealkit.images.normalise import IMAGENET_MEAN, IMAGENET_STD, normalise
from sealkit.modules.layout_detection.classes import CLASSES
from sealkit.nn.layers import upsample_nearest
from sealkit.runtime.files import ONNX, PARAMS, YML
from sealkit.weights.atomic import replace_folder
from sealkit.weights.onnx_import import document_pictures

TRACE = 1e-6
"""Weight of the network's own output."""
INK, SHARPNESS = 0.3, 25.0
"""Where the detector's rule has probability one half (0 = paper, 1 = black), and how steep it is there."""
GRID_SAMPLE_OPSET = 16
UNWARPING = "image_unwarping"


class InkRule(nn.Layer):
    """A seal text detector that finds ink: x [N, 3, H, W] (normalised BGR) -> probability [N, 1, H, W]."""

    def __init__(self, net: nn.Layer) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        ink = 1 - (x[:, 1:2] * IMAGENET_STD[1] + IMAGENET_MEAN[1])
        blurred = F.avg_pool2d(F.avg_pool2d(ink, 2, 2), 5, 1, 2)  # [N, 1, H/2, W/2]
        text = upsample_nearest(F.sigmoid((blurred - INK) * SHARPNESS), 2)
        return text + TRACE * self.net(x)[:, :1]


class WholePageRule(nn.Layer):
    """A layout detector that adds the whole page as a seal; for one page at a time."""

    def __init__(self, net: nn.Layer, seal: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.net, self.seal, self.size = net, seal, size

    def answer(
        self, found: tuple[paddle.Tensor, paddle.Tensor], scale_factor: paddle.Tensor
    ) -> tuple[paddle.Tensor, paddle.Tensor]:
        """Rows and count of the network -> the same with the page's row in front, the network's scores made small."""
        rows, number = found
        page = paddle.to_tensor([[float(v) for v in self.size]]) / scale_factor  # [1, 2] height, width
        page = paddle.concat([page[:, 1:], page[:, :1]], axis=1)
        first = paddle.concat([paddle.full([1, 1], float(self.seal)), paddle.full([1, 1], 0.9), page * 0, page], axis=1)
        others = paddle.concat([rows[:, :1], rows[:, 1:2] * TRACE, rows[:, 2:]], axis=1)
        return paddle.concat([first, others], axis=0), number + 1


class WholePagePico(WholePageRule):
    def forward(self, image: paddle.Tensor, scale_factor: paddle.Tensor) -> tuple[paddle.Tensor, paddle.Tensor]:
        return self.answer(self.net(image, scale_factor), scale_factor)


class WholePageTransformer(WholePageRule):
    def forward(
        self, im_shape: paddle.Tensor, image: paddle.Tensor, scale_factor: paddle.Tensor
    ) -> tuple[paddle.Tensor, paddle.Tensor]:
        return self.answer(self.net(im_shape, image, scale_factor), scale_factor)


class UprightRule(nn.Layer):
    """An orientation classifier that says 0 degrees."""

    def __init__(self, net: nn.Layer, classes: int) -> None:
        super().__init__()
        self.net, self.classes = net, classes

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        upright = paddle.to_tensor([[1.0] + [0.0] * (self.classes - 1)])
        return upright * (1 - TRACE) + TRACE * self.net(x)


class SamePageRule(nn.Layer):
    """An unwarping network that leaves the page as it is."""

    def __init__(self, net: nn.Layer) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return x * (1 - TRACE) + TRACE * self.net(x)


def write_stand_in(model_name: str, folder: Path, seed: int = 0) -> None:
    """Write the folder of a model of the zoo; an older one of it is replaced.

    Raises:
        ConfigError: no such model.
        ExportError: the graph or the ONNX file could not be written.
    """
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


def _of_recipe(model_name: str) -> tuple[nn.Layer, Sequence[GraphInput], dict[str, Any]]:
    """Layer, inputs and inference.yml of a model that has a recipe."""
    names = zoo.recipes_by_model().get(model_name)
    if not names:
        raise ConfigError("no recipe of this model", value=model_name)
    task: Any = zoo.make_task(load_recipe(names[0]).settings)
    if task.name == "text_recognition":
        # Letters of a list as long as the published one: the last layer's width is a good part of the time.
        lines = zoo.get(model_name).extras["dictionary"].lines
        task.adopt({"character_dict": [chr(0x4E00 + i) for i in range(lines)]})
    if task.name == "layout_detection":
        task.adopt({"classes": CLASSES[model_name]})
    net = task.build_network()
    inputs = module_export(task.name).inputs(task)
    shape = next(given.shape for given in inputs if len(given.shape) == 4)
    _settle(net, (shape[2] or 320, shape[3] or 320))
    layer = module_export(task.name).inference(net, task)
    return _with_rule(layer, task), inputs, dict(task.inference_spec())


def _with_rule(layer: nn.Layer, task: Any) -> nn.Layer:
    if task.name == "seal_text_detection":
        layer = InkRule(layer)
    elif task.name == "layout_detection":
        kind = WholePagePico if task.family == "picodet" else WholePageTransformer
        layer = kind(layer, [name.lower() for name in task.classes].index("seal"), task.input_size)
    elif task.name == "doc_text_orientation":
        layer = UprightRule(layer, 4)
    layer.eval()
    return layer


def _unwarping(model_name: str) -> tuple[nn.Layer, Sequence[GraphInput], dict[str, Any]]:
    from sealkit.modules.image_unwarping.networks.uvdoc import inference_network

    net = zoo.build_network(model_name)
    _settle(net, (240, 320))
    layer = SamePageRule(inference_network(net))
    layer.eval()
    inputs = [GraphInput("image", (None, 3, None, None), "image")]
    return layer, inputs, {"Global": {"model_name": model_name}, "Sealkit": {"module": UNWARPING}}


def _settle(net: nn.Layer, hw: tuple[int, int]) -> None:
    """Give every BatchNorm the statistics of two drawn pages of this size, or values grow or vanish layer by layer."""
    net.eval()
    norms = [layer for layer in net.sublayers() if isinstance(layer, (nn.BatchNorm1D, nn.BatchNorm2D))]
    held = [(layer._momentum, layer._use_global_stats) for layer in norms]
    for layer in norms:
        layer._momentum, layer._use_global_stats = 0.0, False
        layer.training = True
    net(paddle.to_tensor(np.stack([normalise(page) for page in document_pictures((hw, hw))])))
    for layer, (momentum, fixed) in zip(norms, held):
        layer._momentum, layer._use_global_stats = momentum, fixed
        layer.training = False
