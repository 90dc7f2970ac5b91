"""The one image decoder: `read_image`, and `iter_images` for everything that holds images. NumPy, OpenCV and Pillow
only.
"""

from sealkit.images.decode import (
    MAX_PIXELS,
    MAX_SIDE,
    as_bgr,
    blend_on_white,
    decode_bytes,
    inspect_image,
    orient,
    read_file,
    read_image,
    write_image,
)
from sealkit.images.headers import ImageInfo, inspect_bytes
from sealkit.images.inputs import (
    IMAGE_SUFFIXES,
    PDF_SUFFIXES,
    UNREAD_SUFFIXES,
    ImageRecord,
    count_inputs,
    iter_images,
    list_images,
    suffix_of,
)

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "MAX_SIDE",
    "PDF_SUFFIXES",
    "UNREAD_SUFFIXES",
    "ImageInfo",
    "ImageRecord",
    "as_bgr",
    "blend_on_white",
    "count_inputs",
    "decode_bytes",
    "inspect_bytes",
    "inspect_image",
    "iter_images",
    "list_images",
    "orient",
    "read_file",
    "read_image",
    "suffix_of",
    "write_image",
]
