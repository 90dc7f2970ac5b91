"""Restores a checkpoint's metadata into the task before its network is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sealkit.engine.task import Task
from sealkit.weights.checkpoint import is_checkpoint, read_state
from sealkit.weights.sources import resolve


def restore_checkpoint(task: Task, source: Any) -> None:
    """Call `Task.restore` with the metadata of a checkpoint folder; other weights carry none.

    Args:
        source: what `weights.sources.resolve` returned, a path, or arrays by name.
    """
    if isinstance(source, (str, Path)):
        source = resolve(source, task.name)
    path = getattr(source, "path", None)
    if path is not None and is_checkpoint(path):
        task.restore(read_state(path)["extras"])


__all__ = ["restore_checkpoint"]
