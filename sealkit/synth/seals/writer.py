"""Sets of drawn images on disk."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sealkit.data.labels.detection import read_det_labels, write_det_labels
from sealkit.data.records import DetSample, TextLine
from sealkit.drawing.sheets import contact_sheet, save_sheet
from sealkit.errors import DataError
from sealkit.files import write_bytes
from sealkit.images import read_image
from sealkit.synth.seals.render import render_sample
from sealkit.synth.seals.settings import SynthSettings
from sealkit.workers.journal import Journal, begin, resumed
from sealkit.workers.pool import Workers

Rendered = dict[str, Any]
"""`lines` and `info` of an image, as JSON holds them."""


IMAGES_PER_WORKER = 2
"""Fewer are drawn sooner than a process starts."""


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


def _render_to_file(folder: str, seed: int, quality: int, settings: SynthSettings, index: int) -> Rendered:
    image, lines, info = render_sample(seed, index, settings)
    write_jpeg(Path(folder) / image_name(index), image, quality)
    return _recorded(lines, info)


def _recorded(lines: Sequence[TextLine], info: dict[str, Any]) -> Rendered:
    names = [field.name for field in fields(TextLine)]
    return {"lines": [{name: getattr(line, name) for name in names} for line in lines], "info": info}


def _render_to_compare(folder: str, seed: int, quality: int, settings: SynthSettings, index: int) -> Rendered:
    image, lines, info = render_sample(seed, index, settings)
    path = Path(folder) / image_name(index)
    if not path.is_file() or path.read_bytes() != jpeg_bytes(image, quality, path):
        raise DataError(
            "drawn again, the image is not the one in the set, so its labels would not be either",
            where=str(path),
            hint="give the seed, flags and quality the set was drawn with; fonts and library versions matter too",
        )
    return _recorded(lines, info)


def new_folder(
    out_dir: str | Path, count: int, workers: int | Workers, val_share: float, settings: Mapping[str, Any]
) -> tuple[Path, Journal]:
    """The folder of a new set with `images/` in it, and what an earlier run of these settings did of it.

    Raises:
        DataError: it is not empty, or a number is wrong. ConfigError: workers are negative.
    """
    folder = Path(out_dir)
    Workers.of(workers)
    if count < 1 or not 0 <= val_share <= 1:
        raise DataError(
            "count must be positive and val_share between 0 and 1", value=(count, val_share), hint="correct the number"
        )
    journal = begin(folder, {"count": count, "val_share": val_share, **settings})
    (folder / "images").mkdir(exist_ok=True)
    return folder, journal


def drawn(
    work: Callable[[int], Any], folder: Path, count: int, workers: int | Workers, journal: Journal
) -> Iterator[Any]:
    """What `work(0)`, `work(1)`, … return, in order; they draw image 0, 1, … of the set, and return what JSON holds."""
    whole = partial(_is_there, folder)
    where = Workers.of(workers).for_jobs(count, IMAGES_PER_WORKER)
    yield from resumed(work, range(count), where, journal, "images", whole=whole)


def _is_there(folder: Path, index: int, done: Any) -> bool:
    return (folder / image_name(index)).is_file()


def write_detection_set(
    out_dir: str | Path,
    count: int,
    seed: int,
    *,
    workers: int | Workers = 1,
    val_share: float = 0.1,
    quality: int = 93,
    settings: SynthSettings | None = None,
    progress: Callable[[int], object] | None = None,
    relabel: bool = False,
) -> dict[str, Any]:
    """Render a detection set in PaddleX's format: `images/`, `train.txt`, `val.txt`.

    Args:
        out_dir: a folder that is empty or does not exist yet, or that a run with the same arguments left unfinished:
            that is gone on with.
        count: number of images.
        seed: image i depends on (seed, i), the settings and the installed fonts only, whatever `workers` is.
        workers: processes, 0: one per core; or a cluster.
        val_share: share of the images that go to val.txt, 0 to 1 (0: no val.txt is written).
        quality: JPEG quality of the files, on top of the compression that is drawn.
        progress: called with 1 after each image.
        relabel: `out_dir` has this very set already: draw it again, leave its images as they are and write the label
            files anew. For sets drawn before a setting that changes labels only (`legibility`). Nothing is written
            unless every image comes out as it is in the set, byte for byte.

    Returns:
        counts (images, seals, lines, ignored lines, characters, by shape and kind), seconds and images_per_second.

    Raises:
        DataError: the folder is not empty or cannot be written, a number is wrong, or there are no Chinese fonts; with
            `relabel` there is no such set, or an image comes out differently.
    """
    settings = settings or SynthSettings()
    if relabel:
        folder, journal = _drawn_folder(out_dir, count), Journal(None, {})
    else:
        told = {"set": "seals", "seed": seed, "quality": quality, "settings": settings.model_dump(mode="json")}
        folder, journal = new_folder(out_dir, count, workers, val_share, told)
    render = _render_to_compare if relabel else _render_to_file
    started = time.perf_counter()
    samples: dict[str, list[DetSample]] = {"train": [], "val": []}
    infos = []
    work = partial(render, str(folder), seed, quality, settings)
    for index, done in enumerate(drawn(work, folder, count, workers, journal)):
        part = "val" if is_validation(index, val_share) else "train"
        lines = [TextLine(**{**line, "points": np.array(line["points"], np.float32)}) for line in done["lines"]]
        samples[part].append(DetSample(folder / image_name(index), lines))
        infos.append(done["info"])
        if progress is not None:
            progress(1)
    for part, found in samples.items():
        if found:
            write_det_labels(folder / f"{part}.txt", found)
    journal.finish()
    seconds = time.perf_counter() - started
    return {
        "folder": str(folder),
        "images": count,
        "train": len(samples["train"]),
        "val": len(samples["val"]),
        **_counts([line for found in samples.values() for sample in found for line in sample.lines], infos),
        "seed": seed,
        "style": settings.style,
        "legibility": settings.legibility,
        "seconds": round(seconds, 2),
        "images_per_second": round(count / seconds, 2),
    }


def _drawn_folder(out_dir: str | Path, count: int) -> Path:
    """The folder of a set of so many images; DataError where it has another number of them."""
    folder = Path(out_dir)
    present = len(list((folder / "images").glob("*.jpg")))
    if present != count or count < 1:
        raise DataError(
            "the set in the folder has another number of images",
            where=str(folder / "images"),
            value=f"{present}, and {count} are to be drawn",
            hint="give the count the set was drawn with",
        )
    return folder


def _counts(lines: Sequence[TextLine], infos: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a set's images and labelled lines hold."""
    kinds = Counter(info["kind"] for info in infos)
    shapes = Counter(seal["shape"] for info in infos for seal in info["seals"])
    ignored = sum(line.ignore for line in lines)
    characters = Counter(character for line in lines if not line.ignore for character in line.text)
    return {
        "kinds": dict(kinds.most_common()),
        "seals": sum(shapes.values()),
        "shapes": dict(shapes.most_common()),
        "lines": len(lines),
        "ignored": ignored,
        "ignored_share": round(ignored / max(len(lines), 1), 4),
        "characters": sum(characters.values()),
        "different_characters": len(characters),
    }


def sheet_of_set(folder: str | Path, path: str | Path, count: int = 48) -> None:
    """Contact sheet of the first images of a written set, polygons drawn in, to a PNG or JPEG file."""
    root = Path(folder)
    found: list[DetSample] = []
    for part in ("train.txt", "val.txt"):
        if (root / part).is_file():
            found += read_det_labels(root, part)[0]
    found = sorted(found, key=lambda sample: sample.image_path)[:count]
    images = [read_image(sample.image_path) for sample in found]
    save_sheet(path, contact_sheet(images, [[(line.points, line.ignore) for line in sample.lines] for sample in found]))
