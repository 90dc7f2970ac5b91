"""The unwarping network as the pipeline and `create_model` use it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sealkit.errors import EngineError
from sealkit.images import iter_images
from sealkit.modules.base import Predictor, refuse_options
from sealkit.modules.image_unwarping.postprocess import postprocess
from sealkit.modules.image_unwarping.preprocess import preprocess
from sealkit.modules.result import ModuleResult, plain
from sealkit.runtime.model import InferenceModel

FIELDS = ("doctr_img",)


class UnwarpingResult(ModuleResult):
    """Result of one image; PaddleX's image is RGB, the only one in its results that is."""

    @property
    def json(self) -> dict[str, Any]:
        """{"res": plain data}; the page stands in it as "...", as in PaddleX."""
        return {"res": {k: "..." if k == "doctr_img" else plain(v) for k, v in self.items() if k != "input_img"}}

    def draw(self) -> np.ndarray:
        """The flattened page."""
        return np.ascontiguousarray(self["doctr_img"][:, :, ::-1])


class Unwarper(Predictor):
    """Flattens photographed pages.

    Attributes:
        model: the inference model.
    """

    def __init__(self, model: InferenceModel) -> None:
        self.model = model
        shape = model.outputs[0].shape
        if shape and (len(shape) != 4 or shape[1] not in (None, 3)):
            raise EngineError(
                "the graph is not an unwarping network: its output must be (N, 3, H, W)",
                where=str(model.path),
                value=shape,
                hint="check which model_dir belongs to which module",
            )

    @classmethod
    def create(cls, model: InferenceModel, **options: Any) -> Unwarper:
        """An unwarper; its file says nothing that it has to know."""
        refuse_options(options)
        return cls(model)

    def unwarp(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 BGR → the flattened page, same size and order."""
        output = self.model.run(preprocess(image)[None])[0]
        if output.shape[1:] != (3, *image.shape[:2]):
            raise EngineError(
                "the unwarping network returned another size", where=str(self.model.path), value=output.shape
            )
        return postprocess(output[0])

    def predict(self, input: Any, batch_size: int = 1) -> Iterator[UnwarpingResult]:
        """Flatten everything `input` may be (see sealkit.images.iter_images), one result per image, in order.

        Args:
            batch_size: accepted for PaddleX's sake; images differ in size, each is a batch of its own.

        Yields:
            input_path, page_index, input_img, doctr_img ((H, W, 3) uint8 **RGB**, as PaddleX has it).
        """
        del batch_size
        for record in iter_images(input):
            result = UnwarpingResult(record, *FIELDS)
            if record.image is not None:
                result["doctr_img"] = np.ascontiguousarray(self.unwarp(record.image)[:, :, ::-1])
            yield result


__all__ = ["Unwarper", "UnwarpingResult"]
