"""The text recogniser as the pipeline and `create_model` use it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sealkit.charset import Charset
from sealkit.errors import EngineError
from sealkit.images import iter_images
from sealkit.modules.base import Predictor, refuse_options
from sealkit.modules.result import ModuleResult
from sealkit.modules.text_recognition.kinds import KINDS, kind_of
from sealkit.modules.text_recognition.models import MODELS
from sealkit.modules.text_recognition.postprocess import RecResult, reverse_runs
from sealkit.modules.text_recognition.preprocess import batches_by_width, collate, normalise, preprocess
from sealkit.modules.text_recognition.settings import RecResizeSettings
from sealkit.runtime.files import ModelMeta, reads_meta, sides
from sealkit.runtime.model import InferenceModel


class RecognitionResult(ModuleResult):
    """Text of one strip."""

    def draw(self) -> np.ndarray:
        """The strip, and below it what was read."""
        from sealkit.drawing.text import draw_text  # reading must not wait for it

        strip = self["input_img"]
        h, w = max(strip.shape[0], 24), strip.shape[1]
        below = draw_text(np.full((h, w, 3), 255, np.uint8), self["rec_text"], (2, 2, w - 2, h - 2))
        return np.concatenate([strip, below], axis=0)


class TextRecogniser(Predictor):
    """Reads strips of one text line each.

    Attributes:
        model: the inference model.
        charset: its characters.
        resize: height and widths of the input.
        fixed_hw: height and width every strip is resized to in place of that, None as a rule.
        mixed_widths: a batch is padded to its widest strip, as the reference does; else strips of one input width share
            a batch, and each is read as if it were alone.
    """

    def __init__(
        self,
        model: InferenceModel,
        charset: Charset | None = None,
        width_step: int = 1,
        input_shape: tuple[int, int, int] | None = None,
        mixed_widths: bool = False,
    ) -> None:
        self.model = model
        self.mixed_widths = mixed_widths
        self.fixed_hw = input_shape[1:] if input_shape else None
        self.charset = charset or rec_charset(model.meta)
        self.resize = rec_resize(model.meta, width_step)
        self._decode = kind_of(model.meta).decoder()
        mode = model.meta.transform_ops.get("DecodeImage", {}).get("img_mode", "RGB") if model.meta.data else "BGR"
        self.rgb = str(mode).upper() == "RGB"
        spec = MODELS.get(model.meta.model_name or "")
        self.right_to_left = spec is not None and spec.charset is not None and spec.charset.reverse_runs
        self._check()

    @classmethod
    def create(cls, model: InferenceModel, **options: Any) -> TextRecogniser:
        """A recogniser with the charset and input its file has."""
        refuse_options(options)
        return cls(model)

    @classmethod
    def wrote(cls, meta: ModelMeta) -> bool:
        """The folder of a recogniser whose decoder is known."""
        return meta.post_process.get("name") in [kind.post_process for kind in KINDS.values()]

    @property
    def height(self) -> int:
        """Pixels: of the input, and so of the strips it reads best."""
        return self.resize.image_shape[1] if self.fixed_hw is None else self.fixed_hw[0]

    def _check(self) -> None:
        """A detector's folder, or another charset's, is named before anything runs."""
        shape = self.model.outputs[0].shape
        if shape and len(shape) != 3:
            raise EngineError(
                "the graph is not a text recogniser: its output must be (N, steps, classes)",
                where=str(self.model.path),
                value=shape,
                hint="check which model_dir belongs to which module",
            )
        if shape and shape[2] is not None:
            self.charset.check_width(shape[2], where=str(self.model.path))

    def read(self, strips: Sequence[np.ndarray], batch_size: int = 8) -> list[RecResult]:
        """Read strips (H, W, 3) uint8 BGR; results in the order of the strips, texts in reading order."""
        results: list[RecResult | None] = [None] * len(strips)
        any_width = self.mixed_widths or self.fixed_hw is not None
        for batch in batches_by_width(strips, batch_size, None if any_width else self.resize):
            step = self.resize.width_step if self.fixed_hw is None else 1
            output = self.model.run(collate([self._prepare(strips[i]) for i in batch], step))[0]
            for i, result in zip(batch, self._decode(output, self.charset, where=str(self.model.path))):
                if self.right_to_left:
                    result = replace(result, text=reverse_runs(result.text), look_alikes=())
                results[i] = result
        return [result for result in results if result is not None]

    def _prepare(self, strip: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 BGR → (3, h, w) float32."""
        strip = np.ascontiguousarray(strip[:, :, ::-1]) if self.rgb else strip
        if self.fixed_hw is None:
            return preprocess(strip, self.resize)
        h, w = self.fixed_hw
        return normalise(cv2.resize(strip, (w, h), interpolation=cv2.INTER_LINEAR), w)

    def predict(self, input: Any, batch_size: int = 1) -> Iterator[RecognitionResult]:
        """Read everything `input` may be (see sealkit.images.iter_images), one result per image, in order.

        Yields:
            input_path, page_index, input_img, rec_text, rec_score.
        """
        group: list[tuple[RecognitionResult, np.ndarray | None]] = []
        for record in iter_images(input):
            group.append((RecognitionResult(record, "rec_text", "rec_score"), record.image))
            if len(group) >= batch_size:
                yield from self._fill(group, batch_size)
                group = []
        yield from self._fill(group, batch_size)

    def _fill(
        self, group: list[tuple[RecognitionResult, np.ndarray | None]], batch_size: int
    ) -> Iterator[RecognitionResult]:
        read = iter(self.read([image for _, image in group if image is not None], batch_size))
        for result, image in group:
            if image is not None:
                found = next(read)
                result.update(rec_text=found.text, rec_score=found.score)
            yield result


def rec_charset(meta: ModelMeta) -> Charset:
    """The charset a model carries.

    Raises:
        CharsetError: it carries none.
    """
    return Charset.from_inference(meta.character_dict, id=meta.model_name or Path(meta.where).stem, where=meta.where)


@reads_meta
def rec_resize(meta: ModelMeta, width_step: int = 1) -> RecResizeSettings:
    """Input size of a recogniser's inference.yml; 3 × 48 × 320 where a bare ONNX file says nothing.

    Raises:
        EngineError: an inference.yml without RecResizeImg belongs to another module.
    """
    if not meta.data:
        return RecResizeSettings(width_step=width_step)
    ops = meta.transform_ops
    if "RecResizeImg" not in ops:
        raise EngineError(
            "PreProcess.transform_ops has no RecResizeImg: this is not a text recogniser's folder",
            where=meta.where,
            value=list(ops),
            hint="check which model_dir belongs to which module",
        )
    shape = ops["RecResizeImg"].get("image_shape") or (3, 48, 320)
    widest = {key: value for key, value in meta.own("resize").items() if key == "max_width"}
    return RecResizeSettings(image_shape=sides(shape, 3), width_step=width_step, **widest)
