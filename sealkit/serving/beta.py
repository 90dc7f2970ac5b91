"""Requests and answers of PaddleX 3.0-beta's service, for clients that were written for it (`beta: true`).

Facts: PaddleX v3.0.0-beta2 (Apache-2.0; paddlex/inference/pipelines/serving/_pipeline_apps/seal_recognition.py) and the
3.0-beta tutorial. The two name the result differently, `sealImpressions` by seal and `texts` in a row: an answer has
both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sealkit.serving.encode import jpeg_base64
from sealkit.serving.errors import RequestError

IMAGE = 1
"""`fileType`: the beta reads images alone."""
GAP = 8
"""White pixels between the seals of `ocrImage`."""


def is_beta(value: Any) -> bool:
    """Whether a body is one of the beta's: `image` in place of `file`."""
    return isinstance(value, Mapping) and "image" in value and "file" not in value


def todays_fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """The beta's request in today's fields: `maxLongSide` limits the detector's long side.

    Raises:
        RequestError: 422: `inferenceParams` that is not an object.
    """
    parameters = value.get("inferenceParams") or {}
    if not isinstance(parameters, Mapping):
        raise RequestError(422, "inferenceParams: Input should be a valid dictionary")
    fields = {"file": value["image"], "fileType": IMAGE, "logId": value.get("logId")}
    longest = parameters.get("maxLongSide")
    return fields | ({} if not longest else {"sealDetLimitSideLen": longest, "sealDetLimitType": "max"})


def result(
    seals: Sequence[Mapping[str, Any]], images: Mapping[str, Any], page: np.ndarray, size: tuple[int, int] | None
) -> dict[str, Any]:
    """`result` of the beta's answer.

    Args:
        seals: `seal_res_list` of the JSON result.
        images: drawings of the result by name.
        page: (H, W, 3) uint8 BGR, in place of a drawing that there is none of.
        size: width and height that images are shrunk into.
    """
    impressions = [{"texts": list(_texts(seal))} for seal in seals]
    regions = [np.asarray(_bgr(image)) for name, image in images.items() if name.startswith("seal_res_region")]
    return {
        "sealImpressions": impressions,
        "texts": [text for seal in impressions for text in seal["texts"]],
        "layoutImage": jpeg_base64(images.get("layout_det_res", page), size),
        "ocrImage": jpeg_base64(_stacked(regions) if regions else page, size),
    }


def _texts(seal: Mapping[str, Any]) -> Any:
    for poly, text, score in zip(seal["rec_polys"], seal["rec_texts"], seal["rec_scores"]):
        yield {"poly": [[round(float(x)), round(float(y))] for x, y in poly], "text": text, "score": float(score)}


def _bgr(image: Any) -> np.ndarray:
    """A drawing as (H, W, 3) uint8 BGR."""
    return image if isinstance(image, np.ndarray) else np.asarray(image.convert("RGB"))[:, :, ::-1]


def _stacked(images: Sequence[np.ndarray]) -> np.ndarray:
    """Images below one another, on white."""
    width = max(image.shape[1] for image in images)
    height = sum(image.shape[0] for image in images) + GAP * (len(images) - 1)
    made = np.full((height, width, 3), 255, np.uint8)
    top = 0
    for image in images:
        made[top : top + image.shape[0], : image.shape[1]] = image
        top += image.shape[0] + GAP
    return made


__all__ = ["is_beta", "result", "todays_fields"]
