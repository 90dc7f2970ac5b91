"""The harness itself: an unknown golden and an empty folder fail, modules select their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.golden.golden_catalog import DET, FUNCTIONS, MODULES, OPERATIONS, REC, find_cases, network_module


def write(folder: Path, name: str, **arrays: np.ndarray) -> None:
    (folder / "golden").mkdir(exist_ok=True)
    save: Any = np.savez
    save(folder / "golden" / name, **arrays)


def test_folder_without_goldens_has_no_cases(tmp_path: Path) -> None:
    assert find_cases(tmp_path, None) == [] and find_cases(tmp_path / "nowhere", DET) == []


def test_unknown_goldens_are_cases_of_every_selection(tmp_path: Path) -> None:
    write(tmp_path, "PP-OCRv9_det.npz", x=np.zeros(1))
    write(tmp_path, "ops_ocr.npz", **{"mystery/a": np.zeros(1), "hmean/out": np.zeros(3)})
    (tmp_path / "new_function").mkdir()
    (tmp_path / "new_function" / "manifest.json").write_text("{}")
    cases = find_cases(tmp_path, REC)
    assert {case.name for case in cases} == {"PP-OCRv9_det", "ops_ocr-mystery", "new_function"}
    assert {case.kind for case in cases} == {"unknown"}
    assert "ops_ocr-hmean" in {case.name for case in find_cases(tmp_path, DET)}


def test_networks_are_checked_in_the_parts_that_are_stored(tmp_path: Path) -> None:
    write(tmp_path, "PP-OCRv6_tiny_det.npz", **{"eval/maps": np.zeros(1), "meta": np.zeros(1)})
    assert [case.part for case in find_cases(tmp_path, DET)] == ["keys", "eval"]
    assert find_cases(tmp_path, REC) == []


def test_tables_name_known_modules() -> None:
    used = set(OPERATIONS.values()) | {module for modules in FUNCTIONS.values() for module in modules}
    assert used <= set(MODULES)
    assert network_module("PP-OCRv6_small_rec") == REC and network_module("PP-OCRv6_small_det") == DET
