"""Archives of strangers: a few plain files, or nothing."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from sealkit.download.errors import WrongFileError
from sealkit.download.unpack import ArchiveRules, unpack


def archive(path: Path, *members: tarfile.TarInfo | tuple[str, bytes], format: int = tarfile.PAX_FORMAT) -> Path:
    """Write a tar of (name, content) and of ready TarInfo."""
    with tarfile.open(path, "w", format=format) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                name, content = member
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def info(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


@pytest.mark.parametrize("top", ["", "./", "UVDoc_infer/", "./UVDoc_infer/"])
def test_the_files_of_a_folder(tmp_path: Path, top: str) -> None:
    members = [
        (f"{top}inference.yml", b"Global: {}"),
        (f"{top}inference.json", b"{}"),
        (f"{top}._inference.yml", b"mac"),
    ]
    if top:
        members.insert(0, info(top.rstrip("/"), tarfile.DIRTYPE))
    (tmp_path / "out").mkdir()
    unpack(archive(tmp_path / "a.tar", *members), tmp_path / "out", "a.tar")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["inference.json", "inference.yml"]
    assert (tmp_path / "out/inference.yml").read_bytes() == b"Global: {}"


EVIL = {
    "up": ("../escaped", b"x"),
    "up inside": ("top/../../escaped", b"x"),
    "absolute": ("/tmp/escaped", b"x"),
    "back-slashes": ("..\\escaped", b"x"),
    "a drive": ("C:escaped", b"x"),
    "symbolic link": info("top/escaped", tarfile.SYMTYPE, "/etc/passwd"),
    "hard link": info("top/escaped", tarfile.LNKTYPE, "../../etc/passwd"),
    "character device": info("top/escaped", tarfile.CHRTYPE),
    "block device": info("top/escaped", tarfile.BLKTYPE),
    "pipe": info("top/escaped", tarfile.FIFOTYPE),
    "a folder that leads up": info("../up", tarfile.DIRTYPE),
    "deep": ("a/b/escaped", b"x"),
    "a long name": ("top/" + "x" * 200, b"x"),
}


@pytest.mark.parametrize("kind", EVIL)
def test_an_archive_with_anything_else_is_refused_as_a_whole(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "in" / "out"
    folder.mkdir(parents=True)
    before = set(tmp_path.rglob("*"))
    path = archive(tmp_path / "a.tar", ("top/inference.yml", b"ok"), EVIL[kind])
    with pytest.raises(WrongFileError, match="it is refused"):
        unpack(path, folder, "a.tar")
    after = set(tmp_path.rglob("*")) - before - {path}
    assert after <= {folder / "inference.yml"}, after


def test_bounds(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    many = archive(tmp_path / "many.tar", *[(f"{number}", b"") for number in range(10)])
    with pytest.raises(WrongFileError, match="more than 5 members"):
        unpack(many, tmp_path / "out", "many", ArchiveRules(members=5))
    large = archive(tmp_path / "large.tar", ("a", bytes(600)), ("b", bytes(600)))
    (tmp_path / "out2").mkdir()
    with pytest.raises(WrongFileError, match="more than 1000 bytes"):
        unpack(large, tmp_path / "out2", "large", ArchiveRules(max_bytes=1000))
    twice = archive(tmp_path / "twice.tar", ("a", b"1"), ("A", b"2"))
    (tmp_path / "out3").mkdir()
    with pytest.raises(WrongFileError, match="a file twice"):
        unpack(twice, tmp_path / "out3", "twice")


def test_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    plain = archive(tmp_path / "a.tar", ("a", bytes(5000)))
    bomb = gzip.compress(plain.read_bytes())
    cut = plain.read_bytes()[:2000]
    sparse = bytearray(archive(tmp_path / "s.tar", ("s", b"x"), format=tarfile.GNU_FORMAT).read_bytes())
    sparse[156:157] = b"S"  # says it unfolds
    for content in (bomb, cut, b"", b"<html>", bytes(10_000)[:700], bytes(sparse)):
        (tmp_path / "b.tar").write_bytes(content)
        with pytest.raises(WrongFileError):
            unpack(tmp_path / "b.tar", tmp_path / "out", "b.tar")
        for file in (tmp_path / "out").iterdir():
            file.unlink()
