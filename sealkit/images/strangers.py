"""Files that are no image of a kind that is read, called by their name, each with the way to an image.

People send what they have: a contract as DOCX, an electronic invoice as OFD, a photo as HEIC. "Cannot be decoded" helps
none of them.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from itertools import islice

PDF_WAY = "export it as PDF (in its program: save as, or print to, PDF) and read that"
IMAGE_WAY = "convert it to JPEG or PNG"
UNPACK_WAY = "unpack it first"
_TAIL_BYTES = 1 << 20
_MAX_ENTRIES = 5000
_MAX_NAME = 256
"""Of a zip archive: its directory is looked for in the last bytes, and so many entries of it and bytes of
their names are looked at."""


@dataclass(frozen=True)
class Stranger:
    """A kind of file that is not read.

    Attributes:
        what: what it is, as the rest of "the file is …".
        hint: what to do.
    """

    what: str
    hint: str


def _document(name: str, hint: str = PDF_WAY) -> Stranger:
    return Stranger(f"{name}, not an image", hint)


def _image(name: str, hint: str = IMAGE_WAY) -> Stranger:
    return Stranger(f"{name} image, which cannot be decoded here", hint)


_OFFICE_WAY = f"{PDF_WAY}; images inside it lie in its media folder once it is unpacked as a zip"
OFD = _document("an OFD document", "export it as PDF in your OFD reader (print to PDF does, too) and read that")
CEB = _document("a CEB document", "print it to PDF from its reader (Apabi Reader) and read that")

_LFS = Stranger("a Git LFS pointer, not the image", "run `git lfs pull` in the dataset's repository")

MAGICS: tuple[tuple[int, bytes, Stranger], ...] = (
    (0, b"version https://git-lfs", _LFS),
    (0, b"%PDF", _document("a PDF", "name it .pdf, or render its pages to PNG")),
    (0, b"%!PS", Stranger("PostScript, which is a program and is never run", "convert it to PDF or PNG")),
    (0, b"\xc5\xd0\xd3\xc6", Stranger("PostScript, which is a program and is never run", "convert it to PDF or PNG")),
    (0, b"{\\rtf", _document("an RTF document")),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", _image("a JPEG 2000")),
    (0, b"\xff\x4f\xff\x51", _image("a JPEG 2000")),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", _image("a JPEG XL")),
    (0, b"\xff\x0a", _image("a JPEG XL")),
    (0, b"AT&TFORM", _document("a DjVu document")),
    (0, b"8BPS", _image("a Photoshop", "export it as JPEG or PNG")),
    (0, b"\0\0\1\0", _image("an icon (ICO)")),
    (0, b"\xd7\xcd\xc6\x9a", _image("a Windows metafile (WMF)", "export it as PNG from the program that shows it")),
    (40, b" EMF", _image("a Windows metafile (EMF)", "export it as PNG from the program that shows it")),
    (128, b"DICM", _image("a DICOM")),
    (0, b"Rar!\x1a\x07", _document("a RAR archive", UNPACK_WAY)),
    (0, b"7z\xbc\xaf\x27\x1c", _document("a 7-Zip archive", UNPACK_WAY)),
    (0, b"\x1f\x8b", _document("a gzip archive", UNPACK_WAY)),
    (0, b"\xfd7zXZ\0", _document("an xz archive", UNPACK_WAY)),
    (0, b"BZh", _document("a bzip2 archive", UNPACK_WAY)),
    (0, b"\x28\xb5\x2f\xfd", _document("a Zstandard archive", UNPACK_WAY)),
    (257, b"ustar", _document("a tar archive", UNPACK_WAY)),
    (0, b"\x1aE\xdf\xa3", Stranger("a video, not an image", "save the frame that shows the seal as PNG")),
    (0, b"HN\1\0", _document("a CAJ document", "print it to PDF from its reader (CAJViewer) and read that")),
    (0, b"CAJ\0", _document("a CAJ document", "print it to PDF from its reader (CAJViewer) and read that")),
)  # fmt: skip
"""(offset, bytes there, what it is)."""

ZIPPED: tuple[tuple[str, Stranger], ...] = (
    (r"(.*/)?OFD\.xml$", OFD),
    (r"word/", _document("a Word document (DOCX)", _OFFICE_WAY)),
    (r"xl/", _document("an Excel workbook (XLSX)", _OFFICE_WAY)),
    (r"ppt/", _document("a PowerPoint presentation (PPTX)", _OFFICE_WAY)),
    (r"(FixedDocSeq|FixedDocumentSequence)\.fdseq$", _document("an XPS document")),
    (r"META-INF/container\.xml$", _document("an EPUB book")),
    (r"(content|settings)\.xml$", _document("an OpenDocument file (ODT, ODS, ODP)", _OFFICE_WAY)),
)
"""(pattern of the name of an entry of a zip archive, what such an archive is)."""

COMPOUND: tuple[tuple[str, Stranger], ...] = (
    ("WordDocument", _document("a Word document (DOC)")),
    ("Workbook", _document("an Excel workbook (XLS)")),
    ("PowerPoint Document", _document("a PowerPoint presentation (PPT)")),
    ("__nameid_version1.0", _document("an Outlook message (MSG)", "save its attachment and read that")),
)
"""(name of a stream of a compound file, as old Office programs and WPS write them, what it is)."""

BY_SUFFIX: dict[str, Stranger] = {
    "ofd": OFD,
    "ceb": CEB,
    "cebx": CEB,
    **{
        suffix: _document(f"a {suffix.upper()} document")
        for suffix in ("gd", "sep", "wps", "caj", "kdh", "doc", "docx")
    },
}
"""Suffix → what the file is, where its first bytes say nothing known."""

DOCUMENT_SUFFIXES = frozenset(
    {"ofd", "ceb", "cebx", "caj", "xps", "oxps", "doc", "docx", "wps", "odt", "rtf", "ppt", "pptx"}
)
"""Suffixes of documents whose pages may bear seals and that are not read: in a folder they are named, not left out."""

_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), _image("a HEIC")),
    **dict.fromkeys((b"avif", b"avis"), _image("an AVIF")),
    b"crx ": _image("a camera's raw"),
}
_VIDEO = Stranger("a video, not an image", "save the frame that shows the seal as PNG")
_BASE64_HEADS = (b"data:", b"iVBORw0KGgo", b"/9j/", b"JVBERi0")  # a data URL; PNG, JPEG and PDF in base64


def recognise_stranger(data: bytes, suffix: str = "") -> Stranger | None:
    """What a file is that is no readable image, or None where that is not known.

    Args:
        data: all bytes of the file.
        suffix: lower-case suffix of its name, "" where it has none; counts where the bytes say nothing.
    """
    head = data[:512].lstrip()
    lower = head.lower()
    if lower.startswith(b"<svg") or (lower.startswith(b"<?xml") and b"<svg" in data[:2048]):
        return Stranger("an SVG drawing", "render it to PNG first")
    if lower[:1] == b"<" and (b"<html" in lower or b"<!doctype" in lower):
        return Stranger("a web page, not an image", "an interrupted or refused download: fetch the image again")
    if head.startswith(_BASE64_HEADS):
        return Stranger("base64 text, not the image it stands for", "decode it first (`base64 -d`)")
    if lower.startswith((b"mime-version:", b"received:", b"return-path:", b"from:")):
        return Stranger("an e-mail or a saved web page (EML, MHT)", "save its attachment or images and read those")
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], _VIDEO)
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _zipped(data)
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return _compound(data)
    for offset, magic, stranger in MAGICS:
        if data[offset : offset + len(magic)] == magic or (offset == 0 and head.startswith(magic)):
            return stranger
    return BY_SUFFIX.get(suffix)


def _zipped(data: bytes) -> Stranger:
    """What kind of zip archive; entries are named by its directory, at its end."""
    tail = data[-_TAIL_BYTES:]
    end = tail.rfind(b"PK\x05\x06")  # its record of the end says how long the directory before it is
    if end >= 0:
        tail = tail[max(end - int.from_bytes(tail[end + 12 : end + 16], "little"), 0) : end]
    names = [_name(data, 0, 26, 30)]
    for entry in islice(re.finditer(rb"PK\x01\x02", tail), _MAX_ENTRIES):
        names.append(_name(tail, entry.start(), 28, 46))
    for pattern, stranger in ZIPPED:
        if any(re.match(pattern, name) for name in names):
            return stranger
    return _document("a zip archive", UNPACK_WAY)


def _compound(data: bytes) -> Stranger:
    for stream, stranger in COMPOUND:
        if stream.encode("utf-16-le") in data:
            return stranger
    return _document("an old Office document")


def _name(data: bytes, at: int, length_at: int, name_at: int) -> str:
    """The name of an entry whose header begins at `at`; where its length and itself stand are counted from there."""
    (size,) = struct.unpack("<H", data[at + length_at : at + length_at + 2].ljust(2, b"\0"))
    return data[at + name_at : at + name_at + min(size, _MAX_NAME)].decode("utf-8", "replace").replace("\\", "/")
