"""Class names of the published models, by id, and which classes a training set stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

CLASSES_3 = ("image", "table", "seal")
CLASSES_17 = (
    "paragraph_title",
    "image",
    "text",
    "number",
    "abstract",
    "content",
    "figure_title",
    "formula",
    "table",
    "table_title",
    "reference",
    "doc_title",
    "footnote",
    "header",
    "algorithm",
    "footer",
    "seal",
)
CLASSES_23 = (
    *CLASSES_17,
    "chart_title",
    "chart",
    "formula_number",
    "header_image",
    "footer_image",
    "aside_text",
)
CLASSES_20 = (
    "paragraph_title",
    "image",
    "text",
    "number",
    "abstract",
    "content",
    "figure_title",
    "formula",
    "table",
    "reference",
    "doc_title",
    "footnote",
    "header",
    "algorithm",
    "footer",
    "seal",
    "chart",
    "formula_number",
    "aside_text",
    "reference_content",
)
CLASSES_PUBLAYNET = ("Text", "Title", "List", "Table", "Figure")

CLASSES: Mapping[str, tuple[str, ...]] = {
    "PicoDet-S_layout_3cls": CLASSES_3,
    "PicoDet-L_layout_3cls": CLASSES_3,
    "RT-DETR-H_layout_3cls": CLASSES_3,
    "PicoDet-S_layout_17cls": CLASSES_17,
    "PicoDet-L_layout_17cls": CLASSES_17,
    "RT-DETR-H_layout_17cls": CLASSES_17,
    "PP-DocLayout-S": CLASSES_23,
    "PP-DocLayout-M": CLASSES_23,
    "PP-DocLayout-L": CLASSES_23,
    "PP-DocLayout_plus-L": CLASSES_20,
    "PP-DocBlockLayout": ("Region",),
    "PicoDet_layout_1x": CLASSES_PUBLAYNET,
    "PicoDet_layout_1x_table": ("Table",),
}
"""Published model → its classes in the order of their ids."""


def choose_classes(wanted: Sequence[str] | None, found: Sequence[str], model: str) -> tuple[str, ...]:
    """Classes of a run, in the order of their ids.

    Args:
        wanted: what the recipe says; it wins.
        found: categories of the first training set, in the order of its file.
        model: where it was published with just these names, in whatever order, its order stays: its weights fit.
    """
    if wanted is not None:
        return tuple(wanted)
    published = CLASSES.get(model, ())
    return published if set(found) == set(published) else tuple(found)


__all__ = ["CLASSES", "choose_classes"]
