"""Sets of drawn strips on disk: held-out data for recognisers that train on strips drawn on the fly."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sealkit.drawing.sheets import contact_sheet, save_sheet
from sealkit.files import write_text
from sealkit.images import read_image
from sealkit.synth.common.sets import PARTS, SetPlan, image_name, write_jpeg
from sealkit.synth.seals.settings import StripSettings
from sealkit.synth.strips.draw import SHARES, DrawnStrip, StripArtist


def strip_at(settings: StripSettings, seed: int, index: int) -> DrawnStrip:
    """Strip `index` of the set `seed`; it depends on these, and on the installed fonts, alone."""
    rng = np.random.default_rng([seed, index])
    return StripArtist(settings, seed).draw(rng, int(rng.choice(len(SHARES), p=SHARES)), _writable)


def _writable(text: str) -> bool:
    return bool(text.strip()) and not any(mark in text for mark in "\t\r\n")


def _draw_to_file(folder: str, seed: int, quality: int, settings: StripSettings, index: int) -> dict[str, Any]:
    strip = strip_at(settings, seed, index)
    write_jpeg(Path(folder) / image_name(index), strip.image, quality)
    return {"text": strip.text, "shape": strip.shape, "angle": strip.angle, "direction": strip.direction}


def write_strip_set(plan: SetPlan, settings: StripSettings | None = None) -> dict[str, Any]:
    """Draw a recognition set in PaddleX's format: `images/`, `train.txt`, `val.txt`, and their `.extras.jsonl`.

    Args:
        plan: folder, number of strips, seed.
        settings: of the strips.

    Returns:
        counts (strips, by direction, characters), seconds and strips_per_second.

    Raises:
        DataError: as of `SetPlan.begun`, or there are no Chinese fonts.
    """
    settings = settings or StripSettings()
    rows: dict[str, list[str]] = {part: [] for part in PARTS}
    extras: dict[str, list[str]] = {part: [] for part in PARTS}
    directions: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    with plan.begun("strips", settings) as run:
        for index, part, strip in run.drawn(_draw_to_file, settings):
            text, direction = strip.pop("text"), strip["direction"]
            known = {"path": image_name(index), **strip}
            rows[part].append(f"{image_name(index)}\t{text}\n")
            kept = {key: value for key, value in known.items() if value is not None}
            extras[part].append(json.dumps(kept, ensure_ascii=False) + "\n")
            directions[direction or "printed"] += 1
            characters.update(text)
        for part in PARTS:
            if rows[part]:
                write_text(run.folder / f"{part}.extras.jsonl", "".join(extras[part]))
                write_text(run.folder / f"{part}.txt", "".join(rows[part]))
    counts = {
        "directions": dict(directions.most_common()),
        "characters": sum(characters.values()),
        "different_characters": len(characters),
    }
    return run.summary(counts, "strips")


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
