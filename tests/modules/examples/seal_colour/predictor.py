"""The example module's model on images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sealkit.images import iter_images
from sealkit.modules.base import Predictor, refuse_options
from sealkit.modules.result import ModuleResult
from sealkit.runtime.files import ModelMeta
from sealkit.runtime.model import InferenceModel

from .dataset import preprocess


class ColourPredictor(Predictor):
    """Says a seal's colour."""

    def __init__(self, model: InferenceModel) -> None:
        self.model = model
        self.colours = model.meta.post_process["label_list"]

    @classmethod
    def create(cls, model: InferenceModel, **options: Any) -> ColourPredictor:
        refuse_options(options)
        return cls(model)

    @classmethod
    def wrote(cls, meta: ModelMeta) -> bool:
        return meta.post_process.get("name") == "SealColour"

    def predict(self, input: Any, batch_size: int = 1) -> Iterator[ModuleResult]:
        for record in iter_images(input):
            result = ModuleResult(record, "colour")
            if record.image is not None:
                logits = self.model.run(preprocess(record.image)[None])[0]
                result["colour"] = self.colours[int(logits[0].argmax())]
            yield result
