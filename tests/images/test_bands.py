"""Images decoded band by band have the pixels that they have when they are decoded whole."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from sealkit.errors import ImageError
from sealkit.images import bands, decode, iter_images, read_image
from sealkit.images.formats import open_with_pillow

WIDTH, HEIGHT = 173, 211
SMALL = 1 << 12
"""Pixels of a band, and of a PNG that is large, so that small images have many."""


@pytest.fixture(autouse=True)
def small_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BAND", "LARGE", "_PIECE"):
        monkeypatch.setattr(bands, name, SMALL)
    monkeypatch.setattr(bands.rows_of, "__defaults__", (SMALL,))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def colours() -> Image.Image:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    pixels = np.dstack([x * 7 + y, y * 3, x ^ y]).astype(np.uint8)
    pixels[50:90] = np.random.default_rng(1).integers(0, 255, (40, WIDTH, 3))
    return Image.fromarray(pixels)


def forms() -> dict[str, bytes]:
    rgb = colours()
    gray, rgba = rgb.convert("L"), rgb.copy()
    rgba.putalpha(gray.rotate(180))
    la = Image.merge("LA", (gray, gray.rotate(180)))
    deep = Image.fromarray(np.asarray(gray).astype(np.float32))
    ints = Image.fromarray(np.asarray(gray).astype(np.int32) * 1000)
    lying = Image.Exif()
    lying[0x0112] = 6
    made = {
        "RGB.bmp": saved(rgb, "BMP"),
        "RGBA.bmp": saved(rgba, "BMP"),
        "RGB.ppm": saved(rgb, "PPM"),
        "RGBA.png": saved(rgba, "PNG"),
        "RGBA lying.png": saved(rgba, "PNG", exif=lying.tobytes()),
        "LA.png": saved(la, "PNG"),
        "RGB transparent.png": saved(rgb, "PNG", transparency=rgb.getpixel((5, 7))),
    }
    images = {"RGB": rgb, "RGBA": rgba, "LA": la, "CMYK": rgb.convert("CMYK"), "LAB": rgb.convert("LAB")}
    for name, image in {**images, "F": deep, "I": ints}.items():
        for pressed in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits"):
            for tags in ({278: 8}, {278: 16, 274: 6}):
                with contextlib.suppress(NotImplementedError):  # plain strips, by the oldest Pillow allowed
                    made[f"{name} {pressed} {tags}.tif"] = saved(image, "TIFF", compression=pressed, tiffinfo=tags)
    made["RGB one strip.tif"] = saved(rgb, "TIFF", tiffinfo={278: HEIGHT})
    made["RGB JPEG.tif"] = saved(rgb, "TIFF", compression="jpeg", tiffinfo={278: 16}, quality=90)
    return made


FORMS = forms()


def whole(data: bytes, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    with monkeypatch.context() as patch:
        patch.setattr(decode, "in_bands", lambda image: None)
        return read_image(data)


@pytest.mark.parametrize("name", FORMS)
def test_bands_have_the_pixels_of_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = FORMS[name]
    with open_with_pillow(data) as image:
        plan = bands.in_bands(image)
        assert plan is not None and len(list(plan.parts())) > 3
    expected = whole(data, monkeypatch)

    def refuse(image: object) -> None:
        raise AssertionError("it was loaded whole")

    monkeypatch.setattr(decode, "loaded", refuse)
    np.testing.assert_array_equal(read_image(data), expected)


def tiled(pixels: np.ndarray, side: int = 64) -> bytes:
    """A TIFF of uncompressed RGB tiles."""
    height, width = pixels.shape[:2]
    tiles = []
    for y in range(0, height, side):
        for x in range(0, width, side):
            tile = np.zeros((side, side, 3), np.uint8)
            part = pixels[y : y + side, x : x + side]
            tile[: part.shape[0], : part.shape[1]] = part
            tiles.append(tile.tobytes())
    count, size = len(tiles), side * side * 3
    lists = 8 + count * size
    fields = [(256, width), (257, height), (258, 8), (259, 1), (262, 2), (277, 3), (322, side), (323, side)]
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
    rows += struct.pack("<HHII", 324, 4, count, lists) + struct.pack("<HHII", 325, 4, count, lists + 4 * count)
    places = struct.pack(f"<{count}I", *(8 + n * size for n in range(count)))
    sizes = struct.pack(f"<{count}I", *[size] * count)
    directory = lists + 8 * count
    head = b"II*\0" + struct.pack("<I", directory)
    return head + b"".join(tiles) + places + sizes + struct.pack("<H", len(fields) + 2) + rows + bytes(4)


def test_rows_of_tiles_are_bands() -> None:
    pixels = np.asarray(colours().resize((300, 500)))
    data = tiled(pixels)
    with open_with_pillow(data) as image:
        assert bands.in_bands(image) is not None
    np.testing.assert_array_equal(read_image(data), pixels[:, :, ::-1])


def test_pages_of_a_tiff_come_in_bands_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = colours(), colours().rotate(90, expand=True)
    data = saved(first, "TIFF", save_all=True, append_images=[second], compression="tiff_lzw", tiffinfo={278: 8})
    records = list(iter_images(data))
    for record, image in zip(records, (first, second), strict=True):
        np.testing.assert_array_equal(record.image, np.asarray(image)[:, :, ::-1])


def png(width: int, height: int, body: bytes, pieces: int = 1) -> bytes:
    def chunk(kind: bytes, part: bytes) -> bytes:
        return struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    step = -(-len(body) // pieces)
    parts = b"".join(chunk(b"IDAT", body[at : at + step]) for at in range(0, len(body), step))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + parts + chunk(b"IEND", b"")


def test_a_png_may_be_divided_in_any_way(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    lines = rng.integers(0, 255, (HEIGHT, 1 + 4 * WIDTH)).astype(np.uint8)
    lines[:, 0] = np.arange(HEIGHT) % 5  # every filter, the first row's and those across bands too
    body = zlib.compress(lines.tobytes())
    expected = whole(png(WIDTH, HEIGHT, body), monkeypatch)
    for pieces in (1, 2, 1000):
        np.testing.assert_array_equal(read_image(png(WIDTH, HEIGHT, body, pieces)), expected)


@pytest.mark.parametrize("change", ["short", "noise", "filter", "empty"])
def test_a_damaged_png_is_said_to_be(change: str) -> None:
    lines = np.zeros((HEIGHT, 1 + 4 * WIDTH), np.uint8)
    lines[:, 0] = 9 if change == "filter" else 1
    body = zlib.compress(lines[: HEIGHT // 2 if change == "short" else HEIGHT].tobytes())
    body = {"noise": body[: len(body) // 2] + b"\xff" * 99, "empty": b"\0"}.get(change, body)
    with pytest.raises(ImageError, match=r"truncated|damaged"):
        read_image(png(WIDTH, HEIGHT, body))


def put(data: bytearray, tag: int, value: int) -> None:
    """Every value of a tag of the first page."""
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    for n in range(count):
        place = at + 2 + 12 * n
        found, kind, number = struct.unpack_from("<HHI", data, place)
        if found == tag:
            form = f"<{number}{'HI'[kind - 3]}"
            inside = struct.calcsize(form) <= 4
            start = place + 8 if inside else struct.unpack_from("<I", data, place + 8)[0]
            struct.pack_into(form, data, start, *[min(value, 65535 if kind == 3 else value)] * number)
            return
    raise AssertionError(f"there is no tag {tag}")


@pytest.mark.parametrize("change", ["behind the end", "all the file", "nothing", "more rows", "other mode"])
def test_strips_that_lie_where_nothing_is(change: str) -> None:
    """One message or an image, and never more memory than the pixels are worth."""
    data = bytearray(FORMS["RGB tiff_lzw {278: 8}.tif"])
    values = {
        "behind the end": {273: len(data) + 5},
        "all the file": {273: 0, 279: len(data)},
        "nothing": {279: 0},
        "more rows": {257: 3 * HEIGHT},
        "other mode": {262: 5},
    }
    for tag, value in values[change].items():
        put(data, tag, value)
    if change in ("all the file", "more rows"):
        with open_with_pillow(bytes(data)) as image:
            assert bands.in_bands(image) is None
    try:
        assert read_image(bytes(data)).shape[1:] == (WIDTH, 3)
    except ImageError as error:
        assert len(str(error)) < 1000
