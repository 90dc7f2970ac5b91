"""Which key of a foreign annotation holds the text? Taken where the format says so, asked for where it does not.

A converter lists under `candidates` of each entry every key that may hold the text, and puts into `transcription` the
one its format names. A set in which that leaves all texts empty, while other keys hold some, is not converted: a set
without texts would be made of one with texts.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from typing import Any

from sealkit.data.converters.base import Row, Source
from sealkit.data.labels.ignored import IGNORED_TEXTS, says_yes
from sealkit.errors import DataError

CANDIDATES = "candidates"
NONE = "none"
"""Value of `--text` for a set whose outlines have no texts."""
_TEXTS = (
    "text", "transcription", "utf8_string", "caption", "rec", "ocr", "text_content", "content", "transcript",
    "文字", "文本", "内容", "转录", "印文",
)  # fmt: skip
"""Keys that hold a text in the formats' published forms, in this order."""
_META = frozenset(
    {
        "id", "image_id", "category_id", "bbox", "segmentation", "area", "iscrowd", "ignore", "points",
        "shape_type", "flags", "group_id", "shape", "direction", "class", "type", "name", "file_name",
        "track_id", "color", "keyframe", "occluded", "outside", "truncated", "difficult", "pose", "score",
        "kie_linking", "shape_attributes", "language", "legibility", "cid", "mask",
    }
)  # fmt: skip
_CLASSES = frozenset({"category", "class", "label", "name"})
_MANY_CLASSES = 8
"""More different names than a set has classes are texts; so are names in another script than tools write."""
_BOXES_PER_CLASS = 3
"""Names that as many boxes or more share on average are classes."""
_SHOWN = 20
_LONGEST_NUMBER = 40
"""Digits of a number that stands for a text."""


def candidates(places: Mapping[str, Any]) -> dict[str, str]:
    """Dotted key -> text, of every string that may be a text.

    Args:
        places: prefix -> the object whose keys are looked at ("" for the annotation itself, "attributes." …), or a
            string that stands for itself.
    """
    found: dict[str, str] = {}
    for prefix, content in places.items():
        if isinstance(content, str):
            found.setdefault(prefix, content)
        elif isinstance(content, Mapping):
            for key, value in content.items():
                text = _text(key, value)
                if text.strip() and key not in _META:
                    found.setdefault(f"{prefix}{key}", text)
    return found


def _text(key: str, value: Any) -> str:
    """A value as a text, "" where it is none: a list of one string is, and a number where the key says text."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and _is_usual(key):
        return str(value)[:_LONGEST_NUMBER]
    return value if isinstance(value, str) else ""


def _is_usual(key: str) -> bool:
    return key.rpartition(".")[2].strip().lower() in _TEXTS


def usual_text(found: Mapping[str, str]) -> str:
    """The text under one of the usual keys, in the annotation or its attributes; "" where there is none."""
    for wanted in _TEXTS:
        for key, value in found.items():
            if key.rpartition(".")[2].strip().lower() == wanted:
                return value
    return ""


def are_classes(names: Collection[str], boxes: int) -> bool:
    """Whether the different names of so many boxes are too few to be their texts."""
    return len(names) * _BOXES_PER_CLASS <= boxes


def holds_regions(source: Source) -> bool:
    """Whether all outlines are upright boxes with classes and without texts: regions of pages, a layout set.

    Boxes of the one class `text` stand around texts.
    """
    entries = [entry for row in source.rows for entry in _entries(row)]
    classes = {str(entry.get("class") or "") for entry in entries}
    if not _all_boxed(entries) or not all(classes) or classes <= {"text"}:
        return False
    texts = {str(entry.get("transcription") or "") for entry in entries}
    if texts - {""} and not (texts <= classes and are_classes(classes, len(entries))):
        return False
    return all(
        are_classes(values, len(entries)) or (name in _CLASSES and not _likely(name, list(values), len(entries)))
        for name, values in _seen(entries).items()
    )


def choose_texts(source: Source, key: str | None, where: str) -> None:
    """Settle the texts of all entries, by the key asked for, or by what the converter found.

    Args:
        source: changed in place.
        key: a key as `candidates` names it, "none" for a set without texts, or None.
        where: of the source, for messages.

    Raises:
        DataError: no entry has the key; or no key was asked for, and all texts are empty while other keys hold some.
    """
    entries = [entry for row in source.rows for entry in _entries(row)]
    if key == NONE:
        for entry in entries:
            if not _ignored(entry):
                entry["transcription"] = ""
        return
    seen = _seen(entries)
    if key is not None:
        if entries and key not in seen:
            raise DataError(
                "no annotation has this key for its text",
                where=f"--text, {where}",
                value=key,
                hint=f"keys there: {_list(seen) or 'none'}; or --text {NONE}",
            )
        for entry in entries:
            if not _ignored(entry):
                entry["transcription"] = entry.get(CANDIDATES, {}).get(key, "")
        return
    live = [entry for entry in entries if not _ignored(entry)]
    if not live or any(str(entry.get("transcription") or "").strip() for entry in live):
        return
    likely = {name: values for name, values in seen.items() if _likely(name, list(values), len(live))}
    if likely:
        first = shlex.quote(next(iter(likely)))
        hint = f"say which one holds the text, such as --text {first}; --text {NONE} if the outlines have no texts"
        if _all_boxed(entries):
            hint += "; --to page_boxes if they are regions of pages"
        raise DataError(
            f"all {len(live)} texts would be empty, and other keys of the annotations hold some",
            where=where,
            value=_list(likely),
            hint=hint,
        )
    reason = f"none of the {len(live)} outlines has a text"
    fix = "enough for a detector; a recogniser needs texts"
    source.report("no-texts", where, reason, fix, "info")


def _likely(name: str, values: list[str], count: int) -> bool:
    """Whether a key holds texts, and not the few classes or states that all annotations share."""
    if name in _CLASSES:
        return len(values) > _MANY_CLASSES or any(
            not value.isascii() for value in values if count == 1 or len(values) > 1
        )
    return len(values) > 1 or (count == 1 and "." in name)


def _all_boxed(entries: list[dict[str, Any]]) -> bool:
    return bool(entries) and all(entry.get("boxed") or _is_upright(entry.get("points")) for entry in entries)


def _is_upright(points: Any) -> bool:
    """Whether an outline is an upright rectangle, as exporters write boxes where a format has only polygons."""
    try:
        corners = {(round(float(x), 2), round(float(y), 2)) for x, y in points}
    except (TypeError, ValueError, OverflowError):
        return False  # the label reader reports it
    return len(corners) == 4 and len({x for x, _ in corners}) == 2 and len({y for _, y in corners}) == 2


def _ignored(entry: dict[str, Any]) -> bool:
    text = entry.get("transcription")
    return says_yes(entry.get("difficult")) or (isinstance(text, str) and text in IGNORED_TEXTS)


def _entries(row: Row) -> list[dict[str, Any]]:
    return [entry for entry in row.texts if isinstance(entry, dict)] if isinstance(row.texts, list) else []


def _seen(entries: list[dict[str, Any]]) -> dict[str, dict[str, None]]:
    """Key -> its different values, in order of appearance, the first 20."""
    seen: dict[str, dict[str, None]] = {}
    for entry in entries:
        for key, value in entry.get(CANDIDATES, {}).items():
            values = seen.setdefault(key, {})
            if len(values) < _SHOWN:
                values.setdefault(value)
    return seen


def _list(seen: Mapping[str, Mapping[str, None]]) -> str:
    return ", ".join(f"{key} ({next(iter(values))[:20]!r})" for key, values in seen.items())


__all__ = ["CANDIDATES", "NONE", "are_classes", "candidates", "choose_texts", "holds_regions", "usual_text"]
