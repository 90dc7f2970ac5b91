"""Sets of drawn seals on disk, in PaddleX's format of text detection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.data.labels.detection import read_det_labels, write_det_labels
from sealkit.data.records import DetSample, TextLine
from sealkit.drawing.sheets import contact_sheet, save_sheet
from sealkit.errors import DataError
from sealkit.images import read_image
from sealkit.synth.common.sets import PARTS, SetPlan, image_name, jpeg_bytes, write_jpeg
from sealkit.synth.seals.render import render_sample
from sealkit.synth.seals.settings import SynthSettings

Rendered = dict[str, Any]
"""`lines` and `info` of an image, as JSON holds them."""


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


def write_detection_set(
    plan: SetPlan, settings: SynthSettings | None = None, *, relabel: bool = False
) -> dict[str, Any]:
    """Render a detection set in PaddleX's format: `images/`, `train.txt`, `val.txt`.

    Args:
        plan: folder, number of images, seed.
        settings: of the seals.
        relabel: the folder has this very set already: draw it again, leave its images as they are and write the label
            files anew. For sets drawn before a setting that changes labels only (`legibility`). Nothing is written
            unless every image comes out as it is in the set, byte for byte.

    Returns:
        counts (images, seals, lines, ignored lines, characters, by shape and kind), seconds and images_per_second.

    Raises:
        DataError: as of `SetPlan.begun`, or there are no Chinese fonts; with `relabel` there is no such set, or an
            image comes out differently.
    """
    settings = settings or SynthSettings()
    samples: dict[str, list[DetSample]] = {part: [] for part in PARTS}
    infos = []
    with nullcontext(plan.drawn_before()) if relabel else plan.begun("seals", settings) as run:
        for index, part, found in run.drawn(_render_to_compare if relabel else _render_to_file, settings):
            lines = [TextLine(**{**line, "points": np.array(line["points"], np.float32)}) for line in found["lines"]]
            samples[part].append(DetSample(run.folder / image_name(index), lines))
            infos.append(found["info"])
        for part, written in samples.items():
            if written:
                write_det_labels(run.folder / f"{part}.txt", written)
    lines = [line for part in PARTS for sample in samples[part] for line in sample.lines]
    return run.summary(_counts(lines, infos), style=settings.style, legibility=settings.legibility)


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
