"""The reader of LMDB databases beside the package lmdb, and against damaged files."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from sealkit.data.converters.lmdb_file import open_lmdb
from sealkit.data.converters.lmdb_strips import read
from sealkit.errors import DataError

lmdb = pytest.importorskip("lmdb")
IMAGE = cv2.imencode(".png", np.full((32, 64, 3), 255, np.uint8))[1].tobytes()


def written(folder: Path, content: dict[bytes, bytes]) -> Path:
    """A database with this content, by the package; returns its file."""
    with lmdb.open(str(folder), map_size=1 << 26, sync=False) as base, base.begin(write=True) as view:
        for key, value in content.items():
            view.put(key, value)
    return folder / "data.mdb"


@pytest.fixture(scope="module")
def strips(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database of 100 strips: branches, leaves, and values on pages of their own."""
    content = {b"num-samples": b"100"}
    for number in range(1, 101):
        content[b"image-%09d" % number] = IMAGE + bytes(3000 if number % 3 else 0)
        content[b"label-%09d" % number] = "合同专用章".encode()
    return written(tmp_path_factory.mktemp("strips"), content).read_bytes()


@pytest.mark.parametrize("seed", range(3))
def test_it_finds_what_the_package_finds(seed: int, tmp_path: Path) -> None:
    """Keys and values of any size, in several transactions, some of them deleted again."""
    rng = random.Random(seed)
    content = {
        rng.randbytes(rng.choice((1, 3, 15, 500))): rng.randbytes(rng.choice((0, 9, 900, 9000))) for _ in range(700)
    }
    file = written(tmp_path, content)
    gone = rng.sample(sorted(content), 300)
    with lmdb.open(str(tmp_path), map_size=1 << 26, sync=False) as base:
        for key in gone:
            with base.begin(write=True) as view:
                view.delete(key)
    asked = [*content, *(rng.randbytes(8) for _ in range(100)), b"", b"\xff" * 500]
    with open_lmdb(file) as ours, lmdb.open(str(tmp_path), readonly=True, lock=False) as base, base.begin() as view:
        for key in asked:
            assert ours.get(key) == (view.get(key) if key else None)
        assert sum(ours.get(key) is not None for key in content) == len(content) - len(gone)


def test_an_empty_database_has_nothing(tmp_path: Path) -> None:
    with open_lmdb(written(tmp_path, {})) as base:
        assert base.get(b"num-samples") is None


def damaged(data: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Each with some bytes changed in headers, lists of nodes, nodes, or anywhere."""
    rng = random.Random(seed)
    pages = len(data) // 4096
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 8))):
            page, near = rng.randrange(pages), rng.choice((24, 160, 4096))
            start = page * 4096 + rng.randrange(near)
            size = min(rng.choice((1, 2, 8)), len(changed) - start)
            some = rng.choice(
                (rng.randbytes(size), b"\xff" * size, bytes(size), rng.randrange(pages).to_bytes(8, "little")[:size])
            )
            changed[start : start + size] = some
        yield bytes(changed)


@pytest.mark.parametrize("count", [60, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damage_ends_with_a_message_or_a_report(count: int, strips: bytes, tmp_path: Path) -> None:
    refused = 0
    for data in damaged(strips, count):
        (tmp_path / "data.mdb").write_bytes(data)
        try:
            found = read(tmp_path)
            for strip in found.found[:: max(1, len(found.found) // 5)]:
                strip.content()
        except DataError as error:
            refused += 1
            assert str(tmp_path) in str(error) and "\n" not in error.what
    assert refused > count / 10


def test_a_page_that_points_outside_is_named(strips: bytes, tmp_path: Path) -> None:
    """The package reads there, and the system ends the process."""
    pages = [strips[at : at + 4096] for at in range(0, len(strips), 4096)]
    number = next(n for n, page in enumerate(pages) if page[10] == 1)  # a branch
    branch = bytearray(pages[number])
    for node in np.frombuffer(branch[16 : int.from_bytes(branch[12:14], "little")], "<u2"):
        branch[node : node + 6] = (1 << 40).to_bytes(6, "little")
    (tmp_path / "data.mdb").write_bytes(b"".join([*pages[:number], branch, *pages[number + 1 :]]))
    with pytest.raises(DataError, match="there is no such page") as caught:
        read(tmp_path)
    assert f"page {1 << 40}" in str(caught.value)


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writes beyond the limit fail with EFBIG, as on a full disk with ENOSPC
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from sealkit.cli import main
sys.exit(main(["data", "convert", sys.argv[1], sys.argv[2], "--to", "lmdb"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE stands in for a full disk")
def test_a_full_disk_is_named(strips: bytes, tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(strips)
    command = [sys.executable, "-c", FULL, str(tmp_path), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3 and "the database cannot be written" in done.stderr, done.stderr
    assert not (tmp_path / "out" / "data.mdb").exists() and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("number", "words"), [(b"9" * 12, "more than its"), (b"0" * 12 + b"9" * 5000, "no recognition set")]
)
def test_how_many_there_are_must_be_possible(number: bytes, words: str, tmp_path: Path) -> None:
    written(tmp_path, {b"num-samples": number})
    with pytest.raises(DataError, match=words):
        read(tmp_path)
