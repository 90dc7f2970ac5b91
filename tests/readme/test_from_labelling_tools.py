"""From a folder as a labelling tool leaves it to a pipeline with own models: six commands, no file edited."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from sealkit import cli
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.labels.recognition import read_rec_labels
from sealkit.modules.own_data import own_set
from tests.readme.test_readme import run
from tests.readme.tool_folders import TOOLS, tool_folder

COMMANDS = (
    "sealkit data convert mine seals",
    "sealkit data split seals",
    "sealkit data crop seals strips",
    "sealkit train --data seals --output runs/det",
    "sealkit train --data strips --output runs/rec",
    "sealkit infer mine --det runs/det --rec runs/rec --save-path out",
)
assert len(COMMANDS) <= 6


@pytest.mark.parametrize("tool", TOOLS)
def test_up_to_training(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = tool_folder(tmp_path / "mine", tool, 6)
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS[:3]:
        # who labels as the guide says needs no reading of both directions; the slow test reads
        more = ["--recogniser", "none"] if "crop" in command else []
        assert cli.main([*shlex.split(command)[1:], *more]) == 0, command
    kept = [
        line for part in ("train.txt", "val.txt") for one in read_det_labels("seals", part)[0] for line in one.lines
    ]
    assert len(kept) == texts and all(line.text for line in kept)
    strips = [one for part in ("train.txt", "val.txt") for one in read_rec_labels("strips", part)[0]]
    assert len(strips) >= 0.9 * texts and {one.text for one in strips} <= {line.text for line in kept}
    assert own_set("seals").module == "seal_text_detection" and own_set("strips").module == "text_recognition"
    for command in COMMANDS[3:]:
        assert cli._parse(shlex.split(command)[1:])[1].command == shlex.split(command)[1]


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_to_the_texts(tool: str, tmp_path: Path) -> None:
    """As they stand there, with two training steps in place of a real run."""
    tool_folder(tmp_path / "mine", tool, 6)
    for command in COMMANDS:
        words = shlex.split(command)
        short = ["-o", "max_steps=2", "batch_size=2"] if words[1] == "train" else []
        done = run([*words, *short], tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    for name in ("det", "rec"):
        assert (tmp_path / "runs" / name / "pipeline.yaml").is_file()
    assert len(list((tmp_path / "out").glob("*_res.json"))) == 6
