"""What a module must answer, with defaults. The rows of each module's tables are of these types."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sealkit.modules.result import ModuleResult
    from sealkit.runtime.files import ModelMeta
    from sealkit.runtime.model import InferenceModel


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
        size_mb: published size of the inference model, None where none is published.
        figure: published main metric, e.g. {"name": "Hmean", "value": 98.21, "source": …}; None where none is
            published.
        weights: weights tags that have it: `official`, `sealkit`, or a wheel's.
        about: one line for lists.
    """

    name: str
    module: str
    build: Callable[..., Any]
    params: int
    size_mb: float | None = None
    figure: Mapping[str, Any] | None = None
    weights: tuple[str, ...] = ()
    about: str = ""
    extras: Mapping[str, Any] = field(default_factory=dict)


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
