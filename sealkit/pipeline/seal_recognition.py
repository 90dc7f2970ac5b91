"""The pipeline `seal_recognition`: image → seals → texts.

    pipeline = create_pipeline()                       # sealkit.pipeline.create
    for result in pipeline.predict("stamp.png"):
        result.print()
        result.save_to_img("out")

What happens to an image is the list of stages of `sealkit.pipeline.flow`. Not thread-safe: one pipeline per thread or
process; of several images it reads some at the same time by itself (`at_once`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sealkit.errors import ConfigError
from sealkit.images import ImageRecord, iter_images
from sealkit.modules.seal_text_detection.predictor import TextDetector
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.pipeline.call import CallSettings, fetch_any, layouts_of, refuse_missing_stages, refuse_old_inputs, resolve
from sealkit.pipeline.context import Context, LayoutModel, PagePreprocessor
from sealkit.pipeline.flow import run_stages
from sealkit.pipeline.flows import flow_of
from sealkit.pipeline.line_detector import LineDetector
from sealkit.pipeline.options import PredictOptions
from sealkit.pipeline.page import Page
from sealkit.pipeline.result import RefusedCall, SealRecognitionResult
from sealkit.pipeline.settings import SealRecognitionSettings
from sealkit.pipeline.side_by_side import QUEUE, in_threads, several


class SealRecognitionPipeline:
    """Reads seals; made by `create_pipeline`.

    Attributes:
        settings: the checked config.
        detector, recogniser: the two networks every pipeline has.
        layout, preprocessor: find seals on pages; turn and flatten pages; None where the config has no such stage.
        lines: finds lines of print; None where the config has no section `Lines`.
        flow: the stages in their order.
        allow_url: inputs may be URLs, of any host this machine reaches.
        at_once: images of one call that are read at the same time.
    """

    def __init__(
        self,
        settings: SealRecognitionSettings,
        detector: TextDetector,
        recogniser: TextRecogniser,
        layout: LayoutModel | None = None,
        preprocessor: PagePreprocessor | None = None,
        allow_url: bool = False,
        lines: LineDetector | None = None,
    ) -> None:
        self.settings, self.detector, self.recogniser = settings, detector, recogniser
        self.layout, self.preprocessor, self.lines, self.allow_url = layout, preprocessor, lines, allow_url
        self.flow, self.at_once = flow_of(settings), 1
        self._make_beside: Callable[[], SealRecognitionPipeline] | None = None
        self._beside: SealRecognitionPipeline | None = None

    def read_beside(self, at_once: int, make: Callable[[], SealRecognitionPipeline]) -> None:
        """From now on read so many images of a call at the same time, each in a thread.

        On a CPU that is faster than all threads on one network after the other: small networks do not divide well.

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
        models |= {"TextDetection": self.detector.model, "TextRecognition": self.recogniser.model}
        return models if self.lines is None else {**models, **self.lines.models}

    @property
    def engines(self) -> dict[str, str]:
        """Which engine runs which module, on which device."""
        return {
            name: f"{model.engine} ({model.device}, {model.threads} thread{'' if model.threads == 1 else 's'})"
            for name, model in self.models.items()
        }

    def predict(
        self,
        input: Any,
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

        The parameters after `input` are the fields of `sealkit.pipeline.options.PredictOptions`, in PaddleX's order;
        None: as configured.

        Args:
            input: see sealkit.images.iter_images; URLs only where the pipeline was created with `allow_url`.
            layout_det_res: {"boxes": [{"label": "seal", "coordinate": [x1, y1, x2, y2], …}]} for each image, or one for
                all; polygons are then relative to each box's crop.

        Returns:
            One SealRecognitionResult per image or page, in input order; with `error` where it cannot be read. With
            `reading: reference` a stage that is not there gives {"error": …}, as in PaddleX, and nothing else.

        Raises:
            ConfigError: a parameter of a stage this pipeline does not have, or of the wrong kind; at once, before
                anything is read.
        """
        options = PredictOptions(**{name: value for name, value in locals().items() if name not in ("self", "input")})
        refuse_old_inputs(input)
        call = self._call(options)
        if isinstance(call, RefusedCall):
            return iter([call])
        records = iter_images(input, fetch=fetch_any if self.allow_url else None)
        return self._run(records, call, layouts_of(layout_det_res))

    __call__ = predict

    def predict_record(self, record: ImageRecord, layout: Mapping[str, Any] | None, options: Mapping[str, Any]) -> Any:
        """The result of one image that was read already.

        Args:
            layout: boxes found elsewhere, or None.
            options: the other parameters of `predict`.
        """
        call = self._call(PredictOptions(**{**options, "layout_det_res": layout}))
        if isinstance(call, RefusedCall):
            return call
        (result,) = self._run(iter([record]), call, None if layout is None else iter([dict(layout)]))
        return result

    def close(self) -> None:
        """Free the engines' memory."""
        for model in self.models.values():
            model.close()
        if self._beside is not None:
            self._beside.close()

    def _call(self, options: PredictOptions) -> CallSettings | RefusedCall:
        """The settings of a call, or the answer to one that asks for stages which are not there."""
        call, steps = resolve(self.settings, self.detector.spec, options), self.preprocessor
        has = {
            "layout": self.layout is not None,
            "orientation": steps is not None and steps.has_orientation,
            "unwarping": steps is not None and steps.has_unwarping,
        }
        try:
            refuse_missing_stages(call, options, has)
        except ConfigError as error:
            return self.flow.refuse(error)
        return self.flow.adapt(call)

    def _run(
        self, records: Iterator[ImageRecord], call: CallSettings, layouts: Iterator[dict[str, Any]] | None
    ) -> Iterator[SealRecognitionResult]:
        pages = (
            Page(record, error=record.error, given=next(layouts) if layouts is not None else None) for record in records
        )
        groups = iter(lambda: list(islice(pages, self.settings.batch_size or 1)), [])
        many = False
        if self._make_beside is not None:
            many, groups = several(groups)
        if not many or self._make_beside is None:
            for group in groups:
                yield from self._read(group, call)
            return
        if self._beside is None:
            self._beside = self._make_beside()
        read = self._beside._read
        # Only where the detector gets whole images does the memory it needs grow with them.
        bounded = call.layout or self.settings.Search is not None

        def weight(group: list[Page]) -> float:
            return 0.0 if bounded else sum(page.pixels for page in group) / QUEUE.max_whole_image_pixels

        for results in in_threads(groups, lambda group: list(read(group, call)), self.at_once, weight):
            yield from results

    def _read(self, pages: Sequence[Page], call: CallSettings) -> Iterator[SealRecognitionResult]:
        models = (self.detector, self.recogniser, self.layout, self.preprocessor)
        return run_stages(self.flow, pages, Context(self.settings, call, *models, self.engines, self.lines))
