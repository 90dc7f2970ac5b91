"""The commands of docs/own-data.md: all of them parse; in the slow run they do what the page says."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from sealkit import cli
from tests.readme.test_readme import ROOT, blocks, run
from tests.readme.tool_folders import boxed_pages, tool_folder, turned_pages

TEXT = (ROOT / "docs" / "own-data.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for block in blocks("bash", TEXT) for line in block.splitlines() if line]


def test_every_command_parses() -> None:
    assert len(COMMANDS) >= 19
    for words in COMMANDS:
        assert words[0] == "sealkit"
        _, args = cli._parse(words[1:])
        assert args.command == words[1]


@pytest.mark.slow
def test_the_commands_in_order(tmp_path: Path) -> None:
    """As they stand there, with two training steps in place of a real run."""
    for tool in ("labelme", "ppocrlabel"):
        tool_folder(tmp_path / tool, tool, 10)
    tool_folder(tmp_path / "scans", None, 2)
    boxed_pages(tmp_path / "pages", 8)
    turned_pages(tmp_path / "turned")
    for words in COMMANDS:
        short = ["-o", "max_steps=2", "batch_size=2"] if words[1] == "train" else []
        done = run([*words, *short], tmp_path)
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    for name in ("det", "rec", "det_2", "layout", "ori"):
        assert (tmp_path / "runs" / name / "pipeline.yaml").is_file()
    assert list((tmp_path / "scans").glob("*.json"))
