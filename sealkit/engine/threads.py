"""CPU threads and kernels of the matrix library, set before Paddle is imported: it uses one thread by default."""

from __future__ import annotations

import os
import sys

from sealkit.engine.mkl import use_avx2


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processes_here() -> int:
    """Processes of this run on this machine, from the addresses `paddle.distributed.launch` hands out."""
    host = os.environ.get("PADDLE_CURRENT_ENDPOINT", "").rpartition(":")[0]
    hosts = [end.rpartition(":")[0] for end in os.environ.get("PADDLE_TRAINER_ENDPOINTS", "").split(",")]
    return max(1, hosts.count(host))


def set_threads(threads: int | None = None) -> int:
    """Set threads and kernels (`use_avx2`) of Paddle's matrix library for this process; call before Paddle is imported.

    Args:
        threads: number of threads; None: what OMP_NUM_THREADS says, else all cores, shared evenly between the processes
            that `paddle.distributed.launch` started on this machine.

    Returns:
        The threads in force. Where Paddle is already imported nothing changes and the present number is returned.
    """
    use_avx2()
    present = os.environ.get("OMP_NUM_THREADS")
    if "paddle" in sys.modules:
        return int(present) if present and present.isdigit() else 1
    if threads is None:
        # launch sets OMP_NUM_THREADS=1 for its processes, which is its default and not the user's wish
        launched = _processes_here()
        if present and present.isdigit() and launched == 1:
            return int(present)
        threads = max(1, available_cores() // launched)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    return threads
