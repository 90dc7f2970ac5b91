"""Memory that training frees and takes again in each step.

Paddle's CPU allocator asks malloc for each tensor. glibc's gives large blocks back to the system, and the end of its
heap as well; the next tensor then gets new pages, which the kernel hands out and fills with zeros, 4 KB at a time.
Inside `kept_memory` glibc keeps what was freed. Values do not change.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_NEVER = -1
# where glibc's own limits arrive once blocks of tens of megabytes have been freed; larger ones stay mappings of their
# own, which is as fast as without (measured) and cannot tear the heap to pieces
_MAPPED, _TRIMMED = 32 << 20, 64 << 20
_USERS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_TOP_PAD_")


def keep_memory() -> bool:
    """Let malloc keep what is freed, until `release_memory`; False where it is not glibc's or the user has set it."""
    malloc = _glibc()
    if malloc is None or _chosen():
        return False
    return bool(malloc.mallopt(_MMAP_THRESHOLD, _MAPPED) and malloc.mallopt(_TRIM_THRESHOLD, _NEVER))


def release_memory(now: bool = True) -> None:
    """Undo `keep_memory`. What is free goes back to the system `now`, or as it comes to the heap's end."""
    malloc = _glibc()
    if malloc is not None and not _chosen():
        malloc.mallopt(_TRIM_THRESHOLD, _TRIMMED)
        if now:
            malloc.malloc_trim(0)


@contextmanager
def kept_memory() -> Iterator[None]:
    """Freed memory stays with the process inside, and goes back to the system at the end."""
    kept = keep_memory()
    try:
        yield
    finally:
        if kept:
            release_memory()


def _chosen() -> bool:
    """Whether the user has set malloc's limits."""
    return any(name in os.environ for name in _USERS)


def _glibc() -> Any:
    """The C library where it is glibc: on Linux, but not with musl."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # TypeError: on Windows a program has no library of itself
        return None
    return library if hasattr(library, "gnu_get_libc_version") else None
