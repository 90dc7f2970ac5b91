"""The one image decoder: training, evaluation, inference and serving all read images through `read_image`.

Which library decodes a file depends on the file's own header and on nothing else, so the same file gives the same
pixels everywhere: JPEG in gray or colour and opaque PNG through OpenCV (the bulk, and the faster one), everything else
through Pillow.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np

from sealkit.errors import ImageError
from sealkit.images.headers import ImageInfo, inspect_bytes, open_with_pillow

MAX_PIXELS = 178_956_970
"""Default limit on width × height: 0.5 GB as BGR; also the limit of a rendered PDF page in paddlex."""
MAX_SIDE = 65_535
"""Default limit on either side: the largest JPEG."""

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
        return _from_pillow(source, where or "PIL image")
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
    _check_limits(info.width, info.height, max_pixels, max_side, where)
    if info.format == "JPEG" and info.bits != 8:
        raise ImageError(
            f"a JPEG has 8 bits per channel here, this one has {info.bits}",
            where=where,
            hint="save the image as 8-bit JPEG or as PNG",
        )
    plain_jpeg = info.format == "JPEG" and info.channels in (1, 3)
    plain_png = info.format == "PNG" and not info.alpha and info.frames == 1
    if plain_jpeg or plain_png:
        return orient(_decode_with_opencv(data, info, where), info.orientation)
    with open_with_pillow(data, where) as image:
        return _from_pillow(image, where)


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
        raise ImageError("the array is empty", where=where, value=array.shape, hint="check the crop that made it")
    pixels = _to_uint8(array, where)
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        gray = pixels.reshape(pixels.shape[:2])
        return np.repeat(gray[:, :, None], 3, axis=2)  # (H, W) -> (H, W, 3)
    if pixels.shape[2] == 4:
        return blend_on_white(pixels)
    return np.array(pixels, order="C")


def blend_on_white(bgra: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8, alpha last, not premultiplied -> (H, W, 3) uint8 on white paper, rounded to nearest."""
    alpha = bgra[:, :, 3:].astype(np.uint32)
    mixed = bgra[:, :, :3].astype(np.uint32) * alpha + 255 * (255 - alpha)
    return np.ascontiguousarray(((mixed + 127) // 255).astype(np.uint8))


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
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageError("no such image", where=where, hint=_nearest_names(path)) from None
    except IsADirectoryError:
        raise ImageError("this is a folder, not an image", where=where, hint="name a file in it") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise ImageError(
            "the image cannot be read", where=where, value=str(error), hint="check the path and its permissions"
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
        path.write_bytes(encoded.tobytes())
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
            hint="scale the image down, or raise max_pixels / max_side",
        )


def _decode_with_opencv(data: bytes, info: ImageInfo, where: str | None) -> np.ndarray:
    """Plain JPEG or opaque PNG -> (H, W, 3) uint8 BGR, not yet oriented."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _COLOR)
    except cv2.error:
        image = None
    if image is None or image.shape[:2] != (info.height, info.width):
        raise ImageError(
            f"the {info.format} is damaged and cannot be decoded",
            where=where,
            value=f"{info.width}x{info.height}, {len(data)} bytes",
            hint="copy the file again or export the image again",
        )
    return image


def _is_pillow(source: object) -> bool:
    from PIL import Image

    return isinstance(source, Image.Image)


def _from_pillow(image: Any, where: str | None) -> np.ndarray:
    """Current frame of a PIL image -> (H, W, 3) uint8 BGR."""
    from PIL import ImageOps

    inverted = _is_white_zero_16(image)
    try:
        image.load()
        # After load(): Pillow >= 11 turns TIFFs while loading and then drops the tag, so this never turns twice.
        image = ImageOps.exif_transpose(image)
        return _pillow_pixels(image, inverted, where)
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


def _pillow_pixels(image: Any, inverted: bool, where: str | None) -> np.ndarray:
    """Loaded, upright PIL image -> (H, W, 3) uint8 BGR."""
    mode = image.mode
    if mode.startswith("I;16") or mode in ("I", "F"):
        gray = _deep_gray(np.asarray(image), mode, image.format, where)
        if inverted:
            gray = 255 - gray
        transparent = image.info.get("transparency")
        if isinstance(transparent, int):
            gray[np.asarray(image) == transparent] = 255
        return np.repeat(gray[:, :, None], 3, axis=2)
    if mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"))  # (H, W, 4)
        return blend_on_white(rgba[:, :, [2, 1, 0, 3]])
    if mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, profiles[0], profiles[1], outputMode="RGB")
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def _deep_gray(values: np.ndarray, mode: str, file_format: str | None, where: str | None) -> np.ndarray:
    """Gray of more than 8 bits -> (H, W) uint8. 16 bit keeps the high byte, as OpenCV does."""
    if mode.startswith("I;16") or (mode == "I" and file_format in ("PNG", "PPM")):
        return (values.astype(np.uint16) >> 8).astype(np.uint8)
    if mode == "I" and values.size and 255 < values.max() <= 65535:
        values = values.astype(np.uint16)
    elif mode == "I" and values.size and values.max() > 65535:
        return (values.clip(min=0).astype(np.uint32) >> 23).clip(max=255).astype(np.uint8)  # 31 bits of a signed sample
    return _to_uint8(values, where)


def _is_white_zero_16(image: Any) -> bool:
    """A deep gray TIFF that stores white as 0; Pillow inverts such images up to 8 bits only."""
    tags = getattr(image, "tag_v2", None)
    return tags is not None and tags.get(262) == 0 and image.mode.startswith("I")


def _to_uint8(array: np.ndarray, where: str | None) -> np.ndarray:
    """Same shape, uint8. Rules at `as_bgr`."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype.kind not in "uif":
        raise ImageError(
            "an array of this type is not an image", where=where, value=str(array.dtype), hint="give uint8 BGR"
        )
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(
            "the array holds NaN or infinite values", where=where, hint="check the computation that made it"
        )
    if array.dtype == np.uint16 and high > 255:
        return (array >> 8).astype(np.uint8)
    if low < 0 or high > 255:
        raise ImageError(
            f"the values of the {array.dtype} array are outside 0..255",
            where=where,
            value=f"{low}..{high}",
            hint="give uint8 0..255, uint16, or floats 0..1 (undo a mean/std normalisation first)",
        )
    if array.dtype.kind == "f":
        scale = 255.0 if high <= 1 else 1.0
        return np.rint(array * scale).astype(np.uint8)
    return array.astype(np.uint8)


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
