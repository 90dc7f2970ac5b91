"""The pipeline `seal_recognition`: picture → seals → texts.

    pipeline = create_pipeline()                       # sealkit.pipeline.create
    for result in pipeline.predict("stamp.png"):
        result.print()
        result.save_to_img("out")

Flow per picture: find seals (given boxes, or the detector's coarse look, or the whole picture) → look at each seal
again → outlines → lines → order → strips → texts → result. A pipeline is not thread-safe: one per thread or process.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sealkit.config.pipeline import SealRecognitionSettings
from sealkit.config.seal_text_detection import DetPostprocessSettings, DetResizeSettings
from sealkit.errors import ConfigError, SealkitError
from sealkit.geometry.regions import TextRegion
from sealkit.images import ImageRecord, iter_images
from sealkit.pipeline.assemble import SealParts, lines_of, seal_fields
from sealkit.pipeline.detector import TextDetector, override
from sealkit.pipeline.read import read_seals
from sealkit.pipeline.recogniser import TextRecogniser
from sealkit.pipeline.result import SealRecognitionResult
from sealkit.pipeline.search import (
    FoundSeal,
    crop_box,
    drop_repeated,
    find_seals,
    look_closer,
    whole_picture,
)

NOT_HERE = {
    "use_doc_orientation_classify": "the document preprocessor",
    "use_doc_unwarping": "the document preprocessor",
    "use_layout_detection": "a layout model",
    "layout_threshold": "a layout model",
    "layout_nms": "a layout model",
    "layout_unclip_ratio": "a layout model",
    "layout_merge_bboxes_mode": "a layout model",
}
"""Parameters of stages this pipeline was built without."""


@dataclass(frozen=True)
class CallSettings:
    """Settings of one predict() call: the pipeline's, with the call's parameters laid over."""

    resize: DetResizeSettings
    post: DetPostprocessSettings
    score_thresh: float
    det_params: dict[str, Any]


@dataclass
class Stages:
    """What each stage of one picture found, with seconds; becomes `stages` of the result."""

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def add(self, name: str, **facts: Any) -> None:
        now = time.perf_counter()
        self.entries[name] = {
            **{k: v for k, v in facts.items() if v is not None},
            "seconds": round(now - self._last, 4),
        }
        self._last = now


class SealRecognitionPipeline:
    """Reads seals. Made by `create_pipeline`.

    Attributes:
        settings: the checked config.
        detector, recogniser: the two networks.
        engines: which engine runs which module, on which device.
    """

    def __init__(self, settings: SealRecognitionSettings, detector: TextDetector, recogniser: TextRecogniser) -> None:
        self.settings, self.detector, self.recogniser = settings, detector, recogniser

    @property
    def engines(self) -> dict[str, str]:
        return {
            name: f"{model.engine} ({model.device}, {model.threads} threads)"
            for name, model in (("TextDetection", self.detector.model), ("TextRecognition", self.recogniser.model))
        }

    def predict(
        self,
        input: Any,
        *,
        use_doc_orientation_classify: bool | None = None,
        use_doc_unwarping: bool | None = None,
        use_layout_detection: bool | None = None,
        layout_det_res: Any = None,
        layout_threshold: Any = None,
        layout_nms: bool | None = None,
        layout_unclip_ratio: Any = None,
        layout_merge_bboxes_mode: Any = None,
        seal_det_limit_side_len: int | None = None,
        seal_det_limit_type: str | None = None,
        seal_det_thresh: float | None = None,
        seal_det_box_thresh: float | None = None,
        seal_det_unclip_ratio: float | None = None,
        seal_rec_score_thresh: float | None = None,
    ) -> Iterator[SealRecognitionResult]:
        """Read everything `input` may be: path, folder, array, PIL image, bytes, or a list of these.

        Args:
            input: see sealkit.images.iter_images.
            layout_det_res: boxes found elsewhere: {"boxes": [{"label": "seal", "coordinate": [x1, y1, x2, y2], …}]} for
                each picture, or one for all. Seals are then these boxes, and polygons are relative to each one's crop.
            seal_det_limit_side_len: size of the detector's input; given, seals are detected at this size, not `Fine`'s.
            seal_det_limit_type: min, max or resize_long.
            seal_det_thresh, seal_det_box_thresh, seal_det_unclip_ratio: of the detector's post-processing.
            seal_rec_score_thresh: texts with at least this score are kept.
            others: PaddleX's, for stages this pipeline may not have; None or False where it has not.

        Yields:
            One result per picture or page, in input order. A picture that cannot be read yields a result with `error`.

        Raises:
            ConfigError: a parameter of a stage this pipeline does not have (raised at once, before anything is read).
        """
        given = locals()
        for name, stage in NOT_HERE.items():
            if given[name] not in (None, False):
                raise ConfigError(
                    f"this pipeline was built without {stage}",
                    where=name,
                    value=given[name],
                    hint="leave the parameter out, or create the pipeline from a config that has that stage",
                )
        call = self._call_settings(
            {
                "limit_side_len": seal_det_limit_side_len,
                "limit_type": seal_det_limit_type,
                "thresh": seal_det_thresh or None,  # 0 means "as configured", as in PaddleX
                "box_thresh": seal_det_box_thresh or None,
                "unclip_ratio": seal_det_unclip_ratio or None,
            },
            seal_rec_score_thresh,
        )
        own_size = seal_det_limit_side_len is not None or seal_det_limit_type is not None
        return self._run(input, call, layout_det_res, own_size)

    __call__ = predict

    def close(self) -> None:
        """Free the engines' memory."""
        self.detector.model.close()
        self.recogniser.model.close()

    def _run(
        self, input: Any, call: CallSettings, layout_det_res: Any, own_size: bool
    ) -> Iterator[SealRecognitionResult]:
        layouts = _layouts(layout_det_res)
        for record in iter_images(input):
            if record.image is None:
                yield self._failed(record, record.error)
                continue
            layout = next(layouts) if layouts is not None else None
            try:
                yield self._read(record, record.image, call, layout, own_size)
            except SealkitError as error:  # one picture's trouble must not end a folder
                yield self._failed(record, error)

    def _call_settings(self, given: Mapping[str, Any], score_thresh: float | None) -> CallSettings:
        det, rec = self.settings.ocr.TextDetection, self.settings.ocr.TextRecognition
        resize = override(self.detector.resize, dict(given))
        post = override(self.detector.post, dict(given))
        params = {
            "limit_side_len": resize.limit_side_len,
            "limit_type": resize.limit_type,
            "thresh": post.thresh,
            "max_side_limit": det.largest_side,
            "box_thresh": post.box_thresh,
            "unclip_ratio": post.unclip_ratio,
        }
        return CallSettings(resize, post, rec.score_thresh if score_thresh is None else float(score_thresh), params)

    def _failed(self, record: ImageRecord, error: Exception | None) -> SealRecognitionResult:
        fields = self._head(record, None)
        return SealRecognitionResult({**fields, "stages": {}, "error": str(error)})

    def _head(self, record: ImageRecord, layout: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "input_path": record.input_path,
            "page_index": record.page_index,
            "doc_preprocessor_res": {"output_img": record.image},
            "layout_det_res": layout or {},
            "seal_res_list": [],
            "model_settings": {"use_doc_preprocessor": False, "use_layout_detection": False},
        }

    def _read(
        self,
        record: ImageRecord,
        image: np.ndarray,
        call: CallSettings,
        layout: dict[str, Any] | None,
        own_size: bool,
    ) -> SealRecognitionResult:
        """One picture, stage by stage."""
        stages = Stages()
        parts = self._find(image, call, layout, own_size, stages)
        read = read_seals(image, [part.lines for part in parts], self.recogniser, self.settings.Reading)
        for part, entries in zip(parts, read):
            part.read = entries
        relative = layout is not None
        results = [
            seal_fields(part, image, number, call.score_thresh, call.det_params, relative)
            for number, part in enumerate(parts, 1)
        ]
        kept = sum(len(r["rec_texts"]) for r in results)
        dropped = [
            {"text": r.text, "score": round(r.score, 4)} for p in parts for r in p.read if r.score < call.score_thresh
        ]
        stages.add("recognition", texts=kept, below_score_thresh=dropped or None)
        fields = self._head(record, layout)
        fields["seal_res_list"] = results
        result = SealRecognitionResult({**fields, "stages": {**stages.entries, "engines": self.engines}})
        result.parts = parts
        return result

    def find_texts(self, image: np.ndarray, layout: dict[str, Any] | None = None) -> list[SealParts]:
        """Seals and their lines without reading them: (H, W, 3) uint8 BGR → one entry per seal, in page pixels."""
        return self._find(image, self._call_settings({}, None), layout, False, Stages())

    def _find(
        self,
        image: np.ndarray,
        call: CallSettings,
        layout: dict[str, Any] | None,
        own_size: bool,
        stages: Stages,
    ) -> list[SealParts]:
        """Seals, their texts on a closer look, and the texts' lines."""
        seals = self._seals(image, layout, stages)
        looked = [self._look(image, seal, call, own_size) for seal in seals]
        texts = drop_repeated([(seal, regions) for seal, (_, regions, _) in zip(seals, looked)])
        parts = []
        for seal, (window, _, outside), regions in zip(seals, looked, texts):
            lines, owner = lines_of(regions, image)
            parts.append(SealParts(seal, window, regions, lines, owner, outside))
        lines_found = sum(len(part.lines) for part in parts)
        stages.add(
            "detection",
            texts=lines_found,
            outside_seals=sum(part.outside for part in parts) or None,
            note=None if lines_found or not seals else f"no text found in {len(seals)} seal(s)",
        )
        return parts

    def _seals(self, image: np.ndarray, layout: dict[str, Any] | None, stages: Stages) -> list[FoundSeal]:
        """Where to look, and why there."""
        if layout is not None:
            seals = seals_of_layout(layout, image.shape[:2])
            note = None if seals else f"no box with the label seal among {len(layout.get('boxes', []))}"
            stages.add("layout", seals=len(seals), note=note)
        elif self.settings.Search.enabled:
            seals = find_seals(self.detector, image, self.settings.Search)
            found = len(seals)
            note = None
            if not seals and self.settings.whole_page_fallback:
                seals, note = [whole_picture(image)], "no seal found: the whole picture was read as one"
            elif not seals:
                note = "no seal found (whole_page_fallback is off)"
            stages.add("search", seals=found, found_by=seals[0].source if found else None, note=note)
        else:
            seals = [whole_picture(image)]
        return seals

    def _look(
        self, image: np.ndarray, seal: FoundSeal, call: CallSettings, own_size: bool
    ) -> tuple[tuple[int, int, int, int], list[TextRegion], int]:
        """Crop window, texts in page pixels, and how many were dropped as lying outside the seal."""
        fine = self.settings.Fine
        margin = fine.margin if fine is not None and seal.source not in ("layout", "whole") else 0.0
        window = crop_box(seal.box, margin, image.shape[:2])
        size = None if fine is None or own_size else fine
        area_thresh = self.settings.Search.area_thresh
        regions, outside = look_closer(self.detector, image, seal, window, size, call.resize, call.post, area_thresh)
        return window, regions, outside


def seals_of_layout(layout: Mapping[str, Any], hw: tuple[int, int]) -> list[FoundSeal]:
    """Boxes labelled seal, cut off to whole pixels as PaddleX crops them; boxes without pixels are left out."""
    seals = []
    for box in layout.get("boxes", []):
        if str(box.get("label", "")).lower() != "seal":
            continue
        x1, y1, x2, y2 = (int(v) for v in box["coordinate"])
        x1, y1, x2, y2 = max(0, x1), max(0, y1), min(hw[1], x2), min(hw[0], y2)
        if x2 > x1 and y2 > y1:
            seals.append(
                FoundSeal((float(x1), float(y1), float(x2), float(y2)), float(box.get("score", 1.0)), "layout")
            )
    return seals


def _layouts(given: Any) -> Iterator[dict[str, Any]] | None:
    """Layout results for the pictures in order: one dict serves all, a list one each."""
    if given is None:
        return None
    if isinstance(given, Mapping):
        return iter(lambda: dict(given), None)
    if not isinstance(given, Sequence):
        raise ConfigError(
            "must be a layout result or a list of them", where="layout_det_res", value=type(given).__name__
        )

    def each() -> Iterator[dict[str, Any]]:
        for one in given:
            yield dict(one)
        raise ConfigError("there are fewer layout results than pictures", where="layout_det_res", value=len(given))

    return each()
