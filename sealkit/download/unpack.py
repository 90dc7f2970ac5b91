"""Unpacks the archive of an inference model: a few plain files in one folder, and nothing else.

The members are not extracted to where their names point. Their names are checked, and their contents are copied to
files of those names in a folder that is ours: a link, a device or a path that leads outside has nothing to act on, and
an archive that holds one is refused as a whole.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sealkit.download.errors import WrongFileError
from sealkit.files import replacing


@dataclass(frozen=True)
class ArchiveRules:
    """Bounds of an archive."""

    members: int = 64
    """Official archives have three or four."""
    max_bytes: int = 2 << 30
    """Of all contents together."""


RULES = ArchiveRules()
_CHUNK = 1 << 20
_NOTES = frozenset({tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE})
_NOTES |= {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
"""Members that say something of the next one."""
_NOTE_BYTES = 4096
"""Of one of them; `tarfile` reads it at once, and before Python 3.11.10 takes quadratic time for its digits."""
_NAME_BYTES = 120


def unpack(archive: Path, folder: Path, where: str, rules: ArchiveRules = RULES) -> list[Path]:
    """Copy the files of a tar archive into an empty folder, without the folder they are in.

    Args:
        archive: uncompressed, as all official ones are: a packed one could unfold without end.
        folder: must be there and be empty.
        where: what to call the archive in messages.
        rules: bounds.

    Returns:
        the files.

    Raises:
        WrongFileError: not a tar archive, damaged, over the bounds, or with anything but plain files of plain names.
    """
    written: dict[str, Path] = {}
    left = rules.max_bytes
    try:
        _check_headers(archive, where, rules)
        with tarfile.open(archive, "r:") as tar:
            for member in _members(tar, where, rules):
                name = _plain_name(member, where)
                if name is None:
                    continue
                if name.casefold() in written:
                    raise _refused("a file twice", where, member.name)
                left -= member.size
                if left < 0:
                    raise _refused(f"more than {rules.max_bytes} bytes", where, member.name)
                written[name.casefold()] = folder / name
                _copy(tar, member, folder / name, where)
    except (tarfile.TarError, EOFError, OverflowError, ValueError) as error:
        raise WrongFileError(
            "not a tar archive, or a damaged one",
            where=where,
            value=str(error),
            hint="not used; the same command fetches it again",
        ) from error
    if not written:
        raise WrongFileError("an archive without a file", where=where, hint="not used; take another --source")
    return list(written.values())


def _check_headers(archive: Path, where: str, rules: ArchiveRules) -> None:
    """Walk the headers as `tarfile` will, and refuse what it reads without bounds.

    Raises:
        WrongFileError: too many headers, long notes, notes that change a member's size, members with holes.
    """
    at = number = 0
    with open(archive, "rb") as file:
        while True:
            file.seek(at)
            try:
                header = tarfile.TarInfo.frombuf(file.read(tarfile.BLOCKSIZE), "utf-8", "surrogateescape")
            except tarfile.HeaderError:
                return  # the end, or damage, of which `tarfile` tells
            number += 1
            if number > 3 * rules.members:
                raise _refused(f"more than {3 * rules.members} headers", where, header.name)
            if header.issparse():
                raise _refused("what is not a plain file", where, header.name)
            if header.type in _NOTES:
                if not 0 <= header.size <= _NOTE_BYTES:
                    raise _refused(f"a note of {header.size} bytes", where, header.name)
                note = file.read(header.size)
                if b"size=" in note or b"GNU.sparse" in note:
                    raise _refused("a note that changes the size of a file", where, header.name)
            elif not (header.isreg() or header.type not in tarfile.SUPPORTED_TYPES):
                header.size = 0  # of links and folders it counts for nothing
            at += tarfile.BLOCKSIZE * (1 - (-max(header.size, 0) // tarfile.BLOCKSIZE))


def _members(tar: tarfile.TarFile, where: str, rules: ArchiveRules) -> Iterator[tarfile.TarInfo]:
    for number, member in enumerate(tar):
        if number >= rules.members:
            raise _refused(f"more than {rules.members} members", where, member.name)
        yield member


def _plain_name(member: tarfile.TarInfo, where: str) -> str | None:
    """The name of a plain file; None for what is passed over: folders, and notes that macOS adds.

    Raises:
        WrongFileError: anything else.
    """
    kinds = ((member.issym(), "a symbolic link"), (member.islnk(), "a hard link"), (member.isdev(), "a device or pipe"))
    for found, what in kinds:
        if found:
            raise _refused(what, where, member.name)
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or any(sign in member.name for sign in "\\:\0"):
        raise _refused("a path that leads outside", where, member.name)
    if not member.name.isprintable():
        raise _refused("a name with control characters", where, member.name)
    if member.isdir():
        return None
    if not member.isreg() or member.issparse():
        raise _refused("what is not a plain file", where, member.name)
    if len(path.parts) not in (1, 2) or len(path.name.encode()) > _NAME_BYTES:
        raise _refused("a file deeper than in one folder, or with a long name", where, member.name)
    return None if path.name.startswith(".") else path.name


def _copy(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, where: str) -> None:
    content = tar.extractfile(member)
    if content is None:
        raise _refused("what is not a plain file", where, member.name)
    size = 0
    with replacing(target) as file:
        while chunk := content.read(_CHUNK):
            size += len(chunk)
            file.write(chunk)
    if size != member.size:
        raise tarfile.ReadError(f"{member.name} ends after {size} of {member.size} bytes")


def _refused(what: str, where: str, name: str) -> WrongFileError:
    return WrongFileError(
        f"the archive holds {what}: it is refused",
        where=where,
        value=name,
        hint="nothing of it was used; take another --source, and report it",
    )


__all__ = ["RULES", "ArchiveRules", "unpack"]
