"""Base class of the modules' tasks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from sealkit.config.training import ModuleRecipe
from sealkit.engine.task import ParamGroup, Task
from sealkit.errors import ConfigError
from sealkit.modules.base import ModelSpec

Recipe = TypeVar("Recipe", bound=ModuleRecipe)


class ModuleTask(Task, Generic[Recipe]):
    """A module's answers to the loop's questions, made from a recipe.

    Attributes:
        models: the module's table of models.
        default_metric: name of the metric that decides where the recipe names none.
        recipe: its settings.
        spec: the row of the recipe's model.

    Raises:
        ConfigError: the module has no such model; those it has are named.
    """

    models: ClassVar[Mapping[str, ModelSpec]]
    default_metric: ClassVar[str]

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        if recipe.model not in self.models:
            raise ConfigError(
                f"unknown model of {self.name}",
                where="model",
                value=recipe.model,
                hint=f"use one of {', '.join(self.models)}",
            )
        self.spec = self.models[recipe.model]

    @property
    def main_metric(self) -> str:  # type: ignore[override]
        """The metric that decides which checkpoint is best: `eval.metric`, else the module's."""
        return self.recipe.eval.metric or self.default_metric

    @abstractmethod
    def load_set(self, entry: Any) -> Any:
        """What a set's label file holds.

        Raises:
            DataError: it is missing, has nothing usable, or too many faults.
        """

    @abstractmethod
    def set_info(self, entry: Any, found: Any) -> dict[str, Any]:
        """Fingerprint and counts of a set, of what `load_set` returned."""

    @cached_property
    def train_sets(self) -> list[Any]:
        """What each training set holds. Read once: label files that change during a run do not change the run."""
        return [self.load_set(entry) for entry in self.recipe.data.train]

    @cached_property
    def val_sets(self) -> list[Any]:
        """As `train_sets`, of validation."""
        return [self.load_set(entry) for entry in self.recipe.data.val]

    def data_info(self) -> dict[str, Any]:
        """Fingerprint and counts of every set; a resumed run must find them unchanged."""
        data = self.recipe.data
        return {
            "train": [self.set_info(entry, found) for entry, found in zip(data.train, self.train_sets)],
            "val": [self.set_info(entry, found) for entry, found in zip(data.val, self.val_sets)],
        }

    def build_network(self) -> Any:
        """The training network with its BatchNorms as the recipe wants them."""
        net = self.make_network()
        if self.freezes_batch_norm:
            from sealkit.nn.layers import freeze_batch_norm

            freeze_batch_norm(net)
        return net

    @property
    def freezes_batch_norm(self) -> bool:
        """Whether BatchNorms keep their statistics."""
        return False

    @abstractmethod
    def make_network(self) -> Any:
        """The training network in the recipe's form, freshly initialised."""

    def param_groups(self, net: Any) -> Sequence[ParamGroup]:
        """Trainable parameters by what the network asks of the optimiser: learning-rate factor and own decay.

        Such are the factor 0.1 of PPLCNetV3's affine blocks and of RT-DETR's backbone, and no decay for BatchNorms in
        branches and for CTC's Linear.
        """
        from sealkit.nn.layers import param_factors

        groups: dict[tuple[float, float | None], list[Any]] = {}
        for _, param, factor, decay in param_factors(net):
            if not param.stop_gradient:
                groups.setdefault((factor, decay), []).append(param)
        return [ParamGroup(params, factor, decay) for (factor, decay), params in groups.items()]
