"""The pipeline `seal_recognition`: image → seals → texts.

    pipeline = create_pipeline()                       # sealkit.pipeline.create
    for result in pipeline.predict("stamp.png"):
        result.print()
        result.save_to_img("out")

Flow per image: turn and flatten the page → find seals (layout model, given boxes, the detector's coarse look, or the
whole image) → look at each seal again → outlines → lines → order → strips → texts → result. A pipeline is not
thread-safe: one per thread or process. Of several images it reads some at the same time by itself (`at_once`).
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import Any

import cv2
import numpy as np

from sealkit.errors import ConfigError, SealkitError
from sealkit.geometry.regions import TextRegion
from sealkit.images import ImageRecord, iter_images
from sealkit.modules.result import error_text
from sealkit.modules.seal_text_detection.predictor import TextDetector
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.pipeline.assemble import SealParts, lines_of, paddlex_fields, seal_fields
from sealkit.pipeline.call import INVALID, CallSettings, layouts_of, missing_stages, refuse_old_inputs, resolve
from sealkit.pipeline.closer import FoundSeal, crop_box, drop_repeated, look_closer, whole_image
from sealkit.pipeline.read import read_seals
from sealkit.pipeline.result import RefusedCall, SealRecognitionResult, SealResult
from sealkit.pipeline.search import find_seals
from sealkit.pipeline.settings import SealRecognitionSettings
from sealkit.pipeline.side_by_side import in_order, several
from sealkit.pipeline.stages import LayoutModel, Page, PagePreprocessor, Stages

log = logging.getLogger(__name__)

TOGETHER = 4_000_000
"""Pixels of images that the detector sees as they are, and that may be read at the same time: a server detector needs
two kilobytes for each."""
IMAGE_TROUBLE = (SealkitError, cv2.error, MemoryError, ArithmeticError, ValueError, IndexError)
"""What one odd image may raise; it is reported in that image's place and must not end a folder."""


class SealRecognitionPipeline:
    """Reads seals. Made by `create_pipeline`.

    Attributes:
        settings: the checked config.
        detector, recogniser: the two networks every pipeline has.
        layout: finds seals on pages; None where the config has no layout stage.
        preprocessor: turns and flattens pages; None where the config has no such stage.
        allow_url: inputs may be URLs, of any host this machine reaches.
        at_once: images of one call that are read at the same time.
        engines: which engine runs which module, on which device.
    """

    def __init__(
        self,
        settings: SealRecognitionSettings,
        detector: TextDetector,
        recogniser: TextRecogniser,
        layout: LayoutModel | None = None,
        preprocessor: PagePreprocessor | None = None,
        allow_url: bool = False,
    ) -> None:
        self.settings, self.detector, self.recogniser = settings, detector, recogniser
        self.layout, self.preprocessor, self.allow_url = layout, preprocessor, allow_url
        self.at_once = 1
        self._make_beside: Callable[[], SealRecognitionPipeline] | None = None
        self._beside: SealRecognitionPipeline | None = None

    def read_beside(self, at_once: int, make: Callable[[], SealRecognitionPipeline]) -> None:
        """From now on read so many images of a call at the same time, each in a thread.

        On a CPU that is faster than all threads on one network after the other: decoding, contours and strips have one
        thread each, and small networks do not divide well (README's table of speed has both).

        Args:
            make: the same pipeline with each one's share of the threads, made when it is first needed; its models must
                be shareable.
        """
        self.at_once, self._make_beside = at_once, make

    @property
    def models(self) -> dict[str, Any]:
        """Inference models by the name of their place in the config."""
        models = {} if self.preprocessor is None else dict(self.preprocessor.models)
        if self.layout is not None:
            models["LayoutDetection"] = self.layout.model
        return {**models, "TextDetection": self.detector.model, "TextRecognition": self.recogniser.model}

    @property
    def engines(self) -> dict[str, str]:
        return {
            name: f"{model.engine} ({model.device}, {model.threads} thread{'' if model.threads == 1 else 's'})"
            for name, model in self.models.items()
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
    ) -> Iterator[Any]:
        """Read everything `input` may be: path, URL, folder, PDF, array, PIL image, bytes, or a list of these.

        Args:
            input: see sealkit.images.iter_images; URLs only where the pipeline was created with `allow_url`.
            use_doc_orientation_classify, use_doc_unwarping: turn the page upright, flatten it. Both None: as
                configured; else the preprocessor runs if one is True, and a step left None is as configured.
            use_layout_detection: find seals with the layout model.
            layout_det_res: boxes found elsewhere: {"boxes": [{"label": "seal", "coordinate": [x1, y1, x2, y2], …}]} for
                each image, or one for all. Seals are then these boxes, and polygons are relative to each one's crop.
            layout_threshold: least score of a layout box, a number or one per class ({16: 0.3}).
            layout_nms: drop layout boxes that repeat others.
            layout_unclip_ratio: enlarge layout boxes about their centres: a factor, (width, height), or one per class.
            layout_merge_bboxes_mode: of layout boxes within each other keep the `large`, the `small` or all (`union`);
                or one per class.
            seal_det_limit_side_len: size of the detector's input; given, seals are detected at this size, not `Fine`'s.
            seal_det_limit_type: min, max or resize_long.
            seal_det_thresh, seal_det_box_thresh, seal_det_unclip_ratio: of the detector's post-processing.
            seal_rec_score_thresh: texts with at least this score are kept.

        Yields:
            One SealRecognitionResult per image or page, in input order. An image that cannot be read yields one with
            `error`. With `reading: reference` a stage that is not there yields {"error": …}, as in PaddleX, and nothing
            else.

        Raises:
            ConfigError: a parameter of a stage this pipeline does not have, or of the wrong kind; at once, before
                anything is read.
        """
        given = {name: value for name, value in locals().items() if name not in ("self", "input")}
        refuse_old_inputs(input)
        call = self._call(given)
        if call is None:
            return iter([RefusedCall(error=INVALID)])
        return self._run(
            iter_images(input, fetch=fetch_any if self.allow_url else None), call, layouts_of(layout_det_res)
        )

    __call__ = predict

    def predict_record(self, record: ImageRecord, layout: Mapping[str, Any] | None, options: Mapping[str, Any]) -> Any:
        """The result of one image that was read already.

        Args:
            layout: boxes found elsewhere, or None.
            options: the other parameters of `predict`.
        """
        call = self._call({**dict.fromkeys(PARAMETERS), **options, "layout_det_res": layout})
        if call is None:
            return RefusedCall(error=INVALID)
        (result,) = self._run(iter([record]), call, None if layout is None else iter([dict(layout)]))
        return result

    def _call(self, given: Mapping[str, Any]) -> CallSettings | None:
        """Settings of a call; None for what PaddleX answers with an error in place of a result."""
        call = resolve(self.settings, self.detector.resize, self.detector.post, given)
        try:
            self._check(call, given)
        except ConfigError as error:
            if self.settings.reading != "reference":
                raise
            log.error("%s", error)
            return None
        return call

    def close(self) -> None:
        """Free the engines' memory."""
        for model in self.models.values():
            model.close()
        if self._beside is not None:
            self._beside.close()

    def _check(self, call: CallSettings, given: Mapping[str, Any]) -> None:
        """Refuse parameters of stages that are not there."""
        steps = self.preprocessor
        has = {
            "layout": self.layout is not None,
            "orientation": steps is not None and steps.has_orientation,
            "unwarping": steps is not None and steps.has_unwarping,
        }
        name = missing_stages(call, given, has)
        if name is not None:
            stage = "a layout model" if "layout" in name else "the document preprocessor"
            raise ConfigError(
                f"this pipeline was built without {stage}",
                where=name,
                value=given[name],
                hint="leave the parameter out, or create the pipeline from a config that has that stage",
            )
        if call.layout and given["layout_det_res"] is not None:
            raise ConfigError(
                "boxes are given, and the layout model is to find some as well",
                where="layout_det_res",
                hint="with layout_det_res also pass use_layout_detection=False",
            )

    def _run(
        self, records: Iterator[ImageRecord], call: CallSettings, layouts: Iterator[dict[str, Any]] | None
    ) -> Iterator[SealRecognitionResult]:
        groups = self._groups(records, layouts)
        many = False
        if self._make_beside is not None:
            many, groups = several(groups)
        if not many or self._make_beside is None:
            for group in groups:
                yield from self._group(group, call)
            return
        if self._beside is None:
            self._beside = self._make_beside()
        read = self._beside._group
        # Only where the detector gets whole images does the memory it needs grow with them.
        bounded = call.layout or self.settings.Search.enabled

        def weight(group: list[Page]) -> float:
            return 0.0 if bounded else sum(page.pixels for page in group) / TOGETHER

        with (
            ThreadPoolExecutor(self.at_once, thread_name_prefix="sealkit-page") as pool,
            closing(
                in_order(groups, lambda group: pool.submit(lambda: list(read(group, call))), self.at_once, weight)
            ) as ordered,
        ):
            for results in ordered:
                yield from results

    def _groups(self, records: Iterator[ImageRecord], layouts: Iterator[dict[str, Any]] | None) -> Iterator[list[Page]]:
        """Images that go through the layout model together."""
        size = self.settings.batch_size or 1
        pages = (
            Page(record, error=record.error, given=next(layouts) if layouts is not None else None) for record in records
        )
        while group := list(islice(pages, size)):
            yield group

    def _group(self, pages: Sequence[Page], call: CallSettings) -> Iterator[SealRecognitionResult]:
        """Read the images of one group."""
        for page in pages:
            if page.error is None and call.preprocess:
                _guarded(page, self._preprocess, call)
        self._find_layout([page for page in pages if page.error is None], call)
        for page in pages:
            result = None if page.error is not None else _guarded(page, self._read, call)
            yield self._failed(page, call) if result is None else result

    def _preprocess(self, page: Page, call: CallSettings) -> None:
        if self.preprocessor is None or page.record.image is None:
            return
        page.stages.start()
        fields = self.preprocessor.process(page.record.image, call.orientation, call.unwarping)
        page.preprocessed = fields
        page.stages.add("doc_preprocessor", angle=fields["angle"], unwarped=call.unwarping or None)

    def _find_layout(self, pages: Sequence[Page], call: CallSettings) -> None:
        """Layout boxes of every page: found, or given by the caller."""
        if call.layout and self.layout is not None and pages:
            section = self.settings.SubModules.LayoutDetection
            size = (section.batch_size if section else None) or 1
            start = time.perf_counter()
            try:
                found = list(self.layout.predict([p.image for p in pages], size, **call.layout_options))
            except ConfigError:  # an option no image can be read with: the call's fault, not the images'
                raise
            except SealkitError as error:
                if len(pages) == 1:
                    pages[0].error = error
                else:  # find the one it failed on
                    for page in pages:
                        self._find_layout([page], call)
                return
            seconds = (time.perf_counter() - start) / len(pages)
            for page, boxes in zip(pages, found):
                self._set_layout(page, boxes["boxes"], seconds)
        for page in pages:
            if page.given is not None:
                self._set_layout(page, page.given.get("boxes", []), 0.0)

    def _set_layout(self, page: Page, boxes: Sequence[Mapping[str, Any]], seconds: float) -> None:
        page.layout = {
            "input_path": None,
            "page_index": None,
            "input_img": page.image,
            "boxes": [dict(box) for box in boxes],
        }
        count = sum(str(box.get("label", "")).lower() == "seal" for box in boxes)
        note = None if count else f"no box with the label seal among {len(boxes)}"
        page.stages.add("layout", seconds, boxes=len(boxes), seals=count, note=note)

    def _failed(self, page: Page, call: CallSettings) -> SealRecognitionResult:
        fields = self._head(page, call)
        if self.settings.reading == "sealkit":
            fields["stages"] = {}
        said = error_text(page.error, page.record) if page.error is not None else ""
        return SealRecognitionResult({**fields, "error": said})

    def _head(self, page: Page, call: CallSettings) -> dict[str, Any]:
        if page.preprocessed is not None:
            preprocessed = page.preprocessed
        else:
            preprocessed = {"output_img": page.record.image}
        return {
            "input_path": page.record.input_path,
            "page_index": page.record.page_index,
            "doc_preprocessor_res": preprocessed,
            "layout_det_res": page.layout or {},
            "seal_res_list": [],
            "model_settings": {
                "use_doc_preprocessor": page.preprocessed is not None,
                "use_layout_detection": call.layout,
            },
        }

    def _read(self, page: Page, call: CallSettings) -> SealRecognitionResult:
        """One image whose layout is known."""
        page.stages.start()
        if self.settings.reading == "reference":
            return self._read_reference(page, call)
        image, stages = page.image, page.stages
        parts = self._find(image, call, page.layout, stages)
        read = read_seals(image, [part.lines for part in parts], self.recogniser, self.settings.Reading)
        for part, entries in zip(parts, read):
            part.read = entries
        relative = page.layout is not None
        results = [
            seal_fields(part, image, number, call.score_thresh, call.det_params, relative)
            for number, part in enumerate(parts, 1)
        ]
        kept = sum(len(r["rec_texts"]) for r in results)
        dropped = [
            {"text": r.text, "score": round(r.score, 4)} for p in parts for r in p.read if r.score < call.score_thresh
        ]
        stages.add("recognition", texts=kept, below_score_thresh=dropped or None)
        fields = self._head(page, call)
        fields["seal_res_list"] = results
        result = SealRecognitionResult({**fields, "stages": {**stages.entries, "engines": self.engines}})
        result.parts = parts
        return result

    def _read_reference(self, page: Page, call: CallSettings) -> SealRecognitionResult:
        """As paddlex 3.7.2 reads: PaddleX's fields and no other."""
        from sealkit.pipeline.reference.flow import read_regions

        det, rec = self.settings.ocr.TextDetection, self.settings.ocr.TextRecognition
        boxes = [tuple(int(v) for v in seal.box) for seal in self._seals(page.image, page.layout, page.stages)]
        crops = [page.image[y1:y2, x1:x2].copy() for x1, y1, x2, y2 in boxes]
        read = read_regions(
            crops, self.detector, self.recogniser, call.resize, call.post, det.batch_size or 1, rec.batch_size or 1
        )
        page.stages.add("reading", texts=sum(len(region.read) for region in read))
        fields = self._head(page, call)
        fields["seal_res_list"] = [
            SealResult(
                paddlex_fields(
                    crop,
                    number,
                    region.polygons,
                    [(r.text, r.score) for r in region.read],
                    call.score_thresh,
                    call.det_params,
                )
            )
            for number, (crop, region) in enumerate(zip(crops, read), 1)
        ]
        return SealRecognitionResult(fields, {**page.stages.entries, "engines": self.engines})

    def find_texts(self, image: np.ndarray, layout: dict[str, Any] | None = None) -> list[SealParts]:
        """Seals and their lines without reading them: (H, W, 3) uint8 BGR → one entry per seal, in page pixels."""
        call = resolve(self.settings, self.detector.resize, self.detector.post, dict.fromkeys(PARAMETERS))
        return self._find(image, call, layout, Stages())

    def _find(
        self, image: np.ndarray, call: CallSettings, layout: dict[str, Any] | None, stages: Stages
    ) -> list[SealParts]:
        """Seals, their texts on a closer look, and the texts' lines."""
        seals = self._seals(image, layout, stages)
        looked = [self._look(image, seal, call) for seal in seals]
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
            if not seals and self.settings.whole_page_fallback:
                stages.add("fallback", note="no seal in the layout: the whole image was read as one")
                return [whole_image(image)]
        elif self.settings.Search.enabled:
            outside = 1.0 if self.settings.Fine is None else self.settings.Fine.outside
            seals = find_seals(self.detector, image, self.settings.Search, outside)
            found = len(seals)
            note = None
            if not seals and self.settings.whole_page_fallback:
                seals, note = [whole_image(image)], "no seal found: the whole image was read as one"
            elif not seals:
                note = "no seal found (whole_page_fallback is off)"
            stages.add("search", seals=found, found_by=seals[0].source if found else None, note=note)
        else:
            seals = [whole_image(image)]
        return seals

    def _look(
        self, image: np.ndarray, seal: FoundSeal, call: CallSettings
    ) -> tuple[tuple[int, int, int, int], list[TextRegion], int]:
        """Crop window, texts in page pixels, and how many were dropped as lying outside the seal."""
        fine = self.settings.Fine
        margin = fine.margin if fine is not None and seal.source not in ("layout", "whole") else 0.0
        window = crop_box(seal.box, margin, image.shape[:2])
        size = None if fine is None or call.own_size else fine
        area_thresh = self.settings.Search.area_thresh
        regions, outside = look_closer(self.detector, image, seal, window, size, call.resize, call.post, area_thresh)
        return window, regions, outside


PARAMETERS = tuple(
    name for name in inspect.signature(SealRecognitionPipeline.predict).parameters if name not in ("self", "input")
)
"""The parameters of predict()."""


def _guarded(page: Page, step: Any, call: CallSettings) -> Any:
    """What a step returns; None where it failed on this image, which is noted on the page."""
    try:
        return step(page, call)
    except IMAGE_TROUBLE as error:
        if not isinstance(error, SealkitError):
            log.exception("%s: unexpected trouble", page.record.input_path or "image")
            error = SealkitError(
                f"this image could not be processed: {type(error).__name__}: {error}",
                where=page.record.input_path,
                hint="if the image is sound, report it with the log's traceback",
            )
        page.error = error
        return None


def fetch_any(url: str) -> bytes:
    """Content of a URL the user allowed: whatever the user can reach, the own network included."""
    from sealkit.images.fetch import fetch_url  # the modules of the network: many, and seldom needed

    return fetch_url(url, allow_private=True)


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
