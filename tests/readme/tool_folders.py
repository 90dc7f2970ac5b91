"""The toy set as labelling tools leave it: outlines and texts in each tool's published format, and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sealkit.data.labels.coco import TRAIN, read_coco
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.labels.orientation import read_page_labels
from sealkit.images import read_image, write_image

DATASETS = Path(__file__).parents[2] / "datasets"
TOY, PAGES, TURNED = DATASETS / "toy", DATASETS / "toy_layout", DATASETS / "toy_orientation"
Text = tuple[str, list[list[float]]]


def labelme(folder: Path, images: Sequence[tuple[str, tuple[int, int], list[Text]]]) -> None:
    """A JSON file beside each image."""
    for name, (height, width), texts in images:
        shapes = [
            {"label": text, "points": points, "group_id": None, "shape_type": "polygon", "flags": {}}
            for text, points in texts
        ]
        content = {
            "version": "5.5.0",
            "flags": {},
            "shapes": shapes,
            "imagePath": name,
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        (folder / name).with_suffix(".json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def ppocrlabel(folder: Path, images: Sequence[tuple[str, tuple[int, int], list[Text]]]) -> None:
    """Label.txt beside the images."""
    rows = []
    for name, _, texts in images:
        entries = [{"transcription": text, "points": points, "difficult": False} for text, points in texts]
        rows.append(f"{folder.name}/{name}\t{json.dumps(entries, ensure_ascii=False)}\n")
    (folder / "Label.txt").write_text("".join(rows), encoding="utf-8")


def labelstudio(folder: Path, images: Sequence[tuple[str, tuple[int, int], list[Text]]]) -> None:
    """The export as JSON of a project with the OCR template: polygon, label and transcription share an id."""
    tasks = []
    for number, (name, (height, width), texts) in enumerate(images):
        results: list[dict[str, Any]] = []
        for index, (text, points) in enumerate(texts):
            percent = [[100 * x / width, 100 * y / height] for x, y in points]
            common = {
                "id": f"r{number}_{index}",
                "to_name": "image",
                "original_width": width,
                "original_height": height,
                "image_rotation": 0,
            }
            place = {"points": percent, "closed": True}
            results += [
                {**common, "from_name": "poly", "type": "polygon", "value": place},
                {**common, "from_name": "label", "type": "labels", "value": {**place, "labels": ["Text"]}},
                {**common, "from_name": "transcription", "type": "textarea", "value": {**place, "text": [text]}},
            ]
        tasks.append({
            "id": number + 1,
            "annotations": [{"id": number + 1, "completed_by": 1, "was_cancelled": False, "result": results}],
            "data": {"ocr": f"/data/upload/1/0a1b2c3d-{name}"},
            "predictions": [],
        })  # fmt: skip
    (folder / "project-1-at-2026-01-01.json").write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")


def boxed_pages(folder: Path, count: int) -> None:
    """`count` pages of the toy layout set with LabelMe's rectangles around seals, tables and images."""
    folder.mkdir()
    for sample in read_coco(PAGES, TRAIN).samples[:count]:
        image = read_image(sample.image_path)
        write_image(folder / sample.image_path.name, image)
        shapes = [
            {"label": one.label, "points": one.box.reshape(2, 2).tolist(), "shape_type": "rectangle", "flags": {}}
            for one in sample.boxes
        ]
        sides = {"imageHeight": int(image.shape[0]), "imageWidth": int(image.shape[1])}
        content = {
            "version": "5.5.0",
            "shapes": shapes,
            "imagePath": sample.image_path.name,
            "imageData": None,
            **sides,
        }
        (folder / sample.image_path.name).with_suffix(".json").write_text(json.dumps(content), encoding="utf-8")


def turned_pages(folder: Path) -> None:
    """The pages of the toy orientation set in folders of their angles."""
    for sample in read_page_labels(TURNED, "train.txt")[0]:
        place = folder / str(90 * sample.label)
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(sample.image_path, place)


TOOLS: dict[str, Callable[[Path, Sequence[tuple[str, tuple[int, int], list[Text]]]], None]] = {
    "labelme": labelme,
    "ppocrlabel": ppocrlabel,
    "labelstudio": labelstudio,
}


def tool_folder(folder: Path, tool: str | None, count: int) -> int:
    """`count` images of the toy set as a tool leaves them (None: images alone); returns the number of their texts."""
    folder.mkdir()
    images = []
    for sample in read_det_labels(TOY, "train.txt")[0][:count]:
        image = read_image(sample.image_path)
        name = f"{sample.image_path.stem}.png"
        write_image(folder / name, image)
        texts = [(one.text, one.points.tolist()) for one in sample.lines if one.text and not one.ignore]
        images.append((name, (int(image.shape[0]), int(image.shape[1])), texts))
    if tool is not None:
        TOOLS[tool](folder, images)
    return sum(len(texts) for _, _, texts in images)


__all__ = ["TOOLS", "TOY", "boxed_pages", "tool_folder", "turned_pages"]
