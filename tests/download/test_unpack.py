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
    members: list[tarfile.TarInfo | tuple[str, bytes]] = [
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


EVIL: dict[str, tarfile.TarInfo | tuple[str, bytes]] = {
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
    "terminal codes": ("top/a\x1b]0;title\x07.txt", b"x"),
    "a new line": ("top/a\nerror: b.txt", b"x"),
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


def block(name: str, size: int, kind: bytes) -> bytes:
    """A header."""
    made = tarfile.TarInfo(name)
    made.size, made.type = size, kind
    return made.tobuf(tarfile.USTAR_FORMAT)


def note(body: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    return block("note", len(body), kind) + body + bytes(-len(body) % tarfile.BLOCKSIZE)


FILE = block("m/inference.yml", 3, tarfile.REGTYPE) + b"abc" + bytes(509) + bytes(1024)


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        (note(b"1" * 100_000), "a note of 100000 bytes"),  # digits: quadratic in Python before 3.11.10
        (note(bytes(100_000_000)), "a note of 100000000 bytes"),
        (note(b"a" * 5000, tarfile.GNUTYPE_LONGNAME), "a note of 5000 bytes"),
        (note(b"12 path=ab/c") * 400, "more than 192 headers"),  # each one calls itself for the next
        (note(b"aaaaaaaaaa", tarfile.GNUTYPE_LONGNAME) * 400, "more than 192 headers"),
        (note(b"16 size=9999999\n"), "a note that changes the size"),
        (note(b"22 GNU.sparse.size=9\n\n"), "a note that changes the size"),
        (block("s", 0, tarfile.GNUTYPE_SPARSE), "what is not a plain file"),
        (note(b"22 path=../../escaped\n"), "a path that leads outside"),
    ],
)
def test_what_is_said_of_members_is_bounded(tmp_path: Path, notes: bytes, message: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "a.tar").write_bytes(notes + FILE)
    with pytest.raises(WrongFileError, match=message):
        unpack(tmp_path / "a.tar", tmp_path / "out", "a.tar")


def test_notes_of_usual_writers_do_no_harm(tmp_path: Path) -> None:
    """What macOS and names beyond ASCII add."""
    (tmp_path / "out").mkdir()
    said = note(b"30 mtime=1700000000.123456789\n") + note(b"18 path=m/\xe5\x8d\xb0.yml\n")
    (tmp_path / "a.tar").write_bytes(note(b"19 comment=a b c d\n", tarfile.XGLTYPE) + said + FILE)
    assert [file.name for file in unpack(tmp_path / "a.tar", tmp_path / "out", "a.tar")] == ["印.yml"]
