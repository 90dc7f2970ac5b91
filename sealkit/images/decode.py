"""The one image decoder: training, evaluation, inference and serving all read images through `read_image`.

Which library decodes a file depends on the file's own header and on nothing else, so the same file gives the same
pixels everywhere: JPEG in gray or colour, opaque PNG and WebP that stands still through OpenCV (the bulk, and the
faster one), everything else through Pillow.

Memory: decoding takes at most MEMORY_PER_PIXEL × `max_pixels` bytes beyond the encoded file. What needs more than that
per pixel (a progressive JPEG without subsampling: 9) is refused from that many pixels on, by its header.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np

from sealkit.errors import ImageError
from sealkit.files import read_regular, write_bytes
from sealkit.images.bands import Banded, in_bands, loaded, rows_of
from sealkit.images.formats import FORMATS, open_with_pillow
from sealkit.images.headers import MAX_SCANS, ImageInfo, info_of_pillow, inspect_bytes
from sealkit.images.walks import exif_orientation, valid_orientation

MAX_PIXELS = 178_956_970
"""Default limit on width × height: 0.5 GB as BGR; also the limit of a rendered PDF page in paddlex."""
MAX_SIDE = 65_535
"""Default limit on either side: the largest JPEG."""

SMALLER = "scale it down (200 dpi are plenty for seals)"
"""What to do with an image over a limit, in hints."""

MAX_FILE = 2_000_000_000
"""Bytes of an image or PDF file; the largest image within MAX_PIXELS has 1.4 GB, uncompressed."""
MEMORY_PER_PIXEL = 6
"""Bytes: what `max_pixels` stands for in memory. OpenCV's pixels and the copy of them that Python is given."""
MAX_STEPS = 16_000_000
"""Samples of a compressed BMP or plain PNM, which Pillow decodes in Python: some ten seconds."""
MAX_SCAN_WORK = 12
"""Scans of a JPEG at `max_pixels`: the most that encoders write. Smaller ones may have more, up to MAX_SCANS."""

ImageSource: TypeAlias = Any  # str | Path | bytes | bytearray | memoryview | np.ndarray | PIL.Image.Image

# Orientation is applied here: whether OpenCV does it depends on its version and on the format.
_COLOR = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def read_image(
    source: ImageSource, *, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE, where: str | None = None
) -> np.ndarray:
    """Decode an image to one well-defined form.

    Args:
        source: path, encoded bytes, array, or PIL image. Arrays are described at `as_bgr`. Of a multi-frame file the
            first frame is read (`sealkit.images.iter_images` yields every page).
        max_pixels, max_side: limits in pixels, checked on the header before anything is decoded.
        where: name for messages in place of the path, such as "train.txt:17 a.jpg".

    Returns:
        (H, W, 3) uint8 BGR, contiguous and owned by the caller. EXIF orientation is applied (JPEG, PNG, WebP, TIFF),
        alpha is blended on white (as on paper; paddlex 3.7.2 drops it), 16 bit becomes 8 by the high byte, CMYK becomes
        RGB without a colour profile, palette, gray and 1-bit images are widened.

    Raises:
        ImageError: missing, empty, truncated, damaged, not an image, or over a limit; says which, and what to do.
    """
    if isinstance(source, np.ndarray):
        _check_limits(
            source.shape[1] if source.ndim > 1 else 0,
            source.shape[0] if source.ndim else 0,
            max_pixels,
            max_side,
            where,
        )
        return as_bgr(source, where=where)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return decode_bytes(bytes(source), max_pixels=max_pixels, max_side=max_side, where=where or "image in memory")
    if isinstance(source, (str, Path)):
        data = read_file(source, where=where)
        return decode_bytes(data, max_pixels=max_pixels, max_side=max_side, where=where or str(source))
    if _is_pillow(source):
        _check_limits(source.width, source.height, max_pixels, max_side, where)
        return orient(*_from_pillow(source, where or "PIL image"))
    raise ImageError(
        f"a {type(source).__name__} is not an image",
        where=where,
        value=source,
        hint="give a path, encoded bytes, an (H, W[, 3 or 4]) array or a PIL image",
    )


def inspect_image(source: ImageSource) -> ImageInfo:
    """Header of an image file or of encoded bytes, without decoding pixels. Raises ImageError as `read_image` does."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return inspect_bytes(bytes(source), "image in memory")
    return inspect_bytes(read_file(source), str(source))


def decode_bytes(
    data: bytes,
    *,
    max_pixels: int = MAX_PIXELS,
    max_side: int = MAX_SIDE,
    where: str | None = None,
    info: ImageInfo | None = None,
) -> np.ndarray:
    """Decode an encoded image as `read_image` does; `info` saves a second look at the header where the caller has
    it.
    """
    info = info or inspect_bytes(data, where)
    _check_cost(info, max_pixels, max_side, where)
    if info.format == "JPEG" and info.bits != 8:
        raise ImageError(
            f"a JPEG has 8 bits per channel here, this one has {info.bits}",
            where=where,
            hint="save the image as 8-bit JPEG or as PNG",
        )
    plain_jpeg = info.format == "JPEG" and info.channels in (1, 3)
    plain_png = info.format == "PNG" and not info.alpha and info.frames == 1
    plain_webp = info.format == "WEBP" and info.frames == 1
    if plain_jpeg or plain_png or plain_webp:
        return orient(_decode_with_opencv(data, info, where), info.orientation)
    with open_with_pillow(data, where) as image:
        pixels, orientation = _from_pillow(image, where, banded=True)
    del image  # its pixels are gone before the turned ones are made
    # The walk of the header has found what Pillow would look for behind the pixels of a PNG, or is not given of a JPEG.
    return orient(pixels, info.orientation if info.format in ("PNG", "JPEG") else orientation)


def decode_frame(image: Any, *, max_pixels: int, max_side: int, where: str | None = None) -> np.ndarray:
    """The page that an opened multi-page PIL image stands on, as `read_image` gives an image."""
    _check_cost(info_of_pillow(image), max_pixels, max_side, where)
    return orient(*_from_pillow(image, where, banded=True))


def as_bgr(array: np.ndarray, *, where: str | None = None) -> np.ndarray:
    """An array of any usual layout as (H, W, 3) uint8 BGR; always a contiguous copy.

    Args:
        array: (H, W) or (H, W, 1) gray, (H, W, 3) BGR, (H, W, 4) BGRA (blended on white). uint8; bool (True is white);
            uint16 (high byte; values that never pass 255 are taken as 8-bit, as paddlex does); other integers within
            0..255; floats within 0..1, or within 0..255 where any value passes 1.

    Raises:
        ImageError: another shape, an empty array, NaN, or values outside the range of its type.
    """
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        hint = "give (H, W), (H, W, 1), (H, W, 3) BGR or (H, W, 4) BGRA"
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            hint += "; this looks like (C, H, W): transpose it with array.transpose(1, 2, 0)"
        elif array.ndim == 4:
            hint += "; for a batch give a list of images"
        raise ImageError("an array of this shape is not an image", where=where, value=array.shape, hint=hint)
    if array.size == 0:
        raise ImageError("the array is empty", where=where, value=array.shape, hint="check the crop that produced it")
    pixels = _to_uint8(array, where)
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        gray = pixels.reshape(pixels.shape[:2])
        return np.repeat(gray[:, :, None], 3, axis=2)  # (H, W) -> (H, W, 3)
    if pixels.shape[2] == 4:
        return blend_on_white(pixels)
    return np.array(pixels, order="C")


def blend_on_white(bgra: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8, alpha last, not premultiplied -> (H, W, 3) uint8 on white paper, rounded to nearest."""
    out = np.empty((*bgra.shape[:2], 3), np.uint8)
    for top, bottom in rows_of(*bgra.shape[:2]):
        out[top:bottom] = _blended(bgra[top:bottom])
    return out


def _blended(bgra: np.ndarray) -> np.ndarray:
    """`blend_on_white` of a few rows, in 16 bits: c·a + 255·(255 - a) is at most 255²."""
    alpha = bgra[:, :, 3:].astype(np.uint16)
    mixed = bgra[:, :, :3] * alpha
    mixed += 255 * (255 - alpha) + np.uint16(127)
    mixed += (mixed >> 8) + np.uint16(1)  # (x + 1 + (x >> 8)) >> 8 is x // 255 for all x below 65535
    return (mixed >> 8).astype(np.uint8)


def orient(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turn stored pixels upright for an EXIF orientation 1..8 (EXIF 2.3, tag 0x0112); contiguous result."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)  # rows and columns change place
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def read_file(path: str | Path, where: str | None = None) -> bytes:
    """Content of an image file; ImageError with the nearest existing names where it is missing."""
    path = Path(path)
    where = where or str(path)
    try:
        return read_regular(path, MAX_FILE)
    except FileNotFoundError:
        if path.is_symlink():
            value, hint = os.readlink(path), "restore what the link points to, or remove the link"
            raise ImageError("the link points to nothing", where=where, value=value, hint=hint) from None
        raise ImageError("no such image", where=where, hint=_nearest_names(path)) from None
    except IsADirectoryError:
        raise ImageError("this is a folder, not an image", where=where, hint="name a file in it") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise ImageError(
            "the image cannot be read",
            where=where,
            value=getattr(error, "strerror", None) or str(error),
            hint="check the path and its permissions; an image is a regular file",
        ) from error


def write_image(path: str | Path, image: np.ndarray, *, quality: int = 95) -> Path:
    """Write a BGR image in the format of the suffix; makes the folder. Raises ImageError where it cannot.

    Unlike cv2.imwrite it takes any Unicode path on every system and does not fail in silence. `quality` is JPEG's and
    WebP's, 1..100.
    """
    path = Path(path)
    flags = {".jpg": cv2.IMWRITE_JPEG_QUALITY, ".jpeg": cv2.IMWRITE_JPEG_QUALITY, ".webp": cv2.IMWRITE_WEBP_QUALITY}
    flag = flags.get(path.suffix.lower())
    try:
        done, encoded = cv2.imencode(path.suffix.lower(), image, [flag, quality] if flag is not None else [])
    except cv2.error as error:
        raise ImageError(
            "the image cannot be encoded",
            where=str(path),
            value=path.suffix,
            hint="use .png, .jpg, .bmp, .webp or .tiff",
        ) from error
    if not done:
        raise ImageError("the image cannot be encoded", where=str(path), value=image.shape, hint="use another format")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, encoded.tobytes())
    except OSError as error:
        raise ImageError(
            "the image cannot be written",
            where=str(path),
            value=str(error),
            hint="choose a folder that can be written to",
        ) from error
    return path


def _check_limits(width: int, height: int, max_pixels: int, max_side: int, where: str | None) -> None:
    if width * height > max_pixels or max(width, height) > max_side:
        raise ImageError(
            f"the image is over the limit of {max_pixels} pixels and {max_side} pixels per side",
            where=where,
            value=f"{width}x{height}",
            hint=f"{SMALLER}; in Python, read_image(path, max_pixels=…, max_side=…) reads it as it is",
        )


def _check_cost(info: ImageInfo, max_pixels: int, max_side: int, where: str | None) -> None:
    """Refuse by the header what would take too much memory or time."""
    _check_limits(info.width, info.height, max_pixels, max_side, where)
    if info.memory > MEMORY_PER_PIXEL * max_pixels:
        raise ImageError(
            f"decoding this {info.format} takes more memory than {max_pixels} pixels may",
            where=where,
            value=f"{info.width}x{info.height}: {info.memory >> 20} MB of {MEMORY_PER_PIXEL * max_pixels >> 20} MB",
            hint=f"save it as baseline JPEG or as opaque PNG, or {SMALLER}",
        )
    if info.scans > MAX_SCANS or info.scans * info.width * info.height > MAX_SCAN_WORK * max_pixels:
        raise ImageError(
            "the progressive JPEG has too many scans for its size",
            where=where,
            value=f"{info.width}x{info.height}, more than {min(info.scans - 1, MAX_SCANS)} scans",
            hint="save it as baseline JPEG",
        )
    if info.steps > MAX_STEPS:
        raise ImageError(
            f"decoding this {FORMATS[info.format]} takes too long: it is run-length compressed or written in digits",
            where=where,
            value=f"{info.width}x{info.height}",
            hint="save it as PNG",
        )


def _decode_with_opencv(data: bytes, info: ImageInfo, where: str | None) -> np.ndarray:
    """Plain JPEG, opaque PNG or still WebP -> (H, W, 3) uint8 BGR, not yet oriented."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED if info.alpha else _COLOR)
    except cv2.error:
        image = None
    if image is None or image.shape[:2] != (info.height, info.width) or image.ndim != 3:
        raise ImageError(
            f"the {info.format} is damaged and cannot be decoded",
            where=where,
            value=f"{info.width}x{info.height}, {len(data)} bytes",
            hint="copy the file again or export the image again",
        )
    return _blend_in_place(image) if image.shape[2] == 4 else image


def _blend_in_place(bgra: np.ndarray) -> np.ndarray:
    """`blend_on_white` of an array that nobody else has, in its own memory.

    The three bytes of a pixel never reach a row that is still to be read: they are written in front of its four.
    """
    height, width = bgra.shape[:2]
    flat = bgra.reshape(-1)
    for top, bottom in rows_of(height, width):
        flat[3 * width * top : 3 * width * bottom] = _blended(bgra[top:bottom]).reshape(-1)
    return flat[: 3 * width * height].reshape(height, width, 3)


def _is_pillow(source: object) -> bool:
    from PIL import Image

    return isinstance(source, Image.Image)


def _from_pillow(image: Any, where: str | None, *, banded: bool = False) -> tuple[np.ndarray, int]:
    """Current frame of a PIL image -> (H, W, 3) uint8 BGR as stored, and its EXIF orientation. `banded`: it was opened
    here and nobody else wants its pixels, so it need not be loaded.
    """
    inverted = _is_white_zero_16(image)
    try:
        bands = in_bands(image) if banded else None
        if bands is None:
            image.load()
            bands = loaded(image)
            # After load(): Pillow >= 11 turns TIFFs while loading and then drops the tag, so this never turns twice.
            orientation = _orientation(image, banded)
        else:
            orientation = image.tag_v2.get(0x0112) if image.format == "TIFF" else 1
        return _pillow_pixels(image, bands, inverted, where), valid_orientation(orientation)
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error, ValueError, zlib.error…
        truncated = "truncated" in str(error)
        raise ImageError(
            "the image is truncated" if truncated else "the image is damaged and cannot be decoded",
            where=where,
            value=str(error),
            hint="copy the file again or export the image again",
        ) from error


def _orientation(image: Any, ours: bool) -> object:
    """The tag of a loaded image. In files of strangers, `ours`, Pillow would read all EXIF fields, however large."""
    if ours and image.format != "TIFF":
        return exif_orientation(image.info.get("exif", b""))
    return image.getexif().get(0x0112)


def _pillow_pixels(image: Any, bands: Banded, inverted: bool, where: str | None) -> np.ndarray:
    """Bands of a PIL image -> (H, W, 3) uint8 BGR, as stored; only the result is new."""
    to_bgr = _band_conversion(image, bands, inverted, where)
    pixels = np.empty((bands.height, bands.width, 3), np.uint8)
    for top, band in bands.parts():
        pixels[top : top + band.height] = to_bgr(band)
    return pixels


def _band_conversion(image: Any, bands: Banded, inverted: bool, where: str | None) -> Callable[[Any], np.ndarray]:
    """What turns a band of this image, a PIL image of the same mode, into (h, w, 3) or (h, w, 1) uint8 BGR."""
    mode = image.mode
    if mode.startswith("I;16") or mode in ("I", "F"):
        return _deep_conversion(image, bands, inverted, where)
    if mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return lambda band: _blended(np.asarray(band.convert("RGBA"))[:, :, [2, 1, 0, 3]])
    if mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(*profiles, "LAB", "RGB")
        return lambda band: np.asarray(ImageCms.applyTransform(band, transform))[:, :, ::-1]
    return lambda band: np.asarray(band.convert("RGB"))[:, :, ::-1]


def _deep_conversion(image: Any, bands: Banded, inverted: bool, where: str | None) -> Callable[[Any], np.ndarray]:
    """Gray of more than 8 bits. 16 bit keeps the high byte, as OpenCV does; other ranges are looked at first."""
    mode, transparent = image.mode, image.info.get("transparency")
    if mode.startswith("I;16") or (mode == "I" and image.format in ("PNG", "PPM")):

        def rule(values: np.ndarray) -> np.ndarray:
            return (values.astype(np.uint16) >> 8).astype(np.uint8)
    else:
        low, high = _range(np.asarray(band) for _, band in bands.parts())
        if mode == "I" and high > 65535:

            def rule(values: np.ndarray) -> np.ndarray:  # 31 bits of a signed sample
                return (values.clip(min=0).astype(np.uint32) >> 23).clip(max=255).astype(np.uint8)
        elif mode == "I" and high > 255:
            eight = _eight_bits(np.dtype(np.uint16), max(low, 0), high, where)

            def rule(values: np.ndarray) -> np.ndarray:
                return eight(values.astype(np.uint16))
        else:
            eight = _eight_bits(np.dtype(np.float32 if mode == "F" else np.int32), low, high, where)

            def rule(values: np.ndarray) -> np.ndarray:
                return eight(values)

    def convert(band: Any) -> np.ndarray:
        values = np.asarray(band)
        gray = 255 - rule(values) if inverted else rule(values)
        if isinstance(transparent, int):
            gray[values == transparent] = 255
        return gray[:, :, None]

    return convert


def _is_white_zero_16(image: Any) -> bool:
    """A deep gray TIFF that stores white as 0; Pillow inverts such images up to 8 bits only."""
    tags = getattr(image, "tag_v2", None)
    return tags is not None and tags.get(262) == 0 and image.mode.startswith("I")


def _to_uint8(array: np.ndarray, where: str | None) -> np.ndarray:
    """Same shape, uint8. Rules at `as_bgr`."""
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "buif":
        raise ImageError(
            "an array of this type is not an image", where=where, value=str(array.dtype), hint="give uint8 BGR"
        )
    low, high = (0, 1) if array.dtype == np.bool_ else (array.min(), array.max())
    rule = _eight_bits(array.dtype, low, high, where)
    pixels = np.empty(array.shape, np.uint8)
    for top, bottom in rows_of(*array.shape[:2]):
        pixels[top:bottom] = rule(array[top:bottom])
    return pixels


def _range(parts: Iterator[np.ndarray]) -> tuple[Any, Any]:
    """Least and largest value; NaN where there is one."""
    low: Any = np.inf
    high: Any = -np.inf
    for values in parts:
        low, high = np.minimum(low, values.min()), np.maximum(high, values.max())
    return low, high


def _eight_bits(dtype: np.dtype[Any], low: Any, high: Any, where: str | None) -> Callable[[np.ndarray], np.ndarray]:
    """How values of this type and range become uint8. Rules at `as_bgr`."""
    if dtype == np.bool_:
        return lambda values: values.astype(np.uint8) * 255
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(
            "the array holds NaN or infinite values", where=where, hint="check the computation that produced it"
        )
    if dtype == np.uint16 and high > 255:
        return lambda values: (values >> 8).astype(np.uint8)
    if low < 0 or high > 255:
        raise ImageError(
            f"the values of the {dtype} array are outside 0..255",
            where=where,
            value=f"{low}..{high}",
            hint="give uint8 0..255, uint16, or floats 0..1 (undo a mean/std normalisation first)",
        )
    if dtype.kind == "f":
        scale = 255.0 if high <= 1 else 1.0
        return lambda values: np.rint(values * scale).astype(np.uint8)
    return lambda values: values.astype(np.uint8)


def _nearest_names(path: Path) -> str:
    """Hint for a missing file: the first missing folder, or the most alike names beside it."""
    parent = path.parent
    if not parent.is_dir():
        while parent != parent.parent and not parent.is_dir():
            path, parent = parent, parent.parent
        return f"the folder {path} does not exist; check the path and the folder it is relative to"
    names = [entry.name for entry in parent.iterdir()]
    same_stem = [name for name in names if Path(name).stem == path.stem]
    alike = same_stem or difflib.get_close_matches(path.name, names, n=3, cutoff=0.8)
    if alike:
        return f"did you mean {', '.join(sorted(alike)[:3])}? (names are case-sensitive)"
    return "check the path and the folder it is relative to"
