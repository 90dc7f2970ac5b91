"""A conversion that was killed is gone on with: the same folder, and what was copied is not copied again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sealkit import cli
from sealkit.data.converters import base
from sealkit.data.converters.strips import Strip
from sealkit.errors import DataError
from sealkit.images import write_image
from sealkit.workers.pool import Workers
from tests.data.sets import draw_image, small_set
from tests.data.test_format_fuzz import write_source
from tests.synth.test_sets import contents


def database(folder: Path) -> None:
    """An LMDB set; its images are read one by one."""
    pytest.importorskip("lmdb")
    write_source(folder.with_name("gt"), "gt_txt")
    assert cli.main(["data", "convert", str(folder.with_name("gt")), str(folder), "--to", "lmdb"]) == 0


def classes(folder: Path) -> None:
    for angle in ("0", "90"):
        for number in range(2):
            write_image(folder / angle / f"{number}.png", draw_image(number))


SOURCES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "outlines": (small_set, []),
    "labelme": (small_set, ["--to", "labelme"]),
    "strips": (lambda folder: write_source(folder, "gt_txt"), []),
    "lmdb": (database, []),
    "texts": (lambda folder: write_source(folder, "seal_texts"), ["--from", "seal_texts"]),
    "classes": (classes, ["--from", "page_classes"]),
    "boxes": (small_set, ["--from", "page_boxes", "--to", "page_boxes"]),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_killed_and_started_again(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw, flags = SOURCES[kind]
    draw(tmp_path / "in")
    if kind == "boxes":
        assert cli.main(["data", "convert", str(tmp_path / "in"), str(tmp_path / "lm"), "--to", "labelme"]) == 0
        shutil.rmtree(tmp_path / "in")
        (tmp_path / "lm").rename(tmp_path / "in")
        flags = ["--from", "page_boxes"]
    command = ["data", "convert", str(tmp_path / "in")]
    assert cli.main([*command, str(tmp_path / "whole"), *flags, "--workers", "1"]) == 0
    copy = base._copy
    copied: list[Any] = []

    def stop(job: base.FileCopy) -> None:
        if copied:
            raise KeyboardInterrupt
        copied.append(job.target)
        copy(job)

    if len(contents(tmp_path / "whole")) > 2:
        monkeypatch.setattr(base, "_copy", stop)
        assert cli.main([*command, str(tmp_path / "out"), *flags, "--workers", "1"]) == 130
        monkeypatch.setattr(base, "_copy", copy)
        before = copied[0].stat().st_mtime_ns
        assert cli.main([*command, str(tmp_path / "out"), *flags, "--workers", "1"]) == 0
        assert copied[0].stat().st_mtime_ns == before
        assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert cli.main([*command, str(tmp_path / "whole"), *flags]) == 3, "a finished folder is not written to"


def test_other_files_are_not_mixed_in(tmp_path: Path) -> None:
    """An image that changed since the kill: the folder is refused, not filled half with the old one."""
    source = write_image(tmp_path / "a.png", draw_image(1))
    with pytest.raises(RuntimeError), base.filling(tmp_path / "out", {tmp_path / "out" / "a.png": source}):
        raise RuntimeError("killed")
    write_image(source, draw_image(2, 200))
    with (
        pytest.raises(DataError, match="begun with other settings"),
        base.filling(tmp_path / "out", {tmp_path / "out" / "a.png": source}),
    ):
        pass


def test_processes_copy_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "FILES_PER_WORKER", 3)
    sources = [write_image(tmp_path / f"{number}.png", draw_image(number)) for number in range(6)]
    copies: dict[Path, Path | bytes] = {tmp_path / "out" / path.name: path for path in sources}
    with base.filling(tmp_path / "out", copies, Workers(2)):
        pass
    assert contents(tmp_path / "out") == {path.name: path.read_bytes() for path in sources}


def test_a_database_that_was_half_written_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LMDB: the samples of a run that was not killed; until it is whole, no reader takes the folder for a set."""
    pytest.importorskip("lmdb")
    from sealkit.data.converters import lmdb_strips
    from sealkit.data.converters.detect import recognise

    rows = []
    for number in range(5):
        write_image(tmp_path / "in" / f"{number}.png", draw_image(number, 60, 30))
        rows.append(f"{number}.png\t专用章{number}\n")
    (tmp_path / "in" / "gt.txt").write_text("".join(rows), encoding="utf-8")
    monkeypatch.setattr(lmdb_strips, "_AT_ONCE", 2)
    command = ["data", "convert", str(tmp_path / "in"), str(tmp_path / "out"), "--to", "lmdb"]
    write, parts = lmdb_strips._write_part, []

    def stop(database: object, strips: list[Strip], first: int) -> None:
        if first > 2:
            raise KeyboardInterrupt
        parts.append(first)
        write(database, strips, first)

    monkeypatch.setattr(lmdb_strips, "_write_part", stop)
    assert cli.main(command) == 130 and parts == [1]
    assert recognise(tmp_path / "out") is None
    monkeypatch.setattr(lmdb_strips, "_write_part", write)
    assert cli.main(command) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["data.mdb"]
    found = lmdb_strips.read(tmp_path / "out")
    assert found.problems == [] and [strip.text for strip in found.found] == [f"专用章{n}" for n in range(5)]
    assert [strip.content() for strip in found.found] == [(tmp_path / "in" / f"{n}.png").read_bytes() for n in range(5)]
    assert cli.main(command) == 3, "a finished folder is not written to"
