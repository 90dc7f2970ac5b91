"""Writes pipeline results as draft labels in the formats of labelling tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from sealkit.data.converters.labelstudio import local_files_url
from sealkit.data.directions import packed_line, unpacked_line
from sealkit.data.labels.files import LabelReader, read_lines
from sealkit.data.labels.ignored import IGNORED_TEXTS
from sealkit.errors import DataError
from sealkit.files import write_text
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.polyline import resample


@dataclass(frozen=True)
class PointRules:
    """How many points an outline proposed to the labeller has."""

    degrees_per_point: float = 20.0
    """Turn of an arc between two of its points: few enough to drag, enough to follow the text."""
    max_points: int = 12
    """Of one side of a text."""


RULES = PointRules()
LABEL_STUDIO = "labelstudio.json"


@dataclass(frozen=True)
class Reading:
    """One text that was read.

    Attributes:
        line: where it runs, pixels of the image.
        text: what was read.
        score: mean probability of its characters.
        seal: index of the seal in the image.
    """

    line: LinePoly
    text: str
    score: float
    seal: int

    @property
    def points(self) -> list[list[float]]:
        """[x, y] from the text's start along its top, back along its bottom edge; few enough to be edited."""
        if len(self.line.top) <= 2:
            return np.round(self.line.points.astype(float), 1).tolist()
        count = int(np.clip(np.ceil(abs(self.line.turn) / RULES.degrees_per_point) + 1, 4, RULES.max_points))
        sides = [resample(self.line.top, count), resample(self.line.bottom, count)[::-1]]
        return np.round(np.concatenate(sides), 1).tolist()

    @property
    def label(self) -> str:
        """The text; one that would mark an ignored text is written with a space."""
        return f"{self.text} " if self.text in IGNORED_TEXTS else self.text


Readings = Mapping[Path, tuple[tuple[int, int], Sequence[Reading]]]
"""Image → its (height, width) and what was read."""


def pack(size: tuple[int, int], texts: Sequence[Reading]) -> dict[str, Any]:
    """What was read of an image of (height, width), as JSON holds it."""
    return {"size": size, "texts": [{**vars(one), "line": packed_line(one.line)} for one in texts]}


def unpack(packed: Mapping[str, Any]) -> tuple[tuple[int, int], list[Reading]]:
    """The size and the readings of `pack`."""
    height, width = packed["size"]
    return (height, width), [Reading(**{**one, "line": unpacked_line(one["line"])}) for one in packed["texts"]]


def unlabelled(tool: str, images: Sequence[Path], folder: Path) -> list[Path]:
    """The images that have no label of the tool's yet.

    Raises:
        DataError: Label Studio's tasks are one file, and it is there.
    """
    if tool == "labelme":
        return [image for image in images if not image.with_suffix(".json").exists()]
    if tool == "ppocrlabel":
        known = _ppocr_names(_ppocr_lines(folder))
        return [image for image in images if not _is_named(image, folder, known)]
    _refuse_existing(folder / LABEL_STUDIO)
    return list(images)


def write_labelme(readings: Readings, folder: Path) -> list[Path]:
    """A JSON file beside each image, for LabelMe and X-AnyLabeling; one that is there is left alone.

    Returns:
        The files written.
    """
    written = []
    for image, (size, texts) in readings.items():
        file = image.with_suffix(".json")
        if file.exists():
            continue
        shapes = [
            {
                "label": one.label,
                "points": one.points,
                "group_id": one.seal,
                "description": "",
                "shape_type": "polygon",
                "flags": {},
                "attributes": {"direction": one.line.direction},
            }
            for one in texts
        ]
        content: dict[str, Any] = {
            "version": "5.5.0",
            "flags": {},
            "shapes": shapes,
            "imagePath": image.name,
            "imageData": None,
            "imageHeight": size[0],
            "imageWidth": size[1],
        }
        write_text(file, json.dumps(content, ensure_ascii=False, indent=1))
        written.append(file)
    return written


def write_ppocrlabel(readings: Readings, folder: Path) -> list[Path]:
    """Label.txt of PPOCRLabel in the folder; images that have a line there keep it.

    Returns:
        The file, [] where every image had its line.
    """
    file, lines, fresh = folder / "Label.txt", _ppocr_lines(folder), []
    known = _ppocr_names(lines)
    for image, (_, texts) in readings.items():
        if not _is_named(image, folder, known):
            entries = [{"transcription": one.label, "points": one.points, "difficult": False} for one in texts]
            fresh.append(f"{_ppocr_name(image, folder)}\t{json.dumps(entries, ensure_ascii=False)}")
    if fresh:
        write_text(file, "\n".join([*lines, *fresh]) + "\n")
    return [file] if fresh else []


def _ppocr_lines(folder: Path) -> list[str]:
    """Lines of a Label.txt in whatever encoding it has; they are written back as UTF-8."""
    file = folder / "Label.txt"
    lines = read_lines(file, LabelReader(folder, file.name)) if file.is_file() else []
    return [line for line in lines if line.strip()]


def _ppocr_names(lines: Sequence[str]) -> set[str]:
    return {line.partition("\t")[0].strip().replace("\\", "/") for line in lines}


def _is_named(image: Path, folder: Path, known: Collection[str]) -> bool:
    """Whether a line names the image: below the folder's name, as PPOCRLabel writes it, or below the folder."""
    return _ppocr_name(image, folder) in known or image.relative_to(folder).as_posix() in known


def _ppocr_name(image: Path, folder: Path) -> str:
    return f"{folder.resolve().name}/{image.relative_to(folder).as_posix()}"


def _refuse_existing(file: Path) -> None:
    if file.exists():
        raise DataError("the file exists", where=str(file), hint="rename it, or delete it")


def write_labelstudio(readings: Readings, folder: Path) -> list[Path]:
    """Tasks with predictions for Label Studio's OCR template (poly, label, transcription); images by local files.

    Raises:
        DataError: the file is there.
    """
    file = folder / LABEL_STUDIO
    _refuse_existing(file)
    tasks = []
    for image, (size, texts) in readings.items():
        name = image.relative_to(folder).as_posix()
        results = [part for number, one in enumerate(texts) for part in _studio(one, f"{name}:{number}", size)]
        mean = float(np.mean([one.score for one in texts])) if texts else 0.0
        prediction = {"model_version": "sealkit", "score": round(mean, 4), "result": results}
        tasks.append({"data": {"ocr": local_files_url(name)}, "predictions": [prediction]})
    write_text(file, json.dumps(tasks, ensure_ascii=False, indent=1))
    return [file]


def _studio(one: Reading, name: str, size: tuple[int, int]) -> list[dict[str, Any]]:
    height, width = size
    points = [[round(100 * x / width, 4), round(100 * y / height, 4)] for x, y in one.points]
    common = {
        "id": uuid5(NAMESPACE_URL, name).hex[:10],
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
    }
    place = {"points": points, "closed": True}
    return [
        {**common, "from_name": "poly", "type": "polygon", "value": place},
        {**common, "from_name": "label", "type": "labels", "value": {**place, "labels": ["Text"]}},
        {**common, "from_name": "transcription", "type": "textarea", "value": {**place, "text": [one.text]}},
    ]


WRITERS: dict[str, Callable[[Readings, Path], list[Path]]] = {
    "labelme": write_labelme,
    "ppocrlabel": write_ppocrlabel,
    "labelstudio": write_labelstudio,
}
"""Tool → what writes its files: (readings, folder of the images) → files written."""

__all__ = ["WRITERS", "Reading", "Readings", "pack", "unlabelled", "unpack"]
