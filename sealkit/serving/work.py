"""Handles one request in a worker: checks limits, decodes, predicts, draws, writes the answer's JSON.

Runs in a worker process: a file that crashes a decoder costs that process and nothing else.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sealkit.errors import ConfigError, ImageError
from sealkit.images import inspect_bytes, iter_images
from sealkit.images.formats import open_with_pillow, turn_to
from sealkit.pipeline.call import LAYOUT_OPTIONS
from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving.beta import result as beta_result
from sealkit.serving.encode import jpeg_base64
from sealkit.serving.errors import NOT_CONFIGURED, UNKNOWN_TYPE, RequestError, invalid_file
from sealkit.serving.schema import PARAMETERS
from sealkit.serving.uploads import Kind

DROPPED = frozenset({"input_path", "page_index"})
"""Keys left out of prunedResult, at every level."""


@dataclass(frozen=True)
class Answer:
    """`result` of a success as JSON, and how many pages went into it."""

    body: bytes
    pages: int


@dataclass
class _Pages:
    """Images of a request while predict() takes them: sizes and, where asked for, their own JPEGs."""

    settings: ServingSettings
    visualize: bool
    sizes: list[dict[str, int]] = field(default_factory=list)
    images: list[str] = field(default_factory=list)

    def taken(self, image: np.ndarray) -> np.ndarray:
        self.sizes.append({"width": int(image.shape[1]), "height": int(image.shape[0])})
        if self.visualize:
            self.images.append(jpeg_base64(image, self.settings.extra.max_output_img_size))
        return image


def answer(
    predict: Callable[..., Iterator[Any]],
    data: bytes,
    kind: Kind | None,
    parameters: dict[str, Any],
    visualize: bool | None,
    settings: ServingSettings,
    beta: bool = False,
) -> Answer:
    """The answer to one request.

    Args:
        predict: the pipeline's method.
        data, kind: see `sealkit.serving.uploads`.
        parameters: for predict, by its names.
        visualize: the request's field; None: as the settings say.
        settings: limits, number of pages, size of images.
        beta: answer in the form of PaddleX 3.0-beta, for the first page alone.

    Raises:
        RequestError: 422: a file that cannot be read or is over a limit, a parameter the pipeline refuses.
    """
    wanted = settings.visualize if visualize is None else visualize
    pages = _Pages(settings, wanted)
    paged, images = _images(data, kind, settings)
    try:
        if beta:
            return _beta_answer(predict, next(images), parameters, settings)
        results = predict((pages.taken(image) for image in images), **parameters)
        entries = [_entry(result, settings, wanted) for result in results]
    except ConfigError as error:
        raise RequestError(422, _refusal(error)) from error
    for entry, encoded in zip(entries, pages.images):
        entry["inputImage"] = encoded
    if paged is None:
        about: dict[str, Any] = {**pages.sizes[0], "type": "image"}
    else:
        about = {"numPages": len(pages.sizes), "pages": pages.sizes, "type": paged}
    body = {"sealRecResults": entries, "dataInfo": about}
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Answer(text.encode("utf-8", "replace"), len(pages.sizes))


def _beta_answer(
    predict: Callable[..., Iterator[Any]], image: np.ndarray, parameters: dict[str, Any], settings: ServingSettings
) -> Answer:
    """See `sealkit.serving.beta.result`."""
    found = next(iter(predict([image], **parameters)))
    _checked(found)
    size = settings.extra.max_output_img_size
    body = beta_result(found.json["res"]["seal_res_list"], found.img, image, size)
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Answer(text.encode("utf-8", "replace"), 1)


def check_size(width: int, height: int, settings: ServingSettings) -> None:
    """Refuse an image by its header: RequestError 422 in PaddleX's words, and in ours for the side."""
    if width * height > settings.max_pixels:
        raise RequestError(
            422,
            f"Image pixel count {width * height} (width={width}, height={height}) exceeds maximum allowed "
            f"{settings.max_pixels}.",
        )
    if max(width, height) > settings.max_side:
        raise RequestError(
            422,
            f"Image side {max(width, height)} (width={width}, height={height}) exceeds maximum allowed "
            f"{settings.max_side}.",
        )


def _images(data: bytes, kind: Kind | None, settings: ServingSettings) -> tuple[str | None, Iterator[np.ndarray]]:
    """("pdf", "tiff" or None for a single image, images one at a time); headers are checked before it returns."""
    pdf = data[:1024].lstrip()[:4] == b"%PDF"
    if kind is not None and pdf != (kind == "pdf"):
        raise invalid_file("it is a PDF, fileType is 1 (image)" if pdf else "it is not a PDF, fileType is 0 (PDF)")
    limit = settings.extra.max_num_input_imgs
    paged = "pdf" if pdf else None
    if not pdf:
        try:
            info = inspect_bytes(data)
            check_size(info.width, info.height, settings)
            if info.format == "TIFF" and info.frames > 1:
                paged = "tiff"
                _check_frames(data, min(info.frames, limit or info.frames), settings)
        except ImageError as error:
            if kind is None:
                raise RequestError(422, f"{UNKNOWN_TYPE}: {error.what}") from error
            raise invalid_file(error.what) from error
    return paged, _decoded(data, limit if paged else 1, settings)


def _check_frames(data: bytes, count: int, settings: ServingSettings) -> None:
    with open_with_pillow(data) as image:
        for frame in range(count):
            try:
                turn_to(image, frame)
            except ImageError as error:
                raise invalid_file(f"frame {frame + 1} of the TIFF cannot be read") from error
            check_size(image.size[0], image.size[1], settings)


def _decoded(data: bytes, limit: int | None, settings: ServingSettings) -> Iterator[np.ndarray]:
    """(H, W, 3) uint8 BGR per page; one bad page makes the file invalid, as in PaddleX."""
    records = iter_images(data, max_pixels=settings.max_pixels, max_side=settings.max_side, max_pages=limit)
    for record in itertools.islice(records, limit):
        if record.image is None:
            raise invalid_file(record.error.what if record.error else "it cannot be read") from record.error
        yield record.image


def _entry(result: Any, settings: ServingSettings, visualize: bool) -> dict[str, Any]:
    """One element of sealRecResults, its inputImage still missing."""
    _checked(result)
    entry: dict[str, Any] = {"prunedResult": pruned(result.json["res"])}
    if visualize:
        size = settings.extra.max_output_img_size
        entry["outputImages"] = {name: jpeg_base64(image, size) for name, image in result.img.items()}
    return entry


def _checked(result: Any) -> None:
    """Raise RequestError (422) where the call was refused, RuntimeError where reading failed."""
    if "error" in result:
        if "seal_res_list" not in result:  # no result of an image: the call as a whole was refused, in PaddleX's way
            raise RequestError(422, str(result["error"]))
        raise RuntimeError(str(result["error"]))  # the image was decoded before: what failed is ours


def pruned(value: Any) -> Any:
    """Plain data without input_path and page_index, at every level."""
    if isinstance(value, dict):
        return {key: pruned(inner) for key, inner in value.items() if key not in DROPPED}
    if isinstance(value, list):
        return [pruned(inner) for inner in value]
    return value


def _refusal(error: ConfigError) -> str:
    """A parameter the pipeline refuses, by the request's name for it."""
    fields = {name: field for field, name in PARAMETERS.items()}
    fields |= {option: fields[name] for name, option in LAYOUT_OPTIONS.items()}  # the layout model's own names
    where = error.where or ""
    text = f"{fields.get(where, where)}: {error.what}" if where else error.what
    return f"{NOT_CONFIGURED} {text}" if where.startswith("use_") else text
