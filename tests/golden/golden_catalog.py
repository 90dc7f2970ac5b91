"""What every golden is called, which module it belongs to and which file checks it.

Literal tables: a golden that is in none of them is unknown, and an unknown golden fails. A golden that is known
but whose `check_<family>.py` does not exist yet fails as well; nothing is ever skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

DET, REC, LAYOUT, ORIENTATION, PIPELINE = (
    "seal_text_detection",
    "text_recognition",
    "layout_detection",
    "doc_text_orientation",
    "pipeline",
)
UNWARPING = "image_unwarping"
MODULES = (DET, REC, LAYOUT, ORIENTATION, UNWARPING, PIPELINE)

NETWORKS: tuple[tuple[str, str], ...] = (
    ("PP-OCRv4_*_seal_det", DET),
    ("PP-OCRv6_*_det", DET),
    ("*_rec", REC),
    ("*_rec_doc", REC),
    ("PicoDet*", LAYOUT),
    ("RT-DETR*", LAYOUT),
    ("PP-DocLayout*", LAYOUT),
    ("PP-LCNet_x1_0_doc_ori", ORIENTATION),
    ("UVDoc", UNWARPING),
)
"""Pattern of a model golden's file name -> module; the first that fits."""

OPERATIONS: dict[tuple[str, str], str] = {
    ("ops_ocr", "targets"): DET,
    ("ops_ocr", "dbpost"): DET,
    ("ops_ocr", "hmean"): DET,
    ("ops_ocr", "detresize"): DET,
    ("ops_ocr", "schedule"): DET,
    ("ops_ocr", "label"): REC,
    ("ops_ocr", "ctc"): REC,
    ("ops_ocr", "rec"): REC,
    ("ops_ocr", "recmetric"): REC,
    ("ops_det", "schedule"): LAYOUT,
    ("ops_det", "ema"): LAYOUT,
    ("ops_det", "resize"): LAYOUT,
    ("ops_det", "nms"): LAYOUT,
    ("ops_cls", "schedule"): ORIENTATION,
    ("ops_cls", "resize"): ORIENTATION,
}
"""(file, first part of a key) -> module."""

OPERATION_CHECKS: dict[tuple[str, str], str] = {
    ("ops_ocr", "dbpost"): "db_postprocess",
    ("ops_ocr", "hmean"): "det_metric",
    ("ops_ocr", "detresize"): "det_resize",
    ("ops_ocr", "label"): "labels",
    ("ops_ocr", "ctc"): "ctc_decode",
    ("ops_ocr", "rec"): "rec_resize",
    ("ops_ocr", "recmetric"): "rec_metric",
    ("ops_det", "ema"): "schedule",
    ("ops_det", "resize"): "layout_resize",
    ("ops_cls", "resize"): "orientation_resize",
}
"""What is checked by the file of the function it belongs to, where the golden has a name of its own."""

FUNCTIONS: dict[str, tuple[str, ...]] = {
    "det_resize": (DET,),
    "db_postprocess": (DET,),
    "det_metric": (DET,),
    "sort_polys": (DET,),
    "ring_texts": (DET,),
    "rec_resize": (REC,),
    "ctc_decode": (REC,),
    "rec_metric": (REC,),
    "recognition": (REC,),
    "layout_post": (LAYOUT,),
    "coco_map": (LAYOUT,),
    "preprocess": (LAYOUT, ORIENTATION, UNWARPING),
    "rotate": (ORIENTATION,),
    "crop_polys": (PIPELINE,),
    "end_to_end": (PIPELINE,),
}
"""Folder with a manifest.json -> modules it belongs to."""

NETWORK_PARTS = ("keys", "eval", "train")


@dataclass(frozen=True)
class Case:
    """One thing to check.

    Attributes:
        kind: "network", "operation", "function" or "unknown".
        name: shown in the test's name.
        modules: modules it belongs to; empty for an unknown one.
        path: npz file of a network or operation, folder of a function.
        family: what selects the checker.
        part: of a network golden: "keys", "eval" or "train".
    """

    kind: str
    name: str
    modules: tuple[str, ...]
    path: Path
    family: str = ""
    part: str = ""


def network_module(stem: str) -> str | None:
    return next((module for pattern, module in NETWORKS if fnmatchcase(stem, pattern)), None)


def find_cases(folder: Path, only: str | None) -> list[Case]:
    """Cases of a folder of either kind (or both), those of module `only`; unknown ones always.

    Returns an empty list where there is nothing to check: the caller turns that into a failure.
    """
    cases: list[Case] = []
    for path in sorted(folder.glob("golden/*.npz")):
        cases += _operations(path) if path.stem.startswith("ops_") else _network(path)
    for manifest in sorted(folder.glob("*/manifest.json")):
        family = manifest.parent.name
        modules = FUNCTIONS.get(family)
        kind = "unknown" if modules is None else "function"
        cases.append(Case(kind, family, modules or (), manifest.parent, family))
    return [case for case in cases if only is None or case.kind == "unknown" or only in case.modules]


def _network(path: Path) -> list[Case]:
    module = network_module(path.stem)
    if module is None:
        return [Case("unknown", path.stem, (), path)]
    with np.load(path) as golden:
        stored = {key.split("/")[0] for key in golden.files}
    parts = [part for part in NETWORK_PARTS if part == "keys" or part in stored]
    return [Case("network", f"{path.stem}-{part}", (module,), path, path.stem, part) for part in parts]


def _operations(path: Path) -> list[Case]:
    with np.load(path) as golden:
        families = sorted({key.split("/")[0] for key in golden.files} - {"meta"})
    cases = []
    for family in families:
        module = OPERATIONS.get((path.stem, family))
        name = f"{path.stem}-{family}"
        if module is None:
            cases.append(Case("unknown", name, (), path, family))
        else:
            checker = OPERATION_CHECKS.get((path.stem, family), family)
            cases.append(Case("operation", name, (module,), path, checker))
    return cases
