"""datasets/CHECKS.md names every kind of finding, with the severities the code gives it, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from sealkit.modules.seal_text_detection.check import check_dataset

ROOT = Path(__file__).parents[2]
SOURCES = (
    "data/labels/detection.py",
    "data/labels/files.py",
    "data/labels/outlines.py",
    "data/check_outlines.py",
    "data/check_sets.py",
    "data/check_texts.py",
    "data/images.py",
    "data/labels/coco.py",
    "data/labels/recognition.py",
    "modules/dataset_check.py",
    "modules/seal_text_detection/check.py",
    "modules/seal_text_detection/label_issues.py",
    "data/label_issue.py",
    "modules/layout_detection/label_issues.py",
    "modules/doc_text_orientation/label_issues.py",
    "modules/text_recognition/check.py",
    "modules/layout_detection/check.py",
    "data/labels/orientation.py",
    "modules/doc_text_orientation/check.py",
)
# A kind stands first in a call of one of these, or is assigned.
CALL = re.compile(r'(?:(?<!_)(?:report|say|refuse|problem|Problem|add|info)|_info)\(\s*"([a-z]+(?:-[a-z]+)*)"')
OTHER = re.compile(
    r'(?:kind(?:, [a-z]+)? = |return (?="reads-)|_say_twin\(\s*problems, |_say_twin\(problems, )"([a-z-]+)"'
)


def kinds_in_code() -> set[str]:
    text = "\n".join((ROOT / "sealkit" / source).read_text(encoding="utf-8") for source in SOURCES)
    return set(CALL.findall(text)) | set(OTHER.findall(text))


def kinds_in_document() -> set[str]:
    rows = [line for line in (ROOT / "datasets/CHECKS.md").read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    return {kind for row in rows for kind in re.findall(r"`([a-z]+(?:-[a-z]+)*)`", row.split("|")[1])}


def test_every_kind_is_documented() -> None:
    code, document = kinds_in_code(), kinds_in_document()
    assert len(code) > 50
    assert code - document == set(), "kinds missing from datasets/CHECKS.md"
    assert document - code == set(), "kinds that the code does not know"


def test_the_toy_set_is_sound() -> None:
    toy = ROOT / "datasets" / "toy"
    report = check_dataset(toy)
    assert [p for p in report.problems if p.severity != "info"] == []
    assert {s.name: s.counts["images"] for s in report.sets} == {"train": 24, "val": 8}
    shapes = {shape for checked in report.sets for shape in checked.histograms["shape"]}
    assert shapes == {"circle", "oval", "square", "rectangle", "triangle"}
