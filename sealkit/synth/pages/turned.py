"""Sets of turned pages on disk, in PaddleX's classification format: what an orientation classifier learns from."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.data.labels.orientation import ANGLES, PageSample, read_page_labels, write_class_file, write_page_labels
from sealkit.drawing.sheets import contact_sheet, save_sheet
from sealkit.errors import DataError
from sealkit.images import read_image
from sealkit.synth.common.sets import PARTS, SetPlan, image_name, write_jpeg
from sealkit.synth.pages.scene import render_page
from sealkit.synth.seals.settings import PageSettings

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


def write_turned_set(plan: SetPlan, settings: PageSettings | None = None) -> dict[str, Any]:
    """Draw pages lying at 0, 90, 180 and 270 degrees: `images/`, `train.txt`, `val.txt`, `label.txt`.

    Args:
        plan: folder, number of pages, seed; the four angles are equally frequent.
        settings: of the pages.

    Returns:
        counts (images, by angle, documents), seconds, images_per_second.

    Raises:
        DataError: as of `SetPlan.begun`; there are no Chinese fonts; or the settings give no page with text enough to
            tell which way is up.
    """
    settings = settings or PageSettings()
    samples: dict[str, list[PageSample]] = {part: [] for part in PARTS}
    angles: Counter[str] = Counter()
    documents: Counter[str] = Counter()
    with plan.begun("turned", settings) as run:
        for index, part, found in run.drawn(_draw_to_file, settings):
            samples[part].append(PageSample(run.folder / image_name(index), found["label"]))
            angles[str(ANGLES[found["label"]])] += 1
            documents[found["document"]] += 1
        for part, written in samples.items():
            if written:
                write_page_labels(run.folder / f"{part}.txt", written, run.folder)
        write_class_file(run.folder)
    by_angle = dict(sorted(angles.items(), key=lambda item: int(item[0])))
    return run.summary({"angles": by_angle, "documents": dict(documents.most_common())})


def sheet_of_turned(folder: str | Path, path: str | Path, count: int = 48) -> None:
    """Contact sheet of the first images of a written set of turned pages."""
    root = Path(folder)
    lists = [part for part in ("train.txt", "val.txt") if (root / part).is_file()]
    found = sorted({sample.image_path for part in lists for sample in read_page_labels(root, part)[0]})[:count]
    save_sheet(path, contact_sheet([read_image(one) for one in found], [[] for _ in found]))
