"""Sets of drawn images on disk."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from sealkit.data.labels.detection import read_det_labels, write_det_labels
from sealkit.data.records import DetSample, TextLine
from sealkit.drawing.sheets import contact_sheet, save_sheet
from sealkit.engine.signals import unheard
from sealkit.errors import DataError
from sealkit.files import write_bytes
from sealkit.images import read_image
from sealkit.synth.seals.render import render_sample
from sealkit.synth.seals.settings import SynthSettings

Rendered = tuple[int, list[TextLine], dict[str, Any]]
Result = TypeVar("Result")


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
    return index, lines, info


def _render_to_compare(folder: str, seed: int, quality: int, settings: SynthSettings, index: int) -> Rendered:
    image, lines, info = render_sample(seed, index, settings)
    path = Path(folder) / image_name(index)
    if not path.is_file() or path.read_bytes() != jpeg_bytes(image, quality, path):
        raise DataError(
            "drawn again, the image is not the one in the set, so its labels would not be either",
            where=str(path),
            hint="give the seed, flags and quality the set was drawn with; fonts and library versions matter too",
        )
    return index, lines, info


def _quiet_worker() -> None:
    cv2.setNumThreads(1)  # one process per core already


def drawn(work: Callable[[int], Result], count: int, workers: int) -> Iterator[Result]:
    """Results of work(0), work(1), … in order, from so many processes."""
    if workers <= 1:
        yield from map(work, range(count))
        return
    # spawn: forking after OpenCV or Paddle have started threads may hang.
    with ExitStack() as stack:
        with unheard(signal.SIGINT):  # a terminal sends it to them, too: the parent ends them
            pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(workers, initializer=_quiet_worker))
        yield from pool.imap(work, range(count), chunksize=8)


def new_folder(out_dir: str | Path, count: int, workers: int, val_share: float) -> Path:
    """The folder of a new set with `images/` in it; DataError where it is not empty or a number is wrong."""
    folder = Path(out_dir)
    if count < 1 or workers < 0 or not 0 <= val_share <= 1:
        raise DataError(
            "count must be positive and val_share between 0 and 1", value=(count, val_share), hint="correct the number"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            "the output folder is not empty", where=str(folder), hint="name another folder, or empty this one first"
        )
    try:
        (folder / "images").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"the output folder cannot be made: {error.strerror}", where=str(folder), hint="check path and rights"
        ) from error
    return folder


def write_detection_set(
    out_dir: str | Path,
    count: int,
    seed: int,
    *,
    workers: int = 1,
    val_share: float = 0.1,
    quality: int = 93,
    settings: SynthSettings | None = None,
    progress: Callable[[int], object] | None = None,
    relabel: bool = False,
) -> dict[str, Any]:
    """Render a detection set in PaddleX's format: `images/`, `train.txt`, `val.txt`.

    Args:
        out_dir: a folder that is empty or does not exist yet.
        count: number of images.
        seed: image i depends on (seed, i), the settings and the installed fonts only, whatever `workers` is.
        workers: processes.
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
    folder = _drawn_folder(out_dir, count) if relabel else new_folder(out_dir, count, workers, val_share)
    render = _render_to_compare if relabel else _render_to_file
    started = time.perf_counter()
    samples: dict[str, list[DetSample]] = {"train": [], "val": []}
    infos = []
    for index, lines, info in drawn(partial(render, str(folder), seed, quality, settings), count, workers):
        part = "val" if is_validation(index, val_share) else "train"
        samples[part].append(DetSample(folder / image_name(index), lines))
        infos.append(info)
        if progress is not None:
            progress(1)
    for part, found in samples.items():
        if found:
            write_det_labels(folder / f"{part}.txt", found)
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
