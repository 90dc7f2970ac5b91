"""A task's own say in what weights mean: networks whose size depends on data (characters) cannot be loaded blindly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sealkit.engine.task import Task
from sealkit.weights.checkpoint import is_checkpoint, read_state
from sealkit.weights.loading import LoadReport, load_into
from sealkit.weights.sources import resolve


def adopt(task: Task, extras: Mapping[str, Any]) -> None:
    """Tell a task what the weights to come say of themselves: a checkpoint's extras, an exported folder's charset.

    What they say then counts, not what the recipe's data would give. To be called before the network is built.
    """
    own = getattr(task, "adopt", None)
    if own is not None:
        own(extras)


def restore_checkpoint(task: Task, source: Any) -> None:
    """`adopt` what a checkpoint folder says; of other weights nothing is known.

    Args:
        source: what `weights.sources.resolve` returned, or a path.
    """
    if isinstance(source, (str, Path)):
        source = resolve(source, task.name)
    path = getattr(source, "path", None)
    if path is not None and is_checkpoint(path):
        adopt(task, read_state(path)["extras"])


def load_weights(task: Task, net: Any, source: Any, allow_partial: bool = False) -> LoadReport:
    """Load weights into a task's network: its own `load_weights` where it has one, else `load_into`."""
    own = getattr(task, "load_weights", None)
    report: LoadReport = own(net, source, allow_partial) if own is not None else load_into(net, source, allow_partial)
    return report


__all__ = ["adopt", "load_weights", "restore_checkpoint"]
