"""Files and folders that are either complete or absent, whenever the process is killed.

A file is written beside its place, flushed to the disk and renamed. A folder cannot be renamed over another one, so
`replace_folder` moves the old one aside first; `claim_folder` finishes what a kill between the two renames left.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def flush(path: Path) -> None:
    """Force a file or a folder entry to the disk; folders cannot be flushed on Windows, where this does nothing."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace the file at `path` by `data`, atomically."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with open(partial, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    flush(path.parent)


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` by UTF-8 `text`, atomically."""
    write_bytes(path, text.encode("utf-8"))


def _aside(folder: Path) -> tuple[Path, Path]:
    return folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")


def replace_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Replace `folder` by one that `fill(empty_folder)` writes; readers see the old or the new one, never a mixture.

    A kill at any moment leaves `folder`, or `folder.new` complete beside `folder.old`; `claim_folder` tells which.
    """
    claim_folder(folder)
    new, old = _aside(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    filling = folder.with_name(folder.name + ".partial")
    shutil.rmtree(filling, ignore_errors=True)
    filling.mkdir()
    fill(filling)
    for file in filling.iterdir():
        flush(file)
    flush(filling)
    os.rename(filling, new)  # from here on the new one is complete, whatever happens
    if folder.exists():
        os.rename(folder, old)
    os.rename(new, folder)
    flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def claim_folder(folder: Path) -> Path:
    """Bring `folder` to its newest complete state after a kill inside `replace_folder`; returns `folder`."""
    new, old = _aside(folder)
    if new.exists():
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            os.rename(folder, old)
        os.rename(new, folder)
    elif old.exists() and not folder.exists():
        os.rename(old, folder)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(folder.with_name(folder.name + ".partial"), ignore_errors=True)
    return folder
