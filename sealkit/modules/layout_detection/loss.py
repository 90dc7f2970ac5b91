"""Chooses the loss of a layout detector by its family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sealkit.modules.layout_detection.settings import LayoutLossSettings

Loss = Callable[[Mapping[str, Any], Mapping[str, Sequence[Any]], float], dict[str, Any]]
"""(raw outputs, targets, epochs completed) → named scalars whose sum is optimised."""


def layout_loss(
    family: str, num_classes: int, settings: LayoutLossSettings, all_sum: Callable[[Any], Any] | None = None
) -> Loss:
    """The loss of a family, `picodet` or `rtdetr`; `all_sum` is `StepState.all_sum`."""
    if family == "picodet":
        from sealkit.modules.layout_detection.picodet_loss import PicoDetLoss

        return PicoDetLoss(num_classes, settings.static_assigner_epoch, all_sum)
    from sealkit.modules.layout_detection.rtdetr_loss import RTDETRLoss

    loss = RTDETRLoss(num_classes, all_sum=all_sum)
    return lambda outputs, targets, epoch: loss(outputs, targets)


__all__ = ["Loss", "layout_loss"]
