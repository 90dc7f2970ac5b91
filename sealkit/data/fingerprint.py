"""Fingerprint of a run's data: a hash over labels and images, with counts, for `data.json`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sealkit.files import open_regular

_CHUNK = 1 << 20


def file_hash(path: str | Path) -> str:
    """SHA-256 of a regular file, "" where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open_regular(path) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()


def fingerprint(
    root: str | Path,
    label_file: str | Path,
    samples: Sequence[Any],
    *,
    images: bool = True,
    workers: int = 0,
) -> dict[str, Any]:
    """Identity of one label file with its images.

    Two sets have the same `sha256` exactly when their label files have the same bytes and every image, in label
    order, has the same relative path and the same bytes. It does not depend on where the folder lies.

    Args:
        root: folder that image paths are relative to.
        label_file: relative to the root, or absolute.
        samples: what the label file holds; records with `image_path`, and `lines` where images have several texts.
        images: hash the images' bytes; otherwise only their sizes (a large set on a slow disk), told by
            `images_by`.
        workers: files read at once, 0 = one per core.

    Returns:
        plain values for JSON: root, labels, sha256, labels_sha256, images_sha256, images_by, and counts of
            images, texts,
        ignored texts, images without text, missing images and bytes.
    """
    root = Path(root)
    path = root / label_file
    labels_hash = file_hash(path if path.is_file() else label_file)
    paths = [sample.image_path for sample in samples]
    sizes = [_size(image) for image in paths]
    if images:
        with ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1)) as pool:
            marks = list(pool.map(file_hash, paths))
    else:
        marks = [str(size) for size in sizes]
    names = [Path(os.path.relpath(image, root)).as_posix() for image in paths]
    images_hash = _digest(f"{name}\0{mark}\n" for name, mark in zip(names, marks))
    single = [sample for sample in samples if not hasattr(sample, "lines")]  # one text or class each
    several = [sample for sample in samples if hasattr(sample, "lines")]
    lines = [line for sample in several for line in sample.lines]
    return {
        "root": str(root),
        "labels": str(label_file),
        "sha256": _digest([labels_hash, "\n", images_hash]),
        "labels_sha256": labels_hash,
        "images_sha256": images_hash,
        "images_by": "content" if images else "size",
        "images": len(samples),
        "texts": len(single) + sum(not line.ignore for line in lines),
        "ignored": sum(line.ignore for line in lines),
        "without_text": sum(not sample.lines for sample in several),
        "missing_images": sum(size < 0 for size in sizes),
        "bytes": sum(max(0, size) for size in sizes),
    }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


__all__ = ["file_hash", "fingerprint"]
