"""The commands of the README work as they stand there. Only the two set-up ones (`make …`) are left to make."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
TIMEOUT = 600  # seconds per command


def blocks(language: str, text: str = TEXT) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(text: str = TEXT) -> list[list[str]]:
    found = []
    for block in blocks("bash", text):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] != "make":
                found.append(words)
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like a checkout and is not written to by mistake."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("recipes", "configs", "tools", "datasets", "docs"):
        (folder / name).symlink_to(ROOT / name)
    images = sorted((ROOT / "datasets" / "toy").rglob("*.jpg")) + sorted((ROOT / "datasets" / "toy").rglob("*.png"))
    (folder / "my_seal.png").write_bytes(images[0].read_bytes())
    return folder


def run(words: list[str], place: Path) -> subprocess.CompletedProcess[str]:
    programs = {"python": [sys.executable], "sealkit": [sys.executable, "-m", "sealkit"]}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [*programs[words[0]], *words[1:]]
    return subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


def test_the_two_commands_stand_on_the_first_screen() -> None:
    first = TEXT.splitlines()[:20]
    assert any(line.startswith("make demo") for line in first)
    assert any(line.startswith("make test") for line in first)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "\ndemo:" in makefile and "\ntest:" in makefile


def test_commands_in_order(place: Path) -> None:
    listed = commands()
    assert len(listed) >= 5
    assert {words[0] for words in listed} <= {"sealkit", "python"}
    for words in listed:
        done = run(words, place)
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"


def test_python_examples(place: Path) -> None:
    examples = blocks("python")
    assert examples
    for code in examples:
        done = run(["python", "-c", code], place)
        assert done.returncode == 0, f"{code}\n{done.stderr[-3000:]}"


def test_the_chinese_page_has_the_same_commands_and_code() -> None:
    assert commands(CHINESE) == commands()
    strip = re.compile(r"\s*#.*")
    assert [strip.sub("", code) for code in blocks("python", CHINESE)] == [strip.sub("", c) for c in blocks("python")]


@pytest.mark.parametrize("text", [TEXT, CHINESE], ids=["English", "Chinese"])
def test_links(text: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
