"""Character sets of recognisers: the one place where characters meet class numbers.

A recogniser trained with CTC has the classes `blank, c1 … cn, space`: blank is class 0, the space is the last class
and is never written in dictionary files (PaddleOCR's `use_space_char: true`). A charset travels inside every checkpoint
and inference model, with an id for people and a hash for comparisons.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sealkit.errors import CharsetError
from sealkit.files import read_regular, write_text

_log = logging.getLogger(__name__)
BLANK = ""
"""What class 0 decodes to."""
SPACE = " "
MAX_DICTIONARY = 64_000_000
"""Bytes of a dictionary file; all of Unicode, one character per line, has 6 MB."""


@dataclass(frozen=True)
class Charset:
    """Ordered characters of a recogniser.

    Attributes:
        characters: one string per class 1..n, without blank and without the appended space.
        id: a name for people, e.g. "ppocrv6" or the file's stem.
        space: a class for the space follows the characters.
        notes: what was odd in a charset taken from existing weights (duplicates and the like); empty for own files.
    """

    characters: tuple[str, ...]
    id: str = ""
    space: bool = True
    notes: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """Width of the CTC head: blank + characters + space."""
        return 1 + len(self.characters) + int(self.space)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Class number → text; class 0 is the blank and decodes to nothing."""
        return (BLANK, *self.characters, SPACE) if self.space else (BLANK, *self.characters)

    @cached_property
    def index(self) -> dict[str, int]:
        """Character → class number. Of duplicates the last counts, the appended space before a listed one: published
        weights were trained so."""
        table = {character: number for number, character in enumerate(self.characters, 1)}
        if self.space:
            table[SPACE] = self.num_classes - 1
        return table

    @cached_property
    def hash(self) -> str:
        """SHA-256 (first 16 hex digits) of the class list; equal hashes mean equal class numbers."""
        return hashlib.sha256("\n".join(self.classes).encode("utf-8")).hexdigest()[:16]

    def unknown(self, text: str) -> list[str]:
        """Characters of `text` that have no class, each once, in order of appearance."""
        return list(dict.fromkeys(c for c in text if c not in self.index))

    def encode(self, text: str, *, where: str | None = None) -> list[int]:
        """Class numbers of `text`.

        Raises:
            CharsetError: a character has no class; all of them are named.
        """
        missing = self.unknown(text)
        if missing:
            raise CharsetError(
                f"{len(missing)} character(s) of the text are not in charset {self.id or self.hash}",
                where=where,
                value="".join(missing),
                hint="extend the charset, correct the label, or normalise the text (full-width forms, variants)",
            )
        return [self.index[c] for c in text]

    def encode_known(self, text: str) -> list[int]:
        """Class numbers of the characters of `text` that have one; others are left out, as the published training does.

        A label that loses characters teaches the network not to see them: count what `unknown` says, and report it.
        """
        return [self.index[c] for c in text if c in self.index]

    def decode(self, numbers: Iterable[int]) -> str:
        """Text of class numbers, blanks dropped, nothing merged (CTC merging is the decoder's task)."""
        return "".join(self.classes[n] for n in numbers)

    def extend(self, new: Iterable[str], *, id: str = "") -> Charset:
        """A charset with `new` characters appended, known ones skipped: class numbers stay, but the space's."""
        added = tuple(c for c in dict.fromkeys(new) if c not in self.index and c != SPACE)
        return Charset(
            _checked(self.characters + added, "extend", allow_odd=bool(self.notes))[0], id or self.id, self.space
        )

    def class_map(self, other: Charset) -> dict[int, int]:
        """Class numbers of `self` → of `other` for every class both have, blank and space included."""
        shared = {n: other.index[c] for c, n in self.index.items() if c in other.index}
        return {0: 0, **shared}

    def check_width(self, num_classes: int, *, where: str) -> None:
        """Raise CharsetError unless a head of `num_classes` outputs belongs to this charset."""
        if num_classes != self.num_classes:
            raise CharsetError(
                f"the network has {num_classes} classes but charset {self.id or self.hash} needs {self.num_classes} "
                f"(blank + {len(self.characters)} characters{' + space' if self.space else ''})",
                where=where,
                hint="use the dictionary the weights were trained with",
            )

    def save(self, path: str | Path) -> None:
        """Write one character per line, UTF-8, LF, without blank and space."""
        write_text(Path(path), "".join(f"{c}\n" for c in self.characters))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for checkpoints and reports."""
        return {"id": self.id, "hash": self.hash, "space": self.space, "characters": list(self.characters)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, where: str = "charset") -> Charset:
        """Inverse of to_dict.

        Raises:
            CharsetError: no character list, or the stored hash is not that of the stored characters.
        """
        listed = data.get("characters") if isinstance(data, Mapping) else data
        if not isinstance(data, Mapping) or not isinstance(listed, (list, tuple)):
            raise CharsetError("the stored charset has no list of characters", where=where, value=listed)
        characters, notes = _checked(listed, where, allow_odd=True)
        charset = cls(characters, str(data.get("id", "")), bool(data.get("space", True)), notes)
        stored = data.get("hash")
        if stored is not None and stored != charset.hash:
            raise CharsetError("the stored hash is not that of the stored characters", where=where, value=stored)
        return charset

    @classmethod
    def from_list(
        cls, characters: Sequence[str], *, id: str = "", space: bool = True, where: str = "character list"
    ) -> Charset:
        """A charset of characters the user wrote down; duplicates, empty and multi-character entries are refused."""
        return cls(_checked(characters, where, first_line=1, space=space)[0], id, space)

    @classmethod
    def from_file(cls, path: str | Path, *, id: str = "", space: bool = True) -> Charset:
        """Read a dictionary file: UTF-8 without BOM, LF, one class per line, the blank not listed.

        Class numbers are PaddleOCR's: a line without its line end is one class, whatever it holds. Published
        dictionaries list the space, empty lines, several characters or one character twice; all of them count, and
        weights were trained so. They are noted in `notes` and in the log.

        Raises:
            CharsetError: naming file and line of what is no such file.
        """
        path = Path(path)
        try:
            data = read_regular(path, MAX_DICTIONARY)
        except OSError as error:
            raise CharsetError(f"cannot read the dictionary: {error.strerror}", where=str(path)) from error
        if data.startswith(b"\xef\xbb\xbf"):
            raise CharsetError(
                "starts with a byte order mark, which would become part of the first character",
                where=f"{path}:1",
                hint="save the file as UTF-8 without BOM",
            )
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            what, hint = "is UTF-16", f"convert it: iconv -f UTF-16 -t UTF-8 {path} > {path.stem}_utf8{path.suffix}"
            raise CharsetError(what, where=f"{path}:1", hint=hint)
        if b"\r" in data:
            raise CharsetError(
                "has Windows line ends (CR)",
                where=f"{path}:{data[: data.index(13)].count(10) + 1}",
                hint="convert the file to LF line ends",
            )
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(10) + 1
            raise _not_utf8(data, path, line, data[error.start : error.end]) from error
        lines = text.split("\n")
        if lines and lines[-1] == "":
            lines.pop()
        characters, notes = _checked(lines, str(path), first_line=1, space=space, allow_odd=True)
        for note in notes:
            _log.info("%s: %s; counted as classes, as PaddleOCR does", path, note)
        return cls(characters, id or path.stem, space, notes)

    @classmethod
    def from_inference(cls, characters: Any, *, id: str = "", where: str) -> Charset:
        """The charset of existing inference weights: `PostProcess.character_dict` of inference.yml.

        Class numbers are given by the weights, so duplicates and multi-character entries are kept and only noted.
        A plain string counts as its characters (as paddlex does).

        Raises:
            CharsetError: no character list at all (paddlex would silently use 0-9a-z).
        """
        if not characters:
            raise CharsetError(
                "has no character list", where=where, hint="PostProcess.character_dict must list the characters"
            )
        if not isinstance(characters, (str, list, tuple)):
            raise CharsetError("the character list is not a list", where=where, value=characters)
        checked, notes = _checked([str(c) for c in characters], where, allow_odd=True)
        return cls(checked, id, True, notes)

    @classmethod
    def from_onnx_metadata(cls, metadata: Mapping[str, str], *, id: str = "", where: str) -> Charset:
        """The charset in an ONNX file: metadata key `character`, one per line, no blank, no space (RapidOCR)."""
        text = metadata.get("character", "")
        return cls.from_inference(text.split("\n") if text else None, id=id, where=where)


NRTR_PADDING, NRTR_UNKNOWN, NRTR_START, NRTR_END = range(4)
NRTR_SHIFT = 3
"""A character's label for the NRTR auxiliary head is its class number + 3."""


def nrtr_codes(numbers: Sequence[int]) -> list[int]:
    """Labels of an NRTR auxiliary head for CTC class numbers (each ≥ 1): start, the characters, end."""
    return [NRTR_START, *(n + NRTR_SHIFT for n in numbers), NRTR_END]


def sar_codes(numbers: Sequence[int], num_classes: int) -> list[int]:
    """Labels of a SAR auxiliary head for CTC class numbers (each ≥ 1): start, the characters (class number - 1), end.

    Start and end are both `num_classes`; num_classes - 1 is unknown, num_classes + 1 padding (`sar_padding`).
    """
    return [num_classes, *(n - 1 for n in numbers), num_classes]


def sar_padding(num_classes: int) -> int:
    """The label of places after the end, which no output predicts."""
    return num_classes + 1


def nrtr_map(classes: Mapping[int, int]) -> dict[int, int]:
    """`Charset.class_map` in labels of the NRTR auxiliary head; padding, unknown, start and end stay what they are."""
    special = {n: n for n in (NRTR_PADDING, NRTR_UNKNOWN, NRTR_START, NRTR_END)}
    return special | {a + NRTR_SHIFT: b + NRTR_SHIFT for a, b in classes.items() if a}


def sar_map(classes: Mapping[int, int], old: int, new: int) -> dict[int, int]:
    """`Charset.class_map` in labels of the SAR auxiliary head, from `old` classes to `new`."""
    special = {old - 1: new - 1, old: new, old + 1: new + 1}
    return special | {a - 1: b - 1 for a, b in classes.items() if a}


def _not_utf8(data: bytes, path: Path, line: int, value: bytes) -> CharsetError:
    where = f"{path}:{line}"
    try:
        data.decode("gb18030")
    except UnicodeDecodeError:
        return CharsetError("is not UTF-8", where=where, value=value, hint="save the file as UTF-8 without BOM")
    return CharsetError(
        "is not UTF-8; it can be read as GBK (GB18030)",
        where=where,
        value=value,
        hint=f"convert it: iconv -f GB18030 -t UTF-8 {path} > {path.stem}_utf8{path.suffix}",
    )


def _checked(
    characters: Iterable[Any], where: str, *, first_line: int = 0, space: bool = True, allow_odd: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The characters, and what is odd about them; without `allow_odd` that is refused, with line numbers."""
    seen: dict[str, int] = {}
    odd: dict[str, list[tuple[int, str]]] = {}
    result = []
    for line, character in enumerate(characters, first_line):
        result.append(str(character))
        if not isinstance(character, str):
            odd.setdefault("is not text (YAML took it for a number or a word: quote it)", []).append(
                (line, repr(character))
            )
        elif character == "":
            odd.setdefault("is empty", []).append((line, ""))
        elif len(character) > 1:
            odd.setdefault("has more than one character", []).append((line, character))
        elif character == SPACE and space:
            odd.setdefault("is the space, which gets the last class by itself", []).append((line, character))
        elif character in seen:
            odd.setdefault("is a duplicate", []).append((line, f"{character} (first on line {seen[character]})"))
        seen.setdefault(str(character), line)
    if not result:
        raise CharsetError("has no characters", where=where)
    notes = []
    for what, places in odd.items():
        shown = ", ".join(f"line {line}: {value!r}" for line, value in places[:5])
        notes.append(f"{len(places)} entry(ies) where the character {what}: {shown}{' …' if len(places) > 5 else ''}")
    if notes and not allow_odd:
        first = min(places[0][0] for places in odd.values())
        raise CharsetError("; ".join(notes), where=f"{where}:{first}", hint="one character per line, each once")
    return tuple(result), tuple(notes)
