"""Sets of drawn images on disk, whatever is drawn: folder, parts, worker processes, resuming, summary."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np

from sealkit.config.base import Settings
from sealkit.errors import DataError
from sealkit.files import write_bytes
from sealkit.workers.journal import Journal, begin, finished, resumed
from sealkit.workers.pool import Workers

PARTS = ("train", "val")
IMAGES_PER_WORKER = 2
"""Fewer are drawn sooner than a process starts."""

S = TypeVar("S", bound=Settings)


def image_name(index: int) -> str:
    """Path of image `index` below the set's folder."""
    return f"images/{index:06d}.jpg"


def is_validation(index: int, share: float) -> bool:
    """Whether image `index` belongs to the validation part: evenly spread, and independent of the set's size."""
    return int((index + 1) * share) > int(index * share)


def jpeg_bytes(image: np.ndarray, quality: int, where: str | Path) -> bytes:
    """An image (H, W, 3) uint8 BGR as a JPEG file; DataError, naming `where`, if OpenCV cannot encode it."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise DataError("OpenCV could not encode an image", where=str(where), value=image.shape)
    return data.tobytes()


def write_jpeg(path: Path, image: np.ndarray, quality: int) -> None:
    """Write an image (H, W, 3) uint8 BGR; DataError where OpenCV cannot encode it."""
    write_bytes(path, jpeg_bytes(image, quality, path))


class Drawn(NamedTuple):
    """An image of a set that is on disk.

    Attributes:
        number: of the image in the set, from 0.
        part: `train` or `val`.
        found: what drawing it returned, as JSON holds it.
    """

    number: int
    part: str
    found: Any


@dataclass(frozen=True)
class SetPlan:
    """A set to draw, whatever is drawn.

    Attributes:
        folder: empty or not there yet, or left unfinished by a run with the same plan and settings: that is gone on
            with.
        count: number of images.
        seed: image i depends on (seed, i), the settings and the installed fonts only, whatever `workers` is.
        workers: processes, 0: one per core; or a cluster.
        val_share: share of the images that go to the validation part, 0 to 1 (0: it is not written).
        quality: JPEG quality of the files, on top of the compression that is drawn.
        progress: called with 1 after each image.
    """

    folder: str | Path
    count: int
    seed: int = 0
    workers: int | Workers = 1
    val_share: float = 0.1
    quality: int = 93
    progress: Callable[[int], object] | None = None

    @contextmanager
    def begun(self, kind: str, settings: Settings) -> Iterator[SetRun]:
        """The run that draws the set. What it leaves unfinished is gone on with by the next one with the same
        arguments.

        Args:
            kind: of set; a folder left unfinished by another kind is refused.
            settings: of what is drawn.

        Raises:
            DataError: the folder is not empty or cannot be written, or a number is wrong. ConfigError: workers are
                negative.
        """
        Workers.of(self.workers)
        if self.count < 1 or not 0 <= self.val_share <= 1:
            raise DataError(
                "count must be positive and val_share between 0 and 1",
                value=(self.count, self.val_share),
                hint="correct the number",
            )
        deciding = {key: getattr(self, key) for key in ("count", "val_share", "seed", "quality")}
        journal = begin(self.folder, {"set": kind, **deciding, "settings": settings.model_dump(mode="json")})
        with finished(journal):
            (Path(self.folder) / "images").mkdir(exist_ok=True)
            yield SetRun(self, Path(self.folder), journal)

    def drawn_before(self) -> SetRun:
        """A run over a finished set, to write other label files; DataError where the folder has another number of
        images."""
        folder = Path(self.folder)
        present = len(list((folder / "images").glob("*.jpg")))
        if present != self.count or self.count < 1:
            raise DataError(
                "the set in the folder has another number of images",
                where=str(folder / "images"),
                value=f"{present}, and {self.count} are to be drawn",
                hint="give the count the set was drawn with",
            )
        return SetRun(self, folder, Journal(None, {}))


@dataclass
class SetRun:
    """A set being drawn.

    Attributes:
        plan: what was asked for.
        folder: the set's.
        journal: what is done.
    """

    plan: SetPlan
    folder: Path
    journal: Journal
    _started: float = field(default_factory=time.perf_counter)
    _parts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))

    def drawn(self, draw: Callable[[str, int, int, S, int], Any], settings: S) -> Iterator[Drawn]:
        """The set's images in order.

        Args:
            draw: (folder, seed, quality, settings, index) → what JSON holds; writes `image_name(index)`. Called in
                worker processes: a function of a module.
            settings: of what is drawn.
        """
        plan = self.plan
        work = partial(draw, str(self.folder), plan.seed, plan.quality, settings)
        whole = partial(_is_there, self.folder)
        workers = Workers.of(plan.workers).for_jobs(plan.count, IMAGES_PER_WORKER)
        for index, found in enumerate(resumed(work, range(plan.count), workers, self.journal, "images", whole=whole)):
            part = "val" if is_validation(index, plan.val_share) else "train"
            self._parts[part] += 1
            yield Drawn(index, part, found)
            if plan.progress is not None:
                plan.progress(1)

    def summary(self, counts: dict[str, Any], unit: str = "images", **more: Any) -> dict[str, Any]:
        """What a set holds: its folder, the number of its images in all and in either part, `counts`, and the time.

        Args:
            counts: what is in the images.
            unit: what an image is called.
            more: how they were drawn.
        """
        seconds = time.perf_counter() - self._started
        return {
            "folder": str(self.folder),
            unit: self.plan.count,
            **self._parts,
            **counts,
            "seed": self.plan.seed,
            **more,
            "seconds": round(seconds, 2),
            f"{unit}_per_second": round(self.plan.count / seconds, 2),
        }


def _is_there(folder: Path, index: int, done: Any) -> bool:
    return (folder / image_name(index)).is_file()


__all__ = [
    "IMAGES_PER_WORKER",
    "PARTS",
    "Drawn",
    "SetPlan",
    "SetRun",
    "image_name",
    "is_validation",
    "jpeg_bytes",
    "write_jpeg",
]
