"""PaddleX's doc_preprocessor: a page is turned upright, then flattened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from sealkit.errors import ConfigError
from sealkit.modules.doc_text_orientation.postprocess import turn

NOT_ASKED = -1
"""PaddleX's `angle` where the classifier was not used."""


class AngleModel(Protocol):
    """`sealkit.modules.doc_text_orientation.predictor.OrientationClassifier`, or what does the same."""

    model: Any

    def angle(self, image: np.ndarray) -> int: ...


class FlatteningModel(Protocol):
    """`sealkit.modules.image_unwarping.predictor.Unwarper`, or what does the same."""

    model: Any

    def unwarp(self, image: np.ndarray) -> np.ndarray: ...


class DocPreprocessor:
    """Both steps, each where its model is there and the call asks for it.

        preprocessor = DocPreprocessor(OrientationClassifier(load_model("PP-LCNet_x1_0_doc_ori")), None)
        page = preprocessor.process(image, orientation=True, unwarping=False)["output_img"]

    Attributes:
        orientation, unwarping: the models; None where a step was not built.
        has_orientation, has_unwarping: whether they were built.
        turn: turns a page (H, W, 3) counter-clockwise by an angle of 0, 90, 180 or 270 degrees.
    """

    def __init__(
        self,
        orientation: AngleModel | None = None,
        unwarping: FlatteningModel | None = None,
        turn: Callable[[np.ndarray, int], np.ndarray] = turn,
    ) -> None:
        self.orientation, self.unwarping, self.turn = orientation, unwarping, turn
        self.has_orientation, self.has_unwarping = orientation is not None, unwarping is not None

    @property
    def models(self) -> dict[str, Any]:
        """Inference models by PaddleX's name of their config section."""
        places = {"DocOrientationClassify": self.orientation, "DocUnwarping": self.unwarping}
        return {place: step.model for place, step in places.items() if step is not None}

    def process(self, image: np.ndarray, orientation: bool = True, unwarping: bool = True) -> dict[str, Any]:
        """One page.

        Args:
            image: (H, W, 3) uint8 BGR.
            orientation, unwarping: the steps to run.

        Returns:
            PaddleX's fields: input_path and page_index (None: the caller knows them), input_img, model_settings
            (use_doc_orientation_classify, use_doc_unwarping), angle (0, 90, 180, 270; -1 where not asked), rot_img,
            output_img. Images are (H, W, 3) uint8 BGR, the same object where a step is off.

        Raises:
            ConfigError: a step is asked for whose model was not built.
        """
        angle, turned = NOT_ASKED, image
        if orientation:
            angle = _built(self.orientation, "use_doc_orientation_classify").angle(image)
            turned = self.turn(image, angle)
        flat = _built(self.unwarping, "use_doc_unwarping").unwarp(turned) if unwarping else turned
        return {
            "input_path": None,
            "page_index": None,
            "input_img": image,
            "model_settings": {"use_doc_orientation_classify": orientation, "use_doc_unwarping": unwarping},
            "angle": angle,
            "rot_img": turned,
            "output_img": flat,
        }


def _built(step: Any, flag: str) -> Any:
    if step is None:
        raise ConfigError(
            "the pipeline has no such step of the document preprocessor",
            where=flag,
            value=True,
            hint=f"create the pipeline with SubPipelines.DocPreprocessor.{flag}: true and its model, or omit it",
        )
    return step


__all__ = ["NOT_ASKED", "DocPreprocessor"]
