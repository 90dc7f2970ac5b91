"""Sets of whole pages on disk: COCO boxes for layout detection, and lists of upright pages for text orientation."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.drawing.sheets import contact_sheet, save_sheet
from sealkit.errors import DataError
from sealkit.files import write_text
from sealkit.images import read_image
from sealkit.synth.common.sets import PARTS, SetPlan, image_name, write_jpeg
from sealkit.synth.pages.scene import PageObject, render_page
from sealkit.synth.seals.settings import PageSettings

CLASSES = ("image", "table", "seal")
"""Classes of the 3-class layout models, in the order of their ids."""
MORE_CLASSES = ("text", "doc_title", "paragraph_title", "header", "number", "figure_title")
"""What else is drawn and can be labelled; names as in the 17-class models."""

Rendered = dict[str, Any]
"""`size` (width, height), `objects` and `info` of a page, as JSON holds them."""


def annotation_name(part: str) -> str:
    """Path of a part's annotations below the set's folder, as PaddleX's COCODetDataset wants it; part: train or val."""
    return f"annotations/instance_{part}.json"


def _render_to_file(folder: str, seed: int, quality: int, settings: PageSettings, index: int) -> Rendered:
    image, objects, info = render_page(seed, index, settings)
    write_jpeg(Path(folder) / image_name(index), image, quality)
    return {"size": (image.shape[1], image.shape[0]), "objects": [vars(one) for one in objects], "info": info}


class _Part:
    """The COCO document of one part (train or val) and its list of upright pages."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.ids = {name: number for number, name in enumerate(classes)}
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.upright: list[str] = []

    def add(self, index: int, size: Sequence[int], objects: Sequence[PageObject], info: dict[str, Any]) -> None:
        width, height = size
        name = image_name(index)
        self.images.append({
            "id": index + 1, "file_name": Path(name).name, "width": width, "height": height,
            "document": info["document"], "view": info["view"],
        })  # fmt: skip
        for one in objects:
            if one.kind in self.ids:
                x0, y0, x1, y1 = (round(value, 2) for value in one.box)
                box = [x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)]
                found: dict[str, Any] = {
                    "id": len(self.annotations) + 1, "image_id": index + 1, "category_id": self.ids[one.kind],
                    "bbox": box, "area": round(box[2] * box[3], 2), "iscrowd": 0,
                    "segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]],
                }  # fmt: skip
                if one.kind == "seal":
                    found |= {"shape": one.shape, "colour": one.colour, "visible": round(one.visible, 3)}
                self.annotations.append(found)
        if info["upright"]:
            self.upright.append(name)

    def write(self, folder: Path, part: str) -> None:
        categories = [{"id": number, "name": name, "supercategory": "layout"} for name, number in self.ids.items()]
        content = {"images": self.images, "annotations": self.annotations, "categories": categories}
        path = folder / annotation_name(part)
        path.parent.mkdir(exist_ok=True)
        write_text(path, json.dumps(content, ensure_ascii=False))
        text = "".join(f"{name}\n" for name in self.upright)
        write_text(folder / f"upright_{part}.txt", text)


def write_page_set(
    plan: SetPlan, settings: PageSettings | None = None, *, classes: Sequence[str] = CLASSES
) -> dict[str, Any]:
    """Render pages: `images/`, `annotations/instance_{train,val}.json`, `upright_{train,val}.txt`.

    Every line of the upright lists names an image (path below the folder) with text enough to tell which way is up.

    Args:
        plan: folder, number of pages, seed.
        settings: of the pages.
        classes: what is labelled; ids follow the order. Names of `CLASSES` and `MORE_CLASSES`.

    Returns:
        counts (images, pages without seals, boxes by class, seals by shape, documents), seconds, images_per_second.

    Raises:
        DataError: as of `SetPlan.begun`; a class is wrong; or there are no Chinese fonts.
    """
    settings = settings or PageSettings()
    allowed = CLASSES + MORE_CLASSES
    if not classes or len(set(classes)) != len(classes) or not set(classes) <= set(allowed):
        raise DataError(
            "classes must be different names of what is drawn", value=",".join(classes), hint=f"of {', '.join(allowed)}"
        )
    documents = {name: _Part(classes) for name in PARTS}
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("documents", "views", "boxes", "shapes", "colours")}
    without = 0
    with plan.begun("pages", settings) as run:
        for index, part, found in run.drawn(_render_to_file, settings):
            objects = [PageObject(**{**one, "box": tuple(one["box"])}) for one in found["objects"]]
            info = found["info"]
            documents[part].add(index, found["size"], objects, info)
            without += info["seals"] == 0
            counts["documents"][info["document"]] += 1
            counts["views"][info["view"]] += 1
            counts["boxes"].update(one.kind for one in objects if one.kind in classes)
            counts["shapes"].update(one.shape for one in objects if one.kind == "seal")
            counts["colours"].update(one.colour for one in objects if one.kind == "seal")
        for name, document in documents.items():
            if document.images:
                document.write(run.folder, name)
    common = {name: dict(found.most_common()) for name, found in counts.items()}
    upright = sum(len(document.upright) for document in documents.values())
    return run.summary({"without_seal": without, **common, "upright": upright})


def sheet_of_pages(folder: str | Path, path: str | Path, count: int = 48) -> None:
    """Contact sheet of the first images of a written page set with their boxes: seals green, all others blue."""
    root = Path(folder)
    found: list[tuple[str, list[tuple[np.ndarray, bool]]]] = []
    for part in ("train", "val"):
        if not (root / annotation_name(part)).is_file():
            continue
        content = json.loads((root / annotation_name(part)).read_text(encoding="utf-8"))
        seals = {one["id"] for one in content["categories"] if one["name"] == "seal"}
        boxes: dict[int, list[tuple[np.ndarray, bool]]] = {one["id"]: [] for one in content["images"]}
        for one in content["annotations"]:
            corners = np.array(one["segmentation"][0], np.float32).reshape(4, 2)
            boxes[one["image_id"]].append((corners, one["category_id"] not in seals))
        found += [(one["file_name"], boxes[one["id"]]) for one in content["images"]]
    found = sorted(found, key=lambda entry: entry[0])[:count]
    images = [read_image(root / "images" / name) for name, _ in found]
    save_sheet(path, contact_sheet(images, [polygons for _, polygons in found]))
