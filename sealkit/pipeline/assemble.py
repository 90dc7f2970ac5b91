"""Seals, regions and readings → the fields of the result.

Own keys of an element of `seal_res_list`, after PaddleX's:

- `seal_box` [x1, y1, x2, y2] of the seal and `crop_box` of the image it was read in, both page pixels;
- `coordinates`: what dt_polys and rec_polys refer to, "crop" where a layout gave the seals (as PaddleX), else "page";
- `page_polys`: rec_polys in page pixels; `dt_scores`: the detector's, in the order of dt_polys;
- `lines`: one dict per text kept: text, score, role (title, purpose, code, name or null), direction (arc, arc-bottom,
  line, vertical), turned (another direction than the first guess won the reading), line_poly in page pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sealkit.geometry.lines import LinePoly, lines_from_region
from sealkit.geometry.regions import TextRegion
from sealkit.pipeline.closer import FoundSeal
from sealkit.pipeline.read import ReadLine
from sealkit.pipeline.result import SealResult
from sealkit.pipeline.roles import line_roles


@dataclass
class SealParts:
    """One seal on its way to the result; all coordinates are the page's.

    Attributes:
        seal: where it is.
        crop_box: x1, y1, x2, y2 whole pixels of the image it was looked at in.
        regions: detected texts.
        lines: their lines.
        of_region: index into `regions` of each line.
        outside: texts dropped because they lie outside the seal.
        read: readings in reading order.
    """

    seal: FoundSeal
    crop_box: tuple[int, int, int, int]
    regions: list[TextRegion]
    lines: list[LinePoly]
    of_region: list[int]
    outside: int = 0
    read: Sequence[ReadLine] = ()


def lines_of(regions: Sequence[TextRegion], image: np.ndarray) -> tuple[list[LinePoly], list[int]]:
    """All text lines of some regions, and which region each comes from."""
    lines: list[LinePoly] = []
    owner: list[int] = []
    for i, region in enumerate(regions):
        found = lines_from_region(region, image=image)
        lines += found
        owner += [i] * len(found)
    return lines, owner


def seal_fields(
    parts: SealParts, image: np.ndarray, number: int, score_thresh: float, det_params: dict[str, Any], relative: bool
) -> SealResult:
    """One element of seal_res_list.

    Args:
        parts: with its readings.
        image: the page, (H, W, 3) uint8 BGR.
        number: seal_region_id, from 1.
        score_thresh: texts with at least this score are kept.
        det_params: `text_det_params`.
        relative: polygons relative to the crop (a layout gave the seals) in place of the page.
    """
    left, top, right, bottom = parts.crop_box
    h, w = image.shape[:2]
    polygons = [line_polygon(parts, entry) for entry in parts.read]
    on_page = [_whole(p, (w, h)) for p in polygons]
    corner = np.array([left, top], dtype=np.float32)
    rounded = [_whole(p - corner, (right - left, bottom - top)) for p in polygons] if relative else on_page
    read = [(entry.text, entry.score) for entry in parts.read]
    crop = np.ascontiguousarray(image[top:bottom, left:right])
    fields = paddlex_fields(crop, number, rounded, read, score_thresh, det_params)
    kept = [i for i, line in enumerate(parts.read) if line.score >= score_thresh]
    fields |= {
        "dt_scores": [round(float(entry.line.score), 4) for entry in parts.read],
        "coordinates": "crop" if relative else "page",
        "seal_box": [round(float(v), 1) for v in parts.seal.box],
        "crop_box": list(parts.crop_box),
        "page_polys": [on_page[i] for i in kept],
        "lines": _line_fields([parts.read[i] for i in kept]),
    }
    return SealResult(fields)


def paddlex_fields(
    crop: np.ndarray,
    number: int,
    polygons: Sequence[np.ndarray],
    read: Sequence[tuple[str, float]],
    score_thresh: float,
    det_params: dict[str, Any],
) -> dict[str, Any]:
    """PaddleX's fields of one seal, in the order its object has them (JSON's order is SealResult's).

    Args:
        crop: (h, w, 3) uint8 BGR.
        number: seal_region_id, from 1.
        polygons: (N, 2) int32 of every text.
        read: text and score of each.
    """
    kept = [i for i, (_, score) in enumerate(read) if score >= score_thresh]
    fields: dict[str, Any] = {
        "input_path": None,
        "page_index": None,
        "doc_preprocessor_res": {"output_img": crop},
        "dt_polys": list(polygons),
        "model_settings": {"use_doc_preprocessor": False, "use_textline_orientation": False},
        "text_det_params": det_params,
        "text_type": "seal",
        "text_rec_score_thresh": score_thresh,
        "return_word_box": False,
        "rec_texts": [read[i][0] for i in kept],
        "rec_scores": [read[i][1] for i in kept],
        "rec_polys": [polygons[i] for i in kept],
        "vis_fonts": [],
    }
    if polygons:  # as in PaddleX, missing where no text was found
        fields["textline_orientation_angles"] = [-1] * len(polygons)
    return fields | {"rec_boxes": np.array([]), "seal_region_id": number}


def line_polygon(parts: SealParts, entry: ReadLine) -> np.ndarray:
    """(N, 2) float32: the detected outline where it holds just this line and no hole, else the line's own polygon."""
    owner = parts.of_region[entry.source]
    region = parts.regions[owner]
    return region.outline if parts.of_region.count(owner) == 1 and not region.holes else entry.line.points


def _whole(points: np.ndarray, limit: tuple[int, int]) -> np.ndarray:
    """Rounded half to even and clamped to [0, limit] as PaddleX does, (N, 2) int32."""
    return np.clip(np.round(points), 0, limit).astype(np.int32)


def _line_fields(read: Sequence[ReadLine]) -> list[dict[str, Any]]:
    roles = line_roles([(entry.text, entry.line.role) for entry in read])
    return [
        {
            "text": entry.text,
            "score": entry.score,
            "role": role,
            "direction": entry.line.direction,
            "turned": entry.turned,
            "line_poly": np.round(entry.line.points, 1).astype(np.float32),
        }
        for entry, role in zip(read, roles)
    ]
