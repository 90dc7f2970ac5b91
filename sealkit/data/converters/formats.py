"""Names of the annotation formats that can be converted; a table of its own because command lines want it without heavy
imports.
"""

from __future__ import annotations

from collections.abc import Mapping

TITLES: Mapping[str, str] = {
    "labelme": "LabelMe files",
    "ppocrlabel": "a PPOCRLabel file (Label.txt)",
    "coco": "a COCO file",
    "rest": "ICDAR ReST files",
    "seal_texts": "text files beside images (TrOCR-Seal)",
    "page_classes": "pages in folders 0, 90, 180, 270, or PaddleX's classification set",
    "page_boxes": "boxes of regions of pages, in COCO or LabelMe files",
}
FORMATS = tuple(TITLES)
