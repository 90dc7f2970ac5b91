"""The memory limit of a worker: address space (RLIMIT_AS), counted from where its pipeline is loaded.

Address space and not resident memory, because the system enforces it, at once and by process. What a loaded pipeline
maps differs by gigabytes between machines (thread stacks, arenas of the allocator) and is therefore not part of it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

_NEAR = 0.8
"""An engine that fails at this share of the limit is taken to fail because of it; its own message differs."""


def limit_memory(extra: int | None) -> int | None:
    """Limit this process to `extra` bytes more than it has now.

    Returns:
        The limit in force; None: there is none (not asked for, or not Linux).
    """
    if extra is None:
        return None
    try:
        import resource

        present = _mapped("VmSize")
    except (ImportError, OSError):
        return None
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = present + extra if hard == resource.RLIM_INFINITY else min(present + extra, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    return limit


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception or one of its causes says so by its type."""
    for one in _causes(error):
        if isinstance(one, MemoryError) or (isinstance(one, OSError) and one.errno == errno.ENOMEM):
            return True
        if type(one).__module__.partition(".")[0] == "cv2" and getattr(one, "code", None) == -4:  # StsNoMem
            return True
    return False


class Peak:
    """How near to the limit a request comes: engines report a lack of memory by exceptions of their own.

    Args:
        limit: of the process; None: there is none.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._before = _mapped("VmPeak") if limit is not None else 0

    def was_near(self) -> bool:
        """Whether the process has mapped more than ever before since, and nearly all it may."""
        if self._limit is None:
            return False
        peak = _mapped("VmPeak")
        return peak > self._before and peak >= _NEAR * self._limit


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__


def _mapped(name: str) -> int:
    """VmSize or VmPeak of this process in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {name}")
