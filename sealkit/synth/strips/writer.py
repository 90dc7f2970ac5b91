"""Sets of drawn strips on disk: held-out data for recognisers that train on strips drawn on the fly."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sealkit.drawing.sheets import contact_sheet, save_sheet
from sealkit.files import write_text
from sealkit.images import read_image
from sealkit.synth.seals.settings import StripSettings
from sealkit.synth.seals.writer import drawn, image_name, is_validation, new_folder, write_jpeg
from sealkit.synth.strips.draw import SHARES, DrawnStrip, StripArtist
from sealkit.workers.pool import Workers


@lru_cache(maxsize=2)
def _artist(settings: StripSettings, seed: int) -> StripArtist:
    return StripArtist(settings, seed)


def strip_at(settings: StripSettings, seed: int, index: int) -> DrawnStrip:
    """Strip `index` of the set `seed`; it depends on these, and on the installed fonts, alone."""
    rng = np.random.default_rng([seed, index])
    return _artist(settings, seed).draw(rng, int(rng.choice(len(SHARES), p=SHARES)), _writable)


def _writable(text: str) -> bool:
    return bool(text.strip()) and not any(mark in text for mark in "\t\r\n")


def _draw_to_file(folder: str, seed: int, quality: int, settings: StripSettings, index: int) -> dict[str, Any]:
    strip = strip_at(settings, seed, index)
    write_jpeg(Path(folder) / image_name(index), strip.image, quality)
    return {"text": strip.text, "shape": strip.shape, "angle": strip.angle, "direction": strip.direction}


def write_strip_set(
    out_dir: str | Path,
    count: int,
    seed: int,
    *,
    workers: int | Workers = 1,
    val_share: float = 0.1,
    quality: int = 93,
    settings: StripSettings | None = None,
    progress: Callable[[int], object] | None = None,
) -> dict[str, Any]:
    """Draw a recognition set in PaddleX's format: `images/`, `train.txt`, `val.txt`, and their `.extras.jsonl`.

    Args and errors as `sealkit.synth.seals.writer.write_detection_set`.

    Returns:
        counts (strips, by direction, characters), seconds and strips_per_second.
    """
    settings = settings or StripSettings()
    told = {"set": "strips", "seed": seed, "quality": quality, "settings": settings.model_dump(mode="json")}
    folder, journal = new_folder(out_dir, count, workers, val_share, told)
    started = time.perf_counter()
    rows: dict[str, list[str]] = {"train": [], "val": []}
    extras: dict[str, list[str]] = {"train": [], "val": []}
    directions: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    draw = partial(_draw_to_file, str(folder), seed, quality, settings)
    for index, strip in enumerate(drawn(draw, folder, count, workers, journal)):
        part = "val" if is_validation(index, val_share) else "train"
        text, direction = strip.pop("text"), strip["direction"]
        known = {"path": image_name(index), **strip}
        rows[part].append(f"{image_name(index)}\t{text}\n")
        kept = {key: value for key, value in known.items() if value is not None}
        extras[part].append(json.dumps(kept, ensure_ascii=False) + "\n")
        directions[direction or "printed"] += 1
        characters.update(text)
        if progress is not None:
            progress(1)
    for part in rows:
        if rows[part]:
            write_text(folder / f"{part}.extras.jsonl", "".join(extras[part]))
            write_text(folder / f"{part}.txt", "".join(rows[part]))
    journal.finish()
    seconds = time.perf_counter() - started
    return {
        "folder": str(folder),
        "strips": count,
        "train": len(rows["train"]),
        "val": len(rows["val"]),
        "directions": dict(directions.most_common()),
        "characters": sum(characters.values()),
        "different_characters": len(characters),
        "seed": seed,
        "seconds": round(seconds, 2),
        "strips_per_second": round(count / seconds, 2),
    }


def sheet_of_strips(folder: str | Path, path: str | Path, count: int = 60) -> None:
    """Contact sheet of the first strips of a written set, to a PNG or JPEG file."""
    paths = sorted((Path(folder) / "images").glob("*.jpg"))[:count]
    images = []
    for one in paths:
        strip = read_image(one)
        height = 48
        images.append(cv2.resize(strip, (max(round(strip.shape[1] * height / strip.shape[0]), 1), height)))
    save_sheet(path, contact_sheet(images, [[] for _ in images]))


__all__ = ["sheet_of_strips", "strip_at", "write_strip_set"]
