"""What a checkpoint says of itself, told to the task before its network is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sealkit.engine.task import Task
from sealkit.weights.checkpoint import is_checkpoint, read_state
from sealkit.weights.sources import resolve


def restore_checkpoint(task: Task, source: Any) -> None:
    """`Task.restore` with what a checkpoint folder says; of other weights nothing is known.

    Args:
        source: what `weights.sources.resolve` returned, a path, or arrays by name.
    """
    if isinstance(source, (str, Path)):
        source = resolve(source, task.name)
    path = getattr(source, "path", None)
    if path is not None and is_checkpoint(path):
        task.restore(read_state(path)["extras"])


__all__ = ["restore_checkpoint"]
