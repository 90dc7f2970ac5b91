"""Rows of the tutorials' model tables, under headings and in the order of the tutorials.

The 3.x tutorial has 39 rows: its 33 models, and six recognisers twice, as "core models" and again in the lists by
language. The 3.0-beta tutorial has 12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sealkit.modules.published import PublishedModel, published_models

TABLES: Mapping[str, str] = {
    "layout": "layout_detection",
    "orientation": "doc_text_orientation",
    "unwarping": "image_unwarping",
    "seal_det": "seal_text_detection",
    "rec": "text_recognition",
}
"""Name of a table → module of its models."""
ALL = "all"
NEW, OLD = "3.x", "3.0-beta"
OTHER = "not in the tutorials"
CORE = (
    "PP-OCRv5_server_rec",
    "PP-OCRv5_mobile_rec",
    "PP-OCRv4_server_rec_doc",
    "PP-OCRv4_mobile_rec",
    "PP-OCRv4_server_rec",
    "en_PP-OCRv4_mobile_rec",
)
"""Recognisers that the 3.x tutorial lists twice."""
_LANGUAGES: Mapping[str, str] = {
    "PP-OCRv5": "PP-OCRv5",
    "PP-OCR": "Chinese",
    "ch_SVTRv2": "SVTRv2",
    "ch_RepSVTR": "RepSVTR",
    "en_": "English",
    "": "other languages",
}
"""Start of a recogniser's name → its list; the first that fits."""


@dataclass(frozen=True)
class Section:
    """Rows under one heading.

    Attributes:
        table: key of `TABLES`.
        title: what the rows have in common.
        tutorial: "3.x", "3.0-beta", or `OTHER`.
        models: names, in order.
        published: name → its row of that tutorial; {} for `OTHER`.
    """

    table: str
    title: str
    tutorial: str
    models: tuple[str, ...]
    published: Mapping[str, PublishedModel]


def sections(table: str, others: Mapping[str, Sequence[str]] | None = None) -> list[Section]:
    """The sections of a table, or of all of them.

    Args:
        table: key of `TABLES`, or "all".
        others: module → models to add that no tutorial lists.
    """
    found: list[Section] = []
    for name in TABLES if table == ALL else (table,):
        module = TABLES[name]
        rows = [row for row in published_models() if row.module == module]
        new = {row.model: row for row in rows if row.tutorial == NEW}
        old = {row.model: row for row in rows if row.tutorial == OLD}
        found += [Section(name, title, NEW, models, new) for title, models in _groups(module, new).items()]
        if old:
            found.append(Section(name, "3.0-beta tutorial", OLD, tuple(old), old))
        if extra := tuple((others or {}).get(module, ())):
            found.append(Section(name, OTHER, OTHER, extra, {}))
    return found


def chosen(found: Sequence[Section], only: Sequence[str]) -> list[Section]:
    """The sections with those models alone; those that have none of them are left out."""
    kept = []
    for section in found:
        models = tuple(name for name in section.models if name in only)
        if models:
            kept.append(Section(section.table, section.title, section.tutorial, models, section.published))
    return kept


def _groups(module: str, rows: Mapping[str, PublishedModel]) -> dict[str, tuple[str, ...]]:
    """Heading → models of the 3.x tutorial."""
    groups: dict[str, list[str]] = {}
    if module == "text_recognition":
        groups["core models"] = [name for name in rows if name in CORE]
        for name in rows:
            start = next(start for start in _LANGUAGES if name.startswith(start))
            groups.setdefault(_LANGUAGES[start], []).append(name)
    elif module == "layout_detection":
        for name in rows:
            groups.setdefault(_classes(name), []).append(name)
    else:
        groups["3.x tutorial"] = list(rows)
    return {title: tuple(names) for title, names in groups.items()}


def _classes(name: str) -> str:
    from sealkit.modules.layout_detection.classes import CLASSES

    return f"{len(CLASSES[name])} classes"
