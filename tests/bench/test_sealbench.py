"""The drawn benchmark: its table, its fonts, its images."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import sealbench
from benchmarks.sealbench_table import markdown, metrics_by_group
from sealkit.drawing import fonts
from sealkit.errors import DataError
from sealkit.synth.seals.cases import SealCase, balanced_cases


def _item(file: str, size: int, *texts: tuple[str, str]) -> dict[str, Any]:
    labels = [{"text": text, "direction": way, "ignore": False, "poly": []} for text, way in texts]
    case = SealCase("circle", "upright", "red", "none", size)
    return {"file": file, "kind": "circle", "case": case, "texts": labels, "seals": [{}]}


ITEMS = [
    _item("0.png", 480, ("北京公司", "arc"), ("合同专用章", "line")),
    _item("1.png", 120, ("12345", "line")),
]


def test_rows_count_lines_by_level_and_by_line() -> None:
    texts: dict[str, dict[str, list[str]]] = {
        "mine": {"0.png": ["北京公司", "合同专用"], "1.png": ["12345", "wrong"]},
        "none": {"0.png": [], "1.png": []},
    }
    rows = {row["group"]: row for row in metrics_by_group(ITEMS, texts)}
    assert next(iter(rows)) == "all" and rows["all"]["n"] == 3
    assert rows["all"]["mine"]["exact"] == pytest.approx(2 / 3, abs=1e-4)
    assert rows["all"]["mine"]["f1"] == pytest.approx(4 / 7, abs=1e-4)  # three lines, four texts, two right
    assert rows["all"]["none"] == {"exact": 0.0, "sim": 0.0, "f1": 0.0}
    assert rows["size 480"]["n"] == 2 and rows["size 480"]["mine"]["exact"] == 0.5
    assert rows["script digits"]["n"] == 1 and rows["script digits"]["mine"] == {"exact": 1.0, "sim": 1.0, "f1": None}
    assert rows["direction line"]["mine"]["exact"] == 0.5
    sizes = [name for name in rows if name.startswith("size")]
    assert sizes == ["size 120", "size 480"]


def test_markdown_has_a_column_per_reader() -> None:
    text = markdown(metrics_by_group(ITEMS, {"mine": {"0.png": ["北京公司"], "1.png": []}}))
    head, rule, first, *_ = text.splitlines()
    assert head == "| exact / 1-NED / F1 | lines | mine |"
    assert rule.count("---") == 3 and first == "| all | 3 | .333 / .333 / .500 |"


def test_images_and_digest_are_the_same_again(tmp_path: Path) -> None:
    read = {"perfect": lambda item, image: [t["text"] for t in item["texts"]]}
    cases = balanced_cases(3, 1)
    first, second = sealbench.measure(cases, read, tmp_path), sealbench.measure(cases, read)
    assert first["digest"] == second["digest"]
    assert first["rows"][0]["perfect"]["exact"] == 1.0
    kept = json.loads((tmp_path / "labels.json").read_text(encoding="utf-8"))
    assert [item["case"]["size"] for item in kept] == [case.size for case in cases]
    assert sorted(p.name for p in tmp_path.glob("*.png")) == ["00000.png", "00001.png", "00002.png"]


def test_fonts_of_another_table_are_refused_by_name(tmp_path: Path) -> None:
    card = tmp_path / "card.json"
    mine = sealbench.font_hashes()
    assert mine and all(len(digest) == 64 for digest in mine.values())
    card.write_text(json.dumps({"fonts": mine}))
    sealbench.check_fonts(card, other_fonts=False)
    card.write_text(json.dumps({"fonts": {**mine, "Missing.otf": "0" * 64}}))
    with pytest.raises(DataError, match=r"Missing\.otf"):
        sealbench.check_fonts(card, other_fonts=False)
    sealbench.check_fonts(card, other_fonts=True)


def test_a_folder_of_fonts_is_the_only_one_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fonts.VARIABLE, "")
    sealbench.choose_fonts(tmp_path)
    assert fonts.font_folders() == [tmp_path]


def test_numbers_of_images_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        sealbench.main(["--images", "0"])
    assert "at least 1" in capsys.readouterr().err
