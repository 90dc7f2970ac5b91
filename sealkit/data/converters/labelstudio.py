"""Label Studio: JSON (tasks with `annotations`) and JSON-MIN (one object per image), points in percent of the image.

A region and its text are two results with one id: a polygon, brush or rectangle, and a `textarea`.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from sealkit.data.converters.base import Images, Row, Source, read_files
from sealkit.data.converters.formats import LINE_KEYS
from sealkit.data.converters.reading import read_json
from sealkit.data.converters.stated_size import stated
from sealkit.data.converters.text_keys import CANDIDATES, candidates
from sealkit.data.converters.text_lines import ellipse_points, turned_box
from sealkit.data.labels.ignored import IGNORE_KEYS, IGNORED_TEXTS, is_ignored
from sealkit.data.records import DetSample
from sealkit.errors import ImageError, Problem
from sealkit.files import write_text
from sealkit.images import IMAGE_SUFFIXES, inspect_image, suffix_of

_LOCAL_FILES = "/data/local-files/?d="
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")
_LABELS = ("polygonlabels", "rectanglelabels", "ellipselabels", "labels")
_LOOKED_AT = 20
"""Tasks of which one must be sound: the first may be damaged."""
_IGNORED = frozenset({*IGNORE_KEYS, *IGNORED_TEXTS})


def recognise(path: Path, content: Any) -> bool:
    """A JSON list of tasks with `data` and `annotations`, or of objects that hold labelled regions in percent."""
    tasks = content if isinstance(content, list) else [content]
    return any(_is_task(task) for task in tasks[:_LOOKED_AT])


def _is_task(task: Any) -> bool:
    if not isinstance(task, dict):
        return False
    full = isinstance(task.get("data"), dict) and ("annotations" in task or "completions" in task)
    return full or any(True for _ in _short_regions(task))


def _short_regions(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for value in task.values():
        for region in value if isinstance(value, list) else []:
            if isinstance(region, dict) and "original_width" in region and ("points" in region or "width" in region):
                yield region


def read(path: Path) -> Source:
    """Rows of a file, or of every such file of a folder.

    Images are found by name, also without the eight digits that an upload puts before it. Of several annotations of a
    task the last that was not cancelled is taken (reported). The labels ignore, ### and difficult mark ignored texts.
    """
    return read_files(path, ".json", "export the project as JSON", _read_file)


def _read_file(file: Path, root: Path, images: Images, source: Source) -> None:
    content = read_json(file, file.name, source.report)
    if content is None:
        return
    if not recognise(file, content):
        source.report("not-labelstudio", file.name, "no tasks with data and annotations", "it was skipped", "info")
        return
    for number, task in enumerate(content if isinstance(content, list) else [content]):
        _read_task(task, f"{file.name} task {number}", root, images, source)


def _read_task(task: Any, where: str, root: Path, images: Images, source: Source) -> None:
    if not isinstance(task, dict):
        source.report("bad-image", where, "a task that is not an object", "export it again")
        return
    data = task["data"] if isinstance(task.get("data"), dict) else task
    names = [value for value in data.values() if isinstance(value, str) and _is_image(value)]
    if not names:
        source.report("bad-image", where, "no image in the task's data", "export it again")
        return
    image = _find(names[0], root, images)
    if image is None:
        source.report("missing-image", where, f"there is no image {_name(names[0])!r}", f"put it below {root}")
        return
    results = _results(task, where, source)
    try:
        real = inspect_image(image).size
    except ImageError as error:
        source.report("broken-image", where, f"{image.name}: {error.what}", error.hint or "export the image again")
        return
    regions = _by_id(results)
    sizes = [
        size
        for region in regions
        for size in [stated(region.get("original_width"), region.get("original_height"))]
        if size
    ]
    size = sizes[0] if sizes else real
    texts = []
    for number, region in enumerate(regions):
        points = _points(region["value"], size)
        if points is None:
            reason = f"region {number} ({region.get('type')!r}) is not an outline that can be read"
            source.report("not-an-outline", where, reason, "draw a polygon around the text")
            continue
        texts.append(_entry(region, points))
    if regions and not texts:
        source.report("no-usable-text", where, "none of its regions is an outline", "draw polygons")
        return
    source.rows.append(Row(where, image, texts, size=size))


def _is_image(text: str) -> bool:
    return any(suffix_of(name) in IMAGE_SUFFIXES for name in (_name(text), _as_written(text)))


def local_files_url(name: str) -> str:
    """Where Label Studio serves a file below the folder that it is given."""
    return f"{_LOCAL_FILES}{quote(name)}"


def _as_written(url: str) -> str:
    """The path of a local-files URL that was written by hand, without escapes: it may hold `&`, `#` and `+`."""
    return url.partition(_LOCAL_FILES)[2] or url


def _name(url: str) -> str:
    """The path that an image's URL speaks of: `/data/local-files/?d=a/b.png`, `/data/upload/1/0a1b2c3d-b.png`, …."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    inside = parse_qs(parts.query).get("d")
    return inside[0] if inside else unquote(parts.path)


def _find(url: str, root: Path, images: Images) -> Path | None:
    for name in dict.fromkeys(one.lstrip("/") for one in (_name(url), _as_written(url))):
        base = name.rpartition("/")[2]
        found = images.find(name, root, root / "images") or images.find(_UPLOAD.sub("", base), root, root / "images")
        if found is not None:
            return found
    return None


def _results(task: dict[str, Any], where: str, source: Source) -> list[Any]:
    """Results of a task, in the form with `value`; those of JSON-MIN are brought into it."""
    made = task.get("annotations", task.get("completions"))
    if not isinstance(made, list):
        return _short_results(task)
    valid = [one for one in made if isinstance(one, dict) and one.get("was_cancelled") is not True]
    if len(valid) > 1:
        reason = f"{len(valid)} annotations of one image, the last was taken"
        source.report("several-annotations", where, reason, "decide for one of them in Label Studio", "warning")
    result = valid[-1].get("result") if valid else []
    return result if isinstance(result, list) else []


def _short_results(task: dict[str, Any]) -> list[Any]:
    regions = list(_short_regions(task))
    written = next((v for k, v in task.items() if k in ("transcription", "text")), None)
    written = [written] if isinstance(written, str) else written if isinstance(written, list) else []
    results: list[Any] = []
    for number, region in enumerate(regions):
        text = written[number] if len(written) == len(regions) else ""
        results.append({"id": str(number), "type": "region", "value": {**region, "text": [text]}, **region})
    return results


def _by_id(results: list[Any]) -> list[dict[str, Any]]:
    """Regions, with the texts and choices that share their id in `texts`."""
    regions: dict[str, dict[str, Any]] = {}
    for number, result in enumerate(results):
        if not isinstance(result, dict) or not isinstance(result.get("value"), dict):
            continue
        known = regions.setdefault(str(result.get("id", number)), {"texts": {}, "value": {}})
        value = result["value"]
        if "points" in value or "width" in value or "radiusX" in value:
            known.update({key: v for key, v in result.items() if key != "value"})
            known["value"] = {**known["value"], **value}
        for key in ("text", "choices"):
            text = value.get(key)
            first = text[0] if isinstance(text, list) and text else text
            if isinstance(first, str) and first:
                known["texts"][str(result.get("from_name") or key)] = first
    return [region for region in regions.values() if region["value"]]


def _points(value: dict[str, Any], size: tuple[int, int]) -> list[list[float]] | None:
    """Points in pixels of an image of `size`."""
    x_unit, y_unit = size[0] / 100, size[1] / 100
    try:
        if "points" in value:
            return [[float(x) * x_unit, float(y) * y_unit] for x, y in value["points"]]
        turn = float(value.get("rotation") or 0)
        x, y = float(value["x"]) * x_unit, float(value["y"]) * y_unit
        if "radiusX" in value:
            return ellipse_points(x, y, float(value["radiusX"]) * x_unit, float(value["radiusY"]) * y_unit, turn)
        width, height = float(value["width"]) * x_unit, float(value["height"]) * y_unit
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    corners = turned_box(0, 0, width, height, turn)  # turned around the top left corner
    return [[x + a - corners[0][0], y + b - corners[0][1]] for a, b in corners]


def _entry(region: dict[str, Any], points: list[list[float]]) -> dict[str, Any]:
    value = region["value"]
    labels: list[Any] = next((value[key] for key in _LABELS if isinstance(value.get(key), list)), [])
    label = str(labels[0]) if labels else ""
    texts = region["texts"]
    text = next((texts[key] for key in ("transcription", "text", "ocr", "recognition") if key in texts), "")
    free = [written for key, written in texts.items() if key != "choices"]
    text = text or (free[0] if len(free) == 1 else "")
    meta = region.get("meta") if isinstance(region.get("meta"), dict) else {}
    ignored = label.strip().lower() in _IGNORED or str(texts.get("choices", "")).lower() in _IGNORED or is_ignored(meta)
    known = candidates({"": {**texts, "label": label}, "meta.": meta})
    entry: dict[str, Any] = {"transcription": "###" if ignored else text, "points": points, "class": label}
    entry.update({key: meta[key] for key in LINE_KEYS if isinstance(meta, dict) and key in meta})
    return {**entry, CANDIDATES: known}


def write(samples: list[DetSample], out: Path, names: list[str]) -> list[Problem]:
    """Write `labelstudio.json`, tasks to be imported into a project with PolygonLabels `label` and TextArea
    `transcription`; images by local-files URLs relative to the folder."""
    tasks = []
    for sample, name in zip(samples, names):
        width, height = inspect_image(sample.image_path).size
        results = []
        for number, line in enumerate(sample.lines):
            points = [[float(x) * 100 / width, float(y) * 100 / height] for x, y in line.points]
            known = {key: getattr(line, key) for key in LINE_KEYS if getattr(line, key) is not None}
            common = {
                "id": uuid.uuid5(uuid.NAMESPACE_URL, f"{name}#{number}").hex[:10],
                "to_name": "image",
                "original_width": width,
                "original_height": height,
                "image_rotation": 0,
            }
            label = "ignore" if line.ignore else "text"
            polygon = {"points": points, "closed": True, "polygonlabels": [label]}
            meta = {"meta": known} if known else {}
            results.append({**common, **meta, "type": "polygonlabels", "from_name": "label", "value": polygon})
            if line.text:
                value = {"points": points, "closed": True, "text": [line.text]}
                results.append({**common, "type": "textarea", "from_name": "transcription", "value": value})
        task = {"data": {"image": local_files_url(name)}, "annotations": [{"result": results}]}
        tasks.append(task)
    content = json.dumps(tasks, ensure_ascii=False, indent=1)
    write_text(out / "labelstudio.json", content + "\n")
    return []


__all__ = ["local_files_url", "read", "recognise", "write"]
