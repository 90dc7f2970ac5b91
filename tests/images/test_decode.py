"""read_image: one form for every image a dataset or a customer brings, and one clear message for the rest."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from sealkit.errors import ImageError
from sealkit.images import as_bgr, decode_bytes, inspect_image, orient, read_image, write_image


def gradient(height: int = 24, width: int = 40) -> np.ndarray:
    """(H, W, 3) BGR without symmetry, so that a wrong turn or a channel swap shows."""
    y, x = np.mgrid[:height, :width]
    return np.dstack([x * 6, y * 10, 255 - x * 3 - y * 2]).astype(np.uint8)


def encode(image: np.ndarray, suffix: str, *params: int) -> bytes:
    return cv2.imencode(suffix, image, list(params))[1].tobytes()


def pillow_bytes(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def rgb(image: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(image[:, :, ::-1]))


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".ppm"])
def test_lossless_formats_keep_every_pixel(suffix: str) -> None:
    image = gradient()
    assert np.array_equal(read_image(encode(image, suffix)), image)


def test_lossless_webp_and_gif_first_frame() -> None:
    image = gradient()
    assert np.array_equal(read_image(pillow_bytes(rgb(image), "WEBP", lossless=True)), image)
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    animated = pillow_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.array_equal(read_image(animated)[0, 0], [0, 0, 255])
    assert inspect_image(animated).frames == 2


def test_jpeg_is_decoded_as_opencv_decodes_it() -> None:
    data = encode(gradient(200, 301), ".jpg")
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert expected is not None and np.array_equal(read_image(data), expected)


def test_path_bytes_and_pil_give_the_same_pixels(tmp_path: Path) -> None:
    image = gradient()
    path = tmp_path / "印章 1.png"
    write_image(path, image)
    for source in (path, str(path), path.read_bytes(), memoryview(path.read_bytes()), rgb(image), image):
        got = read_image(source)
        assert np.array_equal(got, image)
        assert got.flags.c_contiguous and got.dtype == np.uint8


def test_array_result_is_a_copy() -> None:
    image = gradient()
    read_image(image)[:] = 0
    assert image.any()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(file_format: str, orientation: int) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :16] = (0, 0, 255)  # red corner top left, blue corner top right
    upright[:16, 32:] = (255, 0, 0)
    # The stored pixels are those that `orient` turns upright; the inverse of each orientation is another one of the
    # eight.
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    stored = orient(upright, inverse)
    options: dict[str, object] = {"quality": 95} if file_format == "JPEG" else {}
    if file_format == "TIFF":
        options["tiffinfo"] = {274: orientation}
    else:
        options["exif"] = exif(orientation)
    data = pillow_bytes(rgb(stored), file_format, **options)
    got = read_image(data)
    assert got.shape == upright.shape
    assert np.abs(got[4:12, 4:12].astype(int) - (0, 0, 255)).max() < 30
    assert np.abs(got[4:12, 36:44].astype(int) - (255, 0, 0)).max() < 30
    info = inspect_image(data)
    assert info.orientation == orientation
    assert info.size == (48, 32)


def test_orient_agrees_with_pillow() -> None:
    from PIL import ImageOps

    for orientation in range(1, 9):
        image = rgb(gradient())
        image.getexif()[0x0112] = orientation
        turned = ImageOps.exif_transpose(image)
        assert turned is not None
        assert np.array_equal(orient(gradient(), orientation)[:, :, ::-1], np.asarray(turned))


def test_damaged_exif_does_not_lose_the_image() -> None:
    data = pillow_bytes(rgb(gradient()), "JPEG", exif=b"Exif\0\0MM\0*garbage!")
    assert read_image(data).shape == (24, 40, 3)
    assert inspect_image(data).orientation == 1


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_alpha_is_blended_on_white(file_format: str) -> None:
    rgba = np.zeros((4, 6, 4), np.uint8)  # transparent black: what red seals cut out of a page look like
    rgba[1, 1] = (200, 0, 0, 255)
    rgba[2, 2] = (100, 0, 0, 128)
    options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
    got = read_image(pillow_bytes(Image.fromarray(rgba), file_format, **options))
    assert got[0, 0].tolist() == [255, 255, 255]
    assert got[1, 1].tolist() == [0, 0, 200]
    assert got[2, 2].tolist() == [127, 127, 177]  # round((100 * 128 + 255 * 127) / 255)


def test_transparent_palette_gray_and_colour_key() -> None:
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([0, 0, 0, 255, 0, 0] + [0] * 756)
    palette.putpixel((1, 1), 1)
    got = read_image(pillow_bytes(palette, "PNG", transparency=0))
    assert got[0, 0].tolist() == [255] * 3 and got[1, 1].tolist() == [0, 0, 255]
    for image in (Image.new("L", (4, 4), 7), Image.new("RGB", (4, 4), (7, 7, 7))):
        key = 7 if image.mode == "L" else (7, 7, 7)
        assert read_image(pillow_bytes(image, "PNG", transparency=key)).min() == 255
    gray_alpha = Image.merge("LA", [Image.new("L", (4, 4), 0), Image.new("L", (4, 4), 0)])
    assert read_image(pillow_bytes(gray_alpha, "PNG")).min() == 255


def test_palette_gray_and_one_bit() -> None:
    image = gradient()
    palette = rgb(image).quantize(16)
    widened = read_image(pillow_bytes(palette.convert("RGB"), "PNG"))
    assert np.array_equal(read_image(pillow_bytes(palette, "PNG")), widened)
    gray = Image.fromarray(image[:, :, 0])
    assert np.array_equal(read_image(pillow_bytes(gray, "PNG")), np.repeat(image[:, :, :1], 3, 2))
    bits = gray.point(lambda value: 255 if value > 100 else 0).convert("1")
    for file_format in ("PNG", "TIFF"):
        assert np.array_equal(read_image(pillow_bytes(bits, file_format))[:, :, 0], np.asarray(bits) * np.uint8(255))


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_keep_the_high_byte(suffix: str, channels: int) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (12, 20, channels)).astype(np.uint16)
    if channels == 4:
        deep[:, :, 3] = 65535
    got = read_image(encode(deep[:, :, 0] if channels == 1 else deep, suffix))
    assert np.array_equal(got, np.broadcast_to(deep[:, :, :3] >> 8, got.shape).astype(np.uint8))


def test_sixteen_bit_transparent_pixels_are_white() -> None:
    deep = np.zeros((5, 5, 4), np.uint16)
    assert read_image(encode(deep, ".png")).min() == 255


def test_tiff_that_stores_white_as_zero() -> None:
    """Fax scans; 16-bit ones too, which Pillow does not invert by itself."""
    for dtype in (np.uint8, np.uint16):
        values = np.array([[0, 40], [200, 255]], dtype) * (1 if dtype == np.uint8 else 257)
        got = read_image(_plain_tiff(values.astype(dtype), photometric=0))
        assert got[:, :, 0].tolist() == [[255, 215], [55, 0]]


def _plain_tiff(values: np.ndarray, photometric: int) -> bytes:
    """Smallest uncompressed one-strip gray TIFF, little-endian."""
    height, width = values.shape
    strip = values.astype(values.dtype.newbyteorder("<")).tobytes()
    entries = [(256, width), (257, height), (258, values.dtype.itemsize * 8), (259, 1), (262, photometric)]
    entries += [(273, 8), (277, 1), (278, height), (279, len(strip))]
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries
    )
    return b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + directory + b"\0\0\0\0"


def test_cmyk_jpeg_has_its_colours() -> None:
    data = pillow_bytes(Image.new("RGB", (32, 32), (220, 20, 30)).convert("CMYK"), "JPEG", quality=95)
    info = inspect_image(data)
    assert info.cmyk
    assert np.abs(read_image(data).astype(int) - (30, 20, 220)).max() < 8


def test_float_tiff() -> None:
    image = Image.fromarray(np.linspace(0, 1, 40, dtype=np.float32).reshape(5, 8))
    got = read_image(pillow_bytes(image, "TIFF"))
    assert got.min() == 0 and got.max() == 255


@pytest.mark.parametrize(
    ("array", "pixel"),
    [
        (np.full((3, 4), 9, np.uint8), [9, 9, 9]),
        (np.full((3, 4, 1), 9, np.uint8), [9, 9, 9]),
        (np.full((3, 4, 4), (1, 2, 3, 0), np.uint8), [255, 255, 255]),
        (np.ones((3, 4), bool), [255, 255, 255]),
        (np.full((3, 4, 3), 0.5, np.float32), [128, 128, 128]),
        (np.full((3, 4, 3), 200.0), [200, 200, 200]),
        (np.full((3, 4, 3), 200, np.uint16), [200, 200, 200]),
        (np.full((3, 4, 3), 51200, np.uint16), [200, 200, 200]),
        (np.full((3, 4, 3), 200, np.int64), [200, 200, 200]),
    ],
)
def test_arrays_of_any_usual_layout(array: np.ndarray, pixel: list[int]) -> None:
    got = read_image(array)
    assert got.shape == (3, 4, 3) and got.dtype == np.uint8
    assert got[1, 1].tolist() == pixel


def test_views_and_read_only_arrays() -> None:
    image = gradient()
    image.flags.writeable = False
    assert np.array_equal(read_image(image[::-1, ::-1]), image[::-1, ::-1])


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 40, 50), np.uint8), ["(3, 40, 50)", "transpose(1, 2, 0)"]),
        (np.zeros((2, 40, 50, 3), np.uint8), ["shape", "list of images"]),
        (np.zeros(5, np.uint8), ["shape"]),
        (np.zeros((0, 4, 3), np.uint8), ["empty"]),
        (np.full((3, 4), np.nan), ["NaN"]),
        (np.full((3, 4), -1.5), ["outside 0..255", "normalisation"]),
        (np.full((3, 4), 300, np.int32), ["outside 0..255", "300"]),
        (np.full((3, 4), 1j), ["complex128"]),
        (np.array([["a", "b"]]), ["type"]),
    ],
)
def test_arrays_that_are_no_images(array: np.ndarray, words: list[str]) -> None:
    with pytest.raises(ImageError) as caught:
        as_bgr(array)
    for word in words:
        assert word in str(caught.value)


def _bad_files() -> dict[str, tuple[bytes, str, str]]:
    """name -> (content, what the message must say, what it must advise)."""
    noise = np.random.default_rng(1).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    jpeg, png = encode(noise, ".jpg"), encode(noise, ".png")
    thumbnail = b"\xff\xe1" + struct.pack(">H", 8 + len(jpeg)) + b"Exif\0\0" + jpeg  # carries an end marker of its own
    flipped = bytearray(png)
    flipped[len(png) // 2] ^= 0xFF
    return {
        "empty": (b"", "empty (0 bytes)", "copy the file again"),
        "zeros": (bytes(500), "500 zero bytes", "fetch the file again"),
        "jpeg_cut": (jpeg[: len(jpeg) // 2], "truncated", "copy the file again"),
        "jpeg_cut_in_header": (jpeg[:30], "truncated", "copy the file again"),
        "jpeg_end_marker_lost": (jpeg[:-2], "end marker", "copy the file again"),
        "jpeg_cut_with_thumbnail": (jpeg[:2] + thumbnail + jpeg[2:-100], "end marker", "copy the file again"),
        "jpeg_zero_tail": (jpeg[:-500] + bytes(500), "end marker", "copy the file again"),
        "jpeg_without_image": (b"\xff\xd8\xff\xd9  ", "no image", "export"),
        "png_cut": (png[: len(png) // 2], "truncated", "copy the file again"),
        "png_cut_before_end": (png[:-12], "truncated", "copy the file again"),
        "png_bit_flipped": (bytes(flipped), "checksum", "copy the file again"),
        "bmp_cut": (encode(noise, ".bmp")[:4000], "truncated", "copy the file again"),
        "text": (b"a.jpg\t[]\n", "not an image", "JPEG, PNG"),
        "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer", "git lfs pull"),
        "html": (b"<!DOCTYPE html><html>404</html>", "web page", "fetch"),
        "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", "render"),
        "heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC", "convert"),
        "zip": (b"PK\x03\x04aaaaaaaaaaaaaaaa", "zip", "unpack"),
        "pdf": (b"%PDF-1.7\n", "PDF", ".pdf"),
    }


@pytest.mark.parametrize("name", sorted(_bad_files()))
def test_broken_files_say_what_and_what_next(name: str, tmp_path: Path) -> None:
    content, what, advice = _bad_files()[name]
    path = tmp_path / f"{name}.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert what in message and advice in message and "next:" in message


def test_every_truncation_of_a_file_is_refused() -> None:
    """Nothing half-read is ever trained on: cut a file at any place, and it is an error."""
    for suffix in (".jpg", ".png"):
        data = encode(gradient(16, 16), suffix)
        for size in range(len(data)):
            with pytest.raises(ImageError):
                read_image(data[:size])


@pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL")
def test_random_damage_never_escapes_as_another_error() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (20, 20, 3)).astype(np.uint8)
    sources = [encode(noise, suffix) for suffix in (".jpg", ".png", ".bmp", ".tiff", ".webp", ".ppm")]
    sources.append(pillow_bytes(rgb(noise), "GIF"))
    for data in sources:
        for _ in range(60):
            damaged = bytearray(data)
            for place in rng.integers(0, len(data), 3):
                damaged[place] = rng.integers(0, 256)
            with contextlib.suppress(ImageError):
                assert read_image(bytes(damaged), max_pixels=10**6).dtype == np.uint8


def test_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "seal_01.JPG").write_bytes(b"x")
    with pytest.raises(ImageError, match=r"no such image(.|\n)*did you mean seal_01\.JPG"):
        read_image(tmp_path / "seal_01.jpg")
    with pytest.raises(ImageError, match=r"the folder .*nowhere does not exist"):
        read_image(tmp_path / "nowhere" / "deep" / "a.jpg")
    with pytest.raises(ImageError, match="folder, not an image"):
        read_image(tmp_path)
    with pytest.raises(ImageError, match="cannot be read"):
        read_image("a\0b.jpg")


@pytest.mark.parametrize("source", [3, None, {"a": 1}, object()])
def test_other_types_are_refused_by_name(source: object) -> None:
    with pytest.raises(ImageError, match=type(source).__name__):
        read_image(source)


def test_limits_are_checked_before_decoding() -> None:
    data = encode(np.zeros((100, 200, 3), np.uint8), ".png")
    for max_pixels, max_side in ((19_999, 200), (20_000, 199)):
        for source in (data, np.zeros((100, 200, 3), np.uint8), Image.new("L", (200, 100))):
            with pytest.raises(ImageError, match="over the limit") as caught:
                read_image(source, max_pixels=max_pixels, max_side=max_side)
            assert "200x100" in str(caught.value)
    assert read_image(data, max_pixels=20_000, max_side=200).shape == (100, 200, 3)


def test_a_image_bomb_is_not_decoded() -> None:
    """60,000 × 60,000 pixels in a few hundred bytes of header: refused without the 10 GB it would take."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    )
    with pytest.raises(ImageError, match="over the limit"):
        read_image(b"\x89PNG\r\n\x1a\n" + chunks)
    bmp = bytearray(encode(np.zeros((8, 8, 3), np.uint8), ".bmp"))
    bmp[18:26] = struct.pack("<ii", 60_000, 60_000)
    with pytest.raises(ImageError, match=r"over the (pixel )?limit"):
        read_image(bytes(bmp))


def test_info_saves_a_second_look_and_changes_nothing() -> None:
    data = encode(gradient(), ".png")
    assert np.array_equal(decode_bytes(data, info=inspect_image(data)), gradient())


def test_write_image_reports_what_it_cannot_do(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be encoded"):
        write_image(tmp_path / "a.xyz", gradient())
    (tmp_path / "file").write_text("")
    with pytest.raises(ImageError, match="cannot be written"):
        write_image(tmp_path / "file" / "a.png", gradient())
    assert write_image(tmp_path / "new" / "章.jpg", gradient(), quality=80).stat().st_size > 100
