"""Files whose headers cost far more than they are worth: walked in linear time, and refused or read without them."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib

import pytest
from PIL import Image

from sealkit.errors import ImageError
from sealkit.images import inspect_image, iter_images, read_image
from sealkit.images.strangers import recognise_stranger

MANY = 1_100_000
SOF = b"\xff\xc2\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0"  # 16 x 16, gray, progressive
SOS = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0"
PAGE = [(256, 4, 1, 2), (257, 4, 1, 2), (258, 4, 1, 8), (259, 4, 1, 1), (262, 4, 1, 1), (273, 4, 1, 8), (278, 4, 1, 2)]
PAGE += [(279, 4, 1, 4)]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(fields: list[tuple[int, int, int, int]], rest: bytes = b"") -> bytes:
    """A TIFF of 2 x 2 pixels with more fields than it needs: (tag, type, count, value or place)."""
    rows = b"".join(struct.pack("<HHII", *field) for field in [*PAGE, *fields])
    return b"II*\0" + struct.pack("<I", 12) + bytes(4) + struct.pack("<H", len(PAGE + fields)) + rows + bytes(4) + rest


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def same_bytes(count: int) -> bytes:
    """A TIFF whose fields all hold the whole of it: 5,000 of them in 60 kB are 300 MB."""
    return tiff([(40_000 + n % 25_000, 1, 14 + 12 * count, 8) for n in range(count)])


def refused(data: bytes, message: str, seconds: float = 3) -> None:
    started = time.process_time()
    with pytest.raises(ImageError, match=message):
        read_image(data)
    assert time.process_time() - started < seconds


def peak_of(data: bytes) -> int:
    """Bytes that Python takes at most while the image is read; its pixels are no part of it."""
    tracemalloc.start()
    try:
        assert read_image(data).shape == (16, 16, 3)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_fill_bytes_between_scans_take_linear_time() -> None:
    """A pattern that backtracks takes a quarter of a second for 8 kB of them, and hours for this."""
    refused(b"\xff\xd8" + SOF + SOS + b"\xff" * 1_000_000 + b"\0" + SOS * 150 + b"\xff\xd9", "too many scans")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xd8" + b"\xff\xe0\0\x02" * MANY + SOF + SOS + b"\xff\xd9", "JPEG has more than 1000000 parts"),
        (b"\xff\xd8" + SOF + SOS + b"\xff\xe0\0\x02" * MANY + SOS * 150 + b"\xff\xd9", "too many scans"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"tEXt", b"") * MANY, "PNG has more than 1000000 parts"),
        (b"RIFF" + struct.pack("<I", 4 + 8 * MANY) + b"WEBP" + b"ABCD\0\0\0\0" * MANY, "WebP has more than"),
        (b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe\0" * MANY + b";", "GIF has more than 1000000 parts"),
        (b"GIF89a\1\0\1\0\0\0\0\x21\xfe" + b"\1\0" * MANY + b"\0;", "GIF has more than 1000000 parts"),
        (b"P5\n#" + b"a" * 10_000_000 + b"\n2 2 255\n1234", "header of the PNM is damaged"),
    ],
    ids=["jpeg", "jpeg scans", "png", "webp", "gif", "gif empty", "pnm"],
)  # fmt: skip
def test_headers_without_end(data: bytes, message: str) -> None:
    refused(data, message)


def test_comments_of_a_gif_are_not_joined() -> None:
    """Pillow joins them one by one: of 50,000 blocks it copies 6 GB, of twice as many four times as much."""
    plain = saved(Image.new("P", (16, 16), 3), "GIF")
    head = 13 + (3 << (plain[10] & 7) + 1 if plain[10] & 0x80 else 0)
    comments = b"\x21\xfe" + (b"\xff" + b"a" * 255) * 50_000 + b"\0"
    started = time.process_time()
    assert (read_image(plain[:head] + comments + plain[head:]) == read_image(plain)).all()
    assert time.process_time() - started < 1


def test_a_transparent_first_frame_and_the_number_of_frames_survive() -> None:
    frames = [Image.new("P", (16, 16), n) for n in range(3)]
    for frame in frames:
        frame.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0])
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], transparency=0, loop=0, comment=b"a")
    assert inspect_image(data).frames == 3 and inspect_image(data).alpha
    assert (read_image(data) == 255).all()


@pytest.mark.parametrize("count", [900, 5000])
def test_fields_of_a_tiff_that_hold_the_same_bytes(count: int) -> None:
    refused(same_bytes(count), "fields of the TIFF are larger than the file")


def test_numbers_of_a_tiff_and_its_later_pages() -> None:
    refused(tiff([(40_000, 3, 1_500_000, 110)], bytes(3_100_000)), "larger than the file")
    (page,) = iter_images(tiff([(40_000, 7, 500, 110)], bytes(600)))  # a profile, say
    assert page.image is not None
    first = bytearray(tiff([], bytes(8)))
    second = same_bytes(2000)
    struct.pack_into("<I", first, 14 + 12 * len(PAGE), len(first))
    (record,) = iter_images(bytes(first) + second[12:])
    assert record.error is not None and "larger than the file" in record.error.what


def test_exif_fields_are_not_read() -> None:
    """Pillow reads all of them for the resolution and the orientation: 60 kB of them are 300 MB."""
    bomb = same_bytes(5000)
    cmyk = saved(Image.new("CMYK", (16, 16)), "JPEG")
    parts = [b"Exif\0\0" + bomb[at : at + 65_000] for at in range(0, len(bomb), 65_000)]
    jpeg = cmyk[:2] + b"".join(b"\xff\xe1" + struct.pack(">H", 2 + len(part)) + part for part in parts) + cmyk[2:]
    alpha = saved(Image.new("RGBA", (16, 16)), "PNG")
    at = alpha.index(b"IDAT") - 4
    pages = [Image.new("RGBA", (16, 16)), Image.new("RGBA", (16, 16), "red")]
    webp = saved(pages[0], "WEBP", save_all=True, append_images=pages[1:], duration=9, exif=bomb)
    for data in (jpeg, alpha[:at] + chunk(b"eXIf", bomb) + alpha[at:], webp):
        assert peak_of(data) < 5_000_000


def test_orientation_counts_where_pillow_decodes() -> None:
    lying = Image.Exif()
    lying[0x0112] = 6
    image = Image.new("RGBA", (16, 8), (200, 0, 0, 255))
    image.paste((0, 0, 200, 255), (0, 0, 8, 8))
    animated = {"save_all": True, "append_images": [Image.new("RGBA", (16, 8))], "duration": 9, "lossless": True}
    files = {
        "JPEG": saved(image.convert("CMYK"), "JPEG", exif=lying.tobytes()),
        "PNG": saved(image, "PNG", exif=lying.tobytes()),
        "WEBP": saved(image, "WEBP", exif=lying.tobytes(), **animated),
        "TIFF": saved(image, "TIFF", exif=lying.tobytes()),
    }
    for kind, data in files.items():
        pixels = read_image(data)
        assert pixels.shape == (16, 8, 3), kind
        assert pixels[2, 4, 0] > 150 and pixels[13, 4, 2] > 150, kind  # blue was on the left, and is on top now


@pytest.mark.parametrize(
    "data",
    [b"P1 4000 4001\n" + b"1" * 4000, b"P3 3000 2000 255\n" + b"1 " * 4000],
    ids=["bitmap", "colour"],
)
def test_images_that_are_decoded_in_python_are_small(data: bytes) -> None:
    refused(data, r"decoding this PNM takes too long(.|\n)*save it as PNG")


def test_compressed_bmps_are_small() -> None:
    def bmp(width: int, height: int, body: bytes) -> bytes:
        head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
        palette = b"".join(bytes([n, n, n, 0]) for n in range(256))
        return b"BM" + struct.pack("<IHHI", 14 + 40 + 1024 + len(body), 0, 0, 14 + 40 + 1024) + head + palette + body

    assert (read_image(bmp(4, 2, b"\4\7\0\0\4\7\0\1")) == 7).all()
    refused(bmp(4001, 4000, b"\xff\7" * 100), "decoding this BMP takes too long")
    refused(bmp(4, 2, b"\0\0" * 16_100_000), "decoding this BMP takes too long")  # ends of lines, again and again


def test_names_of_a_zip_that_overlap() -> None:
    started = time.process_time()
    assert recognise_stranger(b"PK\x03\x04" + bytes(26) + b"PK\x01\x02/\xff\xff/" * 130_000) is not None
    assert time.process_time() - started < 2


def test_a_baseline_jpeg_ends_with_its_only_scan() -> None:
    """What looks like further scans is no work: nothing is counted, and the pixels are the same."""
    plain = saved(Image.effect_noise((16, 16), 50).convert("RGB"), "JPEG")
    again = plain[plain.rindex(b"\xff\xda") : -2] * 5000
    started = time.process_time()
    assert inspect_image(plain[:-2] + again + b"\xff\xd9").scans == 1
    assert (read_image(plain[:-2] + again + b"\xff\xd9") == read_image(plain)).all()
    assert time.process_time() - started < 1
