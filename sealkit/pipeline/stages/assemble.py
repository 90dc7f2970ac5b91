"""Stage assemble: seals, regions and readings → the fields of the result.

Own keys of an element of `seal_res_list`, after PaddleX's:

- `seal_box` [x1, y1, x2, y2] of the seal and `crop_box` of the image it was read in, both page pixels;
- `found_by`: what found it: area or texts (the detector), layout, whole (nothing did: it is the whole image), or lines
  (a general text detector: `stamp_lines`);
- `coordinates`: what dt_polys and rec_polys refer to, "crop" where a layout gave the seals (as PaddleX), else "page";
- `page_polys`: rec_polys in page pixels; `dt_scores`: the detector's, in the order of dt_polys;
- `lines`: one dict per text kept: text, score, role (title, purpose, code, name or null), direction (arc, arc-bottom,
  line, vertical), turned (another orientation than the likeliest won the reading), line_poly in page pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sealkit.geometry.boxes import share_in
from sealkit.geometry.simplify import simplified
from sealkit.modules.result import error_text
from sealkit.pipeline.context import Context
from sealkit.pipeline.crops import cut_out
from sealkit.pipeline.page import DetectedSeal, Page, ReadLine
from sealkit.pipeline.result import SealRecognitionResult, SealResult
from sealkit.pipeline.roles import line_roles


@dataclass(frozen=True)
class AssembleRules:
    """Numbers of this stage that no user has had a reason to change."""

    ghost_inside_share: float = 0.7
    """A found box without text of which this share lies in a seal with text, or in a larger one, is a part of it."""
    outline_tolerance_px: float = 0.5
    """Outlines are written in whole pixels: points nearer than this to the line that replaces them say nothing.
    Detectors give rows of them, and a result has every outline up to three times."""
    outline_tolerance_share: float = 0.0015
    """The same as a share of the seal's longer side, where that is more: the detector saw the seal on some 300 pixels,
    of which this is not half a one."""


RULES = AssembleRules()


def run(page: Page, context: Context) -> None:
    """Set `page.result`."""
    call, seals = context.call, without_ghosts(page.seals, context.call.score_thresh)
    if not seals and any(seal.found.source == "whole" for seal in page.seals):
        page.log.no_seal()
    results = [seal_fields(seal, page, number, context) for number, seal in enumerate(seals, 1)]
    dropped = [
        {"text": line.text, "score": round(line.score, 4)}
        for seal in page.seals
        for line in seal.read
        if not line.reaches(call.score_thresh)
    ]
    kept = sum(len(result["rec_texts"]) for result in results)
    page.log.add_facts("recognition", texts=kept, below_score_thresh=dropped or None)
    fields = {**page_fields(page, context), "seal_res_list": results}
    page.result = SealRecognitionResult({**fields, "stages": {**page.log.entries, "engines": context.engines}})
    page.result.parts = seals


def without_ghosts(seals: Sequence[DetectedSeal], score_thresh: float) -> list[DetectedSeal]:
    """Seals without those that are none: a found box without text inside a seal that has text or is larger, and a whole
    image in which nothing was read. Boxes of a layout stay: whoever gave them counts them.

    Args:
        score_thresh: texts below it count for nothing.
    """
    read = [seal for seal in seals if any(line.reaches(score_thresh) for line in seal.read)]

    def is_ghost(seal: DetectedSeal) -> bool:
        if any(seal is one for one in read) or seal.found.source == "layout":
            return False
        if seal.found.source == "whole":
            return True
        return any(
            share_in(seal.found.box, other.found.box) >= RULES.ghost_inside_share
            for other in seals
            if any(other is one for one in read)
            or (other.found.source != "whole" and other.found.long_side > seal.found.long_side)
        )

    return [seal for seal in seals if not is_ghost(seal)]


def failure(page: Page, context: Context) -> SealRecognitionResult:
    """The result of an image that could not be read."""
    said = error_text(page.error, page.record) if page.error is not None else ""
    return SealRecognitionResult({**page_fields(page, context), "stages": {}, "error": said})


def page_fields(page: Page, context: Context) -> dict[str, Any]:
    """PaddleX's fields of an image, without seals."""
    return {
        "input_path": page.record.input_path,
        "page_index": page.record.page_index,
        "doc_preprocessor_res": page.preprocessed or {"output_img": page.record.image},
        "layout_det_res": page.layout or {},
        "seal_res_list": [],
        "model_settings": {
            "use_doc_preprocessor": page.preprocessed is not None,
            "use_layout_detection": context.call.layout,
        },
    }


def seal_fields(seal: DetectedSeal, page: Page, number: int, context: Context) -> SealResult:
    """One element of seal_res_list: polygons are relative to the crop where a layout gave the seals, else to the page.

    Args:
        seal: with its readings.
        number: seal_region_id, from 1.
    """
    left, top, right, bottom = seal.window
    h, w = page.image.shape[:2]
    relative, score_thresh = page.layout is not None, context.call.score_thresh
    outlines = [one.source.polygon(one.line) for one in seal.read]
    tolerance = max(RULES.outline_tolerance_px, RULES.outline_tolerance_share * seal.found.long_side)
    polygons = [simplified(outline, tolerance) for outline in outlines]
    on_page = [_whole(p, (w, h)) for p in polygons]
    corner = np.array([left, top], dtype=np.float32)
    rounded = [_whole(p - corner, (right - left, bottom - top)) for p in polygons] if relative else on_page
    texts = [(one.text, one.score) for one in seal.read]
    crop = np.ascontiguousarray(cut_out(page.image, seal.window))
    kept = [i for i, one in enumerate(seal.read) if one.reaches(score_thresh)]
    fields = paddlex_fields(crop, number, rounded, texts, kept, score_thresh, _det_params(seal, context))
    fields |= {
        "dt_scores": [round(float(one.line.score), 4) for one in seal.read],
        "coordinates": "crop" if relative else "page",
        "seal_box": [round(float(v), 1) for v in seal.found.box],
        "crop_box": list(seal.window),
        "found_by": seal.found.source,
        "page_polys": [on_page[i] for i in kept],
        "lines": _line_fields([seal.read[i] for i in kept]),
    }
    return SealResult(fields)


def _det_params(seal: DetectedSeal, context: Context) -> dict[str, Any]:
    """The detector's numbers as this seal was detected: its crop has a size of its own."""
    if seal.resize is None:
        return context.call.det_params
    size = {name: getattr(seal.resize, name) for name in ("limit_side_len", "limit_type", "max_side_limit")}
    return {**context.call.det_params, **size}


def paddlex_fields(
    crop: np.ndarray,
    number: int,
    polygons: Sequence[np.ndarray],
    read: Sequence[tuple[str, float]],
    kept: Sequence[int],
    score_thresh: float,
    det_params: dict[str, Any],
) -> dict[str, Any]:
    """PaddleX's fields of one seal, in the order its object has them (JSON's order is SealResult's).

    Args:
        crop: (h, w, 3) uint8 BGR.
        number: seal_region_id, from 1.
        polygons: (N, 2) int32 of every text.
        read: text and score of each.
        kept: which of them are in the result.
        score_thresh: what that was decided by.
    """
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
            "line_poly": np.round(entry.line.points.astype(np.float64), 1),  # in float32 JSON would have 15 digits
        }
        for entry, role in zip(read, roles)
    ]
