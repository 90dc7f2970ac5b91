"""Text lines sorted into folders 0 and 180, all the way to a set that the module takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealkit.cli import main
from sealkit.data.converters.page_classes import convert_lines
from sealkit.errors import DataError
from sealkit.images import write_image
from sealkit.modules.textline_orientation.check import TextLineCheck
from sealkit.modules.textline_orientation.models import LABELS
from tests.data.sets import draw_image


def draw(folder: Path, count: int, first: int = 0) -> None:
    for number in range(count):
        write_image(folder / f"line {first + number}.png", draw_image(first + number))


def test_folders_go_all_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command as the one before it says; nobody names the module."""
    draw(tmp_path / "in" / "0_degree", 5)
    draw(tmp_path / "in" / "180_degree", 5, first=5)
    out = tmp_path / "lines"
    assert main(["data", "convert", str(tmp_path / "in"), str(out), "--workers", "1"]) == 0
    assert f"next: sealkit data split {out}" in capsys.readouterr().out
    assert (out / "label.txt").read_text().split() == ["0", LABELS[0], "1", LABELS[1]]
    labels = dict(line.rsplit(" ", 1) for line in (out / "train.txt").read_text().splitlines())
    assert labels["images/0_degree_line_3.png"] == "0" and labels["images/180_degree_line_7.png"] == "1"
    assert main(["data", "split", str(out), "--shares", "0.6", "0.4"]) == 0
    capsys.readouterr()
    assert main(["data", "check", str(out), "--workers", "1"]) == 0
    assert "textline_orientation" in capsys.readouterr().out


def test_the_parts_of_the_source_are_kept(tmp_path: Path) -> None:
    for part, first in (("train", 0), ("val", 20)):
        draw(tmp_path / "in" / part / "0", 2, first)
        draw(tmp_path / "in" / part / "180", 3, first + 10)
    assert convert_lines(tmp_path / "in", tmp_path / "out")[0] == {"train.txt": 5, "val.txt": 5}
    report = TextLineCheck.check(tmp_path / "out", workers=1, compare=False)
    assert [one.histograms["angle"] for one in report.sets] == [{"0°": 2, "180°": 3}] * 2


def test_other_numberings_are_translated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`data split` does not divide such lists, and its hint names what renumbers them."""
    source, out = tmp_path / "in", tmp_path / "out"
    draw(source / "images", 4)
    (source / "label.txt").write_text("0 180_degree\n1 0_degree\n")
    (source / "train.txt").write_text("".join(f"images/line {number}.png {number % 2}\n" for number in range(4)))
    assert main(["data", "split", str(source)]) == 3
    command = f"data convert {source} OUT --from line_classes"
    assert command in capsys.readouterr().err
    assert main(command.replace("OUT", str(out)).split()) == 0
    labels = [line.rsplit(" ", 1)[1] for line in (out / "train.txt").read_text().splitlines()]
    assert labels == ["1", "0", "1", "0"]


def test_lines_lie_at_no_quarter_turn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Images at 90 degrees are not dropped; by itself such a folder is one of pages."""
    for angle in ("0", "90", "180"):
        draw(tmp_path / "in" / angle, 1, int(angle))
    with pytest.raises(DataError, match="90") as caught:
        convert_lines(tmp_path / "in", tmp_path / "out")
    assert "page_classes" in str(caught.value) and not (tmp_path / "out").exists()
    assert main(["data", "convert", str(tmp_path / "in"), str(tmp_path / "out")]) == 0
    assert "page_classes" in capsys.readouterr().out
