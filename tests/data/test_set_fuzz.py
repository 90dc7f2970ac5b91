"""Whole sets, damaged: `data check` of every module reports what is wrong, or says in one error that this is no set."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from sealkit.data.check_report import report_text
from sealkit.errors import SealkitError
from sealkit.modules.table import MODULES

ROOT = Path(__file__).resolve().parents[2] / "datasets"
CHECKED = {name: info for name, info in MODULES.items() if info.check}
ODD_NAMES = [
    *("", ".", "..", "/", "/etc/passwd", "../../etc/passwd", "images", "images/", "images/\0a.jpg", "a" * 5000),
    *(
        "images/" + "x" * 300 + ".jpg",
        "\ud800.jpg",
        "C:\\a.jpg",
        "//host/a.jpg",
        "~/a.jpg",
        "http://127.0.0.1/a.jpg",
        "-rf",
    ),
]
PIECES = [
    b"\t",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b" ",
    b"[",
    b"]",
    b"{",
    b'"',
    b",",
    b"9" * 5000,
    b"-1",
    b"NaN",
]
PIECES += [b"[" * 3000, b"null", "印".encode("gbk"), b"1e999", b"images/", b"\x1b[2J", b"\t[]\n"]


def small_copy(name: str, folder: Path) -> list[str]:
    """Three images of a toy set, small, and their label lines; returns the label files."""
    toy = ROOT / CHECKED[name].toy_set
    shutil.copytree(toy, folder, ignore=shutil.ignore_patterns("images", "label.txt", "*upright*"))
    labels = sorted(
        str(file.relative_to(folder)) for file in folder.rglob("*") if file.suffix in (".txt", ".jsonl", ".json")
    )
    for file in labels:
        if file.endswith(".json"):
            continue
        lines = (folder / file).read_text(encoding="utf-8").splitlines(keepends=True)[:3]
        (folder / file).write_text("".join(lines), encoding="utf-8", newline="")
    (folder / "images").mkdir()
    for image in sorted((toy / "images").iterdir())[:6]:
        with Image.open(image) as opened:
            opened.resize((40, 30)).save(folder / "images" / image.name)
    return labels


def odd_image(rng: random.Random, folder: Path) -> None:
    """One image becomes something else."""
    path = rng.choice(sorted((folder / "images").iterdir()))
    if path.is_dir() and not path.is_symlink():
        return
    data = path.read_bytes() if path.is_file() else b""
    path.unlink()
    kind = rng.randrange(6)
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        path.symlink_to(rng.choice([path.name, "/dev/zero", "nowhere", "..", "/etc/passwd"]))
    elif kind == 2 and hasattr(os, "mkfifo"):
        os.mkfifo(path)
    else:
        path.write_bytes(rng.choice([b"", b"text", data[: len(data) // 2], data[:20] + rng.randbytes(200)]))


def odd_labels(rng: random.Random, folder: Path, file: str) -> None:
    """Bytes of a label file change, or one of its names does, or it becomes something else."""
    path = folder / file
    if not path.is_file():
        return
    data = path.read_bytes()
    kind = rng.randrange(8)
    if kind == 0:
        path.unlink()
        rng.choice([lambda: None, path.mkdir, lambda: path.symlink_to(path.name), lambda: path.write_bytes(b"")])()
        return
    if kind <= 2:
        names = sorted(image.name.encode() for image in (folder / "images").iterdir())
        odd = rng.choice(ODD_NAMES).encode("utf-8", "surrogatepass")
        data = data.replace(rng.choice([b"images/", b""]) + rng.choice(names), odd, 1)
    else:
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(len(data) + 1)
            data = data[:at] + rng.choice([*PIECES, rng.randbytes(2)]) + data[at + rng.choice((0, 0, 1, 3, 60)) :]
    path.write_bytes(data)


def check(name: str, folder: Path) -> None:
    checker: Callable = CHECKED[name].load("check").check
    try:
        said = report_text(checker(folder))
    except SealkitError as error:
        said = str(error)
        assert len(said) < 3000
    assert said


@pytest.mark.parametrize("count", [12, pytest.param(2_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CHECKED)
def test_damaged_sets(name: str, count: int, tmp_path: Path) -> None:
    """2,000 of each of five modules."""
    sound, damaged = tmp_path / "sound", tmp_path / "damaged"
    labels = small_copy(name, sound)
    check(name, sound)
    for seed in range(count):
        rng = random.Random(f"{name} {seed}")
        shutil.copytree(sound, damaged)
        for _ in range(rng.choice((1, 1, 2, 3))):
            if rng.random() < 0.2:
                odd_image(rng, damaged)
            else:
                odd_labels(rng, damaged, rng.choice(labels))
        try:
            check(name, damaged)
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}: {error!r}") from error
        shutil.rmtree(damaged)
