"""The interface of a module, with defaults, and the row types of each module's tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sealkit.modules.published import PublishedMetric, published_metric, published_size

if TYPE_CHECKING:
    from sealkit.modules.result import ModuleResult
    from sealkit.runtime.files import ModelMeta
    from sealkit.runtime.model import InferenceModel

Arrays = Sequence[np.ndarray]


@dataclass(frozen=True)
class PublishedCharset:
    """A published character list: known by its size, not shipped (an official model folder holds it).

    Attributes:
        file: its name in PaddleOCR.
        lines: characters; with blank and appended space a CTC head has two classes more.
        lists_space: the list holds a space itself, which the appended one supersedes.
        reverse_runs: right-to-left script; read texts are put into reading order by runs.
    """

    file: str
    lines: int
    lists_space: bool = False
    reverse_runs: bool = False

    @property
    def classes(self) -> int:
        """Classes of a CTC head."""
        return self.lines + 2


@dataclass(frozen=True)
class ModelInput:
    """What the network is fed; its normalisation is in the model folder's inference.yml.

    Attributes:
        height: pixels; None = any multiple of `multiple`.
        width: as `height`.
        channels: order of the three channels of the official models.
        multiple: sides are padded or rounded to it.
    """

    height: int | None = None
    width: int | None = None
    channels: Literal["BGR", "RGB"] = "BGR"
    multiple: int = 1


@dataclass(frozen=True)
class ModelSpec:
    """A named model.

    Attributes:
        name: the official name (PaddleX's).
        module: PaddleX's module name.
        build: makes the training network (a paddle.nn.Layer); imports paddle only when called. Keyword arguments
            depend on the module; all accept `form`: "official" (state_dict equals the published checkpoint's) or
            "fused".
        params: trainable parameters of the official form.
        architecture: which of the module's architectures it is.
        input: what it is fed.
        charset: the published character list of a recogniser.
        weights: weights tags that have it: `official`, `sealkit`, or a wheel's.
        licence: of the published weights.
        about: one line for lists.
    """

    name: str
    module: str
    build: Callable[..., Any]
    params: int
    architecture: str
    input: ModelInput
    charset: PublishedCharset | None = None
    weights: tuple[str, ...] = ()
    licence: str = "Apache-2.0"
    about: str = ""

    @property
    def published(self) -> PublishedMetric | None:
        """Published main metric, None where none is published."""
        return published_metric(self.name, self.module)

    @property
    def size_mb(self) -> float | None:
        """Published size of the inference model in MB, None where none is published."""
        return published_size(self.name)

    @property
    def sha256(self) -> dict[str, str]:
        """Weights tag → SHA-256 of the weights' file, for those in packages; official files are published without."""
        from sealkit.weights.wheels import WHEELS

        files = {tag: WHEELS[tag].files.get(self.name) for tag in self.weights if tag in WHEELS}
        return {tag: file.sha256 for tag, file in files.items() if file is not None}


class Predictor(ABC):
    """An inference model with its pre- and post-processing: what pipeline, service, `infer` and `create_model` run.

    Attributes:
        model: the inference model.
    """

    model: InferenceModel

    @classmethod
    @abstractmethod
    def create(cls, model: InferenceModel, **options: Any) -> Predictor:
        """A predictor with what the model's file says of itself, overridden by `options` that are not None.

        Raises:
            TypeError: options the module does not have.
            EngineError: the graph or its inference.yml belongs to another module.
        """

    @classmethod
    def wrote(cls, meta: ModelMeta) -> bool:
        """Whether an inference.yml is one of this module; False where it does not tell."""
        return False

    @classmethod  # noqa: B027 (a default, not a duty)
    def check_graph(cls, model: InferenceModel) -> None:
        """Refuse a graph that cannot be one of this module, before anything runs.

        Raises:
            EngineError: its outputs are another module's.
        """

    @abstractmethod
    def predict(self, input: Any, batch_size: int = 1) -> Iterator[ModuleResult]:
        """One result per image of everything `input` may be (see sealkit.images.iter_images), in order.

        A module may take options of its own after these two.
        """


def refuse_options(options: Mapping[str, Any]) -> None:
    """TypeError for any option of a module that has none, as Python itself says it."""
    if options:
        raise TypeError(f"unexpected option(s) {', '.join(sorted(options))}; this module has none")


@dataclass(frozen=True)
class GraphInput:
    """One input of a graph: its name, shape (None = any size), and the batch's key that is fed to it."""

    name: str
    shape: tuple[int | None, ...]
    key: str


class ModuleExport(ABC):
    """How a trained network of the module becomes a graph, and how the graph is compared with it.

    Attributes:
        same_shapes: whether outputs must agree in shape (detections come in any number, `differences` pairs them).
    """

    same_shapes = True

    @abstractmethod
    def reference(self, net: Any, task: Any) -> Any:
        """The layer that computes what the graph will, unfused, in eval mode, as the network was evaluated."""

    @abstractmethod
    def inference(self, net: Any, task: Any) -> Any:
        """The layer to export, in eval mode; may change the network in place."""

    @abstractmethod
    def inputs(self, task: Any) -> Sequence[GraphInput]:
        """The graph's inputs in the order the layers take them; the image, of rank 4, is one of them."""

    @abstractmethod
    def outputs(self, arrays: Arrays) -> Any:
        """Arrays of the graph → what `Task.decode` takes."""

    @abstractmethod
    def differences(self, expected: Arrays, got: Arrays) -> dict[str, float]:
        """Largest absolute difference per part of the output, of the same number of arrays."""

    def feed(self, task: Any, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The batch's arrays by the names of the graph's inputs, in their order."""
        return {given.name: batch[given.key] for given in self.inputs(task)}


class WeightsExport(ABC):
    """How weights of a module that is not trained here become a graph: no recipe, no evaluation set.

    Attributes:
        unused: prefix of tensors that inference has no use for: they may be missing.
        interpolates: the network cannot do without interpolation operations.
        mean_difference: mean absolute difference allowed between network and graph.
    """

    unused: str
    interpolates = False
    mean_difference: float

    @abstractmethod
    def inference(self, net: Any) -> Any:
        """The layer to export, in eval mode; may change the network in place."""

    @abstractmethod
    def inputs(self) -> Sequence[GraphInput]:
        """The graph's inputs, of which there is one."""

    @abstractmethod
    def feeds(self, images: Sequence[np.ndarray] | None) -> list[np.ndarray]:
        """Network inputs of images (H, W, 3) uint8 BGR, or of drawn ones: what the proof is made on."""

    @abstractmethod
    def spec(self, model: str) -> dict[str, Any]:
        """What inference.yml says."""


Runner = Callable[[np.ndarray], list[np.ndarray]]


class WeightsImport(ABC):
    """How another project's ONNX file of a module's model becomes a training checkpoint, with proof.

    Attributes:
        options: arguments of the model's builder, kept in the checkpoint.
        example: shape of an input the network can run.
    """

    options: Mapping[str, Any]
    example: tuple[int, ...]

    @abstractmethod
    def outputs(self, net: Any, x: Any) -> list[Any]:
        """What the file's graph returns for an input: tensors of the network."""

    @abstractmethod
    def inputs(self, images: Iterable[np.ndarray] | None) -> Iterator[np.ndarray]:
        """Network inputs of one sample each, of images (H, W, 3) uint8 BGR; None: of drawn ones."""

    def extras(self, path: Path) -> Mapping[str, Any]:
        """What else the checkpoint says of itself, read from the file."""
        return {}

    def runner(self, net: Any) -> Runner:
        """`outputs` as a function of arrays, without gradients."""
        import paddle

        def run_network(x: np.ndarray) -> list[np.ndarray]:
            with paddle.no_grad():
                return [out.numpy() for out in self.outputs(net, paddle.to_tensor(x))]

        return run_network
