"""Transcriptions: what cannot be seen is said; sound texts are silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealkit.charset import Charset
from sealkit.cli import main
from sealkit.data.check_texts import PlacedText, text_problems
from tests.data.sets import small_set


def kinds(*texts: str, charset: Charset | None = None) -> list[str]:
    placed = [PlacedText(f"train.txt:{n}", 0, text) for n, text in enumerate(texts, 1)]
    found = text_problems(placed, charset)
    assert all(p.where.startswith("train.txt:") and p.hint for p in found)
    return [p.code for p in found]


@pytest.mark.parametrize(
    "text", ["天津君和缘商贸有限公司", "（发票专用章）", "3211811003407", "ZHITU CO.,LTD", "𠮷野家", "■□", ""]
)
def test_sound_texts_are_silent(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.parametrize("text", ["天津\ufffd公司", "锟斤拷有限公司", "烫烫烫"])
def test_lost_encoding(text: str) -> None:
    assert kinds(text) == ["lost-text"]


@pytest.mark.parametrize("text", ["天津\u200b公司", "\ufeff天津", "天\u00a0津", "天\x07津", "天\ue000津", "天\n津"])
def test_invisible_characters(text: str) -> None:
    assert kinds(text) == ["invisible-character"]


def test_outer_space_and_composition() -> None:
    assert kinds(" 天津") == ["outer-space"]
    assert kinds("Cafe\u0301") == ["not-composed"]


def test_width_twins_are_one_message_for_the_set() -> None:
    assert kinds("（天津）", "（上海）") == []
    assert kinds("（天津）", "(上海)", "ＡＢ", "AB") == ["width-twins"]


def test_characters_that_the_charset_lacks() -> None:
    charset = Charset.from_list(list("天津公司"), id="small")
    placed = [PlacedText("train.txt:1", 0, "天津商商"), PlacedText("train.txt:4", 1, "商贸")]
    first, second = text_problems(placed, charset)
    assert "'商' (U+5546), 3 times and 1 more lines" in first.message and "small" in first.message
    assert first.where == "train.txt:1" and "'贸'" in second.message and second.where == "train.txt:4"


def test_command_with_a_dictionary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = small_set(tmp_path / "set")
    (tmp_path / "dict.txt").write_text("\n".join("号有限公司总部专用章甲乙丙丁") + "\n", encoding="utf-8")
    assert main(["data", "check", str(root), "--charset", str(tmp_path / "dict.txt")]) == 0
    out = capsys.readouterr().out
    assert "warning: not-in-charset (2)" in out and "'戊'" in out and "'己'" in out
    assert main(["data", "check", str(root), "--charset", str(tmp_path / "none.txt")]) == 3
    assert "none.txt" in capsys.readouterr().err
