"""The words that the glossary rules out are used nowhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "project" / "glossary.md"
PLACES = ("sealkit", "docs", "recipes", "configs", "README.md", "README.zh-CN.md", "datasets/FORMATS.md")
KINDS = {".py", ".md", ".yaml", ".yml", ".html"}


def ruled_out() -> list[str]:
    rows = GLOSSARY.read_text(encoding="utf-8").partition("## Words that are not used")[2]
    return [word for row in re.findall(r"^\| ([^|]+) \|", rows, re.MULTILINE)[1:] for word in row.strip().split(", ")]


def texts() -> dict[str, str]:
    places = [ROOT / name for name in PLACES]
    files = [file for place in places for file in ([place] if place.is_file() else sorted(place.rglob("*")))]
    return {
        str(file.relative_to(ROOT)): file.read_text(encoding="utf-8")
        for file in files
        if file.suffix in KINDS and file != GLOSSARY
    }


TEXTS = texts()


@pytest.mark.parametrize("word", ruled_out())
def test_a_word_is_used_nowhere(word: str) -> None:
    pattern = re.compile(rf"\b{re.escape(word)}s?\b", re.IGNORECASE)
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in TEXTS.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


def test_enough_is_searched() -> None:
    assert len(ruled_out()) >= 15 and len(TEXTS) > 400
