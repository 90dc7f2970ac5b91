"""A survey of a dataset's images: each file is read and decoded once, everything a check wants to know is taken
along.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from sealkit.data.duplicates import Signature, SignatureStore, signature
from sealkit.errors import EngineError, ImageError, Problem, Severity
from sealkit.images import ImageInfo, decode_bytes, inspect_bytes, read_file, suffix_of
from sealkit.workers.pool import Workers, mapped

SUFFIXES_OF_FORMAT = {
    "JPEG": {"jpg", "jpeg", "jpe", "jfif"},
    "MPO": {"jpg", "jpeg", "mpo"},
    "PNG": {"png"},
    "TIFF": {"tif", "tiff"},
    "WEBP": {"webp"},
    "BMP": {"bmp", "dib"},
    "DIB": {"bmp", "dib"},
    "GIF": {"gif"},
    "PPM": {"ppm", "pgm", "pbm", "pnm"},
    "SUN": {"sr", "ras"},
}


@dataclass(frozen=True)
class SizeRules:
    """Sizes of images that are odd."""

    small_side_px: int = 32
    """A seal of fewer pixels has no readable text."""
    large_side_px: int = 4000
    """`max_side_limit` of the detector's preprocessing: larger images are scaled down."""


RULES = SizeRules()


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the survey found out about one file.

    Attributes:
        path: as given.
        info: header, or None where the file is no image.
        error: why it cannot be read, or None.
        pixel_hash: BLAKE2 of size and decoded pixels; equal for copies with other metadata or lossless recompression.
        signature: see `sealkit.data.duplicates.signature`; None for images without structure.
        file_size: bytes; None where the file cannot be opened.
        contrast: standard deviation of the gray values.
    """

    path: Path
    info: ImageInfo | None = None
    error: ImageError | None = None
    pixel_hash: str = ""
    signature: Signature | None = None
    file_size: int | None = None
    contrast: float = 0.0

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height), upright."""
        return self.info.size if self.info is not None and self.error is None else None


IMAGES_PER_WORKER = 32
"""A process that reads fewer images costs more time than it saves."""


def survey(
    paths: Sequence[Path],
    *,
    workers: int | Workers = 1,
    progress: Callable[[int], object] | None = None,
    compare: bool = True,
) -> list[ImageFacts]:
    """Read and decode every file; facts in the order of `paths`, the same for any number of workers.

    Args:
        paths: files; they need not exist.
        workers: processes, 0: one per core; or a cluster. Few images are read here.
        progress: called with the number of files done since the last call.
        compare: also compute what the search for look-alikes needs.
    """
    facts: list[ImageFacts] = []
    store = SignatureStore()
    where = Workers.of(workers).for_jobs(len(paths), IMAGES_PER_WORKER)
    for one in mapped(partial(look_at, compare=compare), paths, where, _lost):
        facts.append(_kept(one, paths[len(facts)], store))
        if progress is not None:
            progress(1)
    return facts


def _kept(facts: ImageFacts, path: Path, store: SignatureStore) -> ImageFacts:
    """What is held in memory of an image: another process sends copies of what is there already."""
    info = facts.info and replace(facts.info, format=sys.intern(facts.info.format))
    mark = None if facts.signature is None else store.add(np.asarray(facts.signature))
    return replace(facts, path=path, info=info, signature=mark)


def _lost(path: Path, error: EngineError) -> ImageFacts:
    return ImageFacts(path, error=ImageError(error.what, where=str(path), value=error.value, hint=error.hint))


def look_at(path: Path, *, compare: bool = True) -> ImageFacts:
    """Facts of one file; never raises for a bad image."""
    try:
        data = read_file(path)
    except ImageError as error:
        return ImageFacts(path, error=error)
    info: ImageInfo | None = None
    try:
        info = inspect_bytes(data, str(path))
        image = decode_bytes(data, info=info, where=str(path))
    except ImageError as error:
        return ImageFacts(path, info, error, file_size=len(data))
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    digest.update(image.data)
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    contrast = float(cv2.meanStdDev(gray)[1][0, 0])
    mark = signature(gray) if compare and contrast >= 1 else None
    return ImageFacts(path, info, None, digest.hexdigest(), mark, len(data), contrast)


def image_problems(facts: ImageFacts, where: str) -> list[Problem]:
    """Everything to say about one image as an image; `where` is the label line that names it."""
    if facts.error is not None:
        return [_unreadable(facts, facts.error, where)]
    info = facts.info
    if info is None:
        return []
    name = facts.path.name
    found: list[Problem] = []

    def say(kind: str, reason: str, fix: str, severity: Severity = "warning") -> None:
        found.append(Problem(kind, where, f"{name}: {reason}", fix, severity))

    if info.orientation != 1:
        say(
            "exif-rotated",
            f"turned by EXIF orientation {info.orientation}; read here as {info.size[0]}x{info.size[1]}",
            "check that the outlines fit the upright image; --fix stores it upright",
        )
    if info.cmyk:
        say("cmyk", "CMYK colours, converted without a profile", "save it as RGB; --fix does")
    if info.bits > 8:
        say("deep", f"{info.bits} bits per sample, read as 8 by the high byte", "save it with 8 bits; --fix does")
    if info.alpha:
        say("alpha", "transparency, blended on white here and dropped by paddlex", "flatten it; --fix does")
    if info.frames > 1:
        say("frames", f"{info.frames} pages or frames, only the first is read", "split it into single images")
    known = SUFFIXES_OF_FORMAT.get(info.format)
    if known is not None and suffix_of(name) not in known:
        say(
            "wrong-suffix",
            f"the content is {info.format}",
            f"name it .{min(known)}; some readers go by the name",
            "info",
        )
    width, height = info.size
    if min(width, height) < RULES.small_side_px:
        say("small-image", f"{width}x{height} pixels", "take it from a larger original, or remove it")
    elif max(width, height) > RULES.large_side_px:
        say("large-image", f"{width}x{height} pixels, scaled down in use", "crop it to the seals", "info")
    if facts.contrast < 1:
        say("blank-image", "one flat colour", "check the export that made it")
    return found


def _unreadable(facts: ImageFacts, error: ImageError, where: str) -> Problem:
    what = error.what
    kind = "broken-image"
    if what == "no such image":
        kind = "missing-image"
    elif facts.file_size == 0:
        kind = "empty-image"
    elif "truncated" in what:
        kind = "truncated-image"
    elif "over the limit" in what:
        kind = "huge-image"
    return Problem(kind, where, f"{facts.path}: {what}", error.hint or "replace the file")


__all__ = ["ImageFacts", "image_problems", "look_at", "survey"]
