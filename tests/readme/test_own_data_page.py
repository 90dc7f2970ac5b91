"""The commands of docs/own-data.md: all of them parse; in the slow run they do what the page says."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from sealkit import cli
from sealkit.data.labels.detection import read_det_labels
from sealkit.images import read_image, write_image
from tests.readme.test_readme import ROOT, blocks, run

TEXT = (ROOT / "docs" / "own-data.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for block in blocks("bash", TEXT) for line in block.splitlines() if line]


def test_every_command_parses() -> None:
    assert len(COMMANDS) >= 12
    for words in COMMANDS:
        assert words[0] == "sealkit"
        _, args = cli._parse(words[1:])
        assert args.command == words[1]


def _labelled(folder: Path, tool: str, count: int) -> None:
    """The toy set as a labelling tool leaves it: outlines and texts, and nothing else."""
    folder.mkdir()
    lines = []
    for sample in read_det_labels(ROOT / "datasets/toy", "train.txt")[0][:count]:
        image = read_image(sample.image_path)
        name = f"{sample.image_path.stem}.png"
        write_image(folder / name, image)
        texts = [(one.text, one.points.tolist()) for one in sample.lines if one.text and not one.ignore]
        if tool == "labelme":
            shapes = [{"label": t, "points": p, "shape_type": "polygon", "flags": {}} for t, p in texts]
            size = {"imageHeight": image.shape[0], "imageWidth": image.shape[1]}
            content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": name, "imageData": None, **size}
            (folder / name).with_suffix(".json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        elif tool == "ppocrlabel":
            entries = [{"transcription": t, "points": p, "difficult": False} for t, p in texts]
            lines.append(f"{folder.name}/{name}\t{json.dumps(entries, ensure_ascii=False)}\n")
    if lines:
        (folder / "Label.txt").write_text("".join(lines), encoding="utf-8")


@pytest.mark.slow
def test_the_commands_in_order(tmp_path: Path) -> None:
    """As they stand there, with two training steps in place of a real run."""
    for tool in ("labelme", "ppocrlabel"):
        _labelled(tmp_path / tool, tool, 10)
    _labelled(tmp_path / "scans", "none", 2)
    for words in COMMANDS:
        short = ["-o", "max_steps=2", "batch_size=2"] if words[1] == "train" else []
        done = run([*words, *short], tmp_path)
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    for name in ("det", "rec", "det_2"):
        assert (tmp_path / "runs" / name / "pipeline.yaml").is_file()
    assert list((tmp_path / "scans").glob("*.json"))
