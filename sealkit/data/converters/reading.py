"""Annotation files as text, JSON or XML, in whatever encoding the tool wrote; what is broken is reported."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from sealkit.data.labels.files import MAX_LABELS, LabelReader, decode_text
from sealkit.errors import Problem, Severity
from sealkit.files import read_regular

Report = Callable[[str, str, str, str, Severity], None]
"""Takes code, place, message, hint and severity; `Source.report` is one."""
SUFFIXES = ((".json",), (".xml",), (".csv", ".tsv"), (".txt",))
"""Of annotation files; those of one tuple are alternatives."""
_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")
_DECLARED = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
_ENTITIES = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def read_text(file: Path, where: str, report: Report) -> str | None:
    """A file's text: UTF-8, UTF-16 or GB18030 (reported); None (reported) where it cannot be read."""
    raw = _read(file, where, report)
    return None if raw is None else _decode(raw, where, report)


def read_json(file: Path, where: str, report: Report) -> Any:
    """What a JSON file holds; None (reported as bad-json) where it is none."""
    text = read_text(file, where, report)
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else _short(error)
        report("bad-json", where, f"the JSON is broken: {reason}", "export it again", "error")
        return None


def read_xml(file: Path, where: str, report: Report) -> ElementTree.Element | None:
    """The root of an XML file; None (reported as bad-xml) where it is none, or declares entities.

    A document type is refused before parsing: without one no entity can be declared, none be expanded or fetched.
    """
    raw = _read(file, where, report)
    if raw is None:
        return None
    text = _decode_declared(raw)
    text = _decode(raw, where, report) if text is None else text
    root, reason = _parse(text)
    if root is None:
        report("bad-xml", where, f"the XML is broken: {reason}", "export it again", "error")
    return root


def glance(file: Path, more: Collection[str] = ()) -> Any:
    """What a file holds, for recognising its format: a JSON value, an XML root, the text of other files.

    Args:
        file: of one of `SUFFIXES`.
        more: suffixes of text files besides.

    None where the file is of another kind, too large or broken. Reports nothing.
    """
    problems: list[Problem] = []

    def keep(code: str, where: str, message: str, hint: str, severity: Severity) -> None:
        problems.append(Problem(code, where, message, hint, severity))

    suffix = file.suffix.lower()
    if suffix == ".json":
        return read_json(file, file.name, keep)
    if suffix == ".xml":
        return read_xml(file, file.name, keep)
    known = {*more, *(one for several in SUFFIXES for one in several)}
    return read_text(file, file.name, keep) if suffix in known else None


def _read(file: Path, where: str, report: Report) -> bytes | None:
    try:
        return read_regular(file, MAX_LABELS)
    except OSError as error:
        report("no-file", where, f"the file cannot be read: {error.strerror}", "check the path", "error")
        return None


def _decode(raw: bytes, where: str, report: Report) -> str:
    reader = LabelReader(Path(), where)
    text = decode_text(raw, reader)
    for problem in reader.problems:
        if problem.code != "bom":  # other tools write one, and it does no harm there
            report(problem.code, where, problem.message, problem.hint or "save it as UTF-8", problem.severity)
    text = text.rstrip("\0")  # left of reserved space by a tool that crashed
    return text if "\n" in text else text.replace("\r", "\n")  # lines as old Macs end them, and Excel there still does


def _decode_declared(raw: bytes) -> str | None:
    """Text in the encoding that an XML declaration names; None where it names none that fits."""
    declared = _DECLARED.match(raw[:400])
    if declared is None:
        return None
    name = declared[1].decode("ascii").lower()
    name = "gb18030" if name in ("gb2312", "gbk", "gb18030", "cp936") else name
    try:
        return raw.decode("utf-8-sig" if name in ("utf-8", "utf8") else name)
    except (LookupError, UnicodeDecodeError):
        return None


def _parse(text: str) -> tuple[ElementTree.Element | None, str]:
    """(root, "") or (None, what is wrong)."""
    if _ENTITIES.search(text):
        return None, "it declares a document type, which is not read: it could expand without bound"
    try:
        return ElementTree.fromstring(_DECLARATION.sub("", text, count=1)), ""
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        return None, _short(error)


def _short(error: Exception) -> str:
    return str(error)[:120]


__all__ = ["SUFFIXES", "Report", "glance", "read_json", "read_text", "read_xml"]
