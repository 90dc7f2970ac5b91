"""The journal: what is whole is kept, what a kill tore is done again, other settings are refused and named."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from sealkit.errors import DataError
from sealkit.workers.journal import NAME, begin, finished, resumed
from sealkit.workers.pool import Workers

HERE = Workers(1)


def results(folder: Path, done: list[int], settings: dict | None = None) -> list[object]:
    def work(job: int) -> object:
        done.append(job)
        return {"job": job, "points": np.array([[job, 0.1]], np.float32), "文": "印"}

    with finished(begin(folder, settings or {"seed": 1})) as journal:
        return list(resumed(work, range(4), HERE, journal, "jobs"))


def test_a_torn_line_is_done_again(tmp_path: Path) -> None:
    whole = results(tmp_path / "whole", [])
    assert not (tmp_path / "whole" / NAME).exists(), "nothing is left when all is done"
    journal = begin(tmp_path / "set", {"seed": 1})
    stopped = resumed(lambda job: whole[job], range(4), HERE, journal, "jobs")
    assert [next(stopped) for _ in range(3)] == whole[:3]
    raw = (tmp_path / "set" / NAME).read_bytes()
    (tmp_path / "set" / NAME).write_bytes(raw[:-9])
    done: list[int] = []
    assert results(tmp_path / "set", done) == whole and done == [2, 3]


def test_halves_of_files_that_are_whole_by_now_are_swept(tmp_path: Path) -> None:
    """A killed process leaves one; what another process writes at the moment stays."""
    (tmp_path / "images").mkdir()
    stale, foreign = tmp_path / "images" / ".1.a.png.123.partial", tmp_path / "images" / ".2.png.124.partial"
    for path in (stale, foreign, tmp_path / "images" / "1.a.png"):
        path.write_bytes(b"x")
    busy = tmp_path / "images" / ".1.a.png.125.partial"
    busy.write_bytes(b"y")
    later = busy.stat().st_mtime + 10
    os.utime(busy, (later, later))
    with finished(begin(tmp_path, {}, shared=True)):
        pass
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == sorted([busy.name, foreign.name, "1.a.png"])


def test_what_was_torn_at_the_very_start_begins_anew(tmp_path: Path) -> None:
    begin(tmp_path / "set", {"seed": 1})
    for raw in (b"", b'{"sealk'):
        (tmp_path / "set" / NAME).write_bytes(raw)
        done: list[int] = []
        results(tmp_path / "set", done)
        assert done == [0, 1, 2, 3]


def test_other_settings_and_other_content_are_refused(tmp_path: Path) -> None:
    begin(tmp_path / "set", {"seed": 1, "size": [3, 4]})
    with pytest.raises(DataError, match=r"other settings and not finished(?s:.*)seed: 1, now 2"):
        begin(tmp_path / "set", {"seed": 2, "size": [3, 4]})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    with pytest.raises(DataError, match="not empty"):
        begin(tmp_path / "full", {})
    with pytest.raises(DataError, match=r"cannot be made|not empty"):
        begin(tmp_path / "full" / "a", {})
    begin(tmp_path / "full", {}, shared=True)


@pytest.mark.parametrize("recorded", [False, True])
def test_what_failed_before_its_first_item_may_be_given_again_otherwise(tmp_path: Path, recorded: bool) -> None:
    with pytest.raises(DataError, match="no labels"), finished(begin(tmp_path / "set", {"labels": "a"})) as journal:
        if recorded:
            journal.add("0", 1)
        raise DataError("no labels")
    assert (tmp_path / "set" / NAME).is_file() is recorded
    if not recorded:
        begin(tmp_path / "set", {"labels": "b"})
