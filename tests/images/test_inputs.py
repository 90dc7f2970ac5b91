"""iter_images: what `predict(input)` accepts, in paddlex's order, with an entry for everything that cannot be read."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from sealkit.errors import ImageError
from sealkit.images import ImageRecord, count_inputs, iter_images, list_images, read_image, suffix_of, write_image


def solid(colour: tuple[int, int, int], height: int = 20, width: int = 30) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def make_pdf(path: Path, pages: int = 2, size: tuple[int, int] = (60, 40)) -> Path:
    sheets = [Image.new("RGB", size, (0, 0, 255 - 100 * page)) for page in range(pages)]
    sheets[0].save(path, "PDF", save_all=True, append_images=sheets[1:], resolution=72)
    return path


def make_tiff(path: Path, pages: int) -> Path:
    sheets = [Image.new("RGB", (30, 20), (50 * page, 0, 0)) for page in range(pages)]
    sheets[0].save(path, "TIFF", save_all=True, append_images=sheets[1:])
    return path


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    write_image(tmp_path / "b.png", solid((1, 2, 3)))
    write_image(tmp_path / "sub" / "c.JPG".lower(), solid((9, 9, 9)))
    write_image(tmp_path / "A.BMP", solid((4, 5, 6)))
    (tmp_path / "notes.txt").write_text("no image")
    make_tiff(tmp_path / "pages.tif", 3)
    return tmp_path


def test_folder_is_walked_in_the_order_of_full_paths(folder: Path) -> None:
    make_pdf(folder / "doc.pdf", pages=1)
    names = [(Path(str(record.input_path)).name, record.page_index) for record in iter_images(str(folder))]
    assert names == [
        ("A.BMP", None),
        ("b.png", None),
        ("doc.pdf", 0),
        ("pages.tif", 0),
        ("pages.tif", 1),
        ("pages.tif", 2),
        ("c.jpg", None),
    ]
    assert count_inputs(folder) == 5


def test_every_kind_of_element_in_one_list(folder: Path) -> None:
    array = solid((7, 8, 9))
    elements = [
        array,
        folder / "b.png",
        str(folder / "b.png"),
        (folder / "b.png").read_bytes(),
        Image.new("RGB", (3, 4), (255, 0, 0)),
    ]
    for source in (elements, tuple(elements), iter(elements)):
        records = list(iter_images(source))
        assert [record.input_index for record in records] == [0, 1, 2, 3, 4]
        assert all(record.error is None for record in records)
        paths = [record.input_path for record in records]
        assert paths == [None, str(folder / "b.png"), str(folder / "b.png"), None, None]
        image = records[4].image
        assert image is not None and image[0, 0].tolist() == [0, 0, 255]


def test_unreadable_elements_become_entries_and_the_rest_goes_on(folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"junk")
    elements = [
        folder / "missing.png",
        folder / "b.png",
        folder / "broken.png",
        None,
        {"image": 1},
        [solid((0, 0, 0))],
        "",
        "http://example.com/a.png",
        np.zeros((2, 2, 7), np.uint8),
        solid((0, 0, 0)),
    ]
    records = list(iter_images(elements))
    assert [record.input_index for record in records] == list(range(10))
    good = [record.input_index for record in records if record.error is None]
    assert good == [1, 9]
    for record in records:
        assert (record.image is None) == (record.error is not None)
    messages = [str(record.error) for record in records]
    assert "no such image" in messages[0]
    assert "not an image" in messages[2]
    assert "NoneType" in messages[3] and "dict" in messages[4]
    assert "one flat list" in messages[5]
    assert "path is empty" in messages[6]
    assert "URL" in messages[7]
    assert "shape" in messages[8]


def test_on_error_raise_keeps_what_came_before(folder: Path) -> None:
    records = iter_images([folder / "b.png", folder / "missing.png", folder / "b.png"], on_error="raise")
    assert next(records).image is not None
    with pytest.raises(ImageError, match="no such image"):
        next(records)


def test_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    records = list(iter_images(tmp_path))
    assert len(records) == 1
    assert "holds no images (1 other files)" in str(records[0].error)
    with pytest.raises(ImageError, match="no such folder"):
        list_images(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match=r"holds no images \(no files\)"):
        list_images(tmp_path / "empty")


def test_list_images_leaves_pdfs_out_unless_asked(folder: Path) -> None:
    make_pdf(folder / "doc.pdf")
    assert not any(name.endswith(".pdf") for name in list_images(folder))
    assert any(name.endswith(".pdf") for name in list_images(folder, pdf=True))


def test_tiff_pages_are_numbered_even_when_there_is_one(tmp_path: Path) -> None:
    assert [record.page_index for record in iter_images(make_tiff(tmp_path / "one.tif", 1))] == [0]
    records = list(iter_images(make_tiff(tmp_path / "three.tiff", 3)))
    assert [record.page_index for record in records] == [0, 1, 2]
    assert [int(image_of(record)[0, 0, 2]) for record in records] == [0, 50, 100]
    assert len(list(iter_images(tmp_path / "three.tiff", max_pages=2))) == 2


def image_of(record: ImageRecord) -> np.ndarray:
    assert record.image is not None, record.error
    return record.image


def test_content_decides_not_the_suffix(tmp_path: Path) -> None:
    tiff = make_tiff(tmp_path / "pages.tif", 2)
    tiff.rename(tmp_path / "pages")
    assert len(list(iter_images(tmp_path / "pages"))) == 2
    pdf = make_pdf(tmp_path / "scan.pdf", pages=2)
    assert len(list(iter_images(pdf.read_bytes()))) == 2


def test_pdf_pages_are_drawn_at_144_dpi_in_bgr(tmp_path: Path) -> None:
    records = list(iter_images(make_pdf(tmp_path / "a.pdf", pages=2)))
    assert [record.page_index for record in records] == [0, 1]
    first, second = (image_of(record) for record in records)
    assert first.shape == (80, 120, 3)
    assert np.abs(first[40, 60].astype(int) - (255, 0, 0)).max() < 12
    assert np.abs(second[40, 60].astype(int) - (155, 0, 0)).max() < 12


def test_pdf_page_is_drawn_smaller_when_it_is_over_the_limit(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", pages=1, size=(1000, 500))
    image = image_of(next(iter_images(path, max_pixels=200_000)))
    assert 150_000 < image.shape[0] * image.shape[1] <= 200_000
    image = image_of(next(iter_images(path, max_side=400)))
    assert max(image.shape) <= 400
    error = next(iter_images(path, max_pixels=1_000)).error
    assert "too large" in str(error) and "1000x500 points" in str(error)


def test_bad_pdf(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.7 nothing follows")
    assert "the PDF is damaged" in str(next(iter_images(path)).error)
    path.write_bytes(b"")
    assert next(iter_images(path)).error is not None


def test_pdf_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_pdf(tmp_path / "a.pdf")
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    error = next(iter_images(path)).error
    assert "pypdfium2" in str(error) and "sealkit[pdf]" in str(error)


def test_one_damaged_tiff_page_does_not_hide_the_others(tmp_path: Path) -> None:
    sheets = [Image.effect_noise((40, 40), 80) for _ in range(3)]
    buffer = io.BytesIO()
    sheets[0].save(buffer, "TIFF", save_all=True, append_images=sheets[1:], compression="tiff_lzw")
    data = bytearray(buffer.getvalue())
    with Image.open(io.BytesIO(bytes(data))) as image:
        image.seek(1)
        assert isinstance(image, TiffImageFile)
        offset = image.tag_v2[273][0]
    data[offset : offset + 60] = b"\xff" * 60
    records = list(iter_images(bytes(data)))
    assert [record.page_index for record in records] == [0, 1, 2]
    assert records[0].error is None and records[2].error is None


def test_same_pixels_as_read_image(folder: Path) -> None:
    assert np.array_equal(image_of(next(iter_images(folder / "b.png"))), read_image(folder / "b.png"))


@pytest.mark.parametrize(("name", "suffix"), [("a.JPG", "jpg"), ("a.b.png", "png"), ("dir.x/file", ""), ("a.", "")])
def test_suffix(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_pipes_and_devices_are_entries_with_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "b.png").symlink_to("/dev/zero")
    write_image(tmp_path / "c.png", solid((1, 2, 3)))
    (tmp_path / "d.png").symlink_to(tmp_path / "away.png")
    records = list(iter_images(tmp_path))
    errors = [str(record.error) for record in records]
    assert "a.jpg: the image cannot be read (got 'a pipe, a device or a socket is not read')" in errors[0]
    assert "a pipe, a device" in errors[1] and "regular file" in errors[1]
    assert records[2].image is not None
    assert "the link points to nothing" in errors[3] and "away.png" in errors[3] and "did you mean" not in errors[3]


def test_files_larger_than_any_image_are_refused_unread(tmp_path: Path) -> None:
    with open(tmp_path / "a.png", "wb") as file:
        file.truncate(3_000_000_000)
    (record,) = iter_images(tmp_path / "a.png")
    assert "larger than 2000000000 bytes" in str(record.error)


def test_folders_that_link_to_themselves_are_walked_once(tmp_path: Path) -> None:
    write_image(tmp_path / "z" / "a.png", solid((1, 2, 3)))
    for name in ("one", "two"):
        (tmp_path / "z" / name).symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "z")
    elsewhere = write_image(tmp_path.parent / f"{tmp_path.name}-other" / "b.png", solid((1, 2, 3)))
    (tmp_path / "linked").symlink_to(elsewhere.parent)
    found = [Path(path).relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert found == ["linked/b.png", "z/a.png"]
