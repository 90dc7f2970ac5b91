"""What the tasks of all modules do alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sealkit.engine.task import ParamGroup
from sealkit.errors import ConfigError
from sealkit.modules.base import ModelSpec


def spec_of(models: Mapping[str, ModelSpec], model: str, module: str) -> ModelSpec:
    """The row of a recipe's model in its module's table.

    Raises:
        ConfigError: the module has no such model; those it has are named.
    """
    if model not in models:
        raise ConfigError(
            f"unknown model of {module}", where="model", value=model, hint=f"use one of {', '.join(models)}"
        )
    return models[model]


def trainable_groups(net: Any) -> Sequence[ParamGroup]:
    """Trainable parameters of a network by what they ask of the optimiser: learning-rate factor and own decay.

    Such are the factor 0.1 of PPLCNetV3's affine blocks and of RT-DETR's backbone, and no decay for BatchNorms in
    branches and for CTC's Linear.
    """
    from sealkit.nn.layers import param_factors

    groups: dict[tuple[float, float | None], list[Any]] = {}
    for _, param, factor, decay in param_factors(net):
        if not param.stop_gradient:
            groups.setdefault((factor, decay), []).append(param)
    return [ParamGroup(params, factor, decay) for (factor, decay), params in groups.items()]
