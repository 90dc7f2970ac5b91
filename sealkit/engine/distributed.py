"""Rank, all-reduce, gather and broadcast between the processes of a run; a single process needs no Paddle."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sealkit.errors import TrainingError


@dataclass(frozen=True)
class World:
    """The processes of a run. Only rank 0 writes files."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes the run's files: rank 0."""
        return self.rank == 0

    def sum_(self, tensor: Any) -> None:
        """Replace `tensor` on every rank by the sum over ranks; no gradient."""
        if self.size > 1:
            import paddle.distributed as dist

            dist.all_reduce(tensor, op=dist.ReduceOp.SUM)

    def all_sum(self, tensor: Any) -> Any:
        """Differentiable sum over ranks, for losses that are ratios of sums over the whole batch.

        The loop averages gradients over ranks. A loss computed from such sums is the same on every rank, so the
        backward pass multiplies by the number of ranks, and the averaged gradient is that of one process with the
        whole batch.
        """
        if self.size == 1:
            return tensor
        total = tensor.detach().clone()
        self.sum_(total)
        local = tensor * float(self.size)
        # value: the total; gradient: that of `local`
        return local + (total - local.detach())

    def gather(self, items: Sequence[Any]) -> list[Any]:
        """The items (picklable) of all ranks, rank by rank, on every rank."""
        if self.size == 1:
            return list(items)
        import paddle.distributed as dist

        parts: list[Any] = []
        dist.all_gather_object(parts, list(items))
        return [item for part in parts for item in part]

    def broadcast(self, value: Any) -> Any:
        """Rank 0's value (picklable) on every rank: how decisions are agreed on."""
        if self.size == 1:
            return value
        import paddle.distributed as dist

        holder = [value]
        dist.broadcast_object_list(holder, src=0)
        return holder[0]

    def all_true(self, value: bool) -> bool:
        """True where it is on every rank."""
        if self.size == 1:
            return value
        import paddle

        votes = paddle.to_tensor([0 if value else 1], dtype="int32")
        self.sum_(votes)
        return int(votes.item()) == 0


def launched_size() -> int:
    """Processes `paddle.distributed.launch` started; 1 without it."""
    return int(os.environ.get("PADDLE_TRAINERS_NUM", "1"))


def connect() -> World:
    """Join the processes started by `python -m paddle.distributed.launch`; one process without it.

    On CPU launch with `--backend gloo`.

    Raises:
        TrainingError: the other processes could not be reached.
    """
    if launched_size() == 1:
        return World()
    import paddle.distributed as dist

    try:
        if not dist.is_initialized():
            dist.init_parallel_env()
    except (RuntimeError, ValueError, OSError) as error:
        raise TrainingError(
            f"the processes of this run cannot reach each other: {error}",
            hint="start them with `python -m paddle.distributed.launch`; on CPU with `--backend gloo`",
        ) from error
    return World(dist.get_rank(), dist.get_world_size())
