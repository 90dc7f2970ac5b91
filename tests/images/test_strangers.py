"""Files that are no readable image are called by their name, each with a way out, wherever they turn up."""

import io
import random
import zipfile
from pathlib import Path

import pytest

from sealkit.cli import main
from sealkit.errors import ImageError
from sealkit.images import iter_images, list_images, read_image
from sealkit.images.inputs import IMAGE_SUFFIXES, PDF_SUFFIXES
from sealkit.images.strangers import BY_SUFFIX, DOCUMENT_SUFFIXES, MAGICS, recognise_stranger

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def zipped(*names: str, stored: bytes = b"x") -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(name, stored)
    return held.getvalue()


def stream(name: str) -> bytes:
    return OLE + name.encode("utf-16-le")


FILES = {
    "invoice.ofd": (zipped("OFD.xml", "Doc_0/Document.xml"), "OFD document", "PDF"),
    "contract.docx": (zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"), "DOCX", "PDF"),
    "late.docx": (zipped(*(f"customXml/{n}" for n in range(3000)), "word/document.xml"), "DOCX", "PDF"),
    "list.xlsx": (zipped("[Content_Types].xml", "xl/workbook.xml"), "XLSX", "PDF"),
    "talk.pptx": (zipped("[Content_Types].xml", "ppt/presentation.xml"), "PPTX", "PDF"),
    "text.odt": (zipped("mimetype", "content.xml"), "OpenDocument", "PDF"),
    "print.xps": (zipped("FixedDocSeq.fdseq"), "XPS", "PDF"),
    "book.epub": (zipped("mimetype", "META-INF/container.xml"), "EPUB", "PDF"),
    "photos.zip": (zipped("a/1.jpg"), "zip archive", "unpack"),
    "of_docx.zip": (zipped("contract.docx", stored=zipped("word/document.xml")), "zip archive", "unpack"),
    "empty.zip": (zipped(), "zip archive", "unpack"),
    "old.doc": (stream("WordDocument"), "DOC", "PDF"),
    "old.xls": (stream("Workbook"), "XLS", "PDF"),
    "old.ppt": (stream("PowerPoint Document"), "PPT", "PDF"),
    "mail.msg": (stream("__nameid_version1.0"), "Outlook", "attachment"),
    "mail.eml": (b"Received: from a\r\n", "e-mail", "attachment"),
    "old.wps": (OLE, "Office", "PDF"),
    "gazette.ceb": (b"\x01\x02\x03\x04unknown", "CEB", "Apabi"),
    "renamed_ofd.jpg": (zipped("OFD.xml"), "OFD document", "PDF"),
    "letter.rtf": (b"{\\rtf1\\ansi hello}", "RTF", "PDF"),
    "paper.caj": (b"CAJ\0" + bytes(20), "CAJ", "PDF"),
    "photo.heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC", "JPEG"),
    "photo.avif": (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF", "JPEG"),
    "clip.mp4": (b"\0\0\0\x18ftypisom\0\0\0\0", "video", "frame"),
    "clip.mkv": (b"\x1a\x45\xdf\xa3abcd", "video", "frame"),
    "scan.jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000", "JPEG"),
    "scan.jxl": (b"\xff\x0aabc", "JPEG XL", "JPEG"),
    "scan.djvu": (b"AT&TFORM\0\0", "DjVu", "PDF"),
    "seal.psd": (b"8BPS\0\1", "Photoshop", "PNG"),
    "seal.ico": (b"\0\0\1\0\1\0", "ICO", "PNG"),
    "seal.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", "render"),
    "seal.emf": (b"\1\0\0\0" + bytes(36) + b" EMF", "EMF", "PNG"),
    "scan.dcm": (bytes(128) + b"DICM", "DICOM", "PNG"),
    "all.rar": (b"Rar!\x1a\x07\0", "RAR", "unpack"),
    "all.tar": (b"a.jpg" + bytes(252) + b"ustar\0", "tar", "unpack"),
    "seal.eps": (b"%!PS-Adobe-3.0", "PostScript", "PDF"),
    "answer.txt": (b"data:image/png;base64,iVBORw0KGgo", "base64", "decode"),
    "error.jpg": (b"<!DOCTYPE html><html>404</html>", "web page", "fetch"),
    "pointer.png": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS", "git lfs pull"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_stranger_has_a_name_and_a_way_out(name: str, tmp_path: Path) -> None:
    content, what, way = FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        read_image(path)
    said, _, hint = str(caught.value).partition("\n  next: ")
    assert said.startswith(f"{path}: ") and what in said and way in hint


def test_content_counts_more_than_the_name() -> None:
    held = recognise_stranger(FILES["contract.docx"][0], "ofd")
    assert held is not None and "DOCX" in held.what
    assert recognise_stranger(b"hello", "txt") is None and recognise_stranger(b"", "") is None


def test_no_table_names_what_is_read() -> None:
    read = IMAGE_SUFFIXES | PDF_SUFFIXES
    assert not read & DOCUMENT_SUFFIXES and not read & set(BY_SUFFIX)
    assert all(magic and offset >= 0 for offset, magic, _ in MAGICS)


def test_documents_of_a_folder_are_named_and_the_rest_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    image = (request.config.rootpath / "datasets/toy/images/000000.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(image)
    for name in ("invoice.ofd", "contract.docx", "photo.heic"):
        (tmp_path / name).write_bytes(FILES[name][0])
    (tmp_path / "notes.txt").write_text("no document that bears seals")
    assert main(["infer", str(tmp_path), "--threads", "1"]) == 3
    printed, said = capsys.readouterr()
    assert "收款专用章" in printed
    assert all(name in said for name in ("invoice.ofd", "contract.docx", "photo.heic")) and "notes" not in said
    assert "3 image(s) could not be read" in said
    assert [Path(path).name for path in list_images(tmp_path, pdf=True)] == ["1.jpg"]
    assert [record.error is None for record in iter_images(tmp_path)] == [True, False, False, False]


def test_damaged_strangers_never_raise_anything_else() -> None:
    draw = random.Random(0)
    for _ in range(2000):
        data = bytearray(draw.choice(list(FILES.values()))[0])
        for _ in range(draw.randrange(1, 8)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        recognise_stranger(bytes(data[: draw.randrange(1, len(data) + 1)]), "bin")


def test_a_huge_directory_costs_little() -> None:
    """A zip of nothing but entries: its names are looked at up to a bound."""
    entry = b"PK\x01\x02" + bytes(24) + b"\x04\0" + bytes(16) + b"a.xy"
    assert recognise_stranger(b"PK\x03\x04" + entry * 200_000) is not None
