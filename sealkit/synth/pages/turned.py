"""Sets of turned pages on disk, in PaddleX's classification format: what an orientation classifier learns from."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.data.labels.orientation import ANGLES, PageSample, read_page_labels, write_class_file, write_page_labels
from sealkit.drawing.sheets import contact_sheet, save_sheet
from sealkit.errors import DataError
from sealkit.images import read_image
from sealkit.synth.pages.scene import render_page
from sealkit.synth.seals.settings import PageSettings
from sealkit.synth.seals.writer import drawn, image_name, is_validation, new_folder, write_jpeg
from sealkit.workers.pool import Workers

Turned = dict[str, Any]
"""`label` (an index of ANGLES) and `document` of a page."""

_TRIES = 20  # pages drawn for one with text enough to tell which way is up; nearly every second try suffices
_STRIDE = 1 << 20  # page indices between the tries of one image


def class_at(seed: int, index: int) -> int:
    """Class id of image `index`, an index of ANGLES: each angle once in any four images from a multiple of four on."""
    block, place = divmod(index, len(ANGLES))
    return int(np.random.default_rng([seed, 0x7042, block]).permutation(len(ANGLES))[place])


def _draw_to_file(folder: str, seed: int, quality: int, settings: PageSettings, index: int) -> Turned:
    label = class_at(seed, index)
    for attempt in range(_TRIES):
        image, _, info = render_page(seed, index + attempt * _STRIDE, settings)
        if info["upright"]:
            # rot90 turns counter-clockwise; a class is the angle a page lies turned clockwise
            write_jpeg(Path(folder) / image_name(index), np.ascontiguousarray(np.rot90(image, -label)), quality)
            return {"label": label, "document": info["document"]}
    raise DataError(
        "no page with text enough to tell which way is up",
        where=image_name(index),
        value=f"{_TRIES} tries",
        hint="choose documents with text, fewer close-ups and parts",
    )


def write_turned_set(
    out_dir: str | Path,
    count: int,
    seed: int,
    *,
    workers: int | Workers = 1,
    val_share: float = 0.1,
    quality: int = 93,
    settings: PageSettings | None = None,
    progress: Callable[[int], object] | None = None,
) -> dict[str, Any]:
    """Draw pages lying at 0, 90, 180 and 270 degrees: `images/`, `train.txt`, `val.txt`, `label.txt`.

    Args and errors as `sealkit.synth.pages.coco.write_page_set`; the four angles are equally frequent. DataError, too,
    where the settings give no page with text enough to tell which way is up.

    Returns:
        counts (images, by angle, documents), seconds, images_per_second.
    """
    settings = settings or PageSettings()
    told = {"set": "turned", "seed": seed, "quality": quality, "settings": settings.model_dump(mode="json")}
    folder, journal = new_folder(out_dir, count, workers, val_share, told)
    work = partial(_draw_to_file, str(folder), seed, quality, settings)
    started = time.perf_counter()
    samples: dict[str, list[PageSample]] = {"train": [], "val": []}
    angles: Counter[str] = Counter()
    documents: Counter[str] = Counter()
    for index, done in enumerate(drawn(work, folder, count, workers, journal)):
        part = "val" if is_validation(index, val_share) else "train"
        samples[part].append(PageSample(folder / image_name(index), done["label"]))
        angles[str(ANGLES[done["label"]])] += 1
        documents[done["document"]] += 1
        if progress is not None:
            progress(1)
    for part, found in samples.items():
        if found:
            write_page_labels(folder / f"{part}.txt", found, folder)
    write_class_file(folder)
    journal.finish()
    seconds = time.perf_counter() - started
    return {
        "folder": str(folder),
        "images": count,
        "train": len(samples["train"]),
        "val": len(samples["val"]),
        "angles": dict(sorted(angles.items(), key=lambda item: int(item[0]))),
        "documents": dict(documents.most_common()),
        "seed": seed,
        "seconds": round(seconds, 2),
        "images_per_second": round(count / seconds, 2),
    }


def sheet_of_turned(folder: str | Path, path: str | Path, count: int = 48) -> None:
    """Contact sheet of the first images of a written set of turned pages."""
    root = Path(folder)
    lists = [part for part in ("train.txt", "val.txt") if (root / part).is_file()]
    found = sorted({sample.image_path for part in lists for sample in read_page_labels(root, part)[0]})[:count]
    save_sheet(path, contact_sheet([read_image(one) for one in found], [[] for _ in found]))
