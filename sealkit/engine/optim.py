"""Learning-rate schedules as pure functions of the step, and the optimiser of a recipe."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sealkit.config.training import OptimizerSettings, ScheduleSettings
from sealkit.engine.task import ParamGroup
from sealkit.errors import ConfigError, WeightsError

_MOMENTS = re.compile(r"^(?P<param>.+)_(?P<moment>moment1|moment2|beta1_pow_acc|beta2_pow_acc|velocity)_\d+$")


def warmup(step: int, steps: int, start: float, peak: float) -> float:
    """Linear from `start` at step 0 to `peak` at step `steps`."""
    return start + (peak - start) * step / steps


def cosine(step: int, peak: float, period: int, end: float = 0.0) -> float:
    """Half a cosine from `peak` at step 0 to `end` at step `period`, `end` from there on."""
    return end + (peak - end) * 0.5 * (1.0 + math.cos(math.pi * min(step / period, 1.0)))


def learning_rate(
    step: int, settings: ScheduleSettings, peak: float, total_steps: int, steps_per_epoch: float
) -> float:
    """Learning rate of optimiser step `step` (0-based).

    Three laws of the reference family are settings of this one: PaddleOCR's cosine counts its period from the end of
    the warm-up and so ends above 0 (`cosine_total: all`), PaddleClas's and ppdet's period ends with the run
    (`after_warmup`); ppdet warms up from a share of the peak (`warmup_from`).

    Args:
        total_steps: steps the schedule is laid out for.
    """
    warm = warmup_steps(settings, steps_per_epoch)
    if step < warm:
        return warmup(step, warm, settings.warmup_from * peak, peak)
    end = settings.end_factor * peak
    rest = max(total_steps - warm, 1)
    if settings.name == "cosine":
        return cosine(step - warm, peak, total_steps if settings.cosine_total == "all" else rest, end)
    if settings.name == "linear":
        return peak + (end - peak) * min((step - warm) / rest, 1.0)
    if settings.name == "multistep":
        passed = sum(step >= round(epoch * steps_per_epoch) for epoch in settings.milestones)
        return peak * settings.gamma**passed
    return peak


def warmup_steps(settings: ScheduleSettings, steps_per_epoch: float) -> int:
    """Length of the warm-up in optimiser steps."""
    if settings.warmup_steps is not None:
        return settings.warmup_steps
    return round(settings.warmup_epochs * steps_per_epoch)


def peak_rate(settings: OptimizerSettings, total_batch: int) -> float:
    """Peak learning rate for a total batch size: scaled linearly where the recipe says which size its `lr` is for."""
    return settings.lr * total_batch / settings.lr_batch_size if settings.lr_batch_size else settings.lr


class Optimizer:
    """A Paddle optimiser whose parameters are known by their state_dict names.

    Coupled L2 (Adam, Momentum) is added to the gradient, AdamW's is decoupled, as in the reference. A parameter's
    decay is its group's own, else none where `no_decay` matches, else the recipe's.

    Args:
        net: paddle.nn.Layer, for the names.
        groups: the task's parameter groups; parameters in none of them, or with `stop_gradient`, are not trained.

    Raises:
        ConfigError: a parameter in two groups, or nothing to train.
    """

    def __init__(self, net: Any, groups: Sequence[ParamGroup], settings: OptimizerSettings) -> None:
        import paddle

        self.names: dict[str, str] = {}  # Paddle's name, which depends on what was built before, -> state_dict name
        for name, param in net.named_parameters():
            self.names.setdefault(param.name, name)
        self.params: dict[str, Any] = {}
        decays: dict[str, float] = {}
        for group in groups:
            for param in group.params:
                name = self.names[param.name]
                if name in self.params:
                    raise ConfigError("parameter in two groups", where=name)
                if param.stop_gradient:
                    continue
                self.params[name] = param
                param.optimize_attr["learning_rate"] = group.lr_mult
                decays[name] = _decay(name, param, group, settings)
        if not self.params:
            raise ConfigError("nothing to train: every parameter is frozen", where="param_groups")
        self._paddle = self._build(paddle, settings, decays)

    def _build(self, paddle: Any, settings: OptimizerSettings, decays: Mapping[str, float]) -> Any:
        every = list(self.params.values())
        if settings.name == "AdamW":
            parts = [
                {"params": [self.params[n] for n in decays if decays[n] == value], "weight_decay": value}
                for value in sorted(set(decays.values()))
            ]
            rates = {name: param.optimize_attr["learning_rate"] for name, param in self.params.items()}
            made = paddle.optimizer.AdamW(
                settings.lr, settings.beta1, settings.beta2, settings.epsilon, parameters=parts, weight_decay=0.0
            )
            for name, rate in rates.items():  # groups reset the factors
                self.params[name].optimize_attr["learning_rate"] = rate
            return made
        for name, param in self.params.items():
            param.regularizer = paddle.regularizer.L2Decay(decays[name]) if decays[name] else None
        if settings.name == "Adam":
            return paddle.optimizer.Adam(
                settings.lr, settings.beta1, settings.beta2, settings.epsilon, parameters=every
            )
        return paddle.optimizer.Momentum(settings.lr, settings.momentum, parameters=every)

    @property
    def paddle(self) -> Any:
        """The paddle.optimizer.Optimizer, for the gradient scaler."""
        return self._paddle

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next step."""
        self._paddle.set_lr(rate)

    def step(self) -> None:
        """Update the parameters."""
        self._paddle.step()

    def clear_gradients(self) -> None:
        """Drop all gradients."""
        # not set to zero: a parameter without a gradient must stay without one
        self._paddle.clear_grad(set_to_zero=False)

    def gradients(self) -> Iterable[tuple[str, Any]]:
        """(name, gradient) of the parameters that have one."""
        return ((name, param.grad) for name, param in self.params.items() if param.grad is not None)

    def _moments(self) -> dict[str, Any]:
        found = {}
        for key, tensor in self._paddle.state_dict().items():
            match = _MOMENTS.match(key)
            if match and match["param"] in self.names:
                found[f"{self.names[match['param']]}/{match['moment']}"] = tensor
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Moments as `<parameter>/<moment>`."""
        return {name: tensor.numpy() for name, tensor in self._moments().items()}

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore what `arrays` returned.

        Raises:
            WeightsError: the moments do not belong to these parameters.
        """
        wanted = {name.rpartition("/")[0] for name in arrays}
        if wanted and wanted <= set(self.params):
            self._create_moments(wanted)
        moments = self._moments()
        if set(moments) != set(arrays):
            odd = sorted(set(moments) ^ set(arrays))[:5]
            raise WeightsError("the optimiser state belongs to another network or optimiser", value=odd)
        for name, tensor in moments.items():
            tensor.set_value(arrays[name])

    def _create_moments(self, names: set[str]) -> None:
        """Paddle makes its moments in the first step: take one that changes nothing (gradient 0, learning rate 0)."""
        before = self._paddle.get_lr()
        self.clear_gradients()
        touched = [(param * 0.0).sum() for name, param in self.params.items() if name in names]
        sum(touched[1:], touched[0]).backward()
        self._paddle.set_lr(0.0)
        self._paddle.step()
        self._paddle.set_lr(before)
        self.clear_gradients()


def _decay(name: str, param: Any, group: ParamGroup, settings: OptimizerSettings) -> float:
    if group.weight_decay is not None:
        return group.weight_decay
    for rule in settings.no_decay:
        if (param.ndim <= 1) if rule == "1d" else (rule in name):
            return 0.0
    return settings.weight_decay


def global_norm(gradients: Iterable[Any]) -> Any:
    """Square root of the sum of squares over all gradients, a tensor of one float32."""
    import paddle

    squares = [paddle.sum(paddle.square(gradient.astype("float32"))) for gradient in gradients]
    return paddle.sqrt(paddle.add_n(squares))


def clip_gradients(gradients: Iterable[Any], norm: float, limit: float) -> None:
    """Scale gradients in place so that their global norm, which is `norm`, is at most `limit`."""
    if norm > limit:
        scale_gradients(gradients, limit / norm)


def scale_gradients(gradients: Iterable[Any], factor: float) -> None:
    """Multiply gradients in place."""
    import paddle

    with paddle.no_grad():
        for gradient in gradients:
            gradient.scale_(factor)
